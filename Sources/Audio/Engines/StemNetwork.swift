public import Core

/// A network that estimates one stem's magnitudes from a mixture's; shared and read-only.
public protocol StemNetwork: Sendable {
    /// Makes the state of one caller's runs.
    func makeRun() throws(EngineError) -> any StemNetworkRun
}

/// One caller's runs of a network; on one thread at a time.
public protocol StemNetworkRun: Sendable {
    /// Estimates a segment.
    ///
    /// - Parameters:
    ///   - magnitudes: row-major (channel, frame, bin), of the shape that the model names.
    ///   - estimate: receives the stem's magnitudes, the same shape.
    ///   - cancellation: looked at every 0.1 s while the network computes.
    /// - Throws: `canceled`, `computation`.
    func estimate(
        _ magnitudes: UnsafeBufferPointer<Float>, into estimate: UnsafeMutableBufferPointer<Float>,
        cancellation: CancellationFlag
    ) throws(EngineError)
}

/// A separation model that is in memory: its networks and what they were trained on.
public final class SeparationModel: Sendable {
    public let id: String
    /// The stems' names, in the order of the networks.
    public let stems: [String]
    public let networks: [any StemNetwork]
    /// Frames of a segment.
    public let segmentFrames: Int
    /// Bins, from 0 up, that the networks see and estimate.
    public let knownBins: Int
    /// The overlap of neighbouring segments unless the caller names one.
    public let overlap: Double
    /// About what it holds in memory.
    public let byteCount: Int

    /// - Precondition: as many stems as networks, at least one; `overlap` in `SeparationOptions.overlapRange`.
    public init(
        id: String, stems: [String], networks: [any StemNetwork], segmentFrames: Int, knownBins: Int,
        overlap: Double, byteCount: Int
    ) {
        precondition(!stems.isEmpty && stems.count == networks.count)
        precondition(SeparationOptions.overlapRange.contains(overlap))
        self.id = id
        self.stems = stems
        self.networks = networks
        self.segmentFrames = segmentFrames
        self.knownBins = knownBins
        self.overlap = overlap
        self.byteCount = byteCount
    }
}
