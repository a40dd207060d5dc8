import ArgumentParser

/// Exit statuses, as in sysexits.h.
enum ExitStatus: Int32 {
    case usage = 64
    case badInput = 65
    case noInput = 66
    case unavailable = 69
    case software = 70
    case cannotCreate = 73
    case config = 78
}

/// A command's failure: one sentence for the person at the terminal, and the exit status.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let status: ExitStatus

    init(_ description: String, exit status: ExitStatus) {
        self.description = description
        self.status = status
    }
}
