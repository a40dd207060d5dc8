/// Why a table of routes is wrong; found when it is built, never while it serves.
public enum RouteError: Error, Hashable, Sendable {
    /// Not a path of literals, `{name}` and a last `{name...}`, or a name stands twice.
    case malformedPattern(String)
    /// Another route of the method matches exactly the same paths.
    case clash(method: String, pattern: String, with: String)
}

/// Finds the value registered for a method and a path: a trie of path segments.
///
/// A pattern is a path of literal segments, of parameters `{name}`, which match one segment that is not empty, and at
/// its end perhaps `{name...}`, which matches what remains, even nothing. At each segment a literal is preferred over a
/// parameter and that over a rest. The first pattern found so decides, also when it lacks the method.
public struct Router<Value: Sendable>: Sendable {
    public struct Match: Sendable {
        public let value: Value
        public let pattern: String
        public let parameters: [String: String]

        @inlinable init(value: Value, pattern: String, parameters: [String: String]) {
            self.value = value
            self.pattern = pattern
            self.parameters = parameters
        }
    }

    public enum Outcome: Sendable {
        case found(Match)
        /// Answer 405; `allowed` is sorted and holds HEAD where it holds GET.
        case methodNotAllowed(allowed: [String])
        case notFound
    }

    // What does not depend on Value is kept out of the generic type: only so is it compiled, not interpreted.
    @usableFromInline var trie = RouteTrie()
    @usableFromInline var values: [Value] = []

    public init() {}

    /// Throws `RouteError` for a malformed pattern or one that clashes with an earlier route.
    public mutating func add(_ method: String, _ pattern: String, _ value: Value) throws(RouteError) {
        try trie.add(method, pattern, number: values.count)
        values.append(value)
    }

    /// - Parameter path: decoded, as in `RequestHead.path`.
    @inlinable public func match(method: String, path: String) -> Outcome {
        switch trie.match(method: method, path: path) {
        case .found(let number, let pattern, let parameters):
            .found(Match(value: values[number], pattern: pattern, parameters: parameters))
        case .methodNotAllowed(let allowed): .methodNotAllowed(allowed: allowed)
        case .notFound: .notFound
        }
    }
}
