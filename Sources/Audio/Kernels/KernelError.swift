internal import CKernels

/// Why a kernel could not be made or did not finish.
public enum KernelError: Error, Sendable, Equatable {
    /// A parameter outside its documented range.
    case invalidArgument(String)
    case outOfMemory
    /// A file that is not there.
    case notFound(String)
    /// Instructions that this processor lacks, or a library that cannot be used.
    case unsupported(String)
    /// The engine below refused or failed, in its own words.
    case runtime(String)
    case canceled
}

extension KernelError {
    /// Throws unless `status` is AK_OK. `detail` is the callee's own message, or what was attempted.
    static func check(_ status: ak_status, _ detail: @autoclosure () -> String) throws(KernelError) {
        switch status {
        case AK_OK: return
        case AK_ERROR_INVALID_ARGUMENT: throw .invalidArgument(detail())
        case AK_ERROR_OUT_OF_MEMORY: throw .outOfMemory
        case AK_ERROR_NOT_FOUND: throw .notFound(detail())
        case AK_ERROR_UNSUPPORTED: throw .unsupported(detail())
        case AK_ERROR_CANCELED: throw .canceled
        default: throw .runtime(detail())
        }
    }

    /// For calls that can only fail by a programmer's error, which the Swift side has already excluded.
    static func require(_ status: ak_status) {
        precondition(status == AK_OK, String(cString: ak_status_name(status)))
    }
}
