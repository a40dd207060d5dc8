internal import CKernels

/// Real discrete Fourier transform in float32: X[k] = Σ x[n]·e^(−2πikn/size), k = 0…size/2.
///
/// Spectra are split into real and imaginary parts, `binCount` of each. Owns a plan and its scratch.
public struct FFT: ~Copyable, @unchecked Sendable {
    public static let sizes = Int(AK_FFT_SIZE_MIN)...Int(AK_FFT_SIZE_MAX)

    /// Samples per transform.
    public let size: Int
    /// size/2 + 1.
    public var binCount: Int { size / 2 + 1 }

    // SAFETY: made in init, freed in deinit, never handed out. Not copyable, and whatever uses it is mutating: one
    // thread at a time has it.
    private let plan: OpaquePointer
    private let scratch: FloatBuffer

    /// - Parameter size: a power of two in `sizes`.
    /// - Throws: `invalidArgument`, `unsupported` (instructions), `outOfMemory`.
    public init(size: Int, instructions: InstructionSet = .automatic) throws(KernelError) {
        guard Self.sizes.contains(size) else { throw .invalidArgument("FFT size \(size)") }
        var parameters = ak_fft_params(size: size, simd: instructions.code)
        var handle: OpaquePointer?
        try KernelError.check(ak_fft_create(&parameters, &handle), "FFT of \(size), \(instructions)")
        guard let handle else { throw .outOfMemory }
        self.size = size
        plan = handle
        scratch = FloatBuffer(count: ak_fft_scratch_count(handle))
    }

    deinit {
        var handle: OpaquePointer? = plan
        ak_fft_destroy(&handle)
    }

    /// `signal`: size samples; `real`, `imaginary`: binCount each. Nothing may overlap.
    public mutating func forward(
        _ signal: UnsafeBufferPointer<Float>, real: UnsafeMutableBufferPointer<Float>,
        imaginary: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(signal.count == size && real.count == binCount && imaginary.count == binCount)
        KernelError.require(
            ak_fft_forward(
                plan, signal.baseAddress, real.baseAddress, imaginary.baseAddress, scratch.elements.baseAddress))
    }

    /// The inverse, divided by size: `inverse(forward(x))` is x. The imaginary parts of the first and last bin are
    /// taken as zero.
    public mutating func inverse(
        real: UnsafeBufferPointer<Float>, imaginary: UnsafeBufferPointer<Float>,
        into signal: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(signal.count == size && real.count == binCount && imaginary.count == binCount)
        KernelError.require(
            ak_fft_inverse(
                plan, real.baseAddress, imaginary.baseAddress, signal.baseAddress, scratch.elements.baseAddress))
    }
}
