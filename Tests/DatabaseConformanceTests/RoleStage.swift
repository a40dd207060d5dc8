import Core
import Database
import Ledger
import Postgres
import Support
import Testing

/// Two accounts, Alice's and Bob's, on a database of its own, and a login for each role.
struct RoleStage: Sendable {
    static let alice = String(repeating: "a", count: 64)
    static let bob = String(repeating: "b", count: 64)
    static let bobsRevoked = String(repeating: "c", count: 64)
    static let bobsExpired = String(repeating: "d", count: 64)

    let roles: RoleDatabase
    let alice: AccountID
    let bob: AccountID
    let bobsHold: HoldID
    let alicesHold: HoldID

    static func open(_ body: (RoleStage) async throws -> Void) async throws {
        try await PostgresRoles.open { roles in try await body(RoleStage(roles)) }
    }

    private init(_ logins: PostgresRoles) async throws {
        roles = logins.database
        let service = logins.service
        let time = ManualTime()
        let ledger = CreditLedger(time: time)
        let (alice, bob) = (AccountID(at: time.now()), AccountID(at: time.now()))
        let (five, one) = (try #require(CreditAmount(5)), try #require(CreditAmount(1)))
        (alicesHold, bobsHold) = try await service.write { connection in
            var holds: [HoldID] = []
            for account in [alice, bob] {
                try await ledger.openAccount(account, email: "\(account)@example.org", in: connection)
                try await ledger.grant(
                    five, to: account, source: .trial, reference: "trial", expiresAt: nil, in: connection)
                let order = PurchaseOrder(
                    credits: five, packageType: "starter", session: "cs_\(account)", amountMinor: 500, currency: "EUR")
                try await ledger.purchase(order, by: account, in: connection)
                holds.append(try await ledger.hold(one, on: account, reference: "job_\(account)", in: connection))
                _ = try await ledger.deduct(one, from: account, service: "s", jobID: "x", in: connection)
            }
            return (holds[0], holds[1])
        }
        self.alice = alice
        self.bob = bob
        try await service.write { connection in
            for statement in Self.rows(of: alice, Self.alice) + Self.rows(of: bob, Self.bob) {
                _ = try await connection.execute(statement, [])
            }
            _ = try await connection.execute(
                """
                INSERT INTO api_keys (id, account_id, name, secret_sha256, created_at, revoked_at)
                VALUES ('key_revoked', $1, 'k', $2, 1, 2)
                """, [.text(bob.text), .text(Self.bobsRevoked)])
            _ = try await connection.execute(
                """
                INSERT INTO sessions (id, account_id, kind, token_sha256, created_at, expires_at)
                VALUES ('ses_expired', $1, 'browser', $2, 1, 2)
                """, [.text(bob.text), .text(Self.bobsExpired)])
        }
    }

    /// A row in every table that shows something to its account.
    private static func rows(of account: AccountID, _ credential: String) -> [String] {
        let job = "job_\(account)"
        return [
            """
            INSERT INTO api_keys (id, account_id, name, secret_sha256, created_at)
            VALUES ('key_\(account)', '\(account)', 'k', '\(credential)', 1)
            """,
            """
            INSERT INTO sessions (id, account_id, kind, token_sha256, created_at, expires_at)
            VALUES ('ses_\(account)', '\(account)', 'browser', reverse('\(credential.dropFirst())1'), 1, 99999999999999)
            """,
            Self.job(job, of: account, hold: "(SELECT id FROM credit_holds WHERE reference = '\(job)')"),
            "INSERT INTO job_feeds (account_id, position) VALUES ('\(account)', 1)",
            """
            INSERT INTO job_events (job_id, sequence, attempt, kind, at, account_id, position)
            VALUES ('\(job)', 1, 0, 'queued', 1, '\(account)', 1)
            """,
            """
            INSERT INTO artifacts (job_id, name, blob, media_type, bytes, sha256, crc32, position, created_at)
            VALUES ('\(job)', 'vocals', 'blob_\(account)', 'audio/flac', 1, 's', 1, 0, 1)
            """,
            task(job, of: account),
            """
            INSERT INTO webhook_endpoints (id, account_id, url, secret, created_at)
            VALUES ('end_\(account)', '\(account)', 'https://example.org', '\(credential)', 1)
            """,
            """
            INSERT INTO webhook_deliveries (id, endpoint_id, account_id, event_key, kind, payload, state,
                next_attempt_at, created_at)
            VALUES ('del_\(account)', 'end_\(account)', '\(account)', 'e', 'k', '{}', 'pending', 1, 1)
            """,
        ]
    }

    /// A well-formed name of a job, the same for the same number.
    static func jobName(_ number: Int) -> String {
        let digits = String(number)
        return "job_" + String(repeating: "0", count: 32 - digits.count) + digits
    }

    /// Inserts a waiting job; `hold` is an SQL expression.
    /// - Parameter changes: columns with SQL expressions, in place of what is right.
    static func job(
        _ id: String, of account: AccountID, hold: String, price: Int = 1, state: String = "queued",
        _ changes: [String: String] = [:]
    ) -> String {
        var values = [
            "id": "'\(id)'", "account_id": "'\(account)'", "service": "'s'", "model": "'m'", "options": "'{}'",
            "state": "'\(state)'", "price": "\(price)", "hold_id": hold, "fingerprint": "'f'", "input_name": "'n'",
            "input_blob": "'blob_\(id.hasPrefix("job_0") ? String(id.dropFirst(4)) : id)'", "input_bytes": "1",
            "input_sha256": "'s'", "input_crc32": "1", "duration_seconds": "1", "sample_rate": "44100",
            "channel_count": "2", "container": "'wav'", "codec": "'pcm'", "created_at": "1",
            "started_at": state == "running" ? "1" : "NULL",
        ]
        values.merge(changes) { $1 }
        return insert("jobs", values)
    }

    static func task(
        _ id: String, of account: AccountID, kind: String = "job", priority: Int = 0, ignored: Bool = false,
        _ changes: [String: String] = [:]
    ) -> String {
        var values = [
            "id": "'\(id)'", "kind": "'\(kind)'", "fairness_key": "'\(account)'", "priority": "\(priority)",
            "payload": "'1.0'", "state": "'queued'", "run_at": "1", "created_at": "1",
        ]
        values.merge(changes) { $1 }
        return insert("queue_tasks", values) + (ignored ? " ON CONFLICT (id) DO NOTHING" : "")
    }

    private static func insert(_ table: String, _ values: [String: String]) -> String {
        let columns = values.sorted { $0.key < $1.key }
        return """
            INSERT INTO \(table) (\(columns.map(\.key).joined(separator: ", ")))
            VALUES (\(columns.map(\.value).joined(separator: ", ")))
            """
    }

    // MARK: Attacks

    /// Runs statements in one transaction of a request with Alice's credential, or another; the last one's rows.
    @discardableResult
    func asApp(_ statements: String..., credential: String? = RoleStage.alice) async throws -> [DatabaseRow] {
        try await DatabaseCaller.$current.withValue(.credential(sha256: credential)) {
            try await run(statements)
        }
    }

    /// As `asApp`, and then takes it all back: for attacks that leave things behind in their session.
    func rehearse(_ statements: String..., credential: String? = RoleStage.alice) async throws -> [DatabaseRow] {
        struct Rehearsal: Error { var rows: [DatabaseRow] }
        do {
            try await DatabaseCaller.$current.withValue(.credential(sha256: credential)) {
                try await roles.write { connection in
                    var rows: [DatabaseRow] = []
                    for statement in statements { rows = try await connection.query(statement, []) }
                    throw Rehearsal(rows: rows)
                }
            }
        } catch let end as Rehearsal {
            return end.rows
        }
        return []
    }

    @discardableResult
    func asService(_ statements: String...) async throws -> [DatabaseRow] { try await run(statements) }

    func forbidsApp(_ attack: String, sourceLocation: SourceLocation = #_sourceLocation) async {
        await forbids(attack, sourceLocation: sourceLocation) { try await asApp(attack) }
    }

    func forbidsService(_ attack: String, sourceLocation: SourceLocation = #_sourceLocation) async {
        await forbids(attack, sourceLocation: sourceLocation) { try await asService(attack) }
    }

    @discardableResult
    func asOwner(_ statements: String...) async throws -> [DatabaseRow] {
        try await DatabaseCaller.$current.withValue(.owner) { try await run(statements) }
    }

    private func run(_ statements: [String]) async throws -> [DatabaseRow] {
        try await roles.write { connection in
            var rows: [DatabaseRow] = []
            for statement in statements { rows = try await connection.query(statement, []) }
            return rows
        }
    }

    /// The number in the one row of a request's answer.
    func count(_ sql: String, credential: String? = RoleStage.alice) async throws -> Int64? {
        try await asApp("SELECT count(*) AS count FROM \(sql)", credential: credential).first?.integer("count")
    }

    /// What the books say of both accounts; an attack must leave it as it is.
    func books() async throws -> [String] {
        try await asOwner(
            """
            SELECT concat_ws(' ', u.id, u.credits, u.held, u.debt, (SELECT count(*) FROM credit_ledger e
                WHERE e.account_id = u.id), (SELECT string_agg(h.state, ',' ORDER BY h.id) FROM credit_holds h
                WHERE h.account_id = u.id)) AS line
            FROM credit_users u ORDER BY u.id
            """
        ).map { try $0.text("line") }
    }
}

/// Records an issue unless the server says that the role may not.
func forbids(
    _ attack: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("let through: \(attack)", sourceLocation: sourceLocation)
    } catch DatabaseError.permissionDenied {
        return
    } catch {
        Issue.record("\(attack): \(error)", sourceLocation: sourceLocation)
    }
}

/// One column of an answer.
func texts(_ column: String, of rows: [DatabaseRow]) throws -> [String] {
    try rows.map { try $0.text(column) }
}
