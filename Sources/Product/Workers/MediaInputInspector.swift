internal import Core
public import Media
public import Studio

/// Inspects uploads in the sandboxed media child, a bounded number at a time.
public struct MediaInputInspector: InputInspector {
    private let limits: MediaLimits
    private let pool: BlockingPool

    /// - Parameter threads: uploads inspected at one time; the others wait their turn.
    public init(limits: MediaLimits, threads: Int) {
        self.limits = limits
        pool = BlockingPool(name: "inspect", threads: threads)
    }

    public func inspect(path: String) async throws(JobError) -> InputProperties {
        let limits = limits
        let probe: MediaProbe
        do {
            probe = try await pool.run { try MediaInspector.probe(path: path, limits: limits) }
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
