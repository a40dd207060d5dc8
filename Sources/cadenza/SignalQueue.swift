import CLinux
import Core
import Glibc

/// Signals that do not kill the process but can be waited for.
struct SignalQueue: Sendable {
    private let descriptor: Int32
    private let pool = BlockingPool(name: "signals", threads: 1)

    private init(descriptor: Int32) throws {
        guard descriptor >= 0 else { throw CommandFailure("signals cannot be caught: errno \(errno)", exit: .software) }
        self.descriptor = descriptor
    }

    /// SIGTERM and SIGINT. Once in a process.
    static func termination() throws -> SignalQueue { try SignalQueue(descriptor: cadenza_catch_termination()) }

    /// SIGHUP, which asks for certificates to be read anew. Once in a process.
    static func hangup() throws -> SignalQueue { try SignalQueue(descriptor: cadenza_catch_hangup()) }

    /// Returns once a signal has come; call again for the next one.
    func wait() async {
        let descriptor = descriptor
        _ = try? await pool.run {
            var count: UInt64 = 0
            // SAFETY: an eventfd's read writes eight bytes.
            while read(descriptor, &count, 8) < 0, errno == EINTR {}
        }
    }
}
