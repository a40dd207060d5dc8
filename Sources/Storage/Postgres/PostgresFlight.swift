internal import Database

/// One thing to send in a flight.
enum FlightStep: Sendable {
    case begin(isRead: Bool)
    case commit
    case rollback
    case statement(DatabaseStatement)
    /// Belongs to the beginning of a transaction; nobody waits for its rows.
    case preamble(DatabaseStatement)

    var isEnd: Bool {
        switch self {
        case .commit, .rollback: true
        default: false
        }
    }
}

/// Whether a flight's commit took place.
enum CommitState: Sendable {
    case none
    /// Asked for, and no answer yet: if the connection breaks now, nobody knows.
    case asked
    case done
    case refused
}

/// What a flight came to.
struct FlightOutcome: Sendable {
    /// For each `statement`, up to the first that failed.
    var answers: [DatabaseAnswer] = []
    /// The first that went wrong.
    var failure: ServerRefusal?
    var commit = CommitState.none
    /// The connection was dead before the server did any of it, or nothing that it did can remain.
    var isUntouched = false

    static func unsent(_ error: DatabaseError) -> FlightOutcome {
        FlightOutcome(failure: ServerRefusal(error: error, leavesSession: false), isUntouched: true)
    }
}

/// Statements that were sent together and end in one sync. Touched on its session's loop only.
final class PostgresFlight {
    var outcome = FlightOutcome()
    /// By the loop's clock.
    let sentAt: UInt64
    /// The session must be without a transaction once it is over.
    let endsTransaction: Bool
    /// The server carried some of it out.
    var hasSuccess = false
    private let completion: (FlightOutcome) -> Void

    init(sentAt: UInt64, endsTransaction: Bool, completion: @escaping (FlightOutcome) -> Void) {
        self.sentAt = sentAt
        self.endsTransaction = endsTransaction
        self.completion = completion
    }

    func complete() { completion(outcome) }

    /// What fails first counts; a commit that the server then has passed over is no open question.
    func fail(_ refusal: ServerRefusal, passesOverCommit: Bool = false) {
        if outcome.failure == nil { outcome.failure = refusal }
        if passesOverCommit && outcome.commit == .asked { outcome.commit = .refused }
    }

    /// The connection is gone.
    func lose(_ refusal: ServerRefusal) {
        fail(refusal)
        if !hasSuccess && outcome.commit != .asked { outcome.isUntouched = true }
    }
}

/// What libpq still owes results for, in the order it was sent.
struct FlightQueue {
    enum Command {
        case begin
        case commit
        case rollback
        case prepare(sql: String, name: String)
        case statement(sql: String, isAnswered: Bool)
        case deallocate(name: String)
        case sync
    }

    struct Entry {
        let flight: PostgresFlight
        let command: Command
        /// Its result was there; what is missing is libpq's end mark.
        var hasResult = false
    }

    private var entries: [Entry] = []
    private var head = 0

    var isEmpty: Bool { head == entries.count }

    var first: Entry? { isEmpty ? nil : entries[head] }

    mutating func append(_ command: Command, of flight: PostgresFlight) {
        entries.append(Entry(flight: flight, command: command))
    }

    mutating func markFirst() { entries[head].hasResult = true }

    mutating func removeFirst() {
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1024 {
            entries.removeFirst(head)
            head = 0
        }
    }

    /// Empties the queue; returns its flights in order, each once.
    mutating func removeAll() -> [PostgresFlight] {
        var flights: [PostgresFlight] = []
        for entry in entries[head...] where flights.last !== entry.flight { flights.append(entry.flight) }
        entries = []
        head = 0
        return flights
    }
}
