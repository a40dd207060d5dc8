internal import Glibc
internal import Kernels
internal import Media

/// Float32 audio on disk between separation and encoding: how loud the loudest stem is shows only at the end.
///
/// The file has no name, so that nothing is left behind however the process ends.
final class StemSpool {
    static let framesPerBlock = 32_768

    private let path: String
    private let descriptor: Int32
    private let channelCount: Int
    /// One interleaved block, partly filled while writing.
    private let block: FloatPlanes
    private var fill = 0
    private(set) var frameCount: Int64 = 0
    private var readCount: Int64 = 0

    /// - Parameter directory: where the disk space is; the name there vanishes at once.
    init(directory: String, channelCount: Int) throws(EngineError) {
        self.channelCount = channelCount
        block = FloatPlanes(planes: 1, capacity: Self.framesPerBlock * channelCount)
        path = directory + "/.cadenza-spool-" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .storage(path: directory, errorNumber: errno) }
        unlink(path)
    }

    deinit { close(descriptor) }

    func append(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        let count = planes[0].count
        var taken = 0
        while taken < count {
            let part = min(count - taken, Self.framesPerBlock - fill)
            Gain.interleave(
                planes.map { UnsafeBufferPointer(rebasing: $0[taken..<taken + part]) },
                into: frames(of: fill, part))
            fill += part
            taken += part
            if fill == Self.framesPerBlock { try flush() }
        }
        frameCount += Int64(count)
    }

    /// Ends the writing; `next` gives the frames back from the first on.
    func rewind() throws(EngineError) {
        try flush()
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw failure() }
        readCount = 0
    }

    /// The next block, at most `framesPerBlock` frames; nil at the end.
    func next() throws(EngineError) -> AudioBlock? {
        let count = Int(min(Int64(Self.framesPerBlock), frameCount - readCount))
        guard count > 0 else { return nil }
        let bytes = UnsafeMutableRawBufferPointer(frames(of: 0, count))
        var done = 0
        while done < bytes.count {
            let got = read(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { throw failure() }
            done += got
        }
        readCount += Int64(count)
        var audio = AudioBlock(channelCount: channelCount, frameCount: count)
        let interleaved = UnsafeBufferPointer(frames(of: 0, count))
        audio.withMutablePlanes { Gain.deinterleave(interleaved, into: $0) }
        return audio
    }

    private func flush() throws(EngineError) {
        let bytes = UnsafeRawBufferPointer(frames(of: 0, fill))
        var done = 0
        while done < bytes.count {
            let written = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw failure() }
            done += written
        }
        fill = 0
    }

    private func frames(of start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(
            rebasing: block.plane(0)[start * channelCount..<(start + count) * channelCount])
    }

    private func failure() -> EngineError { .storage(path: path, errorNumber: errno) }
}
