public import Core
internal import Glibc
public import Media

extension SeparationEngine {
    /// The share of the progress that separating takes where encoding follows it.
    private static let separatingShare = 0.85

    /// Separates a file into `<directory>/<stem>.<extension>`; blocks its thread until done.
    ///
    /// The stems have the input's rate and length, to the sample, in stereo (where a format has no such rate, the
    /// nearest that it has). A stem that would exceed the format's full scale brings the same gain to all stems, said
    /// in the notes; `wav32f` is left as it is. No file bears its name before all of it is there; after an error or a
    /// cancellation none is left.
    ///
    /// - Parameters:
    ///   - directory: must exist; also holds the temporary files, 8 bytes a frame and stem, which have no names.
    ///   - cancellation: looked at every 0.1 s while a network computes, and between all steps.
    ///   - deadlineSeconds: for the decoding; nil: none.
    public func separate(
        file path: String, into directory: String, options: SeparationOptions, limits: MediaLimits = MediaLimits(),
        worker: MediaWorkerExecutable = .standard, deadlineSeconds: Double? = nil,
        cancellation: CancellationFlag = CancellationFlag(), progress: Progress = { _, _ in }
    ) throws(EngineError) -> SeparationResult {
        try options.validate()
        let clock = StageClock()
        progress(0, .load)
        let decoder = try asEngineError { () throws(MediaError) in
            try MediaDecoder(
                path: path, target: MediaTarget(sampleRate: Self.sampleRate, channelCount: Self.channelCount),
                limits: limits, cancellation: cancellation, deadlineSeconds: deadlineSeconds, worker: worker)
        }
        defer { decoder.close() }
        let source = try DecodedFileSource(decoder: decoder)
        let model = try clock.measure(.load) { () throws(EngineError) in try models.model(options.model) }
        var writers: [StemFileWriter] = []
        for stem in try options.chosenStems(of: model.stems) {
            writers.append(
                try StemFileWriter(
                    stem: model.stems[stem], directory: directory, format: options.format,
                    sampleRate: source.sampleRate))
        }
        let team = try WorkerTeam(threadCount: threadCount, niceness: niceness)
        let share = options.format == .wav32f ? 1 : Self.separatingShare
        var outcome = try run(
            model, source: source, sinks: writers, options: options, team: team, clock: clock,
            cancellation: cancellation
        ) { progress($0 * share, .separate) }
        for writer in writers {
            try clock.measure(.encode) { () throws(EngineError) in
                try writer.end(frameCount: outcome.source.frameCount)
            }
        }
        let gain = Self.commonGain(writers, format: options.format, notes: &outcome.notes)
        let files = try encode(
            writers, gain: gain, team: team, clock: clock, cancellation: cancellation
        ) { progress(share + (1 - share) * $0, .encode) }
        progress(1, .encode)
        return SeparationResult(
            stems: zip(writers, files).map { writer, file in
                StemResult(
                    name: writer.stem, frameCount: writer.frameCount, peak: writer.peak, gain: gain, file: file)
            },
            frameCount: outcome.source.frameCount, sampleRate: source.sampleRate, notes: outcome.notes,
            timings: clock.timings)
    }

    /// The gain that keeps every stem below full scale.
    private static func commonGain(
        _ writers: [StemFileWriter], format: AudioFormat, notes: inout [String]
    ) -> Float {
        let peak = writers.map(\.peak).max() ?? 0
        guard peak > StemFileWriter.peakMax else { return 1 }
        let loudest = "the loudest stem peaks at \(inDecibels(peak)) dBFS"
        guard format != .wav32f else {
            notes.append("\(loudest): kept as it is in 32-bit float")
            return 1
        }
        let gain = StemFileWriter.peakMax / peak
        notes.append("\(loudest): all stems were lowered by \(inDecibels(1 / gain)) dB so that none clips")
        return gain
    }

    private static func inDecibels(_ ratio: Float) -> String {
        let hundredths = Int((decibels(ratio) * 100).rounded(.up))
        return "\(hundredths / 100).\(padded(Int64(hundredths % 100), 2))"
    }

    private func encode(
        _ writers: [StemFileWriter], gain: Float, team: WorkerTeam, clock: StageClock,
        cancellation: CancellationFlag, progress: (Double) -> Void
    ) throws(EngineError) -> [StemFile] {
        let blocks = max(1, (writers[0].frameCount - 1) / Int64(StemSpool.framesPerBlock) + 1)
        var done: Int64 = 0
        let more = AnswerBox()
        repeat {
            if cancellation.isRaised { throw .canceled }
            progress(min(1, Double(done) / Double(blocks)))
            try team.run(writers.count) { (index) throws(EngineError) in
                try clock.measure(.encode) { () throws(EngineError) in
                    let isMore = try writers[index].encodeBlock(gain: gain)
                    if index == 0 { more.set(isMore) }
                }
            }
            done += 1
        } while more.value
        var files: [StemFile] = []
        for writer in writers {
            files.append(try clock.measure(.encode) { () throws(EngineError) in try writer.finish() })
        }
        return files
    }
}

/// One task's answer to its round's owner.
private final class AnswerBox: @unchecked Sendable {
    // SAFETY: one task writes during a round; the owner reads after it, ordered by the team's lock.
    private(set) var value = false

    func set(_ value: Bool) { self.value = value }
}
