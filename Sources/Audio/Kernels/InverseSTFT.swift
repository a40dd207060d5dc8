internal import CKernels

/// Streaming inverse STFT of one channel: windowed overlap-add, divided by the sum of the squared windows.
///
/// Constant memory: it carries the size − hop samples that later frames still add to.
public struct InverseSTFT: ~Copyable, @unchecked Sendable {
    /// Window length in samples.
    public let size: Int
    /// Samples between frames.
    public let hop: Int
    /// size/2 + 1.
    public var binCount: Int { size / 2 + 1 }
    /// Samples that `finish` writes: size − hop.
    public var tailCount: Int { size - hop }

    // SAFETY: made in init, freed in deinit, never handed out. Not copyable, and whatever uses it is mutating: one
    // thread at a time has it.
    private let handle: OpaquePointer

    /// - Parameters:
    ///   - size: a power of two in `FFT.sizes`.
    ///   - hop: 1…size/2.
    /// - Throws: `invalidArgument`, `unsupported` (instructions), `outOfMemory`.
    public init(size: Int, hop: Int, instructions: InstructionSet = .automatic) throws(KernelError) {
        guard size > 0, hop > 0 else { throw .invalidArgument("inverse STFT size \(size), hop \(hop)") }
        var parameters = ak_stft_params(size: size, hop: hop, simd: instructions.code)
        var made: OpaquePointer?
        try KernelError.check(
            ak_istft_create(&parameters, &made), "inverse STFT size \(size), hop \(hop), \(instructions)")
        guard let made else { throw .outOfMemory }
        self.size = size
        self.hop = hop
        handle = made
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_istft_destroy(&made)
    }

    /// Adds rows `frames` of one plane and writes the `frames.count · hop` samples that are now final.
    public mutating func process(
        _ spectrum: borrowing Spectrum, plane: Int = 0, frames: Range<Int>,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(spectrum.bins == binCount && frames.lowerBound >= 0 && frames.upperBound <= spectrum.frames)
        precondition(output.count >= frames.count * hop)
        guard !frames.isEmpty else { return }
        KernelError.require(
            ak_istft_process(
                handle, spectrum.real(plane: plane, from: frames.lowerBound).baseAddress,
                spectrum.imaginary(plane: plane, from: frames.lowerBound).baseAddress, spectrum.frameStride,
                frames.count, output.baseAddress))
    }

    /// Writes the last `tailCount` samples and starts anew.
    public mutating func finish(into output: UnsafeMutableBufferPointer<Float>) {
        precondition(output.count >= tailCount)
        KernelError.require(ak_istft_finish(handle, output.baseAddress))
    }

    /// Forgets the carried samples: the next frame starts a new stream.
    public mutating func reset() { ak_istft_reset(handle) }
}
