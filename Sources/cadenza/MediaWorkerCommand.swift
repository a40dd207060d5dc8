internal import Glibc
internal import Media

/// `cadenza media-worker …`: the sandboxed child that decodes one file. It is not for people, so it stands before
/// the argument parser and starts nothing else of the server.
enum MediaWorkerCommand {
    /// Runs the child's main and ends the process, if that is what it was started for.
    static func exitIfAsked() {
        let arguments = CommandLine.arguments
        guard arguments.count > 1, arguments[1] == "media-worker" else { return }
        exit(MediaWorker.run(arguments: Array(arguments.dropFirst(2))))
    }
}
