import Core
import Database
import Ledger

/// What a payment's provider reports of a purchase: running totals.
struct PaymentReport: Hashable, Sendable {
    enum Kind: Hashable, Sendable, CaseIterable {
        case refund
        case dispute
        case reinstate
    }

    var kind: Kind
    var purchase: PurchaseID
    /// The session that the purchase was booked under.
    var session: String
    var refunded: Int64?
    var disputed: Int64?
}

/// What somebody asks of the ledger, under a reference that names it for ever.
struct LedgerRequest: Hashable, Sendable {
    enum Action: Hashable, Sendable {
        case grant(credits: Int64, expiresAt: Timestamp?)
        case purchase(credits: Int64, paid: Int64)
        case hold(credits: Int64)
        /// `credits` is `nil` for all of it.
        case capture(HoldID, credits: Int64?)
        case captureAll([HoldID])
        case release(HoldID)
        case follow(PaymentReport)
        case adjust(Int64)
        case deduct(Int64)
        case sweep(Timestamp)
    }

    var account: AccountID
    var reference: String
    var action: Action

    /// The name of a usage row, or the reason of a release, by which its request is found again.
    static func reference(ofTrace trace: String) -> String { String(trace.prefix { $0 != "/" }) }
}

/// What somebody was told.
enum LedgerReply: Sendable {
    case balance(Balance)
    case hold(HoldID)
    case purchase(PurchaseID, Balance)
    case ended(HoldEnding)
    case moved(Movement)
    case deducted(Deduction)
    case done
    case refused(LedgerError)
}

extension LedgerRequest {
    /// Asks the ledger; what breaks off is thrown.
    func perform(_ ledger: CreditLedger, on database: any SQLDatabase) async throws -> LedgerReply {
        do {
            return try await database.write { try await ask(ledger, in: $0) }
        } catch LedgerError.database(let error) {
            throw error
        } catch let refusal as LedgerError {
            return .refused(refusal)
        }
    }

    private func ask(
        _ ledger: CreditLedger, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerReply {
        switch action {
        case .grant(let credits, let expiry):
            .balance(
                try await ledger.grant(
                    amount(credits), to: account, source: .plan, reference: reference, expiresAt: expiry,
                    in: connection))
        case .purchase(let credits, let paid):
            try await buy(ledger, credits, paid, in: connection)
        case .hold(let credits):
            .hold(try await ledger.hold(amount(credits), on: account, reference: reference, in: connection))
        case .capture(let hold, let credits):
            .ended(
                try await ledger.capture(
                    hold, amount: credits.flatMap { CreditAmount($0) },
                    usage: UsageRecord(service: "separation", jobID: reference), in: connection))
        case .captureAll(let holds):
            try await captureAll(ledger, holds, in: connection)
        case .release(let hold): .ended(try await ledger.release(hold, reason: reference, in: connection))
        case .follow(let report): .moved(try await follow(ledger, report, in: connection))
        case .adjust(let credits):
            .balance(try await ledger.adjust(account, by: credits, reference: reference, in: connection))
        case .deduct(let credits):
            .deducted(
                try await ledger.deduct(
                    amount(credits), from: account, service: "mastering", jobID: reference, in: connection))
        case .sweep(let now): try await sweep(ledger, now, in: connection)
        }
    }

    private func amount(_ credits: Int64) throws(LedgerError) -> CreditAmount {
        guard let amount = CreditAmount(credits) else { throw .database(.misuse("\(credits) credits")) }
        return amount
    }

    private func buy(
        _ ledger: CreditLedger, _ credits: Int64, _ paid: Int64, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerReply {
        let order = PurchaseOrder(
            credits: try amount(credits), packageType: "pro", session: reference, amountMinor: paid, currency: "EUR")
        let (id, balance) = try await ledger.purchase(order, by: account, in: connection)
        return .purchase(id, balance)
    }

    private func captureAll(
        _ ledger: CreditLedger, _ holds: [HoldID], in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerReply {
        let captures = holds.enumerated().map { index, hold in
            HoldCapture(hold: hold, usage: UsageRecord(service: "separation", jobID: "\(reference)/\(index)"))
        }
        try await ledger.capture(whole: captures, in: connection)
        return .done
    }

    private func sweep(
        _ ledger: CreditLedger, _ now: Timestamp, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> LedgerReply {
        _ = try await ledger.expireLots(now: now, in: connection)
        return .done
    }

    private func follow(
        _ ledger: CreditLedger, _ report: PaymentReport, in connection: any DatabaseConnection
    ) async throws(LedgerError) -> Movement {
        switch report.kind {
        case .refund:
            try await ledger.refund(
                report.purchase, refundedMinor: report.refunded ?? 0, reference: reference, in: connection)
        case .dispute:
            try await ledger.dispute(
                report.purchase, disputedMinor: report.disputed ?? 0, reference: reference, in: connection)
        case .reinstate:
            try await ledger.reinstate(
                report.purchase, refundedMinor: report.refunded, disputedMinor: report.disputed,
                reference: reference, in: connection)
        }
    }
}
