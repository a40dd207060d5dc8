internal import CKernels

/// Ratio masks of power 2 from a network's magnitude estimates: mask_i = (m_i² + ε/S) / (Σ_j m_j² + ε), ε = 1e-10,
/// extended above the network's bins by its mean over the known ones, per frame (Spleeter, Hennequin et al., 2020).
public struct RatioMask: ~Copyable, @unchecked Sendable {
    /// Sources that one mask may split a mixture into.
    public static let sourcesMax = Int(AK_MASK_SOURCES_MAX)

    public let sources: Int
    /// Bins that the network estimates, from 0 up.
    public let knownBins: Int
    /// Bins of the mixture's spectrum.
    public let bins: Int

    // SAFETY: made in init, freed in deinit, never handed out. Not copyable, and whatever uses it is mutating: one
    // thread at a time has it.
    private let handle: OpaquePointer

    /// - Throws: `invalidArgument` (`sources` not in 1…sourcesMax, `knownBins` not in 1…bins), `unsupported`,
    ///   `outOfMemory`.
    public init(
        sources: Int, knownBins: Int, bins: Int, instructions: InstructionSet = .automatic
    ) throws(KernelError) {
        guard sources > 0, knownBins > 0, bins > 0 else {
            throw .invalidArgument("mask of \(sources) sources, \(knownBins) of \(bins) bins")
        }
        var parameters = ak_mask_params(
            sources: sources, known_bins: knownBins, bins: bins, simd: instructions.code)
        var made: OpaquePointer?
        try KernelError.check(
            ak_mask_create(&parameters, &made), "mask of \(sources) sources, \(knownBins) of \(bins) bins")
        guard let made else { throw .outOfMemory }
        self.sources = sources
        self.knownBins = knownBins
        self.bins = bins
        handle = made
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_mask_destroy(&made)
    }

    /// Splits rows `frames` of one channel of the mixture into `sources` spectra.
    ///
    /// - Parameters:
    ///   - estimates: for each source, `frames.count` rows of knownBins magnitudes of that channel, packed.
    ///   - mixture: `plane` is the channel.
    ///   - output: plane i receives source i, in the rows from `row` on (the mixture's first row by default).
    public mutating func apply(
        estimates: [UnsafeBufferPointer<Float>], frames: Range<Int>, mixture: borrowing Spectrum, plane: Int = 0,
        into output: inout Spectrum, at row: Int? = nil
    ) {
        let first = row ?? frames.lowerBound
        precondition(estimates.count == sources && output.planes >= sources)
        precondition(estimates.allSatisfy { $0.count >= frames.count * knownBins })
        precondition(mixture.bins == bins && frames.lowerBound >= 0 && frames.upperBound <= mixture.frames)
        precondition(output.bins == bins && first + frames.count <= output.frames)
        guard !frames.isEmpty else { return }
        let inputs = estimates.map(\.baseAddress)
        let real = (0..<sources).map { output.real(plane: $0, from: first).baseAddress }
        let imaginary = (0..<sources).map { output.imaginary(plane: $0, from: first).baseAddress }
        KernelError.require(
            ak_mask_apply(
                handle, inputs, knownBins, frames.count,
                mixture.real(plane: plane, from: frames.lowerBound).baseAddress,
                mixture.imaginary(plane: plane, from: frames.lowerBound).baseAddress, mixture.frameStride, real,
                imaginary, output.frameStride))
    }

    /// The masks alone: for each source `frames` packed rows of `bins` values in 0…1.
    public mutating func masks(
        estimates: [UnsafeBufferPointer<Float>], frames: Int, into masks: [UnsafeMutableBufferPointer<Float>]
    ) {
        precondition(estimates.count == sources && masks.count == sources && frames >= 0)
        precondition(estimates.allSatisfy { $0.count >= frames * knownBins })
        precondition(masks.allSatisfy { $0.count >= frames * bins })
        guard frames > 0 else { return }
        KernelError.require(
            ak_mask_compute(
                handle, estimates.map(\.baseAddress), knownBins, frames, masks.map(\.baseAddress), bins))
    }
}

extension Spectrum {
    /// Writes |X| of the first `bins` bins of rows `frames` as packed rows: one channel of a network's input tensor.
    public func magnitudes(
        plane: Int = 0, frames: Range<Int>, bins: Int, into output: UnsafeMutableBufferPointer<Float>,
        instructions: InstructionSet = .automatic
    ) {
        precondition(frames.lowerBound >= 0 && frames.upperBound <= self.frames)
        precondition(bins >= 0 && bins <= self.bins && output.count >= frames.count * bins)
        guard !frames.isEmpty, bins > 0 else { return }
        KernelError.require(
            ak_magnitude(
                real(plane: plane, from: frames.lowerBound).baseAddress,
                imaginary(plane: plane, from: frames.lowerBound).baseAddress, frameStride, frames.count, bins,
                output.baseAddress, bins, instructions.code))
    }
}
