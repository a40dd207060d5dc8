import Core

/// Raises a flag at the first SIGINT or SIGTERM, so that a long command can tidy up and end.
struct Interruption {
    /// 128 + SIGINT, what a shell expects of an interrupted command.
    static let exitStatus: Int32 = 130

    let flag = CancellationFlag()

    init() throws {
        let termination = try SignalQueue.termination()
        let flag = flag
        Task.detached {
            await termination.wait()
            flag.raise()
        }
    }
}
