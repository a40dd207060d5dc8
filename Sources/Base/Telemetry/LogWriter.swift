internal import Core
internal import Glibc
internal import Synchronization

/// A bounded buffer before a descriptor that may be slow: who logs never waits, what does not fit is counted.
///
/// One thread of its own writes; it starts with the first line. After a write it lets lines gather for a while: a
/// write and a wake-up for each line would cost more than the request that the line is about.
final class LogWriter: Sendable {
    static let batchMilliseconds = 10

    private let buffer: LogBuffer

    /// - Parameter dropReport: the line that says how many lines were lost.
    init(descriptor: Int32, bytesMax: Int, dropReport: @escaping @Sendable (Int) -> [UInt8]) {
        buffer = LogBuffer(descriptor: descriptor, bytesMax: bytesMax, dropReport: dropReport)
    }

    deinit { buffer.close() }

    /// - Parameter isUrgent: to be written now, with all that came before.
    func append(_ line: borrowing LogLine, isUrgent: Bool) {
        line.bytes.withBytes { buffer.append($0, isUrgent: isUrgent) }
    }

    /// Returns when every line appended before the call is written.
    func flush() async {
        await withCheckedContinuation { buffer.flush($0) }
    }
}

/// What the writer and its thread share.
private final class LogBuffer: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var dropped = 0
        var flushes: [CheckedContinuation<Void, Never>] = []
        var hasThread = false
        /// The thread sleeps until it is woken; else it looks again by itself.
        var isIdle = false
        var isClosed = false

        var isEmpty: Bool { bytes.isEmpty && dropped == 0 && flushes.isEmpty }
    }
    /// An idle buffer keeps at most this.
    private static let keptCapacityMax = 64 << 10

    private let state = Mutex(State())
    private let wake = Semaphore()
    private let thread = BlockingPool(name: "log", threads: 1)
    private let descriptor: Int32
    private let bytesMax: Int
    private let dropReport: @Sendable (Int) -> [UInt8]

    init(descriptor: Int32, bytesMax: Int, dropReport: @escaping @Sendable (Int) -> [UInt8]) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
        self.dropReport = dropReport
    }

    func append(_ line: UnsafeRawBufferPointer, isUrgent: Bool) {
        change { state in
            let before = state.bytes.count
            guard before + line.count <= bytesMax else {
                state.dropped += 1
                return false
            }
            state.bytes.append(contentsOf: line)
            // Half full: the batch has been long enough.
            return isUrgent || (before < bytesMax / 2 && state.bytes.count >= bytesMax / 2)
        }
    }

    func flush(_ done: CheckedContinuation<Void, Never>) {
        change { state in
            state.flushes.append(done)
            return true
        }
    }

    func close() {
        let hasThread = state.withLock { state in
            state.isClosed = true
            return state.hasThread
        }
        if hasThread { wake.signal() }
    }

    /// - Parameter body: returns whether the thread must look at once.
    private func change(_ body: (inout State) -> Bool) {
        let (mustWake, mustStart) = state.withLock { state -> (Bool, Bool) in
            let isUrgent = body(&state)
            defer {
                state.isIdle = false
                state.hasThread = true
            }
            return (isUrgent || state.isIdle, !state.hasThread)
        }
        if mustStart {
            Task(executorPreference: thread) { self.run() }
        } else if mustWake {
            wake.signal()
        }
    }

    private func run() {
        var batch: [UInt8] = []
        while true {
            batch.removeAll(keepingCapacity: batch.capacity <= Self.keptCapacityMax)
            let (dropped, flushes, mustSleep, mustEnd) = state.withLock { state in
                defer {
                    swap(&batch, &state.bytes)
                    state.dropped = 0
                    state.flushes = []
                }
                state.isIdle = state.isEmpty
                return (state.dropped, state.flushes, state.isIdle, state.isEmpty && state.isClosed)
            }
            if mustEnd { return }
            write(batch)
            if dropped > 0 { write(dropReport(dropped)) }
            for done in flushes { done.resume() }
            if mustSleep { wake.wait() } else { wake.wait(milliseconds: LogWriter.batchMilliseconds) }
        }
    }

    /// A descriptor that is gone loses the lines: there is nowhere left to say so.
    private func write(_ lines: [UInt8]) {
        var offset = 0
        while offset < lines.count {
            let written = lines.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
            }
            if written > 0 {
                offset += written
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
