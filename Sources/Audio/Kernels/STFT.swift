internal import CKernels

/// Streaming short-time Fourier transform of one channel at a time, periodic Hann window.
///
/// Framing is the caller's: frame f covers `signal[f·hop ..< f·hop + size]`; nothing is padded.
public struct STFT: ~Copyable, @unchecked Sendable {
    /// Window length in samples.
    public let size: Int
    /// Samples between frames.
    public let hop: Int
    /// size/2 + 1.
    public var binCount: Int { size / 2 + 1 }

    // SAFETY: made in init, freed in deinit, never handed out. Not copyable, and whatever uses it is mutating: one
    // thread at a time has it.
    private let handle: OpaquePointer

    /// - Parameters:
    ///   - size: a power of two in `FFT.sizes`.
    ///   - hop: 1…size.
    /// - Throws: `invalidArgument`, `unsupported` (instructions), `outOfMemory`.
    public init(size: Int, hop: Int, instructions: InstructionSet = .automatic) throws(KernelError) {
        guard size > 0, hop > 0 else { throw .invalidArgument("STFT size \(size), hop \(hop)") }
        var parameters = ak_stft_params(size: size, hop: hop, simd: instructions.code)
        var made: OpaquePointer?
        try KernelError.check(
            ak_stft_create(&parameters, &made), "STFT size \(size), hop \(hop), \(instructions)")
        guard let made else { throw .outOfMemory }
        self.size = size
        self.hop = hop
        handle = made
    }

    deinit {
        var made: OpaquePointer? = handle
        ak_stft_destroy(&made)
    }

    /// Samples that `frames` frames cover: (frames − 1)·hop + size, or 0.
    public func sampleCount(frames: Int) -> Int { frames > 0 ? (frames - 1) * hop + size : 0 }

    /// Analyses `frames` frames into rows `frame ..< frame + frames` of one plane.
    /// `signal`: at least `sampleCount(frames:)` samples of one channel.
    public mutating func process(
        _ signal: UnsafeBufferPointer<Float>, frames: Int, into spectrum: inout Spectrum, plane: Int = 0,
        at frame: Int = 0
    ) {
        precondition(frames >= 0 && signal.count >= sampleCount(frames: frames))
        precondition(spectrum.bins == binCount && frame + frames <= spectrum.frames)
        guard frames > 0 else { return }
        KernelError.require(
            ak_stft_process(
                handle, signal.baseAddress, frames, spectrum.real(plane: plane, from: frame).baseAddress,
                spectrum.imaginary(plane: plane, from: frame).baseAddress, spectrum.frameStride))
    }
}
