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
        /// Of the same node.
        let next: Int
    }

    /// Trivial, and linked by index: a walk over arrays within arrays would count references at every step.
    private struct Node {
        var firstLiteral = -1
        var parameter = -1
        var rest = -1
        var firstRoute = -1
    }

    /// An edge to a node; few leave each node, and to compare them all is cheaper than a hash of the segment.
    private struct Literal {
        var start: Int
        var count: Int
        var node: Int
        var next: Int
    }

    private enum Segment {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    /// Nodes refer to each other by index; the first is the root.
    private var nodes = [Node()]
    private var literals: [Literal] = []
    /// The literals' segments.
    private var text: [UInt8] = []
    private var routes: [Route] = []

    @usableFromInline init() {}

    @usableFromInline mutating func add(_ method: String, _ pattern: String, number: Int) throws(RouteError) {
        let segments = try Self.segments(pattern)
        var node = 0
        var names: [String] = []
        for segment in segments {
            switch segment {
            case .literal(let segment): node = child(of: node, literal: Array(segment.utf8))
            case .parameter(let name):
                names.append(name)
                if nodes[node].parameter < 0 {
                    let new = newNode()
                    nodes[node].parameter = new
                }
                node = nodes[node].parameter
            case .rest(let name):
                names.append(name)
                if nodes[node].rest < 0 {
                    let new = newNode()
                    nodes[node].rest = new
                }
                node = nodes[node].rest
            }
        }
        if let known = route(method, of: node) {
            throw .clash(method: method, pattern: pattern, with: routes[known].pattern)
        }
        routes.append(
            Route(method: method, pattern: pattern, names: names, number: number, next: nodes[node].firstRoute))
        nodes[node].firstRoute = routes.count - 1
    }

    @usableFromInline func match(method: String, path: String) -> Outcome {
        path.withBytes { match(method, UnsafeRawBufferPointer($0)) }
    }

    private func match(_ method: String, _ path: Bytes) -> Outcome {
        guard path.first == ASCII.slash else { return .notFound }
        var captured: [Range<Int>] = []
        guard let node = find(path, 1, from: 0, captured: &captured) else { return .notFound }
        guard let known = route(method, of: node) ?? (method == "HEAD" ? route("GET", of: node) : nil) else {
            var methods: Set<String> = []
            var next = nodes[node].firstRoute
            while next >= 0 {
                methods.insert(routes[next].method)
                next = routes[next].next
            }
            if methods.contains("GET") { methods.insert("HEAD") }
            return .methodNotAllowed(allowed: methods.sorted())
        }
        var parameters: [String: String] = [:]
        if !captured.isEmpty {
            for (name, range) in zip(routes[known].names, captured) { parameters[name] = path.sub(range).text }
        }
        return .found(number: routes[known].number, pattern: routes[known].pattern, parameters)
    }

    private func route(_ method: String, of node: Int) -> Int? {
        var index = nodes[node].firstRoute
        while index >= 0 {
            if routes[index].method == method { return index }
            index = routes[index].next
        }
        return nil
    }

    /// Visits each node at most once, whatever the path: a node's depth fixes the segment it is compared with.
    /// - Parameter start: of the segment; one behind the path's end if there is none left.
    private func find(_ path: Bytes, _ start: Int, from index: Int, captured: inout [Range<Int>]) -> Int? {
        let node = nodes[index]
        guard start <= path.count else { return node.firstRoute < 0 ? nil : index }
        let end = path.firstIndex(of: ASCII.slash, from: start) ?? path.count
        var next = node.firstLiteral
        while next >= 0 {
            let literal = literals[next]
            if literal.count == end - start, isLiteral(literal, path, start),
                let found = find(path, end + 1, from: literal.node, captured: &captured)
            {
                return found
            }
            next = literal.next
        }
        if node.parameter >= 0, start < end {
            captured.append(start..<end)
            if let found = find(path, end + 1, from: node.parameter, captured: &captured) { return found }
            captured.removeLast()
        }
        if node.rest >= 0 {
            captured.append(start..<path.count)
            return node.rest
        }
        return nil
    }

    private func isLiteral(_ literal: Literal, _ path: Bytes, _ start: Int) -> Bool {
        for offset in 0..<literal.count where path[start + offset] != text[literal.start + offset] {
            return false
        }
        return true
    }

    private mutating func child(of node: Int, literal segment: [UInt8]) -> Int {
        var known = nodes[node].firstLiteral
        while known >= 0 {
            let literal = literals[known]
            if text[literal.start..<literal.start + literal.count].elementsEqual(segment) { return literal.node }
            known = literal.next
        }
        let new = newNode()
        literals.append(
            Literal(start: text.count, count: segment.count, node: new, next: nodes[node].firstLiteral))
        nodes[node].firstLiteral = literals.count - 1
        text += segment
        return new
    }

    private mutating func newNode() -> Int {
        nodes.append(Node())
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
