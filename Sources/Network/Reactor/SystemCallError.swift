internal import Glibc

/// A system call that failed: its name and the errno it left.
public struct SystemCallError: Error, Hashable, Sendable, CustomStringConvertible {
    public let call: String
    public let code: Int32

    public init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// With the errno that the calling thread's last call left.
    init(_ call: String) { self.init(call, code: errno) }

    public var description: String { "\(call): \(String(cString: strerror(code))) (errno \(code))" }
}
