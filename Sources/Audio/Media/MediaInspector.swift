public import Core

/// A quick look at a file's header, in the same sandboxed child as decoding: for upload time.
public enum MediaInspector {
    /// Probes the file and holds it against the limits; blocking.
    public static func probe(
        path: String, limits: MediaLimits = MediaLimits(), cancellation: CancellationFlag? = nil,
        worker: MediaWorkerExecutable = .standard
    ) throws(MediaError) -> MediaProbe {
        throw MediaError(.internalError, "not built yet")
    }
}
