internal import CKernels

/// ONNX Runtime, loaded from a shared library at run time.
public final class ONNXRuntime: Sendable {
    /// Severity of a line of the library's log.
    public enum Severity: Int32, Sendable, Comparable {
        case verbose, info, warning, error, fatal

        public static func < (one: Severity, other: Severity) -> Bool { one.rawValue < other.rawValue }
    }

    public typealias Log = @Sendable (Severity, String) -> Void

    /// The library's version, such as "1.31.1".
    public let version: String

    // SAFETY: set once, read-only after creation by the C API's thread rule, closed in deinit.
    nonisolated(unsafe) let handle: OpaquePointer

    /// Loads the library.
    ///
    /// - Parameters:
    ///   - log: receives the library's log lines, from any thread. The library keeps one log per process: the first
    ///     runtime's stays until the last runtime is gone.
    /// - Throws: `notFound`, `unsupported` (not the library, or too old), `outOfMemory`, `runtime`.
    public init(path: String, log: Log? = nil, logFrom severity: Severity = .warning) throws(KernelError) {
        var made: OpaquePointer?
        var failure = ak_onnx_error()
        // SAFETY: the library may log until the process ends, so the box is never released.
        let context = log.map { Unmanaged.passRetained(LogBox($0)).toOpaque() }
        let status = ak_onnx_runtime_open(
            path, context == nil ? nil : { LogBox.receive($0, $1, $2) }, context,
            ak_onnx_severity(UInt32(severity.rawValue)), &made, &failure)
        try KernelError.check(status, failure.message)
        guard let made else { throw .outOfMemory }
        handle = made
        version = String(cString: ak_onnx_runtime_version(made))
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_onnx_runtime_close(&made)
    }
}

private final class LogBox: Sendable {
    let log: ONNXRuntime.Log

    init(_ log: @escaping ONNXRuntime.Log) { self.log = log }

    static func receive(
        _ context: UnsafeMutableRawPointer?, _ severity: ak_onnx_severity, _ message: UnsafePointer<CChar>?
    ) {
        guard let context, let message else { return }
        // SAFETY: `context` is the LogBox that ONNXRuntime.init retained for good.
        let box = Unmanaged<LogBox>.fromOpaque(context).takeUnretainedValue()
        box.log(ONNXRuntime.Severity(rawValue: Int32(severity.rawValue)) ?? .fatal, String(cString: message))
    }
}

extension ak_onnx_error {
    var message: String {
        withUnsafeBytes(of: text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
