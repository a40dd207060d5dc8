/// What Package.swift says of targets, read from its text.
struct Manifest {
    struct Target: Equatable {
        var name: String
        /// Below the root.
        var path: String
        var dependencies: Set<String>
    }

    let targets: [Target]

    init(parsing text: String) {
        targets =
            Self.calls(in: text, of: "room(").compactMap(Self.room)
            + Self.calls(in: text, of: "tests(").compactMap(Self.suite)
            + [".target(", ".systemLibrary(", ".executableTarget("]
            .flatMap { Self.calls(in: text, of: $0) }.compactMap(Self.target)
    }

    subscript(name: String) -> Target? { targets.first { $0.name == name } }

    /// Everything that `name` may reach, itself left out.
    func reach(of name: String) -> Set<String> {
        var found: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            for dependency in self[next]?.dependencies ?? [] where found.insert(dependency).inserted {
                open.append(dependency)
            }
        }
        return found
    }

    /// The text between the parentheses of each call.
    private static func calls(in text: String, of name: String) -> [Substring] {
        var found: [Substring] = []
        var rest = text[...]
        while let start = rest.firstRange(of: name) {
            var depth = 1
            let end = rest[start.upperBound...].firstIndex { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return depth == 0
            }
            guard let end else { return found }
            found.append(rest[start.upperBound..<end])
            rest = rest[start.upperBound...]
        }
        return found
    }

    private static func quoted(_ text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// The quoted names between the first brackets.
    private static func list(_ text: Substring) -> Set<String> {
        guard let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") else { return [] }
        return Set(quoted(text[open..<close]))
    }

    private static func room(_ text: Substring) -> Target? {
        let names = quoted(text)
        guard text.first(where: { !$0.isWhitespace }) == "\"", names.count >= 2 else { return nil }
        return Target(name: names[1], path: "Sources/\(names[0])/\(names[1])", dependencies: list(text))
    }

    private static func suite(_ text: Substring) -> Target? {
        let trimmed = text.drop { $0.isWhitespace }
        guard trimmed.first == "\"", let name = quoted(trimmed).first else { return nil }
        return Target(name: name, path: "Tests/\(name)", dependencies: list(trimmed))
    }

    private static func target(_ text: Substring) -> Target? {
        guard let name = argument("name: \"", of: text), let path = argument("path: \"", of: text) else { return nil }
        let dependencies = text.firstRange(of: "dependencies:").map { list(text[$0.upperBound...]) } ?? []
        return Target(name: name, path: path, dependencies: dependencies)
    }

    private static func argument(_ label: String, of text: Substring) -> String? {
        text.firstRange(of: label).map { String(text[$0.upperBound...].prefix { $0 != "\"" }) }
    }
}
