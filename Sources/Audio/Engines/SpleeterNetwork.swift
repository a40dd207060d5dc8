internal import Core
internal import Kernels
internal import Models

/// One stem's Spleeter U-Net in ONNX Runtime.
final class SpleeterNetwork: StemNetwork {
    private let session: ONNXSession

    /// Reads the checkpoint and prepares its network; the emitted graph lives only meanwhile.
    init(checkpoint path: String, model id: String, runtime: ONNXRuntime) throws(EngineError) {
        let bytes: [UInt8]
        do throws(CheckpointError) {
            bytes = try SpleeterUNet(checkpoint: Checkpoint(readingFile: path)).model().encode()
        } catch {
            throw .modelUnusable(id: id, cause: "\(error)")
        }
        do throws(KernelError) {
            session = try bytes.withUnsafeBufferPointer { (bytes) throws(KernelError) in
                try ONNXSession(runtime, bytes: UnsafeRawBufferPointer(bytes))
            }
        } catch {
            throw .modelUnusable(id: id, cause: "\(error)")
        }
    }

    func makeRun() throws(EngineError) -> any StemNetworkRun {
        do throws(KernelError) {
            return Run(run: try ONNXRun(session))
        } catch {
            throw .computation(cause: "\(error)")
        }
    }

    private struct Run: StemNetworkRun {
        static let shape = [
            1, SpleeterUNet.channelCount, SpleeterUNet.framesPerSegment, SpleeterUNet.binCount,
        ]

        let run: ONNXRun

        func estimate(
            _ magnitudes: UnsafeBufferPointer<Float>, into estimate: UnsafeMutableBufferPointer<Float>,
            cancellation: CancellationFlag
        ) throws(EngineError) {
            do throws(KernelError) {
                try run.execute(
                    inputs: [ONNXTensor(SpleeterUNet.inputName, Self.shape, reading: magnitudes)],
                    outputs: [ONNXTensor(SpleeterUNet.outputName, Self.shape, writing: estimate)],
                    unless: cancellation)
            } catch .canceled {
                throw .canceled
            } catch {
                throw .computation(cause: "\(error)")
            }
        }
    }
}
