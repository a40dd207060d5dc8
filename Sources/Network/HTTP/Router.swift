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
    }

    public enum Outcome: Sendable {
        case found(Match)
        /// Answer 405; `allowed` is sorted and holds HEAD where it holds GET.
        case methodNotAllowed(allowed: [String])
        case notFound
    }

    private struct Route {
        let method: String
        let pattern: String
        let names: [String]
        let value: Value
    }

    private struct Node {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var rest: Int?
        var routes: [Route] = []
    }

    private enum Segment {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    /// Nodes refer to each other by index; the first is the root.
    private var nodes = [Node()]

    public init() {}

    /// Throws `RouteError` for a malformed pattern or one that clashes with an earlier route.
    public mutating func add(_ method: String, _ pattern: String, _ value: Value) throws(RouteError) {
        let segments = try Self.segments(pattern)
        var node = 0
        var names: [String] = []
        for segment in segments {
            switch segment {
            case .literal(let text):
                node = child(nodes[node].literals[text]) { nodes, new in nodes[node].literals[text] = new }
            case .parameter(let name):
                names.append(name)
                node = child(nodes[node].parameter) { nodes, new in nodes[node].parameter = new }
            case .rest(let name):
                names.append(name)
                node = child(nodes[node].rest) { nodes, new in nodes[node].rest = new }
            }
        }
        if let other = nodes[node].routes.first(where: { $0.method == method }) {
            throw .clash(method: method, pattern: pattern, with: other.pattern)
        }
        nodes[node].routes.append(Route(method: method, pattern: pattern, names: names, value: value))
    }

    /// - Parameter path: decoded, as in `RequestHead.path`.
    public func match(method: String, path: String) -> Outcome {
        guard path.utf8.first == ASCII.slash else { return .notFound }
        let segments = path.utf8.dropFirst().split(separator: ASCII.slash, omittingEmptySubsequences: false)
        var captured: [Substring.UTF8View.SubSequence] = []
        guard let node = find(segments[...], from: 0, captured: &captured) else { return .notFound }
        let routes = nodes[node].routes
        let route =
            routes.first { $0.method == method }
            ?? (method == "HEAD" ? routes.first { $0.method == "GET" } : nil)
        guard let route else {
            let methods = Set(routes.map(\.method))
            return .methodNotAllowed(allowed: (methods.contains("GET") ? methods.union(["HEAD"]) : methods).sorted())
        }
        let values = captured.map { String(Substring($0)) }
        let parameters = Dictionary(zip(route.names, values)) { first, _ in first }
        return .found(Match(value: route.value, pattern: route.pattern, parameters: parameters))
    }

    /// Visits each node at most once, whatever the path: a node's depth fixes the segment it is compared with.
    private func find(
        _ segments: ArraySlice<Substring.UTF8View>, from node: Int, captured: inout [Substring.UTF8View]
    ) -> Int? {
        guard let segment = segments.first else { return nodes[node].routes.isEmpty ? nil : node }
        if let literal = nodes[node].literals[String(Substring(segment))],
            let found = find(segments.dropFirst(), from: literal, captured: &captured)
        {
            return found
        }
        if let parameter = nodes[node].parameter, !segment.isEmpty {
            captured.append(segment)
            if let found = find(segments.dropFirst(), from: parameter, captured: &captured) { return found }
            captured.removeLast()
        }
        if let rest = nodes[node].rest {
            captured.append(Substring(segments.map { Substring($0) }.joined(separator: "/")).utf8)
            return rest
        }
        return nil
    }

    private mutating func child(_ known: Int?, link: (inout [Node], Int) -> Void) -> Int {
        if let known { return known }
        nodes.append(Node())
        link(&nodes, nodes.count - 1)
        return nodes.count - 1
    }

    private static func segments(_ pattern: String) throws(RouteError) -> [Segment] {
        guard pattern.utf8.first == ASCII.slash else { throw .malformedPattern(pattern) }
        let parts = pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var names: Set<String> = []
        var segments: [Segment] = []
        for (index, part) in parts.enumerated() {
            guard part.contains(where: { $0 == "{" || $0 == "}" }) else {
                segments.append(.literal(String(part)))
                continue
            }
            guard part.hasPrefix("{"), part.hasSuffix("}"), part.count > 2 else { throw .malformedPattern(pattern) }
            let inner = part.dropFirst().dropLast()
            let isRest = inner.hasSuffix("...")
            let name = String(isRest ? inner.dropLast(3) : inner)
            guard !name.isEmpty, name.utf8.allSatisfy({ $0.isUnreserved && $0 != ASCII.dot }),
                names.insert(name).inserted, !isRest || index == parts.count - 1
            else { throw .malformedPattern(pattern) }
            segments.append(isRest ? .rest(name) : .parameter(name))
        }
        return segments
    }
}
