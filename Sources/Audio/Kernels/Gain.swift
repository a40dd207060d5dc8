internal import CKernels

/// Sample-wise work on float32 signals: peak, gain, mixing, interleaving. Shapes are checked; nothing may overlap.
public enum Gain {
    /// max |x|; 0 for no samples, NaN if one of them is NaN.
    public static func peak(
        _ signal: UnsafeBufferPointer<Float>, instructions: InstructionSet = .automatic
    ) -> Float {
        guard let base = signal.baseAddress, !signal.isEmpty else { return 0 }
        var peak: Float = 0
        KernelError.require(ak_peak(base, signal.count, &peak, instructions.code))
        return peak
    }

    /// signal[n] *= gain.
    public static func apply(
        _ gain: Float, to signal: UnsafeMutableBufferPointer<Float>, instructions: InstructionSet = .automatic
    ) {
        guard let base = signal.baseAddress, !signal.isEmpty else { return }
        KernelError.require(ak_gain_apply(base, signal.count, gain, instructions.code))
    }

    /// accumulator[n] += gain · signal[n]; with gain −1 for each stem a mixture becomes its residual.
    public static func add(
        _ signal: UnsafeBufferPointer<Float>, gain: Float = 1, to accumulator: UnsafeMutableBufferPointer<Float>,
        instructions: InstructionSet = .automatic
    ) {
        precondition(signal.count == accumulator.count)
        guard !signal.isEmpty else { return }
        KernelError.require(
            ak_gain_add(accumulator.baseAddress, signal.baseAddress, signal.count, gain, instructions.code))
    }

    /// planes[c][n] → interleaved[n·channels + c].
    public static func interleave(
        _ planes: [UnsafeBufferPointer<Float>], into interleaved: UnsafeMutableBufferPointer<Float>,
        instructions: InstructionSet = .automatic
    ) {
        let frames = planes.first?.count ?? 0
        precondition(planes.allSatisfy { $0.count == frames } && interleaved.count == frames * planes.count)
        guard frames > 0 else { return }
        KernelError.require(
            ak_interleave(
                planes.map(\.baseAddress), planes.count, frames, interleaved.baseAddress, instructions.code))
    }

    /// interleaved[n·channels + c] → planes[c][n].
    public static func deinterleave(
        _ interleaved: UnsafeBufferPointer<Float>, into planes: [UnsafeMutableBufferPointer<Float>],
        instructions: InstructionSet = .automatic
    ) {
        let frames = planes.first?.count ?? 0
        precondition(planes.allSatisfy { $0.count == frames } && interleaved.count == frames * planes.count)
        guard frames > 0 else { return }
        KernelError.require(
            ak_deinterleave(
                interleaved.baseAddress, planes.count, frames, planes.map(\.baseAddress), instructions.code))
    }
}
