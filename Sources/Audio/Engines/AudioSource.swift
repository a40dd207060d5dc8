internal import Core
public import Media

/// Where an engine's audio comes from: planar stereo float32 at 44.1 kHz, pulled block by block.
public protocol AudioSource: AnyObject {
    /// About how many frames will come, for the progress; nil when nobody knows.
    var expectedFrameCount: Int64? { get }

    /// Fills the two planes, equally long; returns the frames written: fewer than asked only at the end, then 0.
    func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(EngineError) -> Int

    /// What was read, once `read` has returned 0.
    func finish() throws(EngineError) -> AudioSourceSummary
}

/// What an audio source gave.
public struct AudioSourceSummary: Sendable, Equatable {
    /// Frames at the source's own rate: what every stem must have.
    public var frameCount: Int64
    /// The source's own rate.
    public var sampleRate: Int
    /// What a person should know about how it was read.
    public var notes: [String]

    public init(frameCount: Int64, sampleRate: Int, notes: [String] = []) {
        self.frameCount = frameCount
        self.sampleRate = sampleRate
        self.notes = notes
    }
}

/// A file, decoded in the sandboxed child and mixed to stereo at 44.1 kHz.
public final class DecodedFileSource: AudioSource {
    private let decoder: MediaDecoder
    private let probe: MediaProbe

    public init(decoder: MediaDecoder) throws(EngineError) {
        self.decoder = decoder
        probe = try asEngineError { () throws(MediaError) in try decoder.probe() }
    }

    /// The source's own rate.
    public var sampleRate: Int { probe.sampleRate }

    public var expectedFrameCount: Int64? { probe.durationSeconds.flatMap(Self.frameCount) }

    /// nil beyond what an Int64 holds: the length is a decoder's word.
    static func frameCount(seconds: Double) -> Int64? {
        Int64(exactly: (seconds * Double(SeparationEngine.sampleRate)).rounded())
    }

    public func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(EngineError) -> Int {
        try asEngineError { () throws(MediaError) in try decoder.read(into: planes) }
    }

    public func finish() throws(EngineError) -> AudioSourceSummary {
        let summary = try asEngineError { () throws(MediaError) in try decoder.finish() }
        return AudioSourceSummary(
            frameCount: summary.sourceFrameCount, sampleRate: summary.sourceSampleRate,
            notes: probe.notes + summary.warnings)
    }
}

/// Audio that is in memory already, at 44.1 kHz.
public final class MemorySource: AudioSource {
    private let block: AudioBlock
    private var position = 0

    /// - Precondition: `block` has two channels.
    public init(_ block: AudioBlock) {
        precondition(block.channelCount == SeparationEngine.channelCount)
        self.block = block
    }

    public var expectedFrameCount: Int64? { Int64(block.frameCount) }

    public func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(EngineError) -> Int {
        let count = min(planes[0].count, block.frameCount - position)
        for (channel, plane) in planes.enumerated() {
            let start = channel * block.frameCount + position
            _ = plane.update(fromContentsOf: block.samples[start..<start + count])
        }
        position += count
        return count
    }

    public func finish() throws(EngineError) -> AudioSourceSummary {
        AudioSourceSummary(frameCount: Int64(block.frameCount), sampleRate: SeparationEngine.sampleRate)
    }
}

func asEngineError<Value>(_ body: () throws(MediaError) -> Value) throws(EngineError) -> Value {
    do { return try body() } catch { throw error.isCanceled ? .canceled : .media(error) }
}
