internal import Blobs
internal import Core
internal import Database

/// The SQL of jobs, their timelines and their artefacts. Rules and transactions are `JobService`'s.
struct JobStore: Sendable {
    // MARK: Jobs

    func insert(_ job: Job, in connection: any DatabaseConnection) async throws(DatabaseError) {
        _ = try await connection.execute(
            """
            INSERT INTO jobs (id, account_id, service, model, options, state, price, hold_id, idempotency_key,
                fingerprint, input_name, input_blob, input_bytes, input_sha256, input_crc32,
                duration_seconds, sample_rate,
                channel_count, container, codec, notes, created_at)
            VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21)
            """,
            [
                .text(job.id.text), .text(job.accountID.text), .text(job.service), .text(job.model),
                .text(job.options.text), .integer(job.price.credits), .text(job.holdID), .optional(job.idempotencyKey),
                .text(job.fingerprint), .text(job.input.name), .text(job.input.blob.id.text),
                .integer(job.input.blob.byteCount), .text(job.input.blob.sha256),
                .integer(Int64(job.input.blob.crc32)),
                .real(job.input.properties.durationSeconds), .integer(Int64(job.input.properties.sampleRate)),
                .integer(Int64(job.input.properties.channelCount)), .text(job.input.properties.container),
                .text(job.input.properties.codec), .text(JSON.array(job.notes.map(JSON.string)).text),
                .integer(job.createdAt.milliseconds),
            ])
    }

    func job(_ id: JobID, in connection: any DatabaseConnection) async throws(DatabaseError) -> Job? {
        try await one("id = $1", [.text(id.text)], in: connection)
    }

    func job(
        _ id: JobID, of account: AccountID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Job? {
        try await one("id = $1 AND account_id = $2", [.text(id.text), .text(account.text)], in: connection)
    }

    func job(
        idempotencyKey: String, of account: AccountID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Job? {
        try await one(
            "account_id = $1 AND idempotency_key = $2", [.text(account.text), .text(idempotencyKey)], in: connection)
    }

    /// Newest first, only those before `cursor`.
    func jobs(
        of account: AccountID, state: JobState?, before cursor: JobID?, limit: Int,
        in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [Job] {
        let rows = try await connection.query(
            """
            SELECT * FROM jobs
            WHERE account_id = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR id < $3)
            ORDER BY id DESC LIMIT $4
            """,
            [
                .text(account.text), .text(state?.rawValue ?? ""), .text(cursor?.text ?? ""),
                .integer(Int64(limit)),
            ])
        return try decode(rows)
    }

    /// Moves a running job back to `queued`, for another attempt.
    func requeue(_ id: JobID, in connection: any DatabaseConnection) async throws(DatabaseError) {
        _ = try await connection.execute(
            "UPDATE jobs SET state = 'queued', progress = 0, step = 'queued' WHERE id = $1 AND state = 'running'",
            [.text(id.text)])
    }

    func setProgress(
        _ fraction: Double, step: String, of id: JobID, attempt: Int, in connection: any DatabaseConnection
    ) async throws(DatabaseError) {
        _ = try await connection.execute(
            "UPDATE jobs SET progress = $3, step = $4 WHERE id = $1 AND attempt = $2 AND state = 'running'",
            [.text(id.text), .integer(Int64(attempt)), .real(fraction), .text(step)])
    }

    /// Ends a job that has not ended; false if it has.
    func end(
        _ id: JobID, as ending: JobEnding, at now: Timestamp, expiresAt: Timestamp,
        in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Bool {
        try await end(named: id.text, as: ending, at: now, expiresAt: expiresAt, in: connection)
    }

    /// As above, also of a job that cannot be read.
    func end(
        named id: String, as ending: JobEnding, at now: Timestamp, expiresAt: Timestamp,
        in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Bool {
        try await connection.execute(
            """
            UPDATE jobs SET state = $2, ended_at = $3, expires_at = $4, error_code = $5, error_detail = $6,
                progress = CASE WHEN $2 = 'completed' THEN 1 ELSE progress END, step = $2,
                notes = COALESCE($7, notes)
            WHERE id = $1 AND state IN ('queued', 'running')
            """,
            [
                .text(id), .text(ending.state.rawValue), .integer(now.milliseconds),
                .integer(expiresAt.milliseconds), .optional(ending.failure?.code.rawValue),
                .optional(ending.failure?.detail),
                .optional(ending.notes.map { JSON.array($0.map(JSON.string)).text }),
            ]) == 1
    }

    // MARK: Timeline

    /// Adds a line to a job's timeline, and so to its account's feed.
    /// - Returns: the account.
    func append(
        _ kind: String, detail: JSON, attempt: Int, to id: JobID, at now: Timestamp,
        in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> AccountID {
        let feeds = try await connection.query(
            """
            INSERT INTO job_feeds (account_id, position) SELECT account_id, 1 FROM jobs WHERE id = $1
            ON CONFLICT (account_id) DO UPDATE SET position = job_feeds.position + 1
            RETURNING account_id, position
            """, [.text(id.text)])
        guard let feed = feeds.first else { throw .misuse("an event of \(id), which is no job") }
        let account = try feed.text("account_id")
        _ = try await connection.execute(
            """
            INSERT INTO job_events (job_id, sequence, account_id, position, attempt, kind, detail, at)
            SELECT $1, COALESCE(MAX(sequence), 0) + 1, $2, $3, $4, $5, $6, $7 FROM job_events WHERE job_id = $1
            """,
            [
                .text(id.text), .text(account), .integer(try feed.integer("position")), .integer(Int64(attempt)),
                .text(kind), .text(detail.text), .integer(now.milliseconds),
            ])
        return try identifier(account)
    }

    func events(
        of id: JobID, after sequence: Int64, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [JobEvent] {
        let rows = try await connection.query(
            "SELECT * FROM job_events WHERE job_id = $1 AND sequence > $2 ORDER BY sequence",
            [.text(id.text), .integer(sequence)])
        var events: [JobEvent] = []
        for row in rows { events.append(try decodeEvent(row)) }
        return events
    }

    /// The events of all jobs of an account after a position of its feed, in their order.
    func feed(
        of account: AccountID, after position: Int64, limit: Int, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [FeedEntry] {
        let rows = try await connection.query(
            "SELECT * FROM job_events WHERE account_id = $1 AND position > $2 ORDER BY position LIMIT $3",
            [.text(account.text), .integer(position), .integer(Int64(limit))])
        var entries: [FeedEntry] = []
        for row in rows {
            entries.append(
                FeedEntry(
                    position: try row.integer("position"), jobID: try identifier(try row.text("job_id")),
                    event: try decodeEvent(row)))
        }
        return entries
    }

    /// The position of the account's last event; 0 before the first.
    func feedEnd(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Int64 {
        let rows = try await connection.query(
            "SELECT position FROM job_feeds WHERE account_id = $1", [.text(account.text)])
        return try rows.first?.integer("position") ?? 0
    }

    /// Whether the attempt has a line of that kind.
    func hasEvent(
        _ kind: String, attempt: Int, of id: JobID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Bool {
        let rows = try await connection.query(
            "SELECT 1 AS present FROM job_events WHERE job_id = $1 AND attempt = $2 AND kind = $3 LIMIT 1",
            [.text(id.text), .integer(Int64(attempt)), .text(kind)])
        return !rows.isEmpty
    }

    // MARK: Artefacts

    func insert(
        _ artifact: Artifact, position: Int, of id: JobID, at now: Timestamp, in connection: any DatabaseConnection
    ) async throws(DatabaseError) {
        _ = try await connection.execute(
            """
            INSERT INTO artifacts (job_id, name, blob, media_type, bytes, sha256, crc32, position, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            [
                .text(id.text), .text(artifact.name), .text(artifact.blob.id.text), .text(artifact.mediaType),
                .integer(artifact.blob.byteCount), .text(artifact.blob.sha256), .integer(Int64(artifact.blob.crc32)),
                .integer(Int64(position)), .integer(now.milliseconds),
            ])
    }

    func artifacts(
        of id: JobID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [Artifact] {
        let rows = try await connection.query(
            "SELECT * FROM artifacts WHERE job_id = $1 ORDER BY position", [.text(id.text)])
        var artifacts: [Artifact] = []
        for row in rows {
            artifacts.append(
                Artifact(
                    name: try row.text("name"),
                    blob: Blob(
                        id: try identifier(try row.text("blob")), byteCount: try row.integer("bytes"),
                        sha256: try row.text("sha256"), crc32: UInt32(truncatingIfNeeded: try row.integer("crc32"))),
                    mediaType: try row.text("media_type")))
        }
        return artifacts
    }

    // MARK: Retention

    /// The name of this database as the owner of blobs; `fresh` becomes it if it has none yet.
    func instance(orWrite fresh: String, in connection: any DatabaseConnection) async throws(DatabaseError) -> String {
        _ = try await connection.execute(
            "INSERT INTO studio_instance (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING", [.text(fresh)])
        let rows = try await connection.query("SELECT id FROM studio_instance", [])
        guard let row = rows.first else { throw .misuse("studio_instance is empty") }
        return try row.text("id")
    }

    func markInputRemoved(_ id: JobID, in connection: any DatabaseConnection) async throws(DatabaseError) {
        _ = try await connection.execute("UPDATE jobs SET input_present = 0 WHERE id = $1", [.text(id.text)])
    }
}

/// How a job ends.
struct JobEnding: Sendable {
    var state: JobState
    var failure: JobFailure?
    /// Replaces the job's notes; `nil` keeps them.
    var notes: [String]?
}
