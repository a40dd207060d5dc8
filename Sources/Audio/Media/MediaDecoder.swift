public import Core

/// Decodes one untrusted file in a sandboxed child process; blocking, for one thread at a time.
public final class MediaDecoder {
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
        throw MediaError(.internalError, "not built yet")
    }

    /// Starts the child on an open regular file, which stays the caller's; its offset is not moved.
    public init(
        descriptor: Int32, target: MediaTarget = MediaTarget(), limits: MediaLimits = MediaLimits(),
        cancellation: CancellationFlag? = nil, deadlineSeconds: Double? = nil,
        worker: MediaWorkerExecutable = .standard
    ) throws(MediaError) {
        throw MediaError(.internalError, "not built yet")
    }

    /// What the file says it is; waits for the child's answer the first time.
    public func probe() throws(MediaError) -> MediaProbe {
        throw MediaError(.internalError, "not built yet")
    }

    /// Sample rate (hertz) and channel count of what `read` gives.
    public func outputForm() throws(MediaError) -> (sampleRate: Int, channelCount: Int) {
        throw MediaError(.internalError, "not built yet")
    }

    /// The next frames, at most `frameCountMax`; fewer only at the end; nil after it.
    public func read(frameCountMax: Int) throws(MediaError) -> AudioBlock? {
        throw MediaError(.internalError, "not built yet")
    }

    /// Fills the planes (one per output channel, equally long); returns the frames written: fewer than asked
    /// only at the end, then 0. The end is reported only once the child's trailer has arrived.
    public func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(MediaError) -> Int {
        throw MediaError(.internalError, "not built yet")
    }

    /// Reads and drops what is left, waits for the child and says what the decoding gave.
    public func finish() throws(MediaError) -> DecodeSummary {
        throw MediaError(.internalError, "not built yet")
    }

    /// Kills the child if it still runs and gives everything back; `deinit` does it too.
    public func close() {}
}

/// The executable whose `media-worker` subcommand is `MediaWorker.run(arguments:)`.
public struct MediaWorkerExecutable: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    /// This process's own executable; inside a test bundle, the `cadenza` that was built next to it.
    public static var standard: MediaWorkerExecutable { MediaWorkerExecutable(path: "/proc/self/exe") }
}
