internal import Core
internal import Studio
internal import Synchronization
internal import Telemetry

/// Carries an engine's progress from its thread to the job service, one message at a time and without blocking.
///
/// Fractions may be dropped, the newest counts; stages are kept in order.
final class ProgressRelay: ServiceProgress {
    /// How often a fraction is written to the database; watchers of this process see every one.
    private static let keptMillisecondsMin: Int64 = 2000
    /// A run has a handful of stages; this bounds a runner that has gone mad.
    private static let messagesMax = 256

    private enum Message {
        case fraction(Double, step: String)
        case stage(String, detail: JSON)
    }
    private let continuation: AsyncStream<Message>.Continuation
    private let sender: Task<Void, Never>

    init(jobs: JobService, job: Job, log: Logger, time: any TimeSource, tasks: (any TaskExecutor)?) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Message.self, bufferingPolicy: .bufferingOldest(Self.messagesMax))
        self.continuation = continuation
        sender = Task(executorPreference: tasks) {
            var keptAt: Int64?
            for await message in stream {
                do {
                    switch message {
                    case .fraction(let fraction, let step):
                        let now = time.uptimeMilliseconds()
                        let isKept = keptAt.map { now - $0 >= Self.keptMillisecondsMin } ?? true
                        if isKept { keptAt = now }
                        try await jobs.progress(fraction, step: step, of: job, isKept: isKept)
                    case .stage(let name, let detail):
                        try await jobs.record(name, detail: detail, of: job)
                    }
                } catch {
                    // The figure is a courtesy: a job is not failed for it.
                    log.warning("progress not recorded", ["job": job.id.text, "error": "\(error)"])
                }
            }
        }
    }

    func reached(_ fraction: Double, step: String) { continuation.yield(.fraction(fraction, step: step)) }

    func finished(stage: String, detail: JSON) { continuation.yield(.stage(stage, detail: detail)) }

    /// Returns when everything said so far is recorded.
    func drain() async {
        continuation.finish()
        await sender.value
    }
}
