internal import Core
internal import Database
internal import JobQueue
internal import Ledger

/// What is done to many jobs with one statement, and in one round trip.
extension JobStore {
    /// Where a line is to be added to a timeline.
    struct Line: Sendable {
        var job: String
        var account: String
        var attempt: Int
    }

    /// What is known of a job that may not be readable as a whole.
    struct Remains: Sendable {
        var line: Line
        var holdID: String
    }

    private static let columns = [
        "id", "account_id", "service", "model", "options", "state", "price", "hold_id", "idempotency_key",
        "fingerprint", "input_name", "input_blob", "input_bytes", "input_sha256", "input_crc32", "input_present",
        "duration_seconds", "sample_rate", "channel_count", "container", "codec", "progress", "step", "attempt",
        "error_code", "error_detail", "notes", "created_at", "started_at", "ended_at", "expires_at",
        "results_removed_at",
    ].map { "jobs.\($0)" }.joined(separator: ", ")

    /// `$1`, an array of `Line`s, as a table `l` of id, account, attempt and place.
    private static func lines(_ dialect: SQLDialect) -> String {
        switch dialect {
        case .sqlite:
            """
            (SELECT value ->> 'id' AS id, value ->> 'account' AS account, value ->> 'attempt' AS attempt, key AS place
                FROM json_each($1)) l
            """
        case .postgres:
            """
            json_to_recordset(CAST($1 AS json)) AS l (id TEXT, account TEXT, attempt BIGINT, place BIGINT)
            """
        }
    }

    private static func argument(_ lines: [Line]) -> DatabaseValue {
        .text(
            JSON.array(
                lines.enumerated().map { place, line in
                    [
                        "id": .string(line.job), "account": .string(line.account),
                        "attempt": .integer(Int64(line.attempt)), "place": .integer(Int64(place)),
                    ]
                }
            ).text)
    }

    /// Moves the jobs of claims that have not ended to `running`, and says so in their timelines.
    /// - Returns: by the task's name the job's and its account's; `nil` for a job that cannot be read. What is not
    ///   there has ended, or there is no such job of the claim's account.
    func start(
        _ claims: [Claim], at now: Timestamp, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [String: (JobID, AccountID)?] {
        let lines = claims.map { Line(job: $0.taskID, account: $0.fairnessKey, attempt: $0.attempt) }
        let argument = Self.argument(lines)
        let start = """
            UPDATE jobs SET state = 'running', attempt = l.attempt, progress = 0, step = 'claimed',
                started_at = COALESCE(started_at, $2)
            FROM \(Self.lines(connection.dialect))
            WHERE jobs.id = l.id AND jobs.account_id = l.account AND jobs.state IN ('queued', 'running')
            RETURNING \(Self.columns)
            """
        let answers = try await connection.batch(
            [DatabaseStatement(start, [argument, .integer(now.milliseconds)])]
                + appending(
                    "claimed", argument, where: "j.state = 'running' AND j.attempt = l.attempt", at: now,
                    connection.dialect))
        var started: [String: (JobID, AccountID)?] = [:]
        for row in answers.first?.rows ?? [] {
            // A row that cannot be read must not keep the others from running.
            let job = readable(row)
            started[try row.text("id")] = .some(job.map { ($0.id, $0.accountID) })
        }
        return started
    }

    /// Adds a line to the timeline of each job that there is, and so to their accounts' feeds.
    /// - Returns: the jobs whose names can be read, with their accounts.
    func append(
        _ kind: String, detail: JSON = [:], to lines: [Line], at now: Timestamp,
        in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [(JobID, AccountID)] {
        guard !lines.isEmpty else { return [] }
        _ = try await connection.batch(
            appending(kind, detail: detail, Self.argument(lines), at: now, connection.dialect))
        return lines.compactMap { line in
            guard let job = JobID(parsing: line.job), let account = AccountID(parsing: line.account) else { return nil }
            return (job, account)
        }
    }

    /// The feeds first, in the order of their accounts: whoever adds to several of them takes them in that order.
    private func appending(
        _ kind: String, detail: JSON = [:], _ lines: DatabaseValue, where condition: String = "true", at now: Timestamp,
        _ dialect: SQLDialect
    ) -> [DatabaseStatement] {
        let jobs = """
            \(Self.lines(dialect)) JOIN jobs j ON j.id = l.id AND j.account_id = l.account
            """
        let feeds = """
            INSERT INTO job_feeds (account_id, position)
            SELECT j.account_id, COUNT(*) FROM \(jobs) WHERE \(condition) GROUP BY j.account_id ORDER BY j.account_id
            ON CONFLICT (account_id) DO UPDATE SET position = job_feeds.position + excluded.position
            """
        let events = """
            INSERT INTO job_events (job_id, sequence, account_id, position, attempt, kind, detail, at)
            SELECT j.id, COALESCE((SELECT MAX(e.sequence) FROM job_events e WHERE e.job_id = j.id), 0) + 1,
                j.account_id, f.position - COUNT(*) OVER (PARTITION BY j.account_id)
                    + ROW_NUMBER() OVER (PARTITION BY j.account_id ORDER BY l.place),
                l.attempt, $2, $3, $4
            FROM \(jobs) JOIN job_feeds f ON f.account_id = j.account_id WHERE \(condition)
            """
        return [
            DatabaseStatement(feeds, [lines]),
            DatabaseStatement(events, [lines, .text(kind), .text(detail.text), .integer(now.milliseconds)]),
        ]
    }

    /// Of the accounts those whose feed no other transaction holds; it is locked. A request holds its own until its
    /// commit, and may be stopped before that.
    func unheldFeeds(
        of accounts: Set<String>, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Set<String> {
        guard connection.dialect == .postgres else { return accounts }
        let isOne = connection.dialect.isOne("account_id", of: "$1")
        let feeds = "SELECT account_id FROM job_feeds WHERE \(isOne) ORDER BY account_id"
        let names = DatabaseValue.list(accounts.sorted())
        let answers = try await connection.batch([
            DatabaseStatement(feeds, [names]), DatabaseStatement(feeds + " FOR UPDATE SKIP LOCKED", [names]),
        ])
        var held = Set<String>()
        for row in answers.first?.rows ?? [] { held.insert(try row.text("account_id")) }
        for row in answers.last?.rows ?? [] { held.remove(try row.text("account_id")) }
        return accounts.subtracting(held)
    }

    /// Moves running jobs back to `queued`, for another attempt.
    func requeue(_ ids: [JobID], in connection: any DatabaseConnection) async throws(DatabaseError) {
        guard !ids.isEmpty else { return }
        _ = try await connection.execute(
            """
            UPDATE jobs SET state = 'queued', progress = 0, step = 'queued'
            WHERE \(connection.dialect.isOne("id", of: "$1")) AND state = 'running'
            """, [.list(ids.map(\.text))])
    }

    /// Jobs by their tasks' names, in that order, and the tasks that have none that can be read.
    func jobs(
        _ taskIDs: [String], in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> (found: [Job], missing: [TaskRefusal]) {
        guard !taskIDs.isEmpty else { return ([], []) }
        let rows = try await connection.query(
            "SELECT * FROM jobs WHERE \(connection.dialect.isOne("id", of: "$1"))", [.list(taskIDs)])
        var jobs: [String: Job] = [:]
        for row in rows { jobs[try row.text("id")] = readable(row) }
        return (
            taskIDs.compactMap { jobs[$0] },
            taskIDs.filter { jobs[$0] == nil }.map { TaskRefusal(taskID: $0, reason: "it has no job that can be read") }
        )
    }

    /// The job of a row; `nil` if it cannot be worked on and settled.
    private func readable(_ row: DatabaseRow) -> Job? {
        guard let job = try? decode([row]).first, HoldID(parsing: job.holdID) != nil else { return nil }
        return job
    }

    /// What is left of the job of a task and its account, unless it has ended.
    func remains(
        of taskID: String, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Remains? {
        let rows = try await connection.query(
            """
            SELECT j.id, j.account_id, j.attempt, j.hold_id FROM jobs j
            JOIN queue_tasks t ON t.id = j.id AND t.fairness_key = j.account_id
            WHERE j.id = $1 AND j.state IN ('queued', 'running')
            """, [.text(taskID)])
        guard let row = rows.first else { return nil }
        return Remains(
            line: Line(
                job: try row.text("id"), account: try row.text("account_id"), attempt: Int(try row.integer("attempt"))),
            holdID: try row.text("hold_id"))
    }
}
