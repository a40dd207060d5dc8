import Core
import Database
import Postgres
import Support
import Testing

/// Roundabout attacks: names that shadow others, functions that leak, errors that tell.
@Suite struct RoleDeceptionTests {
    @Test func `tables of a session shadow nothing that the functions use`() async throws {
        try await RoleStage.open { stage async throws in
            let keys = """
                CREATE TEMP TABLE api_keys AS SELECT '\(stage.bob)'::TEXT AS account_id,
                    '\(RoleStage.alice)'::TEXT AS secret_sha256, NULL::BIGINT AS revoked_at
                """
            let whoAmI = """
                SELECT public.current_account() AS account,
                    (SELECT string_agg(id, ' ') FROM public.credit_users) AS ids
                """
            let users = "CREATE TEMP TABLE credit_users (id TEXT, credits BIGINT, held BIGINT, debt BIGINT)"
            let paths = ["pg_temp, public, pg_catalog", "public, pg_temp"]
            for path in paths {
                let seen = try await stage.rehearse(
                    keys, "GRANT ALL ON pg_temp.api_keys TO PUBLIC", "SET LOCAL search_path = \(path)", whoAmI)
                #expect(try seen.first?.text("account") == stage.alice.text)
                #expect(try seen.first?.text("ids") == stage.alice.text)
                await #expect(
                    throws: DatabaseError.raised("CZ001 Insufficient credits. Current: 8, Required: 500")
                ) {
                    try await stage.rehearse(
                        users, "INSERT INTO pg_temp.credit_users VALUES ('\(stage.alice)', 1000, 0, 0)",
                        "GRANT ALL ON pg_temp.credit_users TO PUBLIC", "SET LOCAL search_path = \(path)",
                        "SELECT public.hold_own_credits('\(stage.alice)', 500, 'x')")
                }
            }
        }
    }

    @Test func `functions and operators of a session take no part in a policy or a function of the schema`()
        async throws
    {
        try await RoleStage.open { stage async throws in
            let traps = [
                "CREATE FUNCTION pg_temp.current_account() RETURNS TEXT LANGUAGE sql AS $$ SELECT '\(stage.bob)' $$",
                "CREATE FUNCTION pg_temp.current_setting(TEXT, BOOLEAN) RETURNS TEXT LANGUAGE sql "
                    + "AS $$ SELECT '\(RoleStage.bob)' $$",
                "CREATE FUNCTION pg_temp.always(TEXT, TEXT) RETURNS BOOLEAN LANGUAGE sql AS $$ SELECT true $$",
                "CREATE OPERATOR pg_temp.= (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = pg_temp.always)",
            ]
            let mine = try await stage.rehearse(
                traps[0], traps[1], traps[2], traps[3], "SET LOCAL search_path = pg_temp, public, pg_catalog",
                "SELECT id FROM public.credit_users")
            #expect(try texts("id", of: mine) == [stage.alice.text])
            let hold = "SELECT public.hold_own_credits('\(stage.bob)', 1, 'x')"
            await forbids(hold) {
                _ = try await stage.rehearse(
                    traps[0], traps[1], traps[2], traps[3], "SET LOCAL search_path = pg_temp, public, pg_catalog", hold)
            }
        }
    }

    @Test func `a cheap function or a view of a session is shown no row that the policy hides`() async throws {
        try await RoleStage.open { stage async throws in
            let leak = """
                CREATE FUNCTION pg_temp.leak(TEXT) RETURNS BOOLEAN LANGUAGE plpgsql COST 0.0000001 AS $$
                BEGIN INSERT INTO pg_temp.seen VALUES ($1); RETURN true; END $$
                """
            for table in ["credit_users WHERE pg_temp.leak(id)", "credit_holds WHERE pg_temp.leak(account_id)"] {
                let seen = try await stage.rehearse(
                    "CREATE TEMP TABLE seen (id TEXT)", leak, "SELECT count(*) FROM \(table)",
                    "SELECT DISTINCT id FROM pg_temp.seen")
                #expect(try texts("id", of: seen) == [stage.alice.text], "\(table)")
            }
            let viewed = try await stage.rehearse(
                "CREATE TEMP VIEW all_users AS SELECT id FROM credit_users", "SELECT id FROM pg_temp.all_users")
            #expect(try texts("id", of: viewed) == [stage.alice.text])
            let copied = try await stage.rehearse(
                "CREATE TEMP TABLE copy AS SELECT id FROM credit_users", "SELECT id FROM pg_temp.copy")
            #expect(try texts("id", of: copied) == [stage.alice.text])
        }
    }

    @Test func `statistics and the list of activity show no other account's values`() async throws {
        try await RoleStage.open { stage async throws in
            try await stage.asOwner("ANALYZE")
            #expect(try await stage.count("pg_stats WHERE schemaname = 'public'") == 0)
            await stage.forbidsApp("SELECT count(*) FROM pg_statistic")
            // Of this database: beside it other tests' requests set what they please in their own words.
            let texts = try await stage.asApp(
                "SELECT string_agg(query, ' ') AS queries FROM pg_stat_activity WHERE datname = current_database()")
            #expect(try texts.first?.text("queries").contains(RoleStage.alice) == false)
        }
    }

    @Test(arguments: [RoleStage.bob, RoleStage.bobsRevoked, RoleStage.bobsExpired, "", nil])
    func `a caller from memory is held to what the credential says now`(_ credential: String?) async throws {
        try await RoleStage.open { stage async throws in
            let one = DatabaseStatement("SELECT 1 AS one")
            let acting = { (credential: String?, account: AccountID) async throws in
                try await DatabaseCaller.$current.withValue(.credential(sha256: credential, account: account.text)) {
                    _ = try await stage.roles.read(batch: [one])
                    _ = try await stage.roles.write { try await $0.query("SELECT 1 AS one", []) }
                }
            }
            try await acting(RoleStage.alice, stage.alice)
            await #expect(throws: DatabaseError.credentialRefused) { try await acting(credential, stage.alice) }
            // Nor by one whole write, which leaves nothing.
            await #expect(throws: DatabaseError.credentialRefused) {
                try await DatabaseCaller.$current.withValue(
                    .credential(sha256: credential, account: stage.alice.text)
                ) {
                    try await stage.roles.write(batch: [
                        DatabaseStatement("SELECT hold_own_credits($1, 1, 'x') AS hold", [.text(stage.bob.text)])
                    ])
                }
            }
        }
    }

    @Test func `a request cannot put into the queue or among the jobs what is not its own waiting job`() async throws {
        try await RoleStage.open { stage async throws in
            let mine = "'\(stage.alicesHold)'"
            let (fresh, other) = (RoleStage.jobName(1), RoleStage.jobName(2))
            let new = try await stage.asApp("SELECT hold_own_credits('\(stage.alice)', 1, '\(fresh)') AS hold")
            let hold = "'\(try #require(try new.first?.text("hold")))'"
            let attacks = [
                RoleStage.job(other, of: stage.bob, hold: "'\(stage.bobsHold)'"),
                RoleStage.job(other, of: stage.alice, hold: "'\(stage.bobsHold)'"),
                RoleStage.job(other, of: stage.alice, hold: "'hld_\(other.dropFirst(4))'"),
                RoleStage.job(other, of: stage.alice, hold: mine),
                RoleStage.job(fresh, of: stage.alice, hold: hold, price: 2),
                RoleStage.job(fresh, of: stage.alice, hold: hold, state: "running"),
                RoleStage.task("job_\(stage.bob)", of: stage.bob, ignored: true),
                RoleStage.task("job_\(stage.bob)", of: stage.alice, ignored: true),
                RoleStage.task("job_unknown", of: stage.alice, ignored: true),
                RoleStage.task("job_\(stage.alice)", of: stage.alice, kind: "stripe", ignored: true),
                RoleStage.task("job_\(stage.alice)", of: stage.alice, priority: 1, ignored: true),
                "INSERT INTO job_feeds (account_id, position) VALUES ('\(stage.bob)', 9)",
                """
                INSERT INTO job_events (job_id, sequence, attempt, kind, at, account_id, position)
                VALUES ('job_\(stage.bob)', 9, 0, 'queued', 1, '\(stage.alice)', 9)
                """,
                """
                INSERT INTO job_events (job_id, sequence, attempt, kind, at, account_id, position)
                VALUES ('job_\(stage.alice)', 9, 0, 'settled', 1, '\(stage.alice)', 9)
                """,
                "UPDATE jobs SET state = 'completed', ended_at = 1", "DELETE FROM jobs", "DELETE FROM job_events",
                "UPDATE queue_tasks SET priority = 9", "DELETE FROM queue_tasks", "UPDATE artifacts SET blob = 'x'",
                "INSERT INTO api_keys VALUES ('key_x', '\(stage.bob)', 'k', '\(RoleStage.bobsExpired)', 1)",
                "UPDATE api_keys SET revoked_at = NULL", "UPDATE api_keys SET account_id = '\(stage.alice)'",
                "UPDATE api_keys SET secret_sha256 = 'x'", "SELECT token_sha256 FROM sessions",
                "SELECT secret FROM webhook_endpoints", "INSERT INTO audit_log VALUES ('aud', 1, 'a', 'b')",
            ]
            for attack in attacks {
                await stage.forbidsApp(attack)
            }
            try await stage.asApp(
                RoleStage.job(fresh, of: stage.alice, hold: hold), RoleStage.task(fresh, of: stage.alice))
            #expect(try await stage.count("queue_tasks") == 2)
        }
    }

    @Test func `errors tell nothing of others' rows`() async throws {
        try await RoleStage.open { stage async throws in
            var answers: [String] = []
            for hold in [stage.bobsHold.text, "hld_unknown"] {
                do {
                    try await stage.asApp(RoleStage.job("job_y", of: stage.alice, hold: "'\(hold)'"))
                } catch DatabaseError.permissionDenied(let message) {
                    answers.append(message)
                }
            }
            #expect(answers.count == 2 && answers[0] == answers[1], "\(answers)")
            for task in ["job_\(stage.bob)", "job_unknown"] {
                let position = try await stage.asApp("SELECT own_queue_position('\(task)') AS position")
                #expect(try position.first?.optionalInteger("position") == nil)
            }
            let own = try await stage.asApp("SELECT own_queue_position('job_\(stage.alice)') AS position")
            #expect(try own.first?.integer("position") == 1)
            let touched = try await stage.asApp("UPDATE api_keys SET last_used_at = 7 RETURNING id")
            #expect(touched.count == 1)
        }
    }

    @Test func `history stays as it was written, whoever holds the service's login`() async throws {
        try await RoleStage.open { stage async throws in
            try await stage.asService("INSERT INTO audit_log (id, at, actor, action) VALUES ('aud_1', 1, 'a', 'b')")
            let attacks = [
                "DELETE FROM job_events", "UPDATE job_events SET kind = 'x'", "UPDATE audit_log SET actor = 'x'",
                "DELETE FROM audit_log", "TRUNCATE audit_log", "DELETE FROM payment_events", "DELETE FROM api_keys",
                "UPDATE schema_migrations SET checksum = 'x'", "DELETE FROM schema_migrations",
            ]
            for attack in attacks {
                await stage.forbidsService(attack)
            }
            for (table, change) in [
                ("audit_log", "UPDATE audit_log SET actor = 'x'"), ("audit_log", "TRUNCATE audit_log"),
                ("credit_ledger", "DELETE FROM credit_ledger"), ("credit_ledger", "TRUNCATE credit_ledger"),
            ] {
                let refusal = DatabaseError.constraintViolation(.trigger, name: "\(table) is append-only")
                await #expect(throws: refusal, "\(change)") { try await stage.asOwner(change) }
            }
            await #expect(throws: DatabaseError.constraintViolation(.trigger, name: "a revoked key stays revoked")) {
                try await stage.asService("UPDATE api_keys SET revoked_at = NULL")
            }
        }
    }
}
