import Core
import Database
import JobQueue
import Postgres
import Reactor
import Studio
import Telemetry

/// How servers of one Postgres database tell each other that there is work, and what happens to jobs. The connection
/// that listens must keep its session: a pooler that lends them by the transaction leaves nothing but the polling.
///
/// The channel's name is a secret of the database's, which only the service reads: any login may listen and notify.
struct ServerNotices: Sendable {
    private let database: any SQLDatabase
    private let channel: String
    private let address: PostgresAddress
    private let loop: EventLoop
    private let limits: PostgresLimits
    /// Tells one's own notices from the others'.
    private let sender = "\(UInt64.random(in: .min ... .max))"

    init(
        database: any SQLDatabase, address: PostgresAddress, loop: EventLoop, limits: PostgresLimits
    ) async throws {
        self.database = database
        self.address = address
        self.loop = loop
        self.limits = limits
        channel = try await DatabaseCaller.$current.withValue(.service) {
            try await database.read { connection in
                guard let row = try await connection.query("SELECT name FROM server_channel", []).first else {
                    throw DatabaseError.misuse("server_channel is empty")
                }
                return try row.text("name")
            }
        }
    }

    /// Says that there may be something to claim, or to stop.
    func wake() async throws { try await send([""]) }

    /// Says what happened to jobs, in the texts of a `JobRelay`.
    func tell(_ texts: [String]) async throws { if !texts.isEmpty { try await send(texts) } }

    private func send(_ texts: [String]) async throws {
        let notices = texts.map { text in
            DatabaseStatement("SELECT pg_notify($1, $2)", [.text(channel), .text("\(sender) \(text)")])
        }
        try await DatabaseCaller.$current.withValue(.service) { _ = try await database.write(batch: notices) }
    }

    /// What has come from another server.
    enum Word: Sendable {
        case wake
        case jobs([JobNotice])
        /// Nobody knows what was said meanwhile.
        case somethingMissed
    }

    func listen(_ log: Logger, heard: @escaping @Sendable (Word) -> Void) -> PostgresListener {
        PostgresListener(
            address, channels: [channel], loop: loop, limits: limits,
            observe: { event in
                switch event {
                case .connected: log.debug("listening for other servers")
                case .unreachable(let error), .lost(let error):
                    log.warning("not listening for other servers", ["cause": "\(error)"])
                }
            },
            heard: { [sender] signal in
                guard case .notice(_, let payload) = signal else { return heard(.somethingMissed) }
                let parts = payload.split(separator: " ", maxSplits: 1)
                guard parts.first.map(String.init) != sender else { return }
                heard(parts.count == 2 ? .jobs(JobRelay.read(String(parts[1]))) : .wake)
            })
    }
}
