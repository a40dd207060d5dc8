internal import Core

/// The patterns of a `Router`, each with a number.
@usableFromInline struct RouteTrie: Sendable {
    @usableFromInline enum Outcome: Sendable {
        case found(number: Int, pattern: String, [String: String])
        case methodNotAllowed(allowed: [String])
        case notFound
    }

    private struct Route {
        let method: String
        let pattern: String
        let names: [String]
        let number: Int
    }

    private struct Node {
        /// Few at each node: a walk over them is cheaper than a hash of the segment.
        var literals: [(text: [UInt8], node: Int)] = []
        var parameter: Int?
        var rest: Int?
        var routes: [Route] = []

        func route(_ method: String) -> Route? { routes.first { $0.method == method } }
    }

    private enum Segment {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    /// Nodes refer to each other by index; the first is the root.
    private var nodes = [Node()]

    @usableFromInline init() {}

    @usableFromInline mutating func add(_ method: String, _ pattern: String, number: Int) throws(RouteError) {
        let segments = try Self.segments(pattern)
        var node = 0
        var names: [String] = []
        for segment in segments {
            switch segment {
            case .literal(let text):
                let text = Array(text.utf8)
                let known = nodes[node].literals.first { $0.text == text }?.node
                node = child(known) { nodes, new in nodes[node].literals.append((text, new)) }
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
        nodes[node].routes.append(Route(method: method, pattern: pattern, names: names, number: number))
    }

    @usableFromInline func match(method: String, path: String) -> Outcome {
        path.withBytes { match(method, UnsafeRawBufferPointer($0)) }
    }

    private func match(_ method: String, _ path: Bytes) -> Outcome {
        guard path.first == ASCII.slash else { return .notFound }
        var captured: [Range<Int>] = []
        guard let node = find(path, 1, from: 0, captured: &captured) else { return .notFound }
        guard let route = nodes[node].route(method) ?? (method == "HEAD" ? nodes[node].route("GET") : nil) else {
            let methods = Set(nodes[node].routes.map(\.method))
            return .methodNotAllowed(allowed: (methods.contains("GET") ? methods.union(["HEAD"]) : methods).sorted())
        }
        var parameters: [String: String] = [:]
        for (name, range) in zip(route.names, captured) { parameters[name] = path.sub(range).text }
        return .found(number: route.number, pattern: route.pattern, parameters)
    }

    /// Visits each node at most once, whatever the path: a node's depth fixes the segment it is compared with.
    /// - Parameter start: of the segment; one behind the path's end if there is none left.
    private func find(_ path: Bytes, _ start: Int, from node: Int, captured: inout [Range<Int>]) -> Int? {
        guard start <= path.count else { return nodes[node].routes.isEmpty ? nil : node }
        let end = path.firstIndex(of: ASCII.slash, from: start) ?? path.count
        let segment = path.sub(start..<end)
        for literal in nodes[node].literals where segment.count == literal.text.count {
            guard segment.elementsEqual(literal.text) else { continue }
            if let found = find(path, end + 1, from: literal.node, captured: &captured) { return found }
        }
        if let parameter = nodes[node].parameter, start < end {
            captured.append(start..<end)
            if let found = find(path, end + 1, from: parameter, captured: &captured) { return found }
            captured.removeLast()
        }
        if let rest = nodes[node].rest {
            captured.append(start..<path.count)
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
