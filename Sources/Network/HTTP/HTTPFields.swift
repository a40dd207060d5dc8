/// The fields of a message in the order received: names compare without case, a name may stand several times.
public struct HTTPFields: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public var name: String
        public var value: String
    }

    public private(set) var all: [Field] = []

    public init() {}

    /// The first value under `name`; setting replaces every field of that name, `nil` removes them.
    public subscript(name: String) -> String? {
        get { all.first { $0.name.equalsIgnoringASCIICase(name) }?.value }
        set {
            if all.contains(where: { $0.name.equalsIgnoringASCIICase(name) }) {
                all.removeAll { $0.name.equalsIgnoringASCIICase(name) }
            }
            if let newValue { append(name, newValue) }
        }
    }

    public func values(_ name: String) -> [String] {
        all.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
    }

    mutating func reserveCapacity(_ count: Int) { all.reserveCapacity(count) }

    public mutating func append(_ name: String, _ value: String) {
        // Nearly every response has more than the one or two that an array begins with.
        if all.isEmpty { all.reserveCapacity(8) }
        all.append(Field(name: name, value: value))
    }
}

extension String {
    /// Field names, schemes and tokens compare so (RFC 9110 §5.1).
    public func equalsIgnoringASCIICase(_ other: String) -> Bool {
        let left = utf8
        let right = other.utf8
        guard left.count == right.count else { return false }
        if self == other { return true }
        return zip(left, right).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}
