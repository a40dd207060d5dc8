/// A run of planar float32 audio: `channelCount` planes of `frameCount` samples each, full scale ±1.
public struct AudioBlock: Sendable, Equatable {
    public let channelCount: Int
    public let frameCount: Int
    /// Plane after plane: sample `frame` of `channel` is at `channel * frameCount + frame`.
    public var samples: [Float]

    /// - Precondition: `samples.count == channelCount * frameCount`.
    public init(channelCount: Int, frameCount: Int, samples: [Float]) {
        precondition(samples.count == channelCount * frameCount)
        self.channelCount = channelCount
        self.frameCount = frameCount
        self.samples = samples
    }

    /// Silence.
    public init(channelCount: Int, frameCount: Int) {
        self.init(
            channelCount: channelCount, frameCount: frameCount,
            samples: [Float](repeating: 0, count: channelCount * frameCount))
    }

    /// One channel's samples.
    public func plane(_ channel: Int) -> ArraySlice<Float> {
        samples[channel * frameCount..<(channel + 1) * frameCount]
    }

    /// A copy of `planes`, which are equally long.
    public init(_ planes: [UnsafeBufferPointer<Float>]) {
        let frameCount = planes.first?.count ?? 0
        var samples: [Float] = []
        samples.reserveCapacity(planes.count * frameCount)
        for plane in planes { samples.append(contentsOf: plane) }
        self.init(channelCount: planes.count, frameCount: frameCount, samples: samples)
    }

    /// The first `count` frames; silence follows where there are fewer.
    public func resized(to count: Int) -> AudioBlock {
        if count == frameCount { return self }
        let silence = [Float](repeating: 0, count: max(0, count - frameCount))
        return AudioBlock(
            channelCount: channelCount, frameCount: count,
            samples: (0..<channelCount).flatMap { plane($0).prefix(count) + silence })
    }

    /// Lends the planes as pointers for the length of `body`.
    public func withPlanes<Result, Failure: Error>(
        _ body: ([UnsafeBufferPointer<Float>]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the planes lie inside the array's storage, which outlives the call.
        try samples.withUnsafeBufferPointer { (all) throws(Failure) in
            try body(
                (0..<channelCount).map { .init(rebasing: all[$0 * frameCount..<($0 + 1) * frameCount]) })
        }
    }

    /// Lends the planes as mutable pointers for the length of `body`.
    public mutating func withMutablePlanes<Result, Failure: Error>(
        _ body: ([UnsafeMutableBufferPointer<Float>]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (channels, frames) = (channelCount, frameCount)
        // SAFETY: the planes lie inside the array's storage, which outlives the call.
        return try samples.withUnsafeMutableBufferPointer { (all) throws(Failure) in
            try body((0..<channels).map { .init(rebasing: all[$0 * frames..<($0 + 1) * frames]) })
        }
    }
}
