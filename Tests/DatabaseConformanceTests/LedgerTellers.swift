import Core
import Database
import Ledger
import Support
import Synchronization

/// A request as it was made once: when, and what came back; `nil` if the answer was lost.
struct LedgerCall: Sendable {
    var request: LedgerRequest
    var reply: LedgerReply?
    var from: Timestamp
    var to: Timestamp
}

/// Several callers of one ledger: each makes requests of its own and repeats its own and others', over connections
/// that break off. Whoever learns nothing asks again under the same reference, or leaves it to somebody else.
final class LedgerTellers: Sendable {
    struct State {
        var requests: [LedgerRequest] = []
        var calls: [LedgerCall] = []
        var holds: [(id: HoldID, credits: Int64)] = []
        var purchases: [(id: PurchaseID, account: AccountID, session: String, paid: Int64)] = []
        /// When the clock was moved to.
        var times: [Timestamp] = []
    }

    struct Stuck: Error { let request: LedgerRequest }

    private static let attemptsMax = 200
    private static let stepsOfEach = 30

    let accounts: [AccountID]
    let time: ManualTime
    private let ledger: CreditLedger
    private let state: Mutex<State>

    init(accounts: [AccountID], time: ManualTime) {
        self.accounts = accounts
        self.time = time
        ledger = CreditLedger(time: time)
        state = Mutex(State(times: [time.now()]))
    }

    var outcome: State { state.withLock { $0 } }

    func work(_ worker: Int, seed: UInt64, on database: any SQLDatabase) async throws {
        var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(worker))
        for step in 0..<Self.stepsOfEach {
            if Int.random(in: 0..<8, using: &random) == 0 {
                let seconds = Double(Int.random(in: 1...15, using: &random))
                state.withLock { state in
                    time.advance(seconds: seconds)
                    state.times.append(time.now())
                }
            }
            guard let request = choose("\(worker)-\(step)", &random) else { continue }
            let gives = Int.random(in: 0..<10, using: &random) == 0 ? 1 : Self.attemptsMax
            try await ask(request, on: database, attemptsMax: gives)
        }
    }

    /// Asks until there is an answer.
    private func ask(_ request: LedgerRequest, on database: any SQLDatabase, attemptsMax: Int) async throws {
        for _ in 0..<attemptsMax {
            let from = time.now()
            var reply: LedgerReply?
            do {
                reply = try await request.perform(ledger, on: database)
            } catch let error as DatabaseError where error.mayPass {
                reply = nil
            }
            let call = LedgerCall(request: request, reply: reply, from: from, to: time.now())
            state.withLock { $0.note(call) }
            if reply != nil { return }
        }
        if attemptsMax == Self.attemptsMax { throw Stuck(request: request) }
    }

    private func choose(_ name: String, _ random: inout SeededGenerator) -> LedgerRequest? {
        state.withLock { state in
            if Int.random(in: 0..<5, using: &random) == 0 {
                // A replay: of what was just asked, which may be under way, or of anything before.
                let recent = Bool.random(using: &random) ? state.requests.suffix(4) : state.requests[...]
                return recent.randomElement(using: &random)
            }
            let account = accounts[Int.random(in: 0..<accounts.count, using: &random)]
            guard let action = state.action(account, now: time.now(), &random) else { return nil }
            let request = LedgerRequest(account: account, reference: name, action: action)
            state.requests.append(request)
            return request
        }
    }
}

extension LedgerTellers.State {
    fileprivate mutating func note(_ call: LedgerCall) {
        calls.append(call)
        switch (call.reply, call.request.action) {
        case (.hold(let id), .hold(let credits)):
            if !holds.contains(where: { $0.id == id }) { holds.append((id, credits)) }
        case (.purchase(let id, _), .purchase(_, let paid)):
            guard !purchases.contains(where: { $0.id == id }) else { return }
            purchases.append((id, call.request.account, call.request.reference, paid))
        default: break
        }
    }

    fileprivate func action(
        _ account: AccountID, now: Timestamp, _ random: inout SeededGenerator
    ) -> LedgerRequest.Action? {
        let credits = Int64.random(in: 1...9, using: &random)
        // Mostly the newest holds: the older ones have ended.
        let hold =
            Bool.random(using: &random)
            ? holds.suffix(5).randomElement(using: &random) : holds.randomElement(using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0, 1:
            let seconds = Bool.random(using: &random) ? Double(Int.random(in: 1...60, using: &random)) : nil
            return .grant(credits: credits, expiresAt: seconds.map { now.adding(seconds: $0) })
        case 2, 3: return .purchase(credits: credits + 3, paid: Int64.random(in: 1...900, using: &random))
        case 4, 5, 6, 7, 8: return .hold(credits: credits)
        case 9, 10:
            guard let hold else { return nil }
            let part = Int64.random(in: 1...hold.credits, using: &random)
            return .capture(hold.id, credits: Bool.random(using: &random) ? part : nil)
        case 11, 12: return hold.map { .release($0.id) }
        case 13:
            let several = Array(holds.suffix(6).shuffled(using: &random).prefix(3).map(\.id))
            return several.isEmpty ? nil : .captureAll(several)
        case 14, 15, 16: return report(account, &random).map { .follow($0) }
        case 17: return .adjust(Bool.random(using: &random) ? credits : -credits)
        case 18: return .deduct(credits)
        default: return .sweep(now)
        }
    }

    private func report(_ account: AccountID, _ random: inout SeededGenerator) -> PaymentReport? {
        guard let purchase = purchases.filter({ $0.account == account }).randomElement(using: &random) else {
            return nil
        }
        let amount = Int64.random(in: 0...purchase.paid, using: &random)
        let kind = PaymentReport.Kind.allCases[Int.random(in: 0..<3, using: &random)]
        var report = PaymentReport(kind: kind, purchase: purchase.id, session: purchase.session)
        switch kind {
        case .refund: report.refunded = amount
        case .dispute: report.disputed = amount
        case .reinstate: if Bool.random(using: &random) { report.refunded = amount } else { report.disputed = amount }
        }
        return report
    }
}

extension DatabaseError {
    /// What a caller answers by asking again.
    fileprivate var mayPass: Bool {
        switch self {
        case .busy, .timeout, .unreachable, .connectionLost, .outcomeUnknown: true
        default: false
        }
    }
}
