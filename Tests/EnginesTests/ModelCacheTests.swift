import Core
import Synchronization
import Testing

@testable import Engines

@Suite struct ModelCacheTests {
    private final class Loads: Sendable {
        let ids = Mutex<[String]>([])

        func cache(bytesMax: Int) -> ModelCache {
            ModelCache(memoryBytesMax: bytesMax) { [self] (id) throws(EngineError) in
                ids.withLock { $0.append(id) }
                if id == "missing" { throw .modelNotInstalled(id: id, install: "install \(id)") }
                return model([ScalingNetwork { _ in 1 }], id: id, byteCount: 10)
            }
        }

        var list: [String] { ids.withLock { $0 } }
    }

    @Test func `a model is loaded once, however many ask at the same time`() async throws {
        let loads = Loads()
        let cache = loads.cache(bytesMax: 100)
        let models = try await withThrowingTaskGroup(of: SeparationModel.self) { group in
            for _ in 0..<16 { group.addTask { try cache.model("a") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(loads.list == ["a"])
        #expect(models.allSatisfy { $0 === models[0] })
    }

    @Test func `over the budget, the least recently used goes`() throws {
        let loads = Loads()
        let cache = loads.cache(bytesMax: 20)
        for id in ["a", "b", "a", "c"] { _ = try cache.model(id) }
        #expect(cache.loadedIDs == ["c", "a"])
        _ = try cache.model("b")
        #expect(loads.list == ["a", "b", "c", "b"])
    }

    @Test func `a model that is in use outlives its place in the cache`() throws {
        let cache = Loads().cache(bytesMax: 10)
        let held = try cache.model("a")
        _ = try cache.model("b")
        #expect(cache.loadedIDs == ["b"])
        #expect(held.id == "a")
    }

    @Test func `a model bigger than the budget is loaded all the same`() throws {
        let cache = Loads().cache(bytesMax: 1)
        #expect(try cache.model("a").id == "a")
        #expect(cache.loadedIDs == ["a"])
    }

    @Test func `a failed load is tried again`() {
        let loads = Loads()
        let cache = loads.cache(bytesMax: 100)
        for _ in 0..<2 {
            #expect(throws: EngineError.modelNotInstalled(id: "missing", install: "install missing")) {
                try cache.model("missing")
            }
        }
        #expect(loads.list.count == 2)
        #expect(cache.loadedIDs.isEmpty)
    }
}
