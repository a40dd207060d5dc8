import Core
import Database
import SQLite
import Studio
import Support
import Testing

struct JobFeedTests {
    @Test func `positions count an account's events without gaps, whatever was rolled back`() async throws {
        let studio = try await StudioFixture()
        let account = try await studio.account(credits: 3)
        let other = try await studio.account(credits: 3, email: "other@example.org")
        #expect(try await studio.jobs.feedEnd(of: account) == 0)
        let first = try await studio.submit(account, content: "one")
        _ = try await studio.submit(other, content: "theirs")
        let second = try await studio.submit(account, content: "two")
        // Ended twice: the second is refused and rolled back.
        _ = try await studio.jobs.cancel(first.id, of: account)
        let stale = try await studio.claim()
        let claimed = try await studio.jobs.job(of: stale)
        _ = try await studio.jobs.cancelClaimed(stale, job: claimed)
        #expect(try await studio.jobs.cancelClaimed(stale, job: claimed) == nil)

        let feed = try await studio.jobs.feed(of: account, after: 0, limit: 100)
        #expect(feed.map(\.position) == Array(1...Int64(feed.count)))
        #expect(try await studio.jobs.feedEnd(of: account) == Int64(feed.count))
        #expect(feed.prefix(3).map(\.jobID) == [first.id, second.id, first.id])
        #expect(feed.prefix(3).map(\.event.kind) == ["queued", "queued", "canceled"])
        #expect(feed.map { $0.endedJob != nil } == feed.map { $0.event.kind == "canceled" })
        let rest = try await studio.jobs.feed(of: account, after: 1, limit: 1)
        #expect(rest.map(\.position) == [2])
    }

    @Test func `a database from before the feed gets one, in the order of its events' times`() async throws {
        let directory = TemporaryDirectory()
        let time = ManualTime()
        let database = try SQLiteDatabase(path: directory.path + "/old.sqlite", time: time)
        try await Migrator(Array(SQLiteMigrations.all.prefix(2)), time: time).migrate(database)
        try await database.write { connection in
            try await connection.executeScript(
                """
                PRAGMA defer_foreign_keys = ON;
                INSERT INTO job_events (job_id, sequence, attempt, kind, detail, at) VALUES
                    ('b', 1, 0, 'queued', '{}', 10), ('b', 2, 1, 'claimed', '{}', 30), ('a', 1, 0, 'queued', '{}', 20),
                    ('c', 1, 0, 'queued', '{"price":1}', 15);
                """)
            for (job, account) in [("a", "mine"), ("b", "mine"), ("c", "theirs")] {
                try await Self.insertJob(job, of: account, in: connection)
            }
        }
        try await Migrator(SQLiteMigrations.all, time: time).migrate(database)
        let rows = try await database.read {
            try await $0.query("SELECT * FROM job_events ORDER BY account_id, position", [])
        }
        let lines = try rows.map {
            "\(try $0.text("account_id")) \(try $0.integer("position")) \(try $0.text("job_id")) "
                + "\(try $0.integer("sequence")) \(try $0.text("kind")) \(try $0.text("detail"))"
        }
        #expect(
            lines == [
                "mine 1 b 1 queued {}", "mine 2 a 1 queued {}", "mine 3 b 2 claimed {}",
                "theirs 1 c 1 queued {\"price\":1}",
            ])
        let feeds = try await database.read {
            try await $0.query("SELECT * FROM job_feeds ORDER BY account_id", [])
        }
        #expect(try feeds.map { try $0.integer("position") } == [3, 1])
    }

    /// A job as the second migration has it, with the rows that it leans on.
    private static func insertJob(
        _ id: String, of account: String, in connection: any DatabaseConnection
    ) async throws {
        _ = try await connection.execute(
            "INSERT INTO credit_users (id, created_at, updated_at) VALUES ($1, 0, 0) ON CONFLICT (id) DO NOTHING",
            [.text(account)])
        _ = try await connection.execute(
            """
            INSERT INTO credit_holds (id, account_id, reference, credits, state, created_at)
            VALUES ($1, $2, $1, 1, 'held', 0)
            """, [.text(id), .text(account)])
        _ = try await connection.execute(
            """
            INSERT INTO jobs (id, account_id, service, model, options, state, price, hold_id, fingerprint, input_name,
                input_blob, input_bytes, input_sha256, input_crc32, duration_seconds, sample_rate, channel_count,
                container, codec, created_at)
            VALUES ($1, $2, 's', 'm', '{}', 'queued', 1, $1, 'f', 'n', $1, 1, 'x', 0, 1.0, 44100, 2, 'wav', 'pcm', 0)
            """, [.text(id), .text(account)])
    }
}
