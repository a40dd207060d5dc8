public import Core
public import Media

/// Why an engine did not do its work.
public enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An option is out of its range; nothing was started.
    case invalidOption(field: String, value: String, allowed: String)
    /// No entry of the catalogue has that id, or it does another service's work.
    case unknownModel(id: String, known: [String])
    /// The weights or the run-time library are not on this machine; `install` names the command that fetches them.
    case modelNotInstalled(id: String, install: String)
    /// The installed files are not what the catalogue says, or the network in them does not load.
    case modelUnusable(id: String, cause: String)
    /// The input could not be read or a stem could not be written.
    case media(MediaError)
    /// The input decodes to nothing.
    case emptyInput
    /// A temporary file could not be made, written or read.
    case storage(path: String, errorNumber: Int32)
    /// A stem did not come out as long as the input.
    case wrongLength(stem: String, expected: Int64, written: Int64)
    /// The network or a kernel failed.
    case computation(cause: String)
    /// The caller's flag was raised: not a failure.
    case canceled

    /// The problem code that the API answers with; `canceled` has none of its own.
    public var code: ProblemCode {
        switch self {
        case .invalidOption: .invalidOption
        case .unknownModel: .unknownModel
        case .modelNotInstalled: .modelNotInstalled
        case .media(let error): error.code
        case .emptyInput: .emptyFile
        case .storage(_, let number): number == noSpaceLeft ? .storageFull : .internalError
        case .modelUnusable, .wrongLength, .computation: .engineFailed
        case .canceled: .internalError
        }
    }

    /// True when the same work may succeed when tried again.
    public var isTransient: Bool {
        switch self {
        case .computation, .storage: true
        case .media(let error): error.kind == .internalError || error.kind == .storageFull
        default: false
        }
    }

    public var description: String {
        switch self {
        case .invalidOption(let field, let value, let allowed):
            "option `\(field)` is \(value); allowed: \(allowed)"
        case .unknownModel(let id, let known):
            "no separation model `\(id)`; known: \(known.joined(separator: ", "))"
        case .modelNotInstalled(let id, let install): "`\(id)` is not installed; run: \(install)"
        case .modelUnusable(let id, let cause): "the model `\(id)` cannot be used: \(cause)"
        case .media(let error): error.description
        case .emptyInput: "the input holds no audio frames"
        case .storage(let path, let number): "\(path): error \(number)"
        case .wrongLength(let stem, let expected, let written):
            "the stem `\(stem)` has \(written) frames, the input \(expected)"
        case .computation(let cause): cause
        case .canceled: "canceled"
        }
    }
}

/// ENOSPC.
private let noSpaceLeft: Int32 = 28
