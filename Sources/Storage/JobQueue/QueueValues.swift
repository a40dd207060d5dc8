public import Core
public import Database
internal import Synchronization

/// A worker's hold on one task. The token changes with every claim, so that a stale worker cannot settle.
public struct Claim: Sendable {
    public let taskID: String
    public let kind: String
    /// Whose task it is.
    public let fairnessKey: String
    /// Counted at the claim: the first is 1.
    public let attempt: Int
    /// Attempts that ended in `retry`.
    public let failures: Int
    /// Attempts whose worker vanished.
    public let deaths: Int
    public let payload: String
    public let token: String
    public let claimedAt: Timestamp
    public let leaseExpiresAt: Timestamp
    let stop = StopSignal()

    /// For a handler that could not settle although nothing is wrong with the task: the executor gives it back as soon
    /// as it can, and counts no death.
    public func leaveUnsettled() { stop.leave() }

    var isLeftUnsettled: Bool { stop.isLeft }

    /// Why the executor raised this attempt's cancellation flag; `nil` while it has not.
    public var stopReason: StopReason? { stop.reason }
}

/// Why an attempt is to stop: the first reason stays.
public enum StopReason: UInt8, Sendable {
    /// Somebody cancelled the task: settle with `markCanceled`.
    case cancelRequested = 1
    /// The claim belongs to somebody else by now: settle nothing.
    case lost
    /// The attempt took too long: settle with `fail` or `retry`.
    case deadline
    /// The process ends: settle with `release`.
    case shutdown
}

final class StopSignal: Sendable {
    private let stored = Atomic<UInt8>(0)
    private let left = Atomic<Bool>(false)

    var isLeft: Bool { left.load(ordering: .acquiring) }

    func leave() { left.store(true, ordering: .releasing) }

    var reason: StopReason? { StopReason(rawValue: stored.load(ordering: .acquiring)) }

    func stop(_ reason: StopReason) {
        _ = stored.compareExchange(expected: 0, desired: reason.rawValue, ordering: .acquiringAndReleasing)
    }
}

public enum CancelOutcome: Sendable {
    /// It was waiting, and will never run.
    case canceledNow
    /// It runs; its worker is told to stop, and may still finish first.
    case signalled
    case alreadyEnded
    case unknown
}

public enum Heartbeat: Sendable {
    case held
    case cancelRequested
    case lost
}

/// How giving a task back to the queue ended.
public enum RetryOutcome: Hashable, Sendable {
    /// It waits again, and runs no earlier than this.
    case scheduled(at: Timestamp)
    /// It failed too often and has ended as failed.
    case exhausted
    /// Its cancellation was asked for meanwhile: it has ended as canceled.
    case canceled
    /// The claim was lost: nothing was changed, and the caller rolls back.
    case lost
}

/// What became of tasks whose worker vanished.
public struct RescueReport: Hashable, Sendable {
    public var requeued: [String] = []
    /// Died too often: ended as failed.
    public var exhausted: [String] = []
    /// Had been asked to stop: ended as canceled.
    public var canceled: [String] = []

    public init() {}

    public var isEmpty: Bool { requeued.isEmpty && exhausted.isEmpty && canceled.isEmpty }
}

/// The caller's mistakes, and the database's answers.
public enum QueueError: Error, Hashable, Sendable {
    /// A task of that name was enqueued before.
    case duplicateTask
    case payloadTooLarge(bytesMax: Int)
    case identifierTooLong(bytesMax: Int)
    case database(DatabaseError)
}
