internal import Synchronization

/// The separation models in memory: loaded once for all that ask at the same time, shared, and let go of, least
/// recently used first, when they take more than the budget.
///
/// A model that is in use stays alive until its last user is done, also when the cache has let go of it.
public final class ModelCache: Sendable {
    public typealias Load = @Sendable (_ id: String) throws(EngineError) -> SeparationModel

    public static let memoryBytesMaxDefault = 512 << 20

    private struct Entry {
        let slot: Slot
        var lastUse: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let memoryBytesMax: Int
    private let load: Load

    /// - Parameters:
    ///   - memoryBytesMax: what the models that the cache holds may take together; the newest always stays.
    ///   - load: reads a model; called for one id at a time at most.
    public init(memoryBytesMax: Int = memoryBytesMaxDefault, load: @escaping Load) {
        self.memoryBytesMax = memoryBytesMax
        self.load = load
    }

    /// The model of that id; loads it if need be, which blocks.
    public func model(_ id: String) throws(EngineError) -> SeparationModel {
        let slot = state.withLock { state in
            state.uses += 1
            let slot = state.entries[id]?.slot ?? Slot()
            state.entries[id] = Entry(slot: slot, lastUse: state.uses)
            return slot
        }
        do throws(EngineError) {
            let model = try slot.model { () throws(EngineError) in try load(id) }
            trim(keeping: id)
            return model
        } catch {
            state.withLock { state in
                if state.entries[id]?.slot === slot { state.entries[id] = nil }
            }
            throw error
        }
    }

    /// The ids of the models that the cache holds, most recently used first.
    public var loadedIDs: [String] {
        state.withLock { state in
            state.entries.filter { $0.value.slot.byteCount != nil }
                .sorted { $0.value.lastUse > $1.value.lastUse }.map(\.key)
        }
    }

    private func trim(keeping id: String) {
        state.withLock { state in
            let loaded = state.entries.compactMap { key, entry in
                entry.slot.byteCount.map { (id: key, bytes: $0, lastUse: entry.lastUse) }
            }
            var total = loaded.reduce(0) { $0 + $1.bytes }
            for entry in loaded.sorted(by: { $0.lastUse < $1.lastUse }) where entry.id != id {
                guard total > memoryBytesMax else { return }
                state.entries[entry.id] = nil
                total -= entry.bytes
            }
        }
    }

    /// One model: whoever comes first loads it, the others wait.
    private final class Slot: Sendable {
        private let loaded = Mutex<SeparationModel?>(nil)
        private let bytes = Mutex<Int?>(nil)

        /// What the model holds; nil until it is loaded. Never waits for a load.
        var byteCount: Int? { bytes.withLock { $0 } }

        func model(_ load: () throws(EngineError) -> SeparationModel) throws(EngineError) -> SeparationModel {
            try loaded.withLock { (loaded) throws(EngineError) in
                if let model = loaded { return model }
                let model = try load()
                loaded = model
                bytes.withLock { $0 = model.byteCount }
                return model
            }
        }
    }
}
