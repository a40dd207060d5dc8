public import Core

/// Why media could not be read or written.
public struct MediaError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, CaseIterable {
        case emptyFile, fileTooLarge, unsupportedMedia, mediaUnreadable, mediaTruncated, noAudioStream
        case mediaTooLong, tooManyChannels, sampleRateOutOfRange
        case deadlineExceeded, storageFull
        /// The caller asked for a format, rate or channel count that cannot be written.
        case invalidOption
        /// The caller's cancellation flag was raised: not a failure, check for it before `code`.
        case canceled
        /// The system refused something that has nothing to do with the media: no process, no descriptor.
        case internalError
    }

    public let kind: Kind
    /// For people, naming limit and value; safe to show to whoever sent the file.
    public let detail: String
    /// For the log only: the library's or the system's own words.
    public let internalCause: String?

    public init(_ kind: Kind, _ detail: String, cause: String? = nil) {
        self.kind = kind
        self.detail = detail
        internalCause = cause
    }

    /// The problem code that the API answers with.
    public var code: ProblemCode {
        switch kind {
        case .emptyFile: .emptyFile
        case .fileTooLarge: .fileTooLarge
        case .unsupportedMedia: .unsupportedMedia
        case .mediaUnreadable: .mediaUnreadable
        case .mediaTruncated: .mediaTruncated
        case .noAudioStream: .noAudioStream
        case .mediaTooLong: .mediaTooLong
        case .tooManyChannels: .tooManyChannels
        case .sampleRateOutOfRange: .sampleRateOutOfRange
        case .deadlineExceeded: .deadlineExceeded
        case .storageFull: .storageFull
        case .invalidOption: .invalidOption
        case .canceled, .internalError: .internalError
        }
    }

    public var isCanceled: Bool { kind == .canceled }

    public var description: String { internalCause.map { "\(detail) [\($0)]" } ?? detail }
}
