public import Core
internal import Glibc

/// Decodes one untrusted file in a sandboxed child process; blocking, for one thread at a time.
///
/// The child sees one open descriptor, no path, no network, no secret; a crash in a demuxer is `mediaUnreadable`
/// for that file and nothing else. Any error ends the decoding: later calls throw it again.
public final class MediaDecoder {
    private let process: MediaWorkerProcess
    private let target: MediaTarget
    private let limits: MediaLimits
    private var opening: MediaOpening?
    private var summary: DecodeSummary?
    private var failure: MediaError?
    private var block: [Float] = []
    private var blockFrameCount = 0
    private var blockPosition = 0
    private var framesReceived: Int64 = 0

    /// How much longer than the limit the delivered audio may be.
    private static let surplusSecondsMax = 1.0

    /// Starts the child on the file at `path`.
    ///
    /// - Parameters:
    ///   - deadlineSeconds: wall-clock time from now until the last frame must have been read; nil: none.
    ///   - cancellation: looked at every 0.1 s while waiting; when raised, the child is killed.
    public convenience init(
        path: String, target: MediaTarget = MediaTarget(), limits: MediaLimits = MediaLimits(),
        cancellation: CancellationFlag? = nil, deadlineSeconds: Double? = nil,
        worker: MediaWorkerExecutable = .standard
    ) throws(MediaError) {
        let descriptor = try MediaInspector.open(path)
        defer { Glibc.close(descriptor) }
        try self.init(
            descriptor: descriptor, target: target, limits: limits, cancellation: cancellation,
            deadlineSeconds: deadlineSeconds, worker: worker)
    }

    /// Starts the child on an open regular file, which stays the caller's; its offset is not moved.
    public convenience init(
        descriptor: Int32, target: MediaTarget = MediaTarget(), limits: MediaLimits = MediaLimits(),
        cancellation: CancellationFlag? = nil, deadlineSeconds: Double? = nil,
        worker: MediaWorkerExecutable = .standard
    ) throws(MediaError) {
        try self.init(
            mode: .decode, descriptor: descriptor, target: target, limits: limits, cancellation: cancellation,
            deadlineSeconds: deadlineSeconds, worker: worker)
    }

    init(
        mode: MediaWorkerRequest.Mode, descriptor: Int32, target: MediaTarget, limits: MediaLimits,
        cancellation: CancellationFlag?, deadlineSeconds: Double?, worker: MediaWorkerExecutable
    ) throws(MediaError) {
        let byteCount = try MediaInspector.byteCount(descriptor, limits: limits)
        try MediaInspector.check(target)
        self.target = target
        self.limits = limits
        process = try MediaWorkerProcess(
            worker,
            request: MediaWorkerRequest(mode: mode, byteCount: byteCount, target: target, limits: limits),
            input: descriptor, cancellation: cancellation, deadlineSeconds: deadlineSeconds)
    }

    /// What the file says it is; waits for the child's answer the first time.
    public func probe() throws(MediaError) -> MediaProbe { try opened().probe }

    /// Sample rate (hertz) and channel count of what `read` gives.
    public func outputForm() throws(MediaError) -> (sampleRate: Int, channelCount: Int) {
        let opening = try opened()
        return (opening.sampleRate, opening.channelCount)
    }

    /// The next frames, at most `frameCountMax`; fewer only at the end; nil after it.
    public func read(frameCountMax: Int) throws(MediaError) -> AudioBlock? {
        precondition(frameCountMax > 0)
        var filled = AudioBlock(channelCount: try opened().channelCount, frameCount: frameCountMax)
        let count = try filled.withMutablePlanes { (planes) throws(MediaError) in try read(into: planes) }
        guard count > 0 else { return nil }
        return count == frameCountMax ? filled : filled.resized(to: count)
    }

    /// Fills the planes (one per output channel, equally long); returns the frames written: fewer than asked
    /// only at the end, then 0. The end is reported only once the child's trailer has arrived.
    public func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(MediaError) -> Int {
        let channelCount = try opened().channelCount
        guard planes.count == channelCount else {
            // Without a target, the count is the file's word and no programmer's error.
            throw MediaError(
                .internalError, "The audio has another channel count than its reader",
                cause: "\(planes.count) planes for \(channelCount) channels")
        }
        let wanted = planes.map(\.count).min() ?? 0
        var written = 0
        while written < wanted {
            if blockPosition == blockFrameCount {
                guard try receiveBlock() else { break }
            }
            let count = min(wanted - written, blockFrameCount - blockPosition)
            for (channel, plane) in planes.enumerated() {
                let start = channel * blockFrameCount + blockPosition
                // SAFETY: both ranges were bounded by their buffers' counts just above.
                _ = UnsafeMutableBufferPointer(rebasing: plane[written..<written + count])
                    .update(fromContentsOf: block[start..<start + count])
            }
            blockPosition += count
            written += count
        }
        return written
    }

    /// Reads and drops what is left, waits for the child and says what the decoding gave.
    public func finish() throws(MediaError) -> DecodeSummary {
        _ = try opened()
        while try receiveBlock() {}
        guard let summary else { throw broken("the stream ended without a trailer") }
        return summary
    }

    /// Kills the child if it still runs and gives everything back; `deinit` does it too.
    public func close() {
        process.kill()
        if failure == nil, summary == nil { failure = MediaError(.canceled, "The decoder was closed") }
    }

    private func opened() throws(MediaError) -> MediaOpening {
        if let opening { return opening }
        guard case .opening(let opening) = try receive() else { throw broken("the stream has no opening") }
        guard opening.answers(target, limits: limits) else { throw broken("an opening that was not asked for") }
        self.opening = opening
        return opening
    }

    /// Receives one block; false once the trailer has arrived.
    private func receiveBlock() throws(MediaError) -> Bool {
        if summary != nil { return false }
        switch try receive() {
        case .audio: return true
        case .trailer(let received):
            guard let opening, received.ends(opening, frameCount: framesReceived) else {
                throw broken("the trailer counts other frames")
            }
            guard process.wait() == .exited(0) else {
                try process.checkInterruption()
                throw broken("the worker failed after its trailer")
            }
            summary = received
            (block, blockFrameCount, blockPosition) = ([], 0, 0)
            return false
        case .opening, .failure: throw broken("a record out of order")
        }
    }

    private func receive() throws(MediaError) -> MediaRecord {
        if let failure { throw failure }
        do throws(MediaError) {
            let head = try receive(byteCount: MediaRecord.headByteCount)
            guard let (kind, byteCount) = MediaRecord.decodeHead(head) else { throw broken("an unknown record") }
            if kind == .audio {
                try receiveAudio(byteCount: byteCount)
                return .audio
            }
            let payload = try receive(byteCount: byteCount)
            guard let record = MediaRecord.decode(kind, payload: payload) else { throw broken("a malformed record") }
            if case .failure(let error) = record { throw error }
            return record
        } catch {
            process.kill()
            failure = error
            throw error
        }
    }

    private func receive(byteCount: Int) throws(MediaError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let count = try bytes.withUnsafeMutableBytes { process.outcome(ofReadingInto: $0) }.get()
        guard count == byteCount else { throw try ended() }
        return bytes
    }

    private func receiveAudio(byteCount: Int) throws(MediaError) {
        guard let opening, byteCount % (4 * opening.channelCount) == 0, byteCount > 0 else {
            throw broken("an audio record out of order")
        }
        if block.count != byteCount / 4 { block = [Float](repeating: 0, count: byteCount / 4) }
        let count = try block.withUnsafeMutableBytes { process.outcome(ofReadingInto: $0) }.get()
        guard count == byteCount else { throw try ended() }
        blockFrameCount = byteCount / (4 * opening.channelCount)
        blockPosition = 0
        framesReceived += Int64(blockFrameCount)
        // The child holds the limit itself, on the source's frames.
        guard
            Double(framesReceived) <= (limits.durationSecondsMax + Self.surplusSecondsMax) * Double(opening.sampleRate)
        else { throw broken("more audio than the limit allows") }
    }

    private func broken(_ what: String) -> MediaError {
        let error = MediaError(.mediaUnreadable, "The file cannot be decoded", cause: "media worker: \(what)")
        if failure == nil { failure = error }
        process.kill()
        return error
    }

    /// The child has closed its pipe in the middle of the stream.
    private func ended() throws(MediaError) -> MediaError {
        let end = process.wait()
        try process.checkInterruption()
        return switch end {
        case .killed(let signal) where signal == SIGXCPU:
            MediaError(.mediaUnreadable, "The file takes too much computing to decode", cause: "SIGXCPU")
        case .killed(let signal) where signal == SIGKILL && !process.isKilledByUs:
            // The system took the memory or an operator the process: not the file's doing.
            MediaError(.internalError, "The media worker was killed")
        case .killed(let signal):
            MediaError(.mediaUnreadable, "The file cannot be decoded", cause: "media worker: signal \(signal)")
        case .exited(let status):
            MediaError(.mediaUnreadable, "The file cannot be decoded", cause: "media worker: exit status \(status)")
        }
    }
}
