/// A validator of a representation (RFC 9110 §8.8.3).
public struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    /// The opaque text without its quotes.
    public let tag: String
    public let isWeak: Bool

    /// Traps on a character that an entity tag cannot hold: a quote, a blank or a control character.
    public init(_ tag: String, isWeak: Bool = false) {
        precondition(tag.utf8.allSatisfy(Self.isTagByte), "not an entity tag")
        self.tag = tag
        self.isWeak = isWeak
    }

    /// Reads `"…"` or `W/"…"`.
    public init?(parsing text: String) {
        var bytes = Array(text.utf8)[...]
        isWeak = bytes.starts(with: "W/".utf8)
        if isWeak { bytes = bytes.dropFirst(2) }
        guard bytes.count >= 2, bytes.first == ASCII.quote, bytes.last == ASCII.quote else { return nil }
        let inner = bytes.dropFirst().dropLast()
        guard inner.allSatisfy(Self.isTagByte) else { return nil }
        tag = String(decoding: inner, as: UTF8.self)
    }

    public var description: String { isWeak ? "W/\"\(tag)\"" : "\"\(tag)\"" }

    /// Neither is weak and the tags are the same.
    public func matchesStrongly(_ other: EntityTag) -> Bool { !isWeak && !other.isWeak && matchesWeakly(other) }

    /// The tags are the same, byte by byte: Strings also compare equal where only their characters are.
    public func matchesWeakly(_ other: EntityTag) -> Bool { tag.utf8.elementsEqual(other.tag.utf8) }

    /// The tags of a list; `nil` if it is malformed. A comma may stand inside a tag.
    static func list(_ values: [String]) -> [EntityTag]? {
        var tags: [EntityTag] = []
        for value in values {
            var rest = Array(value.utf8)[...]
            while true {
                rest = rest.drop { $0.isBlank || $0 == ASCII.comma }
                guard !rest.isEmpty else { break }
                guard let open = rest.firstIndex(of: ASCII.quote),
                    let close = rest[(open + 1)...].firstIndex(of: ASCII.quote),
                    let tag = EntityTag(parsing: String(decoding: rest[...close], as: UTF8.self))
                else { return nil }
                tags.append(tag)
                rest = rest[(close + 1)...].drop(while: \.isBlank)
                guard rest.isEmpty || rest.first == ASCII.comma else { return nil }
            }
        }
        return tags
    }

    private static func isTagByte(_ byte: UInt8) -> Bool { byte > 0x20 && byte != ASCII.quote && byte != 0x7F }
}
