public import Core

/// What a representation is known by: the input of conditional and range requests.
public struct Validators: Hashable, Sendable {
    public var entityTag: EntityTag?
    public var lastModified: Timestamp?

    public init(entityTag: EntityTag? = nil, lastModified: Timestamp? = nil) {
        self.entityTag = entityTag
        self.lastModified = lastModified
    }
}

/// Preconditions of a request (RFC 9110 §13).
public enum Conditional {
    public enum Outcome: Hashable, Sendable {
        case proceed
        /// Answer 304.
        case notModified
        /// Answer 412.
        case failed
    }

    /// Evaluates in the order of RFC 9110 §13.2.2; If-Range is `ByteRange`'s.
    /// - Parameter validators: of the current representation, `nil` if there is none.
    public static func evaluate(_ head: RequestHead, validators: Validators?, now: Timestamp) -> Outcome {
        let isRead = head.method == "GET" || head.method == "HEAD"
        let ifMatch = head.fields.values("If-Match")
        if !ifMatch.isEmpty {
            let matches = lists(ifMatch, validators) { $0.matchesStrongly($1) }
            guard matches else { return .failed }
        } else if let bound = date(head, "If-Unmodified-Since", now), let modified = validators?.lastModified {
            guard HTTPDate.wholeSeconds(modified) <= HTTPDate.wholeSeconds(bound) else { return .failed }
        }
        let ifNoneMatch = head.fields.values("If-None-Match")
        if !ifNoneMatch.isEmpty {
            let matches = lists(ifNoneMatch, validators) { $0.matchesWeakly($1) }
            if matches { return isRead ? .notModified : .failed }
        } else if isRead, let bound = date(head, "If-Modified-Since", now), let modified = validators?.lastModified {
            guard HTTPDate.wholeSeconds(modified) > HTTPDate.wholeSeconds(bound) else { return .notModified }
        }
        return .proceed
    }

    /// A malformed list matches nothing.
    private static func lists(
        _ values: [String], _ validators: Validators?, _ matches: (EntityTag, EntityTag) -> Bool
    ) -> Bool {
        guard let validators else { return false }
        if values == ["*"] { return true }
        guard let current = validators.entityTag, let listed = EntityTag.list(values) else { return false }
        return listed.contains { matches($0, current) }
    }

    /// A date that is malformed or stands twice is ignored.
    private static func date(_ head: RequestHead, _ name: String, _ now: Timestamp) -> Timestamp? {
        let values = head.fields.values(name)
        return values.count == 1 ? HTTPDate.parse(values[0], now: now) : nil
    }
}
