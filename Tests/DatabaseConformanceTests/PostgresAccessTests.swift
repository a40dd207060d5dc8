import Core
import Database
import Postgres
import Support
import Synchronization
import Testing

/// Passwords, TLS, and the connection that listens.
@Suite(.timeLimit(.minutes(2))) struct PostgresAccessTests {
    private static let password = "sEcret-Pass/wörd"

    /// Runs `body` with a role that has a password and the folder of the server.
    private func withRole<Value: Sendable>(_ body: (String, PostgresAddress) async throws -> Value) async throws
        -> Value
    {
        let role = "role_\(UInt32.random(in: .min ... .max))"
        try await PostgresServer.run(["CREATE ROLE \(role) LOGIN PASSWORD '\(Self.password)'"])
        do {
            let value = try await body(role, try PostgresAddress(PostgresServer.url))
            try await PostgresServer.run(["DROP ROLE \(role)"])
            return value
        } catch {
            try? await PostgresServer.run(["DROP ROLE \(role)"])
            throw error
        }
    }

    private func open(_ address: PostgresAddress) async throws -> PostgresDatabase {
        try await PostgresDatabase.open(address, loops: PostgresServer.loops, time: ManualTime())
    }

    @Test func `a password is proved by SCRAM, and a wrong one is told without showing it`() async throws {
        try await withRole { role, address in
            let database = try await open(address.role(role, password: Self.password))
            let user = try await database.read { try await $0.query("SELECT current_user::text AS n", [])[0].text("n") }
            #expect(user == role)
            await database.close()
            for wrong in ["", "wrong-Pass"] {
                await #expect {
                    _ = try await open(address.role(role, password: wrong))
                } throws: { error in
                    guard case .unreachable(let reason) = error as? DatabaseError else { return false }
                    return !reason.contains("wrong-Pass") && (reason.contains(role) || reason.contains("password"))
                }
            }
        }
    }

    @Test func `an address shows no password, whole or broken`() throws {
        let address = try PostgresAddress("postgres://me:sEcret@db.example.org:5433/name?sslmode=require")
        #expect(address.description == "user=me host=db.example.org port=5433 dbname=name sslmode=require")
        #expect(!"\(address.role("you", password: "sEcret-2"))".contains("sEcret"))
        for broken in ["postgres://me:sEcret@host:port:port/x?y", "postgres://me:sEcret%zz@host/", "password=sEcret x"]
        {
            #expect {
                _ = try PostgresAddress(broken)
            } throws: { error in
                error is DatabaseError && !"\(error)".contains("sEcret")
            }
        }
    }

    @Test func `megabytes go both ways over TLS`() async throws {
        let folder = try PostgresServer.option("host")
        let port = try PostgresServer.option("port")
        try await withRole { role, _ in
            let tls = "sslmode=verify-full sslrootcert=\(folder)/server.crt"
            let address = try PostgresAddress("host=localhost hostaddr=127.0.0.1 port=\(port) dbname=postgres \(tls)")
            let database = try await open(address.role(role, password: Self.password))
            let long = String(repeating: "0123456789abcdef", count: 1 << 19)
            for count in [1, 100, 8191, 8192, 8193, 16384, 40000, 1 << 20, 1 << 23] {
                let text = String(long.prefix(count))
                let rows = try await database.read { connection in
                    try await connection.query("SELECT $1::text AS a, reverse($1::text) AS b", [.text(text)])
                }
                #expect(try rows[0].text("a") == text)
                #expect(try rows[0].text("b").utf8.count == count)
            }
            let sql = "SELECT ssl AS yes FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            #expect(try await database.read { try await $0.query(sql, [])[0].bool("yes") })
            await database.close()
            let stranger = try PostgresAddress(
                "host=example.org hostaddr=127.0.0.1 port=\(port) dbname=postgres \(tls)")
            await #expect {
                _ = try await open(stranger.role(role, password: Self.password))
            } throws: { "\($0)".contains("does not match host name") }
        }
    }

    @Test func `a listener hears notices, and says when it has begun anew`() async throws {
        try await withPostgres { database, address in
            let (listener, signals) = PostgresListener.stream(
                address, channels: ["jobs", "other"], loop: PostgresServer.loops[0])
            var heard = signals.makeAsyncIterator()
            #expect(await heard.next() == .listening)
            for round in 0..<3 {
                let notify = DatabaseStatement("SELECT pg_notify('jobs', $1)", [.text("n\(round)")])
                try await database.write(batch: [notify])
                #expect(await heard.next() == .notice(channel: "jobs", payload: "n\(round)"))
                // One that is rolled back is never sent.
                await #expect(throws: DatabaseError.self) {
                    try await database.write(batch: [notify, DatabaseStatement("SELECT nothing")])
                }
                let pid = try await database.read { connection in
                    try await connection.query(
                        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
                        [])
                }
                #expect(pid.count == 1)
                try await PostgresServer.run(["SELECT pg_terminate_backend(\(try pid[0].integer("pid")))"])
                #expect(await heard.next() == .listening)
            }
            listener.close()
            #expect(await heard.next() == nil)
        }
    }
}
