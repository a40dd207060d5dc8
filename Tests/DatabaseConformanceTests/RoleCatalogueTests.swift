import Core
import Database
import Postgres
import Support
import Testing

/// What the schema's own lists must say, so that a later migration cannot forget it.
@Suite struct RoleCatalogueTests {
    /// Tables that hold nothing of any account.
    private static let unowned: Set<String> = ["schema_migrations", "studio_instance"]
    private static let requestFunctions: Set<String> = [
        "current_account", "deduct_user_credits", "hold_own_credits", "own_queue_position",
        "require_credential",
    ]

    private func names(_ stage: RoleStage, _ sql: String) async throws -> [String] {
        try await stage.asOwner("\(sql) ORDER BY 1").map { try $0.text("name") }
    }

    @Test func `every table is the owner's, and row security is forced on all with something of an account`()
        async throws
    {
        try await RoleStage.open { stage async throws in
            let tables = "SELECT relname::TEXT AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            #expect(
                try await names(
                    stage, "\(tables) AND relkind IN ('r', 'S', 'p') AND relowner <> 'cadenza_owner'::regrole") == [])
            let open = try await names(
                stage, "\(tables) AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)")
            #expect(Set(open) == Self.unowned)
            #expect(
                try await names(stage, "\(tables) AND relkind IN ('v', 'm')") == [],
                "a view reads as its owner unless it is made with security_invoker")
        }
    }

    @Test func `the owner alone may write a table of credits, and all may do nothing`() async throws {
        try await RoleStage.open { stage async throws in
            let grants = """
                SELECT concat_ws(' ', grantee, privilege_type, table_name) AS name
                FROM information_schema.table_privileges WHERE table_schema = 'public'
                """
            #expect(try await names(stage, "\(grants) AND grantee = 'PUBLIC'") == [])
            let writers = "AND table_name LIKE 'credit%' AND privilege_type <> 'SELECT' AND grantee <> 'cadenza_owner'"
            #expect(try await names(stage, "\(grants) \(writers)") == [])
            let columns = """
                SELECT concat_ws(' ', grantee, privilege_type, table_name, column_name) AS name
                FROM information_schema.column_privileges WHERE table_schema = 'public' AND grantee <> 'cadenza_owner'
                AND privilege_type <> 'SELECT' AND table_name LIKE 'credit%'
                """
            #expect(try await names(stage, columns) == [])
        }
    }

    @Test func `functions that act as the owner look in fixed places, and requests have four`() async throws {
        try await RoleStage.open { stage async throws in
            let functions = """
                SELECT p.oid::regprocedure::TEXT AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
                """
            #expect(try await names(stage, "\(functions) AND p.proowner <> 'cadenza_owner'::regrole") == [])
            let path = "search_path=pg_catalog, public, pg_temp"
            #expect(
                try await names(
                    stage, "\(functions) AND p.prosecdef AND p.proconfig IS DISTINCT FROM ARRAY['\(path)']") == [])
            let open = """
                \(functions) AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))
                """
            #expect(try await names(stage, open) == [])
            let requests = """
                SELECT p.proname::TEXT AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
                AND has_function_privilege('cadenza_app', p.oid, 'EXECUTE')
                """
            #expect(Set(try await names(stage, requests)) == Self.requestFunctions)
        }
    }

    @Test func `roles have no attribute and no membership that would pass the policies by`() async throws {
        try await RoleStage.open { stage async throws in
            let strong = """
                SELECT rolname::TEXT AS name FROM pg_roles WHERE rolname LIKE 'cadenza\\_%'
                AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
                """
            #expect(try await names(stage, strong) == [])
            let members = """
                SELECT m.rolname::TEXT AS name FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
                WHERE m.rolname IN ('cadenza_app', 'cadenza_service')
                """
            #expect(try await names(stage, members) == [])
        }
    }

    @Test func `a migration takes from everybody what a session could leave behind`() async throws {
        try await withPostgres(isMigrated: false) { database, _ in
            try await database.migrate()
            let rows = try await database.read { connection in
                try await connection.query(
                    """
                    SELECT role FROM unnest(ARRAY['cadenza_app', 'cadenza_service']) AS role
                    WHERE has_database_privilege(role, current_database(), 'TEMPORARY')
                        OR has_schema_privilege(role, 'public', 'CREATE')
                    """, [])
            }
            #expect(rows.isEmpty)
        }
    }

    @Test(arguments: [
        "SELECT * FROM credit_users", "SELECT * FROM credit_ledger", "SELECT * FROM jobs ORDER BY id DESC LIMIT 50",
        "SELECT * FROM credit_usage WHERE user_id = 'acc' ORDER BY id DESC LIMIT 51", "SELECT * FROM credit_holds",
        "SELECT * FROM job_events WHERE account_id = 'acc' AND position > 3 ORDER BY position LIMIT 50",
        "SELECT * FROM api_keys WHERE secret_sha256 = 'x'", "SELECT * FROM artifacts WHERE job_id = 'job'",
    ])
    func `policies look the credential up once a statement and find rows by index`(_ sql: String) async throws {
        try await RoleStage.open { stage async throws in
            // Of tables with two rows the planner would read all.
            let plan = try await stage.asApp(
                "SET LOCAL enable_seqscan = off", "EXPLAIN (VERBOSE, COSTS OFF) \(sql)")
            let lines = try plan.map { try $0.text("QUERY PLAN") }
            let text = lines.joined(separator: "\n")
            #expect(!text.contains("Seq Scan"), "\(text)")
            #expect(text.contains("Index"), "\(text)")
            let lookups = lines.enumerated().filter { $0.element.contains("current_account()") }
            #expect(!lookups.isEmpty, "\(text)")
            for (index, _) in lookups {
                let owner = lines[..<index].last { $0.contains("->") || $0.contains("InitPlan") } ?? ""
                #expect(owner.contains("Result"), "only a plan of its own calls it:\n\(text)")
            }
        }
    }

    @Test func `one login steps down into the caller's role for each transaction`() async throws {
        try await withPostgres { database, _ in
            let roles = RoleDatabase(login: database)
            #expect(try await Self.role(roles) == "cadenza_service")
            for hash in [nil, "x"] {
                let stepped = try await DatabaseCaller.$current.withValue(.credential(sha256: hash)) {
                    try await Self.role(roles)
                }
                #expect(stepped == "cadenza_app")
            }
            let owner = try await DatabaseCaller.$current.withValue(.owner) { try await Self.role(roles) }
            #expect(owner == "cadenza")
        }
    }

    private static func role(_ database: RoleDatabase) async throws -> String? {
        try await database.read { try await $0.query("SELECT current_user::TEXT AS role", []) }.first?.text("role")
    }
}
