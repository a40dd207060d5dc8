import Testing

@testable import Engines

@Suite struct SegmentPlanTests {
    @Test func `the weights of two neighbours rise from nearly 0 to nearly 1`() {
        let plan = SegmentPlan(segmentFrames: 512, overlap: 0.25)
        #expect(plan.hopFrames == 384)
        let weights = (0..<plan.sharedFrames).map { plan.laterWeight(at: $0) }
        #expect(weights.allSatisfy { $0 > 0 && $0 < 1 })
        #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 < $1 })
        #expect(abs((weights.first ?? 1) + (weights.last ?? 1) - 1) < 1e-6)
    }

    @Test(arguments: [0.0, 0.25, 0.5])
    func `no frame lies in more than two segments`(overlap: Double) {
        let plan = SegmentPlan(segmentFrames: 512, overlap: overlap)
        #expect(plan.sharedFrames <= plan.hopFrames)
    }
}

@Suite struct FramingTests {
    @Test(arguments: [(1, 5), (1024, 5), (1025, 6), (4096, 8)] as [(Int64, Int64)])
    func `a song is framed behind one window of silence`(samples: Int64, frames: Int64) {
        #expect(Framing().frameCount(sampleCount: samples) == frames)
    }

    @Test func `the shifts of an ensemble differ within the segment and within the hop`() {
        let shifts = Framing.shifts(count: 4, segmentFrames: 512)
        #expect(shifts == [0, 131_328, 262_656, 393_984])
        #expect(Set(shifts.map { $0 % Framing.hop }).count == 4)
    }
}
