internal import CPostgres
internal import Database

/// Which statements a connection has prepared: bounded, the least recently used goes. Knows no socket.
struct StatementCache {
    /// The columns of an answer, learned from the first one: a prepared statement's never change.
    struct Shape {
        var columns: DatabaseRow.Columns
        var types: [Oid]
    }

    private struct Entry {
        let name: String
        var lastUse: UInt64
        var shape: Shape?
    }

    private let countMax: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0
    private var names: UInt64 = 0
    /// Names that the server knows.
    private var known: Set<String> = []
    /// Evicted names that the server may still know.
    private var waste: [String] = []

    init(countMax: Int) { self.countMax = max(1, countMax) }

    var count: Int { entries.count }

    /// What `sql` is called on the server; `isNew`: it has to be prepared under that name first.
    mutating func use(_ sql: String) -> (name: String, isNew: Bool) {
        uses += 1
        if let entry = entries[sql] {
            entries[sql]?.lastUse = uses
            return (entry.name, false)
        }
        if entries.count >= countMax, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            forget(oldest.key)
        }
        names += 1
        let name = "s\(names)"
        entries[sql] = Entry(name: name, lastUse: uses)
        return (name, true)
    }

    /// Names to deallocate now; each is handed out once, and comes back through `keep` if that failed.
    mutating func takeWaste() -> [String] {
        defer { waste = [] }
        return waste
    }

    mutating func keep(_ name: String) { if known.contains(name) { waste.append(name) } }

    mutating func prepared(_ name: String) { known.insert(name) }

    mutating func deallocated(_ name: String) { known.remove(name) }

    /// Prepares `sql` anew at its next use.
    mutating func forget(_ sql: String) {
        guard let entry = entries.removeValue(forKey: sql) else { return }
        waste.append(entry.name)
    }

    /// The server has lost it: prepares `sql` anew at its next use.
    mutating func drop(_ sql: String) {
        guard let entry = entries.removeValue(forKey: sql) else { return }
        known.remove(entry.name)
    }

    /// The preparation failed or was not run: the server has no such name.
    mutating func notPrepared(_ sql: String, _ name: String) {
        if entries[sql]?.name == name { entries[sql] = nil }
        waste.removeAll { $0 == name }
    }

    func shape(_ sql: String) -> Shape? { entries[sql]?.shape }

    mutating func learn(_ shape: Shape, of sql: String) { entries[sql]?.shape = shape }
}
