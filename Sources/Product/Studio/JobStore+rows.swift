internal import Blobs
internal import Core
internal import Database

extension JobStore {
    func one(
        _ condition: String, _ arguments: [DatabaseValue], in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Job? {
        try decode(try await connection.query("SELECT * FROM jobs WHERE \(condition)", arguments)).first
    }

    func decode(_ rows: [DatabaseRow]) throws(DatabaseError) -> [Job] {
        var jobs: [Job] = []
        for row in rows { jobs.append(try decode(row)) }
        return jobs
    }

    private func decode(_ row: DatabaseRow) throws(DatabaseError) -> Job {
        guard let state = JobState(rawValue: try row.text("state")),
            let price = CreditAmount(try row.integer("price"))
        else { throw .misuse("a job with an unknown state or price") }
        var failure: JobFailure?
        if let code = try row.optionalText("error_code") {
            failure = JobFailure(
                code: ProblemCode(rawValue: code) ?? .internalError, detail: try row.optionalText("error_detail") ?? "")
        }
        return Job(
            id: try identifier(try row.text("id")), accountID: try identifier(try row.text("account_id")),
            service: try row.text("service"), model: try row.text("model"),
            options: stored(try row.text("options")), state: state, price: price,
            holdID: try row.text("hold_id"), idempotencyKey: try row.optionalText("idempotency_key"),
            fingerprint: try row.text("fingerprint"), input: try decodeInput(row),
            progress: try row.real("progress"), step: try row.text("step"),
            attempt: Int(try row.integer("attempt")), failure: failure,
            notes: stored(try row.text("notes")).array?.compactMap(\.string) ?? [],
            createdAt: try row.timestamp("created_at"),
            startedAt: try row.optionalTimestamp("started_at"),
            endedAt: try row.optionalTimestamp("ended_at"),
            expiresAt: try row.optionalTimestamp("expires_at"),
            resultsRemovedAt: try row.optionalTimestamp("results_removed_at"))
    }

    private func decodeInput(_ row: DatabaseRow) throws(DatabaseError) -> JobInput {
        JobInput(
            name: try row.text("input_name"),
            blob: Blob(
                id: try identifier(try row.text("input_blob")), byteCount: try row.integer("input_bytes"),
                sha256: try row.text("input_sha256"),
                crc32: UInt32(truncatingIfNeeded: try row.integer("input_crc32"))),
            properties: InputProperties(
                container: try row.text("container"), codec: try row.text("codec"),
                durationSeconds: try row.real("duration_seconds"), sampleRate: Int(try row.integer("sample_rate")),
                channelCount: Int(try row.integer("channel_count"))),
            isPresent: try row.bool("input_present"))
    }

    func decodeEvent(_ row: DatabaseRow) throws(DatabaseError) -> JobEvent {
        JobEvent(
            sequence: try row.integer("sequence"), attempt: Int(try row.integer("attempt")),
            kind: try row.text("kind"), detail: stored(try row.text("detail")), at: try row.timestamp("at"))
    }

    func identifier<Kind>(_ text: String) throws(DatabaseError) -> Identifier<Kind> {
        guard let id = Identifier<Kind>(parsing: text) else { throw .misuse("no identifier of kind \(Kind.prefix)") }
        return id
    }

    /// JSON that this store wrote itself.
    func stored(_ text: String) -> JSON { (try? JSONParser.parse(Array(text.utf8))) ?? .null }
}
