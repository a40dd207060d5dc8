internal import Media

/// Where one stem goes, as it comes: planar stereo float32 at 44.1 kHz.
public protocol StemSink: AnyObject {
    /// Takes the next frames of the two planes.
    func write(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError)
}

/// A stem that stays in memory: for tests and short signals.
public final class MemorySink: StemSink {
    public private(set) var planes: [[Float]]

    public init() { planes = [[Float]](repeating: [], count: SeparationEngine.channelCount) }

    public func write(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        for (channel, samples) in planes.enumerated() { self.planes[channel].append(contentsOf: samples) }
    }
}
