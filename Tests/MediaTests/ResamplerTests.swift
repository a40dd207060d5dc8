import Core
import Glibc
import Media
import Testing

@Suite struct ResamplerTests {
    private func resample(_ block: AudioBlock, _ rates: (Int, Int), count: Int64? = nil, piece: Int = 1777) throws
        -> AudioBlock
    {
        let resampler = try Resampler(inputRate: rates.0, outputRate: rates.1, channelCount: block.channelCount)
        var planes = [[Float]](repeating: [], count: block.channelCount)
        func take(_ part: AudioBlock) { for channel in planes.indices { planes[channel] += part.plane(channel) } }
        for start in stride(from: 0, to: block.frameCount, by: piece) {
            let end = min(start + piece, block.frameCount)
            let samples = (0..<block.channelCount).flatMap { block.plane($0).dropFirst(start).prefix(end - start) }
            take(
                try resampler.process(
                    AudioBlock(channelCount: block.channelCount, frameCount: end - start, samples: samples)))
        }
        take(try resampler.finish(outputFrameCount: count))
        return AudioBlock(channelCount: planes.count, frameCount: planes[0].count, samples: planes.flatMap { $0 })
    }

    @Test(arguments: [(48_000, 44_100), (44_100, 48_000), (96_000, 44_100), (22_050, 44_100), (44_100, 44_100)])
    func `a tone comes out in phase, at its level, without noise`(from: Int, to: Int) throws {
        let out = try resample(tone(seconds: 1, sampleRate: from), (from, to))
        let ideal = tone(seconds: 1, sampleRate: to)
        #expect(out.frameCount == ideal.frameCount)
        let skip = to / 10
        #expect(signalToNoise(ideal, out, skip: skip) > 100)
        // The phase at 440 Hz, by correlation with sine and cosine over whole periods, as a delay in samples.
        let step = 2 * Double.pi * 440 / Double(to)
        var (inPhase, quadrature) = (0.0, 0.0)
        for frame in skip..<skip + to / 2 {
            inPhase += Double(out.samples[frame]) * sin(step * Double(frame))
            quadrature += Double(out.samples[frame]) * cos(step * Double(frame))
        }
        #expect(abs(atan2(quadrature, inPhase) / step) < 1e-3)
    }

    @Test(arguments: [48_000, 96_000, 32_000, 8000])
    func `a round trip through 44,1 kHz keeps length and position`(rate: Int) throws {
        for count in [rate, rate + 1, rate + 7, rate / 2 + 3] {
            let source = tone(seconds: Double(count) / Double(rate), sampleRate: rate)
            let middle = try resample(source, (rate, 44_100))
            let back = try resample(middle, (44_100, rate), count: Int64(count))
            #expect(back.frameCount == count)
            #expect(signalToNoise(source, back, skip: rate / 20) > 90)
        }
    }

    @Test func `what lies above the lower Nyquist frequency is removed`() throws {
        var block = AudioBlock(channelCount: 1, frameCount: 96_000)
        for frame in 0..<96_000 { block.samples[frame] = Float(sin(2 * Double.pi * 30_000 * Double(frame) / 96_000)) }
        let out = try resample(block, (96_000, 44_100))
        let loudest = out.samples[4410..<39_690].map { abs($0) }.max() ?? 1
        #expect(loudest < 1e-4)
    }

    @Test func `rates and channel counts out of range are refused`() {
        expectRefusal(.invalidOption) { _ = try Resampler(inputRate: 0, outputRate: 44_100, channelCount: 2) }
        expectRefusal(.invalidOption) { _ = try Resampler(inputRate: 48_000, outputRate: 44_100, channelCount: 9) }
    }
}
