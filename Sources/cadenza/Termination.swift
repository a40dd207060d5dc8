import CLinux
import Core
import Glibc

/// SIGTERM and SIGINT as something to wait for.
struct Termination {
    private let descriptor: Int32
    private let pool = BlockingPool(name: "signals", threads: 1)

    init() throws {
        descriptor = cadenza_catch_termination()
        guard descriptor >= 0 else { throw CommandFailure("signals cannot be caught: errno \(errno)", exit: .software) }
    }

    /// Returns once one of the signals has come; call again for the next one.
    func wait() async {
        let descriptor = descriptor
        _ = try? await pool.run {
            var count: UInt64 = 0
            // SAFETY: an eventfd's read writes eight bytes.
            while read(descriptor, &count, 8) < 0, errno == EINTR {}
        }
    }
}
