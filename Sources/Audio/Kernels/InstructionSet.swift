internal import CKernels

/// Which instructions a kernel uses; `automatic` everywhere but in tests and benchmarks.
public enum InstructionSet: Sendable, CaseIterable {
    /// The best that this processor has.
    case automatic
    /// Plain C for the platform's baseline: the reference that the others are compared with.
    case scalar
    /// AVX2 with FMA.
    case avx2

    /// What `automatic` comes to on this processor.
    public static var best: InstructionSet { InstructionSet.avx2.isAvailable ? .avx2 : .scalar }

    /// Whether this processor has it.
    public var isAvailable: Bool {
        var resolved = AK_SIMD_AUTO
        return ak_simd_resolve(code, &resolved) == AK_OK
    }

    var code: ak_simd {
        switch self {
        case .automatic: AK_SIMD_AUTO
        case .scalar: AK_SIMD_SCALAR
        case .avx2: AK_SIMD_AVX2
        }
    }
}
