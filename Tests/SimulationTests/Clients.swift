import Core
import Database
import JobQueue
import Ledger
import Studio

enum Reply<Value: Sendable>: Sendable {
    case value(Value)
    case refused(any Error)
    /// The server was not there, died, or took too long.
    case nothing
}

/// Those who use the servers: they submit, repeat, cancel and watch, through whichever server answers.
struct Clients: Sendable {
    let run: Run
    private var scheduler: Scheduler { run.scheduler }
    private var memory: ClientMemory { run.memory }

    init(_ run: Run) { self.run = run }

    func openAccounts() async {
        let (time, database) = (run.world.time, SimulatedDatabase(run.database, for: run.world.process))
        let ledger = CreditLedger(time: time)
        for number in 0..<run.plan.accountCount {
            let id = AccountID(at: time.now())
            let credits = Int64(scheduler.dice.below(6) + 1)
            do {
                try await database.write { connection in
                    try await ledger.openAccount(id, email: "\(number)@example.org", in: connection)
                    guard let amount = CreditAmount(credits) else { return }
                    try await ledger.grant(
                        amount, to: id, source: .trial, reference: "trial", expiresAt: nil, in: connection)
                }
            } catch {
                run.violated("an account cannot be opened: \(error)")
            }
            memory.accounts.append(id)
            memory.granted[id] = credits
        }
    }

    // MARK: Requests

    func ask<Value: Sendable>(_ body: @escaping @Sendable (ServerLife) async throws -> Value) async -> Reply<Value> {
        let server = scheduler.dice.one(of: run.servers)
        guard let life = server.life, !server.isStopping else {
            await rest(0.05...1)
            return .nothing
        }
        let seconds = scheduler.dice.seconds(3...30)
        let answer = await run.world.work(on: life.process, within: seconds) { () -> Result<Value, any Error> in
            do {
                return .success(try await body(life))
            } catch {
                return .failure(error)
            }
        }
        switch answer {
        case nil: return .nothing
        case .success(let value)?: return .value(value)
        case .failure(let error)?: return .refused(error)
        }
    }

    /// Again until there is an answer that says something: the value, or a refusal that `isFinal`.
    func insist<Value: Sendable>(
        _ what: String, isFinal: (any Error) -> Bool = { _ in false },
        _ body: @escaping @Sendable (ServerLife) async throws -> Value
    ) async -> Reply<Value> {
        var refusals = 0
        while !run.world.process.isDead {
            let reply = await ask(body)
            switch reply {
            case .value: return reply
            case .refused(let error) where isFinal(error): return reply
            case .refused(let error):
                if run.isCalm { refusals += 1 }
                guard refusals < 20 else {
                    run.violated("\(what) is refused in calm times: \(error)")
                    return reply
                }
                scheduler.trace.count("request.repeated")
            case .nothing: scheduler.trace.count("request.unanswered")
            }
            await rest(0.1...3)
        }
        return .nothing
    }

    func rest(_ seconds: ClosedRange<Double>) async {
        await run.world.time.pause(seconds: scheduler.dice.seconds(seconds))
    }

    // MARK: Jobs

    func submit(_ client: Int) async {
        for number in 0...scheduler.dice.below(4) {
            await rest(0...12)
            let name = "\(mood().rawValue)-\(client)-\(number)"
            let account = scheduler.dice.one(of: memory.accounts)
            let key = scheduler.dice.chance(0.85) ? "key-\(client)-\(number)" : nil
            guard let id = await submit(name, by: account, key: key) else { continue }
            if let key, scheduler.dice.chance(0.25) { await repeatSubmission(name, by: account, key: key, id) }
            if scheduler.dice.chance(0.25) { await cancel(id, of: account) }
            await follow(id, of: account)
        }
    }

    private func mood() -> EngineMood {
        switch scheduler.dice.below(20) {
        case 0 where scheduler.dice.chance(0.5): .deadly
        case 0...7: .quick
        case 8...12: .steady
        case 13...15: .flaky
        case 16: .broken
        case 17: .endless
        default: .deaf
        }
    }

    private static func send(
        _ name: String, by account: AccountID, key: String?, to life: ServerLife
    ) async throws -> (id: JobID, isReplay: Bool) {
        let file = try await life.jobs.stageInput(for: account, byteCount: 0)
        try await file.append(Array(name.utf8), after: 0)
        let answer = try await life.jobs.submit(
            Submission(
                accountID: account, service: "separation", options: nil, fileName: name, file: file,
                idempotencyKey: key))
        return (answer.job.id, answer.isReplay)
    }

    private func submit(_ name: String, by account: AccountID, key: String?) async -> JobID? {
        let reply = await insist(
            "the submission of \(name)",
            isFinal: { error in
                if case JobError.insufficientCredits = error { return true }
                if case JobError.idempotencyKeyReused = error { return true }
                // Without a key a repetition would be another job.
                return key == nil
            }
        ) { try await Self.send(name, by: account, key: key, to: $0) }
        switch reply {
        case .value(let answer):
            run.note("client.accepted", "\(name) is \(answer.id)\(answer.isReplay ? ", a replay" : "")")
            memory.accepted[answer.id] = ClientMemory.Accepted(account: account, key: key, name: name)
            if let key { memory.jobOfKey[key] = answer.id }
            return answer.id
        case .refused(JobError.idempotencyKeyReused):
            run.violated("\(name) was submitted again unchanged, and refused as another submission's key")
        case .refused, .nothing: run.note("client.refused", name)
        }
        return nil
    }

    private func repeatSubmission(_ name: String, by account: AccountID, key: String, _ id: JobID) async {
        let isOther = scheduler.dice.chance(0.4)
        let content = isOther ? "quick-other" : name
        let reply = await insist(
            "the repetition of \(name)",
            isFinal: { error in
                if case JobError.idempotencyKeyReused = error { return true }
                return false
            }
        ) { try await Self.send(content, by: account, key: key, to: $0) }
        switch reply {
        case .value(let answer):
            if isOther { run.violated("another file under \(key) was taken in") }
            if answer.id != id { run.violated("\(key) is answered with \(id), then with \(answer.id)") }
            if !answer.isReplay { run.violated("\(key) was taken in twice") }
            run.trace.count("client.replayed")
        case .refused(JobError.idempotencyKeyReused):
            if !isOther { run.violated("the same submission under \(key) is refused") }
        case .refused, .nothing: break
        }
    }

    private func cancel(_ id: JobID, of account: AccountID) async {
        await rest(0...8)
        let reply = await insist(
            "the cancellation of \(id)",
            isFinal: { error in
                if case JobError.alreadyEnded = error { return true }
                return false
            }
        ) { try await $0.jobs.cancel(id, of: account).state }
        switch reply {
        case .value(.canceled):
            run.note("client.canceled", "\(id)")
            memory.canceled.insert(id)
        case .value(let state) where state.hasEnded: run.violated("\(id) is \(state) and was answered as canceled")
        case .refused(JobError.alreadyEnded(.canceled)): run.violated("a canceled job is not answered as it is")
        case .value: run.note("client.asked.to.cancel", "\(id)")
        case .refused, .nothing: break
        }
    }

    /// Looks at the job until it has ended, and that it never goes back.
    private func follow(_ id: JobID, of account: AccountID) async {
        var before: JobDetail?
        while true {
            await rest(0.2...6)
            guard
                case .value(let detail) = await insist("a look at \(id)", { try await $0.jobs.detail(id, of: account) })
            else { return }
            check(detail, after: before)
            if detail.job.state.hasEnded { return }
            before = detail
        }
    }

    private func check(_ detail: JobDetail, after before: JobDetail?) {
        let id = detail.job.id
        if detail.events.map(\.sequence) != (0..<detail.events.count).map({ Int64($0) + 1 }) {
            run.violated("the timeline of \(id) has gaps")
        }
        let endings = detail.events.count { ["settled", "failed", "canceled"].contains($0.kind) }
        if endings != (detail.job.state.hasEnded ? 1 : 0) {
            run.violated("\(id) is \(detail.job.state) and its timeline has \(endings) endings")
        }
        guard let before else { return }
        if detail.job.attempt < before.job.attempt { run.violated("the attempts of \(id) went back") }
        if Array(detail.events.prefix(before.events.count)) != before.events {
            run.violated("the timeline of \(id) was changed")
        }
    }
}
