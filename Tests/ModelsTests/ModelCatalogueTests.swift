import Core
import Testing

@testable import Models

@Suite struct ModelCatalogueTests {
    @Test func `the built-in catalogue is valid and has the model and the runtime`() throws {
        let catalogue = try ModelCatalogue.embedded()
        let spleeter = try #require(catalogue["spleeter-2stems"])
        #expect(spleeter.kind == .model && spleeter.service == "separation" && spleeter.commercial == .allowed)
        #expect(spleeter.architecture == "spleeter-unet")
        for machine in ["x86_64", "aarch64"] {
            #expect(spleeter.files(for: machine).map(\.name) == spleeter.stems.map { $0 + ".ckpt" })
            #expect(catalogue["onnxruntime"]?.files(for: machine).map(\.name) == ["libonnxruntime.so"])
        }
        #expect(catalogue["onnxruntime"]?.kind == .runtime)
        #expect(catalogue["onnxruntime"]?.files(for: "riscv64") == [])
        #expect(catalogue["nothing"] == nil)
    }

    @Test func `an https source and every optional member are read`() throws {
        let digest = String(repeating: "0a", count: 32)
        let text = """
            {"models": [{"id": "m.1", "kind": "model", "service": "s", "architecture": "a", "licence": "MIT",
              "commercial": "unknown", "stems": ["x"], "parameters": {"overlap": 0.25},
              "sources": [{"url": "https://example.org/m.pt", "machine": "aarch64", "downloadBytes": 9,
                "files": [{"name": "m.pt", "sha256": "\(digest)", "bytes": 9}]}]}]}
            """
        let entry = try #require(try ModelCatalogue(parsing: Array(text.utf8))["m.1"])
        #expect(entry.commercial == .unknown)
        #expect(entry.parameters == [JSON.Member("overlap", .number(0.25))])
        #expect(
            entry.sources == [
                ModelSource(
                    origin: .https(url: "https://example.org/m.pt"), machine: "aarch64", downloadByteCount: 9,
                    files: [ModelFile(member: nil, name: "m.pt", sha256: digest, byteCount: 9)])
            ])
    }

    @Test func `every fault is reported, not only the first`() throws {
        let text = """
            {"models": [
              {"id": "-rf", "kind": "thing", "licence": 1, "commercial": "yes", "colour": "red",
               "sources": [{"pip": {"package": "--index-url", "version": "1 2"}, "url": "http://example.org/x",
                 "files": [{"member": "m", "name": "../x", "sha256": "00", "bytes": 0}]}]},
              {"id": "-rf", "kind": "model", "licence": "MIT", "commercial": true, "sources": []}], "more": 1}
            """
        let error = try #require(throws: ModelCatalogueError.self) { try ModelCatalogue(parsing: Array(text.utf8)) }
        let source = "models[0].sources[0]"
        for path in [
            "catalogue.more", "models[0].id", "models[0].kind", "models[0].licence", "models[0].commercial",
            "models[0].colour", source, source + ".pip.package", source + ".pip.version", source + ".files[0].name",
            source + ".files[0].sha256", source + ".files[0].bytes", "models[1].id", "models[1].sources", "models[1]",
        ] {
            #expect(error.faults.contains { $0.hasPrefix(path + ": ") }, "no fault about \(path) in \(error)")
        }
    }

    @Test(arguments: ["", "{", "[]", "{\"models\": 1}", "{\"models\": [], \"models\": []}", "{}"])
    func `what is no catalogue is refused`(text: String) {
        #expect(throws: ModelCatalogueError.self) { try ModelCatalogue(parsing: Array(text.utf8)) }
    }
}
