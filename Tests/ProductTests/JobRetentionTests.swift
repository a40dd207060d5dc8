import Core
import Database
import Studio
import Support
import Testing

/// The sweeper where much has come together.
@Suite(.timeLimit(.minutes(2))) struct JobRetentionTests {
    /// So many completed jobs of fifty accounts, with an input and an artefact each.
    private static func completedJobs(_ dialect: SQLDialect, count: Int) -> [String] {
        let series = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < \(count))"
        let (numbers, digits) =
            switch dialect {
            case .sqlite: ("\(series) SELECT n FROM s", "printf('%032d', n)")
            case .postgres: ("SELECT n FROM generate_series(1, \(count)) n", "lpad(CAST(n AS TEXT), 32, '0')")
            }
        let account = "'acc_0000000000000000000000000000' || (1000 + n % 50)"
        return [
            """
            INSERT INTO credit_users (id, created_at, updated_at)
            SELECT DISTINCT \(account), 1, 1 FROM (\(numbers)) m
            """,
            """
            INSERT INTO credit_holds (id, account_id, reference, credits, state, captured, created_at, ended_at)
            SELECT 'hld_' || \(digits), \(account), 'job_' || \(digits), 1, 'captured', 1, 1, 1 FROM (\(numbers)) m
            """,
            """
            INSERT INTO jobs (id, account_id, service, model, options, state, price, hold_id, fingerprint, input_name,
                input_blob, input_bytes, input_sha256, input_crc32, duration_seconds, sample_rate, channel_count,
                container, codec, created_at, started_at, ended_at, expires_at, attempt)
            SELECT 'job_' || \(digits), \(account), 's', 'm', '{}', 'completed', 1, 'hld_' || \(digits), 'f', 'n',
                CASE n WHEN 7 THEN 'rubbish' ELSE 'blob_1' || substr(\(digits), 2) END, 1, 'x', 0, 1.0, 44100, 2, 'wav',
                'pcm', 1, 1, 1, 2, 1
            FROM (\(numbers)) m
            """,
            """
            INSERT INTO artifacts (job_id, name, blob, media_type, bytes, sha256, crc32, position, created_at)
            SELECT 'job_' || \(digits), 'vocals.wav', 'blob_' || \(digits), 'audio/wav', 1, 'x', 0, 0, 1
            FROM (\(numbers)) m
            """,
        ]
    }

    @Test(arguments: Backend.allCases)
    func `ten thousand expired results and inputs go in one run, each told in its account's feed`(
        _ backend: Backend
    ) async throws {
        let time = ManualTime()
        try await backend.withDatabase(time: time) { database in
            let studio = try await StudioFixture(time: time, on: database)
            try await DatabaseCaller.$current.withValue(.owner) {
                try await database.write { connection in
                    for statement in Self.completedJobs(connection.dialect, count: 10_000) {
                        _ = try await connection.execute(statement, [])
                    }
                }
            }
            let report = try await studio.jobs.sweep()
            #expect(report.inputs == 10_000 && report.results == 10_000 && report.failures == 0)
            let left = try await database.read { connection in
                try await connection.query(
                    """
                    SELECT (SELECT COUNT(*) FROM artifacts) AS artifacts,
                        (SELECT COUNT(*) FROM jobs WHERE results_removed_at IS NULL OR input_present = 1) AS jobs,
                        (SELECT COUNT(*) FROM job_events WHERE kind = 'results_removed' AND sequence = 1) AS events,
                        (SELECT COUNT(*) FROM job_feeds WHERE position = 200) AS feeds,
                        (SELECT COUNT(*) FROM (SELECT DISTINCT account_id, position FROM job_events) d) AS places
                    """, [])
            }[0]
            #expect(try left.integer("artifacts") == 0 && left.integer("jobs") == 0)
            #expect(try left.integer("events") == 10_000 && left.integer("places") == 10_000)
            #expect(try left.integer("feeds") == 50)
            #expect(try await studio.jobs.sweep().isEmpty)
        }
    }

    @Test func `a run whose time is over leaves the rest to the next`() async throws {
        var limits = JobLimits()
        limits.sweepSecondsMax = 0
        let studio = try await StudioFixture(limits: limits)
        try await DatabaseCaller.$current.withValue(.owner) {
            try await studio.database.write { connection in
                for statement in Self.completedJobs(connection.dialect, count: 1200) {
                    _ = try await connection.execute(statement, [])
                }
            }
        }
        var runs = 0
        while try await !studio.jobs.sweep().isEmpty { runs += 1 }
        #expect(runs == 3)
    }
}
