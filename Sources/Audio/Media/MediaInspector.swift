public import Core
internal import Glibc

/// A quick look at a file's header, in the same sandboxed child as decoding: for upload time.
public enum MediaInspector {
    /// Probes the file and holds it against the limits; blocking, at most `limits.probeDeadlineSeconds`.
    public static func probe(
        path: String, limits: MediaLimits = MediaLimits(), cancellation: CancellationFlag? = nil,
        worker: MediaWorkerExecutable = .standard
    ) throws(MediaError) -> MediaProbe {
        let descriptor = try open(path)
        defer { Glibc.close(descriptor) }
        let decoder = try MediaDecoder(
            mode: .probe, descriptor: descriptor, target: MediaTarget(), limits: limits,
            cancellation: cancellation, deadlineSeconds: limits.probeDeadlineSeconds, worker: worker)
        return try decoder.probe()
    }

    static func open(_ path: String) throws(MediaError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw MediaError(.internalError, "The file cannot be opened", cause: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// The size of a regular file within the limits.
    static func byteCount(_ descriptor: Int32, limits: MediaLimits) throws(MediaError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw MediaError(.internalError, "The input is not a regular file")
        }
        guard status.st_size > 0 else { throw MediaError(.emptyFile, "The file is empty") }
        guard status.st_size <= limits.bytesMax else {
            throw MediaError(
                .fileTooLarge, "The file has \(status.st_size) bytes; at most \(limits.bytesMax) are accepted")
        }
        return Int64(status.st_size)
    }

    static func check(_ target: MediaTarget) throws(MediaError) {
        if let rate = target.sampleRate, !(1000...768_000).contains(rate) {
            throw MediaError(.invalidOption, "A sample rate of \(rate) Hz cannot be decoded to")
        }
        if let channels = target.channelCount, !(1...8).contains(channels) {
            throw MediaError(.invalidOption, "\(channels) channels cannot be decoded to; 1 to 8 can")
        }
    }
}
