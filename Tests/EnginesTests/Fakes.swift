import Core
import Engines
import Media
import Synchronization

/// A network that passes on a fixed share of the magnitudes, and counts its runs.
final class ScalingNetwork: StemNetwork {
    private let scale: @Sendable (_ run: Int) -> Float
    private let onRun: @Sendable (_ run: Int) -> Void
    private let runs = Mutex(0)

    init(
        _ scale: @escaping @Sendable (_ run: Int) -> Float, onRun: @escaping @Sendable (_ run: Int) -> Void = { _ in }
    ) {
        self.scale = scale
        self.onRun = onRun
    }

    var runCount: Int { runs.withLock { $0 } }

    func makeRun() throws(EngineError) -> any StemNetworkRun { Run(network: self) }

    private struct Run: StemNetworkRun {
        let network: ScalingNetwork

        func estimate(
            _ magnitudes: UnsafeBufferPointer<Float>, into estimate: UnsafeMutableBufferPointer<Float>,
            cancellation: CancellationFlag
        ) throws(EngineError) {
            let run = network.runs.withLock { count in
                count += 1
                return count - 1
            }
            network.onRun(run)
            if cancellation.isRaised { throw .canceled }
            let scale = network.scale(run)
            for index in magnitudes.indices { estimate[index] = scale * magnitudes[index] }
        }
    }
}

func model(
    _ networks: [any StemNetwork], id: String = "fake", overlap: Double = 0, byteCount: Int = 1
) -> SeparationModel {
    SeparationModel(
        id: id, stems: Array(["vocals", "accompaniment", "drums", "bass"].prefix(networks.count)),
        networks: networks, segmentFrames: 512, knownBins: 1024, overlap: overlap, byteCount: byteCount)
}

func engine(_ model: SeparationModel, threads: Int = 2) -> SeparationEngine {
    let cache = ModelCache { (_) throws(EngineError) in model }
    return SeparationEngine(models: cache, threadCount: threads, niceness: 0)
}

/// Seeded noise and tones in stereo, the channels different: bit for bit what Tests/Peers/separation_golden.py makes.
func testSignal(frames: Int, seed: UInt64 = 1) -> AudioBlock {
    var state = seed
    var block = AudioBlock(channelCount: 2, frameCount: frames)
    for frame in 0..<frames {
        let time = Double(frame) / 44_100
        for channel in 0..<2 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let noise = Double(Int64(bitPattern: state) >> 40) / 8_388_608
            block.samples[channel * frames + frame] = Float(0.1 * noise + tones(at: time, channel: channel))
        }
    }
    return block
}

/// A pulsing chord with vibrato; the second channel is a fifth higher.
private func tones(at time: Double, channel: Int) -> Double {
    let pitch = channel == 0 ? 220.0 : 330.0
    let pulse = 0.5 - 0.5 * cosine(2 * time)
    let vibrato = 0.5 * sine(5 * time)
    return 0.2 * pulse * sine(pitch * time + vibrato) + 0.1 * sine(3.01 * pitch * time) + 0.05
        * sine(0.25 * pitch * time)
}

/// 20·log₁₀ of the largest difference over the largest sample of `expected`; −∞ for equality.
func worstError(_ actual: [Float], _ expected: [Float]) -> Double {
    precondition(actual.count == expected.count)
    let difference = zip(actual, expected).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
    let peak = expected.reduce(0) { max($0, abs(Double($1))) }
    return 20 * logarithm(difference / max(peak, 1e-30))
}

func planes(of block: AudioBlock) -> [[Float]] { (0..<block.channelCount).map { Array(block.plane($0)) } }
