/// What was read from a connection and not consumed yet.
///
/// Bytes just read stay where the read put them, in the loop's buffer, until `keep`: most requests are parsed and
/// answered there, and nothing is copied for them.
struct InputBuffer: ~Copyable {
    // SAFETY: a view on the loop's buffer, which lives as long as the loop, and which nobody else reads into before
    // `keep` (ServerLoop.isBufferLent).
    private var lent = UnsafeRawBufferPointer(start: nil, count: 0)
    private var kept: [UInt8] = []
    private var keptStart = 0

    /// An idle connection keeps a buffer of this size at most.
    private static let keptCapacityMax = 2048

    var isEmpty: Bool { lent.isEmpty && keptStart == kept.count }

    /// Takes what was just read behind what is there.
    /// At most the longest head and one read come together: the state asks for more only then.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        if isEmpty { return lent = bytes }
        keep()
        if keptStart > 0 {
            kept.removeFirst(keptStart)
            keptStart = 0
        }
        kept.append(contentsOf: bytes)
    }

    /// Copies what is in the loop's buffer, for it is to be read into again.
    mutating func keep() {
        guard !lent.isEmpty else { return }
        kept.append(contentsOf: lent)
        lent = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        if !lent.isEmpty { return body(lent) }
        return kept.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[keptStart...])) }
    }

    mutating func drop(_ count: Int) {
        if !lent.isEmpty { return lent = UnsafeRawBufferPointer(rebasing: lent[count...]) }
        keptStart += count
        guard keptStart == kept.count else { return }
        keptStart = 0
        kept.removeAll(keepingCapacity: kept.capacity <= Self.keptCapacityMax)
    }

    /// The bytes at `range` as an array of their own, before `count` are dropped.
    mutating func take(_ range: Range<Int>, dropping count: Int) -> [UInt8] {
        if lent.isEmpty, keptStart == 0, range == 0..<kept.count {
            // The buffer is nothing but content: it becomes the piece, uncopied.
            var piece: [UInt8] = []
            swap(&piece, &kept)
            return piece
        }
        let piece = withBytes { Array($0[range]) }
        drop(count)
        return piece
    }

    mutating func removeAll() {
        lent = UnsafeRawBufferPointer(start: nil, count: 0)
        kept = []
        keptStart = 0
    }
}
