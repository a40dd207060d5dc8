public import Core

/// Where a lot of credits came from. It decides the expiry and refund rules that apply to it.
public enum LotSource: String, Sendable, CaseIterable {
    case trial
    case purchase
    case plan
    case adjustment
}

/// What an account has: free to spend, reserved by holds, and owed. None is ever negative.
public struct Balance: Hashable, Sendable {
    public var available: Int64
    public var held: Int64
    public var debt: Int64

    public init(available: Int64, held: Int64, debt: Int64) {
        self.available = available
        self.held = held
        self.debt = debt
    }
}

public enum HoldKind: IdentifierKind { public static let prefix: StaticString = "hld" }
public typealias HoldID = Identifier<HoldKind>

/// How a hold ended. It ends once.
public enum HoldEnding: String, Sendable {
    case captured
    case released
}

/// What a capture was for: the account's usage history.
public struct UsageRecord: Hashable, Sendable {
    public var service: String
    /// The piece of work that is charged: one account is charged once for it, ever.
    public var jobID: String?
    public var processingSeconds: Int64?
    public var fileBytes: Int64?

    public init(service: String, jobID: String?, processingSeconds: Int64? = nil, fileBytes: Int64? = nil) {
        self.service = service
        self.jobID = jobID
        self.processingSeconds = processingSeconds
        self.fileBytes = fileBytes
    }
}

/// A hold that is to be spent whole, and what for.
public struct HoldCapture: Hashable, Sendable {
    public var hold: HoldID
    public var usage: UsageRecord

    public init(hold: HoldID, usage: UsageRecord) {
        self.hold = hold
        self.usage = usage
    }
}

/// One row of an account's usage history.
public struct Usage: Hashable, Sendable {
    public var id: String
    public var credits: Int64
    public var record: UsageRecord
    public var createdAt: Timestamp
}

/// One row of an account's purchase history. Money is in the currency's minor unit.
public struct Purchase: Hashable, Sendable {
    public var id: String
    public var credits: Int64
    public var packageType: String
    public var amountMinor: Int64
    public var currency: String
    public var createdAt: Timestamp
}

public enum PurchaseKind: IdentifierKind { public static let prefix: StaticString = "pur" }
public typealias PurchaseID = Identifier<PurchaseKind>

/// What was bought, and what was paid for it in the currency's minor unit.
public struct PurchaseOrder: Hashable, Sendable {
    public var credits: CreditAmount
    public var packageType: String
    /// The provider's name of the payment's session: it is booked once, ever.
    public var session: String
    public var paymentIntent: String?
    /// What the package cost.
    public var amountMinor: Int64
    /// What was paid, with taxes and coupons: refunds and disputes are shares of it. `nil`: the same.
    public var paidMinor: Int64?
    /// ISO 4217, three letters.
    public var currency: String

    public init(
        credits: CreditAmount, packageType: String, session: String, paymentIntent: String? = nil, amountMinor: Int64,
        paidMinor: Int64? = nil, currency: String
    ) {
        self.credits = credits
        self.packageType = packageType
        self.session = session
        self.paymentIntent = paymentIntent
        self.amountMinor = amountMinor
        self.paidMinor = paidMinor
        self.currency = currency
    }
}

/// What news of a payment moved.
public struct Movement: Hashable, Sendable {
    /// What the account gained; negative: lost. 0: the news were known, or came late.
    public var credits: Int64
    public var balance: Balance
}

/// A charge that no hold came before.
public struct Deduction: Hashable, Sendable {
    public var usageID: String
    /// What is free to spend after it.
    public var available: Int64
}

/// A page of a history, newest first; `next` is the cursor of the following page, `nil` at the end.
public struct LedgerPage<Entry: Sendable & Hashable>: Hashable, Sendable {
    public var entries: [Entry]
    public var next: String?
}

/// A place where the books do not agree with themselves.
public struct LedgerDiscrepancy: Hashable, Sendable, CustomStringConvertible {
    public enum Rule: String, Sendable, CaseIterable {
        /// Σ entries = available + held − debt, and each column is the sum of its movements.
        case entries
        /// An account's available and held credits are those of its lots.
        case lots
        /// A lot's credits are all accounted for, none negative.
        case lot
        /// A lot's held credits are those that open holds drew from it.
        case lotHeld = "lot_held"
        /// An account's held credits are those of its open holds.
        case holds
        /// A hold's draws on lots sum to the hold.
        case draws
        /// An ended hold has exactly one ending entry of that kind, an open one none.
        case ending
        /// A captured hold has its usage row with the same credits.
        case usage
        /// What a purchase lost is what refunds, disputes and reinstatements moved.
        case purchases
    }

    public var rule: Rule
    /// The account, lot, hold or purchase at fault.
    public var subject: String
    public var expected: Int64
    public var found: Int64

    public var description: String { "\(rule.rawValue): \(subject): expected \(expected), found \(found)" }
}
