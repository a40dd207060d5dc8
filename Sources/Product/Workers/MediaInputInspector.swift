internal import Core
public import Media
public import Studio
internal import Synchronization

/// Inspects uploads in the sandboxed media child, a bounded number at a time.
public struct MediaInputInspector: InputInspector {
    /// Uploads that wait to be inspected; beyond it the server says that it is overloaded.
    static let waitingMax = 64

    private let limits: MediaLimits
    private let pool: BlockingPool
    private let admission = Admission(countMax: waitingMax)

    /// - Parameter threads: uploads inspected at one time; the others wait their turn.
    public init(limits: MediaLimits, threads: Int) {
        self.limits = limits
        pool = BlockingPool(name: "inspect", threads: threads)
    }

    public func inspect(path: String) async throws(JobError) -> InputProperties {
        guard admission.enter() else { throw .overloaded }
        defer { admission.leave() }
        let (limits, pool) = (limits, pool)
        let flag = CancellationFlag()
        let probe: MediaProbe
        do {
            // A client that has gone away needs no answer: its turn goes to the next one.
            probe = try await withTaskCancellationHandler {
                try await pool.run { try MediaInspector.probe(path: path, limits: limits, cancellation: flag) }
            } onCancel: {
                flag.raise()
            }
        } catch let error as MediaError {
            guard error.kind != .internalError, !error.isCanceled else {
                throw .internal(cause: error.description)
            }
            throw .unacceptableInput(error.code, detail: error.detail)
        } catch {
            throw .internal(cause: "\(error)")
        }
        guard let durationSeconds = probe.durationSeconds else {
            throw .unacceptableInput(.mediaUnreadable, detail: "The file does not tell its duration.")
        }
        return InputProperties(
            container: probe.container, codec: probe.codec, durationSeconds: durationSeconds,
            sampleRate: probe.sampleRate, channelCount: probe.channelCount, notes: probe.notes)
    }
}

/// Counts who is inside.
private final class Admission: Sendable {
    private let countMax: Int
    private let count = Atomic<Int>(0)

    init(countMax: Int) { self.countMax = countMax }

    func enter() -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= countMax else {
            leave()
            return false
        }
        return true
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}
