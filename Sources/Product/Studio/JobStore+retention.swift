internal import Blobs
internal import Core
internal import Database

/// What the sweeper asks and does, many rows at a time. Names that cannot be read are passed through as text: damaged
/// rows must not keep it from the others.
extension JobStore {
    /// Ended jobs whose input is still marked as present, by their names.
    func spentInputs(
        after last: String, limit: Int, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [(job: String, blob: BlobID?)] {
        let rows = try await connection.query(
            """
            SELECT id, input_blob FROM jobs WHERE input_present = 1 AND ended_at IS NOT NULL AND id > $1
            ORDER BY id LIMIT $2
            """, [.text(last), .integer(Int64(limit))])
        var inputs: [(job: String, blob: BlobID?)] = []
        for row in rows { inputs.append((try row.text("id"), BlobID(parsing: try row.text("input_blob")))) }
        return inputs
    }

    func markInputsRemoved(_ jobs: [String], in connection: any DatabaseConnection) async throws(DatabaseError) {
        _ = try await connection.execute(
            "UPDATE jobs SET input_present = 0 WHERE \(connection.dialect.isOne("id", of: "$1"))", [.list(jobs)])
    }

    /// Jobs whose results have expired and are still there; locked, and those passed over that another server removes.
    func expired(
        at now: Timestamp, limit: Int, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [Line] {
        let lock = connection.dialect == .postgres ? " FOR UPDATE SKIP LOCKED" : ""
        let rows = try await connection.query(
            """
            SELECT id, account_id FROM jobs WHERE expires_at <= $1 AND results_removed_at IS NULL
            ORDER BY expires_at LIMIT $2\(lock)
            """, [.integer(now.milliseconds), .integer(Int64(limit))])
        var lines: [Line] = []
        for row in rows {
            lines.append(Line(job: try row.text("id"), account: try row.text("account_id"), attempt: 0))
        }
        return lines
    }

    /// Removes the jobs' rows of artefacts and says so in the jobs. Returns the artefacts' blobs.
    func removeArtifacts(
        of jobs: [String], at now: Timestamp, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [BlobID] {
        guard !jobs.isEmpty else { return [] }
        let names = DatabaseValue.list(jobs)
        let answers = try await connection.batch([
            DatabaseStatement(
                "DELETE FROM artifacts WHERE \(connection.dialect.isOne("job_id", of: "$1")) RETURNING blob", [names]),
            DatabaseStatement(
                "UPDATE jobs SET results_removed_at = $2 WHERE \(connection.dialect.isOne("id", of: "$1"))",
                [names, .integer(now.milliseconds)]),
        ])
        var blobs: [BlobID] = []
        for row in answers.first?.rows ?? [] {
            if let blob = BlobID(parsing: try row.text("blob")) { blobs.append(blob) }
        }
        return blobs
    }

    /// Those of the blobs that no row names.
    func unreferenced(
        _ blobs: [BlobID], in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [BlobID] {
        let list =
            switch connection.dialect {
            case .sqlite: "(SELECT value AS blob FROM json_each($1)) b"
            case .postgres: "json_array_elements_text(CAST($1 AS json)) AS b (blob)"
            }
        let rows = try await connection.query(
            """
            SELECT b.blob FROM \(list)
            WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.blob = b.blob)
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.input_blob = b.blob AND j.input_present = 1)
            """, [.list(blobs.map(\.text))])
        var orphans: [BlobID] = []
        for row in rows { orphans.append(try identifier(try row.text("blob"))) }
        return orphans
    }
}
