import Core
import Database
import Support
import Testing

/// SQL that reached the database on a request's login, with the valid credential of one account: what it must not do.
@Suite struct RoleAttackTests {
    /// What a request may see of each table, by the column that names the account.
    private static let owned = [
        ("credit_users", "id"), ("credit_lots", "account_id"), ("credit_holds", "account_id"),
        ("credit_ledger", "account_id"), ("credit_purchases", "user_id"), ("credit_usage", "user_id"),
        ("api_keys", "account_id"), ("jobs", "account_id"), ("job_events", "account_id"),
        ("job_feeds", "account_id"), ("queue_tasks", "fairness_key"), ("webhook_deliveries", "account_id"),
    ]
    private static let creditTables = [
        "credit_users", "credit_lots", "credit_holds", "credit_hold_lots", "credit_ledger", "credit_purchases",
        "credit_usage",
    ]

    @Test func `a request sees its own account's rows and no other's`() async throws {
        try await RoleStage.open { stage async throws in
            for (table, column) in Self.owned {
                let all = try await stage.asOwner("SELECT DISTINCT \(column) AS account FROM \(table)").count
                #expect(all == 2, "\(table) has rows of both")
                let seen = try await stage.asApp("SELECT DISTINCT \(column) AS account FROM \(table)")
                #expect(try texts("account", of: seen) == [stage.alice.text], "\(table)")
                #expect(try await stage.count("\(table) WHERE \(column) = '\(stage.bob)'") == 0, "\(table)")
            }
            #expect(try await stage.count("artifacts") == 1)
            #expect(try await stage.count("artifacts WHERE job_id = 'job_\(stage.bob)'") == 0)
            #expect(try await stage.asApp("SELECT id FROM sessions").count == 1)
            #expect(try await stage.asApp("SELECT id FROM webhook_endpoints").count == 1)
            for table in ["credit_hold_lots", "payment_events", "audit_log", "queue_keys", "schema_migrations"] {
                await stage.forbidsApp("SELECT count(*) FROM \(table)")
            }
        }
    }

    @Test(arguments: [nil, "", RoleStage.bobsRevoked, RoleStage.bobsExpired, String(repeating: "e", count: 64)])
    func `who has no living credential sees nothing and moves nothing`(_ credential: String?) async throws {
        try await RoleStage.open { stage async throws in
            for (table, _) in Self.owned {
                let seen = try await stage.count(table, credential: credential)
                #expect(seen == 0, "\(table)")
            }
            for account in ["'\(stage.bob)'", "NULL", "''"] {
                let attack = "SELECT hold_own_credits(\(account), 1, 'x')"
                await forbids(attack) { try await stage.asApp(attack, credential: credential) }
            }
        }
    }

    @Test func `an account's, a key's or a hash's name in the setting opens nothing`() async throws {
        try await RoleStage.open { stage async throws in
            for forged in [
                stage.bob.text, "key_\(stage.bob)", "\(stage.bob)@example.org", "%", RoleStage.bob.uppercased(),
            ] {
                let seen = try await stage.count("credit_users", credential: forged)
                #expect(seen == 0, "\(forged)")
            }
            let set = "SELECT set_config('cadenza.credential', '\(stage.bob)', true)"
            let seen = try await stage.asApp(set, "SELECT id FROM credit_users")
            #expect(seen.isEmpty)
        }
    }

    @Test func `a transaction never goes on with the credential of the one before`() async throws {
        try await RoleStage.open { stage async throws in
            // More transactions than connections, each leaving the setting behind for its session.
            for _ in 0..<40 {
                try await stage.asApp("SET SESSION cadenza.credential = '\(RoleStage.alice)'")
                #expect(try await stage.count("credit_users", credential: nil) == 0)
                let seen = try await stage.asApp("SELECT id FROM credit_users", credential: RoleStage.bob)
                #expect(try texts("id", of: seen) == [stage.bob.text])
            }
        }
    }

    @Test func `neither requests nor the service write a table of credits`() async throws {
        try await RoleStage.open { stage async throws in
            let before = try await stage.books()
            for table in Self.creditTables {
                let attacks = [
                    "INSERT INTO \(table) SELECT * FROM \(table)", "DELETE FROM \(table)", "TRUNCATE \(table) CASCADE",
                    "COPY \(table) FROM '/dev/null'", "ALTER TABLE \(table) DISABLE TRIGGER ALL",
                    "ALTER TABLE \(table) DISABLE ROW LEVEL SECURITY", "DROP TABLE \(table) CASCADE",
                    "CREATE RULE r AS ON INSERT TO \(table) DO INSTEAD NOTHING",
                    "LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE", "SELECT 1 FROM \(table) FOR UPDATE",
                    "CREATE TRIGGER t BEFORE INSERT ON \(table) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                ]
                for attack in attacks + Self.updates(of: table) {
                    await stage.forbidsApp(attack)
                    await stage.forbidsService(attack)
                }
            }
            #expect(try await stage.books() == before)
        }
    }

    private static func updates(of table: String) -> [String] {
        switch table {
        case "credit_users": ["UPDATE credit_users SET credits = 1000", "UPDATE credit_users SET debt = 0, held = 0"]
        case "credit_holds": ["UPDATE credit_holds SET state = 'released', ended_at = 1"]
        case "credit_lots": ["UPDATE credit_lots SET available = available + 1, credits = credits + 1"]
        case "credit_ledger": ["UPDATE credit_ledger SET amount = 1000, available_change = 1000"]
        case "credit_purchases": ["UPDATE credit_purchases SET refunded_minor = 0"]
        default: ["UPDATE \(table) SET credits = 1"]
        }
    }

    @Test func `a request cannot mint, end a hold or call what is the service's`() async throws {
        try await RoleStage.open { stage async throws in
            let before = try await stage.books()
            let attacks = [
                "SELECT ledger_grant('\(stage.alice)', 100, 'trial', 'x', NULL, 1)",
                "SELECT ledger_purchase('\(stage.alice)', 100, 'pro', 'cs', NULL, 1, NULL, 'EUR', NULL, 1)",
                "SELECT add_user_credits('\(stage.alice)', 100, 'pro', 'cs', 1.0)",
                "SELECT ledger_adjust('\(stage.alice)', 100, 'x', NULL, 1)",
                "SELECT ledger_open('acc_x', NULL, 1)", "SELECT ledger_expire(99999999999999, 100)",
                "SELECT ledger_release('\(stage.alicesHold)', 'x', 1)",
                "SELECT ledger_capture('\(stage.alicesHold)', 1, 's', NULL, NULL, NULL, 1)",
                "SELECT ledger_release('\(stage.bobsHold)', 'x', 1)",
                "SELECT ledger_hold('\(stage.bob)', 1, 'x', 1)", "SELECT ledger_deduct('\(stage.bob)', 1, 's', 'j', 1)",
                "SELECT ledger_follow_payment(id, 'reinstate', 0, 0, 'x', 1) FROM credit_purchases",
                "SELECT ledger_post('\(stage.alice)', 'grant', 'x', 100, 0, 0, NULL, NULL, 1)",
                "SELECT ledger_balance('\(stage.bob)', 1)", "SELECT ledger_lock('\(stage.bob)')",
                "SELECT nextval('ledger_ids')", "SELECT setval('ledger_ids', 1)",
            ]
            for attack in attacks {
                await stage.forbidsApp(attack)
            }
            let steps = [
                "SELECT ledger_post('\(stage.alice)', 'grant', 'x', 100, 0, 0, NULL, NULL, 1)",
                "SELECT ledger_take('\(stage.alice)', 'refund', 'x', NULL, 100, 1)",
                "SELECT ledger_give_back('\(stage.alice)', 0, 'x', NULL, 100, 1)",
                "SELECT ledger_end('\(stage.alice)', 0, '\(stage.alicesHold)', 1, 'released', 0, NULL, 1)",
            ]
            for step in steps {
                await stage.forbidsService(step)
            }
            #expect(try await stage.books() == before)
        }
    }

    @Test func `a request moves its own account's credits only, and is told alike of others' and unknown ones`()
        async throws
    {
        try await RoleStage.open { stage async throws in
            var words: Set<String> = []
            for account in [stage.bob.text, "acc_unknown", ""] {
                for call in [
                    "hold_own_credits('\(account)', 1, 'x')", "deduct_user_credits('\(account)', 1, 's', 'x')",
                ] {
                    do {
                        try await stage.asApp("SELECT \(call)")
                        Issue.record("\(call) was let through")
                    } catch DatabaseError.permissionDenied(let message) {
                        words.insert(message)
                    }
                }
            }
            #expect(words.count == 1, "\(words)")
            let charged = try await stage.asApp("SELECT * FROM deduct_user_credits('\(stage.alice)', 2, 's', 'mine')")
            #expect(try charged.first?.integer("new_balance") == 6)
            for credits in ["-5", "0", "NULL", "9223372036854775807"] {
                let attack = "SELECT deduct_user_credits('\(stage.alice)', \(credits), 's', 'more')"
                await #expect(throws: DatabaseError.misuse("an argument is no value of its type (22023)"), "\(attack)")
                {
                    try await stage.asApp(attack)
                }
            }
            await #expect(
                throws: DatabaseError.raised("CZ001 Insufficient credits. Current: 6, Required: 7")
            ) {
                try await stage.asApp("SELECT deduct_user_credits('\(stage.alice)', 7, 's', 'more')")
            }
        }
    }

    @Test func `racing deductions of requests never overdraw`() async throws {
        try await RoleStage.open { stage async throws in
            let won = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<24 {
                    group.addTask {
                        let sql = "SELECT * FROM deduct_user_credits('\(stage.alice)', 1, 's', 'race-\(number)')"
                        return (try? await stage.asApp(sql)) != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(won == 8)
            let books = try await stage.books()
            #expect(books.first?.contains(" 0 1 0 ") == true, "\(books)")
        }
    }

    @Test func `no login becomes a stronger role or loosens its own chains`() async throws {
        try await RoleStage.open { stage async throws in
            let attacks = [
                "SET ROLE cadenza_owner", "SET ROLE cadenza", "SET SESSION AUTHORIZATION cadenza",
                "SELECT set_config('role', 'cadenza_owner', true)", "SET session_replication_role = replica",
                "ALTER ROLE cadenza_app SUPERUSER", "ALTER ROLE cadenza_app BYPASSRLS", "CREATE ROLE x",
                "GRANT cadenza_owner TO cadenza_app", "GRANT cadenza_owner TO cadenza_service",
                "DROP POLICY own ON credit_users",
                "CREATE POLICY x ON credit_users USING (true)", "ALTER TABLE credit_users OWNER TO cadenza_app",
                "ALTER FUNCTION current_account() SET search_path = pg_temp", "CREATE TABLE x (a INTEGER)",
                "CREATE FUNCTION x() RETURNS TEXT LANGUAGE sql AS 'SELECT 1'", "CREATE SCHEMA x",
                "CREATE EXTENSION dblink", "SELECT pg_read_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')",
                "COPY (SELECT 1) TO PROGRAM 'true'",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cadenza'",
                "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            ]
            for attack in attacks {
                await stage.forbidsApp(attack)
                await stage.forbidsService(attack)
            }
            let unlocked = "SET LOCAL row_security = off"
            await forbids(unlocked) { try await stage.asApp(unlocked, "SELECT id FROM credit_users") }
            await stage.forbidsApp("SET ROLE cadenza_service")
        }
    }
}
