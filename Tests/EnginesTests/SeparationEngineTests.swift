import Core
import Glibc
import Media
import Synchronization
import Testing

@testable import Engines

@Suite struct SeparationEngineTests {
    private func separate(
        _ input: AudioBlock, _ model: SeparationModel, _ change: (inout SeparationOptions) -> Void = { _ in },
        threads: Int = 2
    ) throws -> (stems: [[[Float]]], result: SeparationResult) {
        var options = SeparationOptions()
        change(&options)
        let count = try options.chosenStems(of: model.stems).count
        let sinks = (0..<count).map { _ in MemorySink() }
        let result = try engine(model, threads: threads).separate(MemorySource(input), into: sinks, options: options)
        return (sinks.map(\.planes), result)
    }

    private var passThrough: SeparationModel { model([ScalingNetwork { _ in 1 }, ScalingNetwork { _ in 0 }]) }

    @Test func `a process that may use one core runs one thread`() async {
        // In a process of its own: the test changes its thread's affinity.
        await #expect(processExitsWith: .success) {
            typealias SetAffinity = @convention(c) (pid_t, Int, UnsafeRawPointer) -> Int32
            // Glibc's module lacks it.
            let symbol = try #require(dlsym(nil, "sched_setaffinity"))
            // SAFETY: the signature of sched_setaffinity(2), its cpu_set_t as bytes.
            let setAffinity = unsafeBitCast(symbol, to: SetAffinity.self)
            let current = try #require(
                (0..<1024).first { core in
                    var mask = [UInt8](repeating: 0, count: 128)
                    mask[core / 8] = 1 << UInt8(core % 8)
                    return setAffinity(0, mask.count, mask) == 0
                })
            let cache = ModelCache { (_) throws(EngineError) in throw .emptyInput }
            #expect(SeparationEngine(models: cache).threadCount == 1, "on core \(current)")
        }
    }

    @Test(arguments: [
        1, 441, 4097, 520_191, 520_192, 520_193, 1_100_000,
    ])
    func `a mask of one gives the input back, to the sample`(frames: Int) throws {
        let input = testSignal(frames: frames)
        let (stems, result) = try separate(input, passThrough)
        #expect(result.stems.map(\.frameCount) == [Int64(frames), Int64(frames)])
        for channel in 0..<2 {
            #expect(worstError(stems[0][channel], planes(of: input)[channel]) < -110)
            #expect(worstError(stems[1][channel], [Float](repeating: 0, count: frames)) < 480)
            #expect(stems[1][channel].allSatisfy { abs($0) < 1e-4 })
        }
    }

    @Test(arguments: [(0.25, 1), (0.33, 2), (0, 4)] as [(Double, Int)])
    func `overlap and shifts keep time and level`(overlap: Double, shifts: Int) throws {
        let input = testSignal(frames: 700_001)
        let (stems, _) = try separate(input, passThrough) {
            $0.overlap = overlap
            $0.shifts = shifts
        }
        for channel in 0..<2 {
            #expect(worstError(stems[0][channel], planes(of: input)[channel]) < -110)
        }
    }

    @Test(arguments: [0.0, 0.5])
    func `stems share the input by their masks and add up to it`(overlap: Double) throws {
        let input = testSignal(frames: 600_000)
        let three = model([ScalingNetwork { _ in 1 }, ScalingNetwork { _ in 2 }, ScalingNetwork { _ in 1 }])
        let (stems, _) = try separate(input, three) { $0.overlap = overlap }
        let expected = planes(of: input)[1]
        for (stem, share) in zip(stems, [1, 4, 1] as [Float]) {
            #expect(worstError(stem[1].map { $0 * 6 / share }, expected) < -100)
        }
    }

    @Test func `neighbouring segments are cross-faded without a jump`() throws {
        // The first segment goes to one stem, the second to the other.
        let networks = [
            ScalingNetwork { $0 == 0 ? 1 : 0 }, ScalingNetwork { $0 == 0 ? 0 : 1 },
        ]
        let input = AudioBlock(channelCount: 2, frameCount: 700_000, samples: [Float](repeating: 0.5, count: 1_400_000))
        let (stems, _) = try separate(input, model(networks)) { $0.overlap = 0.5 }
        let steps = zip(stems[0][0].dropFirst(8192), stems[0][0].dropFirst(8193)).map { abs($0 - $1) }
        #expect(steps.max() ?? 1 < 0.01)
        #expect(abs(stems[0][0][100_000] - 0.5) < 1e-3)
        #expect(abs(stems[0][0][600_000]) < 1e-3)
    }

    @Test(arguments: [1, 2])
    func `with residual on, the stems add up to the mix within float32's rounding`(shifts: Int) throws {
        let input = testSignal(frames: 650_000)
        let lossy = model([ScalingNetwork { _ in 3 }, ScalingNetwork { _ in 1 }])
        let (stems, result) = try separate(input, lossy) {
            $0.residual = true
            $0.shifts = shifts
        }
        let loudest = Double(result.stems.map(\.peak).max() ?? 0)
        for channel in 0..<2 {
            let sums = zip(stems[0][channel], stems[1][channel]).map { $0 + $1 }
            let error = zip(sums, planes(of: input)[channel]).reduce(0) { max($0, abs(Double($1.0 - $1.1))) }
            #expect(error <= loudest * 0x1p-24)
        }
    }

    @Test func `a subset writes the chosen stems only, in the model's order`() throws {
        let input = testSignal(frames: 10_000)
        let (stems, result) = try separate(input, passThrough) { $0.stems = ["accompaniment"] }
        #expect(result.stems.map(\.name) == ["accompaniment"])
        #expect(stems.count == 1)
    }

    @Test func `silence in, silence out`() throws {
        let input = AudioBlock(channelCount: 2, frameCount: 100_000)
        let (stems, result) = try separate(input, passThrough)
        #expect(stems.joined().joined().allSatisfy { $0 == 0 })
        #expect(result.stems.map(\.peak) == [0, 0])
    }

    @Test func `near-silence stays finite`() throws {
        let input = AudioBlock(
            channelCount: 2, frameCount: 50_000, samples: (0..<100_000).map { $0 % 2 == 0 ? 1e-38 : -1e-38 })
        let (stems, _) = try separate(input, passThrough)
        #expect(stems.joined().joined().allSatisfy { $0.isFinite })
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, 3e38])
    func `a damaged sample is taken as silence and said in the notes`(damage: Float) throws {
        var input = testSignal(frames: 60_000)
        input.samples[30_000] = damage
        let (stems, result) = try separate(input, passThrough)
        #expect(stems.joined().joined().allSatisfy { $0.isFinite })
        #expect(abs(stems[0][0][30_000]) < 1e-4)
        #expect(result.notes.contains { $0.hasPrefix("1 samples") })
    }

    @Test func `an input of no frames is refused`() {
        let empty = AudioBlock(channelCount: 2, frameCount: 0)
        #expect(throws: EngineError.emptyInput) { try separate(empty, passThrough) }
    }

    @Test func `the same input gives the same bytes, on one thread or two`() throws {
        let input = testSignal(frames: 560_000)
        let first = try separate(input, passThrough) { $0.shifts = 2 }
        let again = try separate(input, passThrough, { $0.shifts = 2 }, threads: 1)
        #expect(first.stems == again.stems)
    }

    @Test func `a raised flag ends the work at the next step`() throws {
        let flag = CancellationFlag()
        let network = ScalingNetwork({ _ in 1 }, onRun: { if $0 == 1 { flag.raise() } })
        let long = MeteredSource(frames: 20_000_000)
        #expect(throws: EngineError.canceled) {
            try engine(model([network])).separate(
                long, into: [MemorySink()], options: SeparationOptions(), cancellation: flag)
        }
        #expect(network.runCount == 2)
    }

    @Test func `what is read but not yet written is bounded, however long the song`() throws {
        for (frames, shifts) in [(2_000_000, 1), (6_000_000, 1), (2_500_000, 2)] {
            let source = MeteredSource(frames: frames)
            let sink = CountingSink()
            sink.onWrite = { source.written = sink.frameCount }
            var options = SeparationOptions()
            options.shifts = shifts
            _ = try engine(model([ScalingNetwork { _ in 1 }])).separate(source, into: [sink], options: options)
            #expect(sink.frameCount == frames)
            // A segment being computed, one being read, one waiting to be written, and an ensemble's spread.
            #expect(source.aheadMax <= (shifts > 1 ? 4 : 3) * 512 * 1024 + 4096)
        }
    }

    @Test func `an error in a sink ends the work`() throws {
        let sink = CountingSink()
        sink.failure = .storage(path: "stem", errorNumber: 28)
        #expect(throws: EngineError.storage(path: "stem", errorNumber: 28)) {
            try engine(model([ScalingNetwork { _ in 1 }])).separate(
                MeteredSource(frames: 2_000_000), into: [sink], options: SeparationOptions())
        }
    }

    @Test func `the progress never falls, begins with loading and ends at one`() throws {
        let seen = Mutex<[(Double, EngineStep)]>([])
        _ = try engine(passThrough).separate(
            MeteredSource(frames: 4_000_000), into: [CountingSink(), CountingSink()], options: SeparationOptions()
        ) { fraction, step in seen.withLock { $0.append((fraction, step)) } }
        let reports = seen.withLock { $0 }
        #expect(reports.first?.1 == .load)
        #expect(reports.last?.0 == 1)
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.0.0 <= $0.1.0 })
        #expect(reports.count > 5)
    }
}

/// A quiet tone of any length, that notes how far its reader is ahead of what was written.
private final class MeteredSource: AudioSource {
    private let frames: Int
    private var position = 0
    var written = 0
    private(set) var aheadMax = 0

    init(frames: Int) { self.frames = frames }

    var expectedFrameCount: Int64? { Int64(frames) }

    func read(into planes: [UnsafeMutableBufferPointer<Float>]) throws(EngineError) -> Int {
        let count = min(planes[0].count, frames - position)
        for plane in planes { plane[..<count].update(repeating: 0.25) }
        position += count
        aheadMax = max(aheadMax, position - written)
        return count
    }

    func finish() throws(EngineError) -> AudioSourceSummary {
        AudioSourceSummary(frameCount: Int64(frames), sampleRate: 44_100)
    }
}

private final class CountingSink: StemSink {
    private(set) var frameCount = 0
    var failure: EngineError?
    var onWrite: () -> Void = {}

    func write(_ planes: [UnsafeBufferPointer<Float>]) throws(EngineError) {
        if let failure { throw failure }
        frameCount += planes[0].count
        onWrite()
    }
}
