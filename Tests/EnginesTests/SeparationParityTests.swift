import Core
import Engines
import Media
import Support
import Testing

/// The published weights in our pipeline, against PyTorch and against the truth.
@Suite(.serialized) struct SeparationParityTests {
    /// Golden values: Tests/Peers/separation_golden.py, PyTorch with the same weights and the original's framing.
    @Test func `the stems of a seeded signal are PyTorch's`() throws {
        let text = try #require(Repository.text("Tests/Fixtures/separation_golden.json"))
        let golden = try JSONParser.parse(Array(text.utf8))
        let frames = try #require(golden["frames"]?.integer)
        let stride = try #require(golden["stride"]?.integer)
        let sinks = [MemorySink(), MemorySink()]
        let result = try RealWeights.engine().separate(
            MemorySource(testSignal(frames: Int(frames))), into: sinks, options: SeparationOptions())
        for (stem, sink) in zip(result.stems, sinks) {
            for channel in 0..<2 {
                let expected = try #require(golden["stems"]?[stem.name]?.array?[channel].array).compactMap(\.double)
                let actual = Swift.stride(from: 0, to: Int(frames), by: Int(stride)).map {
                    sink.planes[channel][$0]
                }
                // −80 dB: the stated tolerance of 1e-4 relative, over networks, masks and transforms.
                #expect(worstError(actual, expected.map { Float($0) }) < -80, "\(stem.name), channel \(channel)")
            }
        }
    }

    /// Source: engines.md's table; a reference with these weights and the original's framing gives 5.18 and 11.88 dB.
    @Test func `the score on the stempeg track is the reference's`() throws {
        let truth = try ["vocals", "drums", "bass", "other"].map { try Fixtures.planes("stempeg/\($0).wav") }
        let frames = truth[0][0].count
        func sum(_ stems: ArraySlice<[[Float]]>) -> [Float] {
            (0..<2).flatMap { channel in
                (0..<frames).map { frame in stems.reduce(0) { $0 + $1[channel][frame] } }
            }
        }
        let mix = AudioBlock(channelCount: 2, frameCount: frames, samples: sum(truth[...]))
        let sinks = [MemorySink(), MemorySink()]
        _ = try RealWeights.engine().separate(MemorySource(mix), into: sinks, options: SeparationOptions())
        let scores = zip([sum(truth[..<1]), sum(truth[1...])], sinks).map { truth, sink in
            distortionRatio(truth, Array(sink.planes.joined()))
        }
        #expect(scores[0] >= 5.1, "vocals \(scores[0]) dB")
        #expect(scores[1] >= 11.8, "accompaniment \(scores[1]) dB")
    }

    @Test(arguments: [1, 441])
    func `very short inputs come out as long as they went in`(frames: Int) throws {
        let sinks = [MemorySink(), MemorySink()]
        _ = try RealWeights.engine().separate(
            MemorySource(testSignal(frames: frames)), into: sinks, options: SeparationOptions())
        #expect(sinks.flatMap(\.planes).allSatisfy { $0.count == frames })
    }

    @Test func `the network gives silence for silence and the same bytes twice`() throws {
        let engine = try RealWeights.engine()
        let silence = [MemorySink(), MemorySink()]
        _ = try engine.separate(
            MemorySource(AudioBlock(channelCount: 2, frameCount: 50_000)), into: silence,
            options: SeparationOptions())
        #expect(silence.flatMap(\.planes).joined().allSatisfy { $0 == 0 })
        let (first, second) = ([MemorySink(), MemorySink()], [MemorySink(), MemorySink()])
        for sinks in [first, second] {
            _ = try engine.separate(
                MemorySource(testSignal(frames: 50_000)), into: sinks, options: SeparationOptions())
        }
        #expect(zip(first, second).allSatisfy { $0.planes == $1.planes })
    }

    @Test func `a raised flag ends a running network`() throws {
        let flag = CancellationFlag()
        flag.raise()
        let model = try RealWeights.engine()
        #expect(throws: EngineError.canceled) {
            try model.separate(
                MemorySource(testSignal(frames: 10_000)), into: [MemorySink(), MemorySink()],
                options: SeparationOptions(), cancellation: flag)
        }
    }
}

/// 10·log₁₀(Σ s² / Σ (s − ŝ)²).
private func distortionRatio(_ truth: [Float], _ estimate: [Float]) -> Double {
    let signal = truth.reduce(0) { $0 + Double($1) * Double($1) }
    let noise = zip(truth, estimate).reduce(0) {
        $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
    }
    return 10 * logarithm(signal / noise)
}
