import Support
import Testing

@Suite struct RoomsTests {
    private static let manifest = Manifest(parsing: Repository.text("Package.swift") ?? "")
    /// Modules of the platform and the toolchain, open to every room.
    private static let platform: Set<String> = ["Glibc", "Synchronization", "Testing"]

    /// Modules that code imports, with the lines.
    private static func imports(_ source: SourceText) -> [(module: String, line: Int)] {
        SourceText.occurrences(of: "import", in: source.code).compactMap { offset in
            let rest = source.code[offset...].prefix { $0 != newline && $0 != UInt8(ascii: ";") }
            var words = String(decoding: rest, as: UTF8.self).split(separator: " ").dropFirst()
            if let kind = words.first, ["struct", "class", "enum", "protocol", "func", "var", "let"].contains(kind) {
                words = words.dropFirst()
            }
            guard let module = words.first?.split(separator: ".").first else { return nil }
            return (String(module), source.line(at: offset))
        }
    }

    private static func undeclared(_ source: SourceText, _ manifest: Manifest) -> [String] {
        let home = manifest.targets.first { source.path.hasPrefix($0.path + "/") }
        guard let home else { return ["\(source.path): belongs to no target"] }
        return imports(source).filter { !platform.union(home.dependencies).contains($0.module) }.map {
            "\(source.path):\($0.line): \(home.name) does not declare \($0.module)"
        }
    }

    @Test func `every import is declared in the manifest`() {
        // A peer that Cadenza is measured against is a package of its own.
        let sources = Tree.sources.filter { $0.path != "Package.swift" && !$0.path.hasPrefix("Tests/Peers/") }
        let found = sources.filter { $0.path.hasSuffix(".swift") }
            .flatMap { Self.undeclared($0, Self.manifest) }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test func `an undeclared import is reported`() {
        let manifest = Manifest(parsing: #"room("Base", "A", ["B"]) room("Base", "B", [])"#)
        let text = "internal import B\n@testable import struct C.D\n// import E\nlet f = \"import G\""
        let found = Self.undeclared(SourceText(path: "Sources/Base/A/a.swift", text), manifest)
        #expect(found == ["Sources/Base/A/a.swift:2: A does not declare C"])
        #expect(Self.undeclared(SourceText(path: "Sources/X/a.swift", ""), manifest).count == 1)
    }

    @Test func `the manifest's text is read as it is meant`() {
        let core = Manifest.Target(name: "Core", path: "Sources/Base/Core", dependencies: ["CLinux"])
        #expect(Self.manifest["Core"] == core)
        #expect(Self.manifest["cadenza"]?.dependencies.contains("ArgumentParser") == true)
        #expect(Self.manifest["CSQLite"]?.path == "Sources/System/CSQLite")
        #expect(Self.manifest["TidyTests"]?.dependencies == ["Core", "Support"])
        #expect(Self.manifest["API"].map { $0.dependencies.contains("Studio") } == true)
    }

    /// From each of the rooms on the left none of those on the right may be reached, over however many others.
    private static let walls: [(from: [String], to: Set<String>)] = [
        (
            ["API"],
            [
                "Kernels", "CKernels", "Engines", "Media", "Models", "SQLite", "CSQLite", "Postgres", "CPostgres",
                "Reactor",
                "HTTPServer",
            ]
        ),
        (["HTTP", "Reactor", "HTTPServer"], ["Database", "SQLite", "Postgres", "Studio", "Accounts", "API"]),
        (
            ["Kernels", "Media", "Models", "Engines"],
            [
                "Database", "SQLite", "Postgres", "HTTP", "Reactor", "JobQueue", "Studio",
            ]
        ),
        (
            ["Database", "JobQueue", "Ledger", "Blobs"],
            ["SQLite", "Postgres", "Studio", "Accounts", "HTTP", "Engines"]
        ),
        (["Studio", "Accounts", "Workers"], ["SQLite", "Postgres", "HTTP", "Reactor", "API"]),
        (["Core"], ["Config", "Telemetry", "Secrets", "HTTP", "Database"]),
    ]

    private static func breaches(_ manifest: Manifest) -> [String] {
        walls.flatMap { wall in
            wall.from.flatMap { room in
                manifest.reach(of: room).intersection(wall.to).sorted().map { "\(room) reaches \($0)" }
            }
        }
    }

    @Test func `no room reaches past a wall`() {
        let found = Self.breaches(Self.manifest)
        #expect(found.isEmpty, "\(found)")
    }

    @Test func `a way around a wall is reported`() {
        let manifest = Manifest(parsing: #"room("P", "API", ["X"]) room("P", "X", ["Kernels"])"#)
        #expect(Self.breaches(manifest) == ["API reaches Kernels"])
    }

    @Test func `the rooms on the architecture page are those of the manifest`() throws {
        let page = try #require(Repository.text("docs/architecture.md"))
        let rooms = Self.manifest.targets.filter {
            $0.path.hasPrefix("Sources/") && !$0.path.hasPrefix("Sources/System/")
        }
        for room in rooms where room.name != "cadenza" {
            let row = page.split(separator: "\n").first { $0.hasPrefix("| \(room.name) |") }
            let cells = row.map { $0.split(separator: "|").map { $0.split(separator: " ").map(String.init) } } ?? []
            #expect(cells.count >= 3, "\(room.name) has no row")
            #expect(Set(cells.dropFirst().first ?? []).subtracting(["–"]) == room.dependencies, "\(room.name)")
        }
    }

    @Test func `folders and rooms are the same`() {
        let folders = Set(
            Tree.paths.compactMap { path -> String? in
                let parts = path.split(separator: "/")
                guard parts.first == "Sources", parts.count > 2 else { return nil }
                return parts[1] == "cadenza" ? "Sources/cadenza" : parts.prefix(3).joined(separator: "/")
            })
        #expect(folders == Set(Self.manifest.targets.map(\.path).filter { $0.hasPrefix("Sources/") }))
    }

    @Test func `no type has its room's name`() {
        let found = Self.manifest.targets.filter { $0.path.hasPrefix("Sources/") }.flatMap { room in
            Tree.sources.filter { $0.path.hasPrefix(room.path + "/") && $0.path.hasSuffix(".swift") }.flatMap {
                source in
                ["struct", "class", "enum", "actor", "protocol", "typealias"].filter { kind in
                    source.lines.contains { line in
                        line.first?.isBlank == false
                            && !SourceText.occurrences(of: "\(kind) \(room.name)", in: Array(line)).isEmpty
                    }
                }.map { "\(source.path): \($0) \(room.name)" }
            }
        }
        #expect(found.isEmpty, "\(found)")
    }
}
