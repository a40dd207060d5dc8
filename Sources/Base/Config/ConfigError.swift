/// One fault in the configuration and where it is.
public struct ConfigError: Hashable, Sendable, CustomStringConvertible {
    /// `cadenza.conf:12`, or the environment variable's name.
    public var place: String
    public var message: String

    public init(_ place: String, _ message: String) {
        self.place = place
        self.message = message
    }

    public var description: String { "\(place): \(message)" }
}

/// Every fault found, so that one start shows all there is to mend.
public struct ConfigErrors: Error, Hashable, Sendable, CustomStringConvertible {
    public var errors: [ConfigError]

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
