import Core
import Database
import Ledger
import Testing

/// An entry of the books, in the order that the account's lock gave them.
struct BookEntry: Sendable {
    struct Change: Hashable, Sendable {
        var available: Int64 = 0
        var held: Int64 = 0
        var debt: Int64 = 0
    }

    var kind: String
    var reference: String
    var change: Change
    var lot: String?
    var hold: String?
    var at: Timestamp
}

/// A lot as the table has it.
struct BookLot: Hashable, Sendable {
    var id: String
    var credits: Int64
    var available: Int64
    var held: Int64 = 0
    var captured: Int64 = 0
    var expired: Int64 = 0
    var repaid: Int64 = 0
    var refunded: Int64 = 0
    var expiresAt: Timestamp?
}

/// A purchase's payment as the table has it.
struct BookPayment: Hashable, Sendable {
    var refunded: Int64 = 0
    var disputed: Int64 = 0
    var removed: Int64 = 0
}

/// One account's books, replayed one entry after the other by the plainest means: what the rules say that each entry
/// must have moved, given all those before it.
struct LedgerReplay {
    struct Purchase {
        var lot: String
        var credits: Int64
        var paid: Int64
        var payment = BookPayment()
    }

    /// What an account had between two entries.
    struct Moment {
        var lots: [BookLot]
        var held: Int64
        var debt: Int64

        /// Lots whose time has come no longer count.
        func balance(_ now: Timestamp) -> Balance {
            let alive = lots.filter { $0.expiresAt.map { $0 > now } ?? true }
            return Balance(available: alive.reduce(0) { $0 + $1.available }, held: held, debt: debt)
        }
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var lots: [String: BookLot] = [:]
    private(set) var purchases: [String: Purchase] = [:]
    /// What open holds drew, in spending order.
    private(set) var draws: [String: [(lot: String, credits: Int64)]] = [:]
    private(set) var debt: Int64 = 0
    /// Before the first entry, and after each.
    private(set) var moments: [Moment] = [Moment(lots: [], held: 0, debt: 0)]
    /// The ids of lots that a reinstatement made: no entry names them.
    private var unnamed: ArraySlice<String>

    init(unnamed: [String]) { self.unnamed = unnamed[...] }

    /// Applies the entry, which `request` caused.
    ///
    /// - Returns: what it must have moved.
    mutating func apply(_ entry: BookEntry, of request: LedgerRequest?) throws -> BookEntry.Change {
        let change = try move(entry, request)
        let held = draws.values.joined().reduce(0) { $0 + $1.credits }
        moments.append(Moment(lots: Array(lots.values), held: held, debt: debt))
        return change
    }

    private mutating func move(_ entry: BookEntry, _ request: LedgerRequest?) throws -> BookEntry.Change {
        switch (entry.kind, request?.action) {
        case ("expire", _): return try expire(entry)
        case ("grant", .grant(let credits, let expiry)): return try add(credits, expiry, entry)
        case ("purchase", .purchase(let credits, let paid)):
            let change = try add(credits, nil, entry)
            purchases[entry.reference] = Purchase(lot: entry.lot ?? "", credits: credits, paid: paid)
            return change
        case ("adjust", .adjust(let credits)):
            return credits > 0 ? try add(credits, nil, entry) : try take(-credits, entry.at)
        case ("hold", .hold(let credits)), ("hold", .deduct(let credits)): return try hold(credits, entry)
        case ("capture", .capture(_, let credits)): return try end(entry, spending: credits)
        case ("capture", .captureAll), ("capture", .deduct): return try end(entry, spending: nil)
        case ("release", .release): return try end(entry, spending: 0)
        case ("refund", .follow(let news)), ("dispute", .follow(let news)), ("reinstate", .follow(let news)):
            return try follow(news, entry)
        default: throw Fault(description: "nobody asked for \(entry.kind) \(entry.reference)")
        }
    }

    // MARK: Lots

    /// What of incoming credits is left once the debt is repaid, and what was repaid.
    private mutating func incoming(_ credits: Int64) -> (rest: Int64, repaid: Int64) {
        let repaid = min(debt, credits)
        debt -= repaid
        return (credits - repaid, repaid)
    }

    private mutating func add(
        _ credits: Int64, _ expiry: Timestamp?, _ entry: BookEntry
    ) throws -> BookEntry.Change {
        guard let id = entry.lot, lots[id] == nil else {
            throw Fault(description: "credits without a lot of their own")
        }
        let (rest, repaid) = incoming(credits)
        lots[id] = BookLot(id: id, credits: credits, available: rest, repaid: repaid, expiresAt: expiry)
        return BookEntry.Change(available: rest, debt: -repaid)
    }

    private mutating func expire(_ entry: BookEntry) throws -> BookEntry.Change {
        guard let id = entry.lot, let lot = lots[id], let expiry = lot.expiresAt, expiry <= entry.at else {
            throw Fault(description: "a lot expired before its time: \(entry)")
        }
        lots[id]?.available = 0
        lots[id]?.expired += lot.available
        return BookEntry.Change(available: -lot.available)
    }

    /// The earliest expiry first, of equal ones the older lot.
    private func inOrder(_ left: BookLot, _ right: BookLot) -> Bool {
        let forever = Timestamp(milliseconds: .max)
        return (left.expiresAt ?? forever, left.id) < (right.expiresAt ?? forever, right.id)
    }

    /// What to take from which lot; a lot whose time has come must have been swept before.
    private func spending(_ credits: Int64, _ now: Timestamp) throws -> (
        draws: [(lot: String, credits: Int64)], missing: Int64
    ) {
        try requireSwept(now)
        var missing = credits
        var draws: [(lot: String, credits: Int64)] = []
        for lot in lots.values.sorted(by: inOrder) where min(missing, lot.available) > 0 {
            let taken = min(missing, lot.available)
            missing -= taken
            draws.append((lot.id, taken))
        }
        return (draws, missing)
    }

    private func requireSwept(_ now: Timestamp) throws {
        for lot in lots.values where lot.available > 0 {
            if let expiry = lot.expiresAt, expiry <= now {
                throw Fault(description: "lot \(lot.id) was due, and is there")
            }
        }
    }

    // MARK: Holds

    private mutating func hold(_ credits: Int64, _ entry: BookEntry) throws -> BookEntry.Change {
        guard let id = entry.hold, draws[id] == nil else { throw Fault(description: "held twice: \(entry)") }
        let (drawn, missing) = try spending(credits, entry.at)
        guard missing == 0 else { throw Fault(description: "held \(missing) credits that are not there") }
        for draw in drawn {
            lots[draw.lot]?.available -= draw.credits
            lots[draw.lot]?.held += draw.credits
        }
        draws[id] = drawn
        return BookEntry.Change(available: -credits, held: credits)
    }

    /// - Parameter spent: `nil`: all of it.
    private mutating func end(_ entry: BookEntry, spending spent: Int64?) throws -> BookEntry.Change {
        guard let id = entry.hold, let drawn = draws.removeValue(forKey: id) else {
            throw Fault(description: "ended what is not held: \(entry)")
        }
        let credits = drawn.reduce(0) { $0 + $1.credits }
        var unspent = spent ?? credits
        guard unspent <= credits else { throw Fault(description: "spent more than was held: \(entry)") }
        var change = BookEntry.Change(held: -credits)
        for draw in drawn {
            let taken = min(unspent, draw.credits)
            unspent -= taken
            let (rest, repaid) = incoming(draw.credits - taken)
            lots[draw.lot]?.held -= draw.credits
            lots[draw.lot]?.captured += taken
            lots[draw.lot]?.available += rest
            lots[draw.lot]?.repaid += repaid
            change.available += rest
            change.debt -= repaid
        }
        return change
    }

    // MARK: Payments

    private mutating func take(_ credits: Int64, _ now: Timestamp) throws -> BookEntry.Change {
        let (drawn, missing) = try spending(credits, now)
        for draw in drawn {
            lots[draw.lot]?.available -= draw.credits
            lots[draw.lot]?.refunded += draw.credits
        }
        debt += missing
        return BookEntry.Change(available: missing - credits, debt: missing)
    }

    private mutating func follow(_ news: PaymentReport, _ entry: BookEntry) throws -> BookEntry.Change {
        guard var purchase = purchases[news.session], entry.lot == purchase.lot else {
            throw Fault(description: "news of no purchase: \(entry)")
        }
        try requireSwept(entry.at)
        let only: (Int64, Int64) -> Int64 = { entry.kind == "reinstate" ? min($0, $1) : max($0, $1) }
        let payment = purchase.payment
        purchase.payment.refunded = only(news.refunded ?? payment.refunded, payment.refunded)
        purchase.payment.disputed = only(news.disputed ?? payment.disputed, payment.disputed)
        let returned = min(purchase.paid, purchase.payment.refunded + purchase.payment.disputed)
        purchase.payment.removed = (purchase.credits * returned + purchase.paid - 1) / purchase.paid
        purchases[news.session] = purchase
        let moved = purchase.payment.removed - payment.removed
        if moved >= 0 {
            let taken = min(moved, lots[purchase.lot]?.available ?? 0)
            lots[purchase.lot]?.available -= taken
            lots[purchase.lot]?.refunded += taken
            debt += moved - taken
            return BookEntry.Change(available: -taken, debt: moved - taken)
        }
        return try giveBack(-moved, to: purchase.lot)
    }

    private mutating func giveBack(_ credits: Int64, to lot: String) throws -> BookEntry.Change {
        let fromLot = min(credits, lots[lot]?.refunded ?? 0)
        let (fresh, forgiven) = incoming(credits - fromLot)
        let (rest, repaid) = incoming(fromLot)
        lots[lot]?.refunded -= fromLot
        lots[lot]?.available += rest
        lots[lot]?.repaid += repaid
        if fresh > 0 {
            guard let id = unnamed.popFirst() else { throw Fault(description: "a lot is missing") }
            lots[id] = BookLot(id: id, credits: fresh, available: fresh, expiresAt: lots[lot]?.expiresAt)
        }
        return BookEntry.Change(available: rest + fresh, debt: -repaid - forgiven)
    }
}
