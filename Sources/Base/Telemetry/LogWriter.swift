internal import Core
internal import Glibc
internal import Synchronization

/// A bounded buffer before a descriptor that may be slow: who logs never waits, what does not fit is counted.
///
/// One thread of its own writes; it starts with the first line.
final class LogWriter: Sendable {
    private struct State {
        var lines: [[UInt8]] = []
        var byteCount = 0
        var dropped = 0
        var isDraining = false
    }
    private let state = Mutex(State())
    private let thread = BlockingPool(name: "log", threads: 1)
    private let descriptor: Int32
    private let bytesMax: Int
    private let dropReport: @Sendable (Int) -> [UInt8]

    /// - Parameter dropReport: the line that says how many lines were lost.
    init(descriptor: Int32, bytesMax: Int, dropReport: @escaping @Sendable (Int) -> [UInt8]) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
        self.dropReport = dropReport
    }

    func append(_ line: [UInt8]) {
        let mustStart = state.withLock { state in
            guard state.byteCount + line.count <= bytesMax else {
                state.dropped += 1
                return false
            }
            state.lines.append(line)
            state.byteCount += line.count
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustStart {
            Task(executorPreference: thread) { self.drain() }
        }
    }

    /// Returns when every line appended before the call is written.
    func flush() async {
        await Task(executorPreference: thread) { self.drain() }.value
    }

    private func drain() {
        while true {
            let (lines, dropped) = state.withLock { state in
                defer {
                    state.lines.removeAll(keepingCapacity: true)
                    state.byteCount = 0
                    state.dropped = 0
                }
                if state.lines.isEmpty && state.dropped == 0 { state.isDraining = false }
                return (state.lines, state.dropped)
            }
            if lines.isEmpty && dropped == 0 { return }
            for line in lines { write(line) }
            if dropped > 0 { write(dropReport(dropped)) }
        }
    }

    /// A descriptor that is gone loses the line: there is nowhere left to say so.
    private func write(_ line: [UInt8]) {
        var offset = 0
        while offset < line.count {
            let written = line.withUnsafeBytes { bytes in
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
