internal import Database
internal import Synchronization

/// The steps in which one task's inconsistent records must cost nobody but itself: together first, and where that
/// fails for what a task is, one by one.
extension Executor {
    struct ClaimOutcome: Sendable {
        var claims: [Claim] = []
        /// Nobody knows whether these were claimed.
        var doubts: [Claim] = []
        var hasDiscarded = false
        var failure: (any Error)?
    }

    private final class Seen: Sendable {
        private let stored = Mutex<(claims: [Claim], names: [String])>(([], []))

        func note(_ claims: [Claim]) { stored.withLock { $0 = (claims, claims.map(\.taskID)) } }

        func note(_ report: RescueReport) {
            stored.withLock { $0.names = report.requeued + report.exhausted + report.canceled }
        }

        var claims: [Claim] { stored.withLock { $0.claims } }
        var names: [String] { stored.withLock { $0.names } }
    }

    // MARK: Claim

    func claimed(limit: Int) async -> ClaimOutcome {
        let first = await claimedTogether(limit: limit)
        guard case .failed(let error, let seen) = first else { return outcome(of: first) }
        guard hooks.blamesTask(error), !seen.isEmpty else { return outcome(of: first) }
        var total = ClaimOutcome(hasDiscarded: true)
        for _ in seen {
            let one = await claimedTogether(limit: 1)
            if case .failed(let error, let seen) = one, hooks.blamesTask(error), let task = seen.first {
                do {
                    try await discardAlone(task.taskID, because: error)
                } catch {
                    total.failure = error
                    return total
                }
                continue
            }
            let next = outcome(of: one)
            total.claims += next.claims
            total.doubts += next.doubts
            total.failure = next.failure
            if next.failure != nil || next.claims.isEmpty && !next.hasDiscarded { return total }
        }
        return total
    }

    private enum Attempt {
        case made([Claim], hasDiscarded: Bool)
        case failed(any Error, seen: [Claim])
    }

    private func outcome(of attempt: Attempt) -> ClaimOutcome {
        switch attempt {
        case .made(let claims, let hasDiscarded): return ClaimOutcome(claims: claims, hasDiscarded: hasDiscarded)
        case .failed(let error, let seen):
            switch DatabaseError(within: error) {
            // Another server has the turn, and keeps it for longer than is worth waiting for: at the next poll.
            case .busy: return ClaimOutcome()
            case .outcomeUnknown: return ClaimOutcome(doubts: seen, failure: error)
            default: return ClaimOutcome(failure: error)
            }
        }
    }

    private func claimedTogether(limit: Int) async -> Attempt {
        let seen = Seen()
        do {
            let claims = try await database.write { [self] connection in
                let taken = try await queue.claim(worker: worker, kinds: kinds, limit: limit, in: connection)
                let claims = try await unheld(taken, connection)
                seen.note(claims)
                guard !claims.isEmpty else { return claims }
                let refused = try await discard(try await hooks.claimed(claims, connection), connection)
                return claims.filter { !refused.contains($0.taskID) }
            }
            return .made(claims, hasDiscarded: claims.count < seen.claims.count)
        } catch {
            return .failed(error, seen: seen.claims)
        }
    }

    /// Of the claims those whose owner's records nobody holds; the others' tasks go back for a moment.
    private func unheld(_ claims: [Claim], _ connection: any DatabaseConnection) async throws -> [Claim] {
        guard !claims.isEmpty else { return [] }
        let free = try await hooks.unheld(Set(claims.map(\.fairnessKey)), connection)
        for claim in claims where !free.contains(claim.fairnessKey) {
            _ = try await queue.snooze(claim, seconds: Self.heldPauseSeconds, in: connection)
        }
        return claims.filter { free.contains($0.fairnessKey) }
    }

    private static let heldPauseSeconds: Double = 1

    // MARK: Rescue

    func takeOver() async throws {
        do {
            try await database.write { [self] connection in
                try await follow(try await queue.takeOver(as: worker, isAlive: isAlive, in: connection), connection)
            }
        } catch  where hooks.blamesTask(error) {
            // Left to the leases, which are looked after one by one.
            hooks.failed(error)
        }
    }

    func rescue(sparing living: [Claim]) async throws {
        let together = Seen()
        do {
            return try await rescue(sparing: living, together)
        } catch  where (hooks.blamesTask(error) || isHeld(error)) && !together.names.isEmpty {}
        for name in together.names {
            do {
                try await rescue(sparing: living, only: name, Seen())
            } catch  where hooks.blamesTask(error) {
                try await discardAlone(name, because: error)
            } catch  where isHeld(error) {
                // At the next rescue.
                hooks.failed(error)
            }
        }
    }

    /// Somebody else keeps the records: of one task, that the others need not wait for.
    private func isHeld(_ error: any Error) -> Bool { DatabaseError(within: error) == .busy }

    private func rescue(sparing living: [Claim], only name: String? = nil, _ seen: Seen) async throws {
        try await database.write { [self] connection in
            let report = try await queue.rescue(sparing: living, only: name, in: connection)
            seen.note(report)
            try await follow(report, connection)
        }
    }

    /// Tells the owner what became of tasks, and ends those that it cannot make anything of.
    func follow(_ report: RescueReport, _ connection: any DatabaseConnection) async throws {
        guard !report.isEmpty else { return }
        _ = try await discard(try await hooks.rescued(report, connection), connection)
    }

    // MARK: Discard

    /// Ends the tasks as failed, in this transaction. Returns their names.
    private func discard(
        _ refusals: [TaskRefusal], _ connection: any DatabaseConnection
    ) async throws -> Set<String> {
        let names = refusals.map(\.taskID)
        let ended = try await queue.discard(names, in: connection)
        for refusal in refusals where ended.contains(refusal.taskID) {
            try await hooks.discarded(refusal.taskID, connection)
        }
        let told = hooks.toldOfDiscard
        connection.afterCommit { for refusal in refusals { told(refusal) } }
        return Set(names)
    }

    /// In a transaction of its own; if the owner cannot follow, without it.
    private func discardAlone(_ taskID: String, because error: any Error) async throws {
        let refusal = TaskRefusal(taskID: taskID, reason: "\(error)")
        do {
            try await database.write { [self] in _ = try await discard([refusal], $0) }
        } catch  where hooks.blamesTask(error) {
            try await database.write { [queue] in _ = try await queue.discard([taskID], in: $0) }
            hooks.toldOfDiscard(refusal)
        }
    }
}

extension DatabaseError {
    /// What the database said, if it is the database that speaks.
    init?(within error: any Error) {
        switch error {
        case let error as DatabaseError: self = error
        case QueueError.database(let error): self = error
        default: return nil
        }
    }
}
