import Core
import Database
import Postgres
import Reactor
import Telemetry

/// How servers of one Postgres database wake each other. The connection that listens has the workers' login: a
/// pooler that lends sessions by the transaction would lose it, and leave the polling.
struct ServerNotices: Sendable {
    private static let channel = "cadenza_queue"

    let database: any SQLDatabase
    let address: PostgresAddress
    let loop: EventLoop
    let limits: PostgresLimits
    /// Tells one's own notices from the others'.
    private let sender = "\(UInt64.random(in: .min ... .max))"

    init(database: any SQLDatabase, address: PostgresAddress, loop: EventLoop, limits: PostgresLimits) {
        self.database = database
        self.address = address
        self.loop = loop
        self.limits = limits
    }

    func send() async throws {
        let notice = DatabaseStatement("SELECT pg_notify($1, $2)", [.text(Self.channel), .text(sender)])
        try await DatabaseCaller.$current.withValue(.service) { try await database.write(batch: [notice]) }
    }

    /// Calls `heard` for every notice of another server, and when there may have been some that nobody heard.
    func listen(_ log: Logger, heard: @escaping @Sendable () -> Void) -> PostgresListener {
        PostgresListener(
            address, channels: [Self.channel], loop: loop, limits: limits,
            observe: { event in
                switch event {
                case .connected: log.debug("listening for other servers")
                case .unreachable(let error), .lost(let error):
                    log.warning("not listening for other servers", ["cause": "\(error)"])
                }
            },
            heard: { [sender] signal in
                if case .notice(_, sender) = signal { return }
                heard()
            })
    }
}
