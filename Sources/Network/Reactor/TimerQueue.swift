/// Names a timer; a fired or cancelled one's name is never used again.
public struct TimerID: Hashable, Sendable {
    let number: UInt64
}

/// Timers by deadline: a binary heap. A cancelled timer stays in it as a husk until its turn, or until half of
/// the heap is husks; then it is rebuilt, so memory follows the timers that live.
struct TimerQueue<Action> {
    private struct Entry {
        let deadline: UInt64
        let id: TimerID
    }
    private var heap: [Entry] = []
    private var actions: [TimerID: Action] = [:]
    private var lastNumber: UInt64 = 0

    var count: Int { actions.count }
    var entryCount: Int { heap.count }

    /// The deadline of the earliest entry, though it be a husk: what costs no look at the living.
    var earliest: UInt64? { heap.first?.deadline }

    /// The deadline of the earliest timer that lives.
    mutating func nextDeadline() -> UInt64? {
        while let first = heap.first {
            if actions[first.id] != nil { return first.deadline }
            removeFirst()
        }
        return nil
    }

    mutating func add(deadline: UInt64, _ action: Action) -> TimerID {
        lastNumber += 1
        let id = TimerID(number: lastNumber)
        actions[id] = action
        heap.append(Entry(deadline: deadline, id: id))
        siftUp(from: heap.count - 1)
        return id
    }

    mutating func cancel(_ id: TimerID) {
        guard actions.removeValue(forKey: id) != nil else { return }
        if heap.count > 64 && heap.count > 2 * actions.count {
            heap.removeAll { actions[$0.id] == nil }
            heap.sort { Self.precedes($0, $1) }
        }
    }

    /// The earliest timer whose deadline is not after `now`, taken out; equal deadlines go in the order added.
    mutating func popDue(at now: UInt64) -> Action? {
        guard let earliest, earliest <= now, let deadline = nextDeadline(), deadline <= now else { return nil }
        let id = heap[0].id
        removeFirst()
        return actions.removeValue(forKey: id)
    }

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        left.deadline != right.deadline ? left.deadline < right.deadline : left.id.number < right.id.number
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(from: 0)
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard Self.precedes(heap[index], heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(from start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if Self.precedes(heap[child], heap[least]) { least = child }
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
