internal import CPostgres
public import Core
internal import Glibc
public import Postgres
public import Reactor
internal import Synchronization

/// The server that scripts/with_postgres.sh started for this run: `make test` does.
public enum PostgresServer {
    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    /// Where connections of tests live; never stopped.
    public static let loops: [EventLoop] = (0..<2).compactMap { try? EventLoop(name: "test-pg-\($0)") }

    /// The owner's address, over the Unix socket, without a password.
    public static var url: String {
        get throws {
            guard let value = getenv("CADENZA_TEST_POSTGRES") else {
                throw Missing(description: "no CADENZA_TEST_POSTGRES: tests run under scripts/with_postgres.sh")
            }
            return String(cString: value)
        }
    }

    /// A value of `url`'s query, such as `host`: the server's folder.
    public static func option(_ key: String) throws -> String {
        let query = try url.split(separator: "?").last ?? ""
        for pair in query.split(separator: "&") where pair.hasPrefix(key + "=") {
            return String(pair.dropFirst(key.count + 1))
        }
        throw Missing(description: "CADENZA_TEST_POSTGRES has no \(key)")
    }

    /// The URL of another database of the server.
    public static func url(database: String) throws -> String {
        let text = try url
        guard let range = text.firstRange(of: "/postgres?") else { throw Missing(description: text) }
        return text[..<range.lowerBound] + "/\(database)?" + text[range.upperBound...]
    }

    /// Runs statements outside of any transaction, as the owner, on a connection of their own.
    public static func run(_ statements: [String], database: String = "postgres") async throws {
        let url = try url(database: database)
        try await errands.run {
            // SAFETY: made and finished here.
            let connection = PQconnectdb(url)
            defer { PQfinish(connection) }
            for statement in statements {
                let result = PQexec(connection, statement)
                defer { PQclear(result) }
                guard PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK else {
                    throw Missing(description: String(cString: PQerrorMessage(connection)))
                }
            }
        }
    }

    /// The name of a fresh database, migrated or empty; it is to be dropped. Waits while too many are in use.
    static func createDatabase(isMigrated: Bool) async throws -> String {
        await gate.enter()
        do {
            let name = "test_\(getpid())_\(counter.add(1, ordering: .relaxed).newValue)"
            let origin = isMigrated ? try await template.value : "template0"
            try await run(["CREATE DATABASE \(name) TEMPLATE \(origin)"])
            return name
        } catch {
            gate.leave()
            throw error
        }
    }

    static func dropDatabase(_ name: String) async throws {
        defer { gate.leave() }
        try await run(["DROP DATABASE \(name) WITH (FORCE)"])
    }

    /// Runs `body` with the name of a fresh database, migrated or empty, and drops it.
    public static func withDatabase<Value: Sendable>(
        isMigrated: Bool, _ body: (String) async throws -> Value
    ) async throws -> Value {
        let name = try await createDatabase(isMigrated: isMigrated)
        do {
            let value = try await body(name)
            try await dropDatabase(name)
            return value
        } catch {
            try? await dropDatabase(name)
            throw error
        }
    }

    /// All the schema's steps, applied once for the whole run.
    private static let template = Task {
        let name = "template_\(getpid())"
        try await run(["CREATE DATABASE \(name) TEMPLATE template0"])
        let database = try await PostgresDatabase.open(
            PostgresAddress(url(database: name)), loops: loops, time: ManualTime())
        try await database.migrate()
        await database.close()
        return name
    }

    private static let errands = BlockingPool(name: "test-pg-errand", threads: 4)
    private static let counter = Atomic(0)
    /// The server has so many connections, and tests start all at once.
    private static let gate = Gate(width: 12)
}

/// Lets so many in at a time, in their order.
private final class Gate: Sendable {
    private struct State {
        var free: Int
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(width: Int) { state = Mutex(State(free: width)) }

    func enter() async {
        await withCheckedContinuation { waiter in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiters.append(waiter)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiters.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}

/// Runs `body` on a database of its own, then closes and drops it.
public func withPostgres<Value: Sendable>(
    isMigrated: Bool = true, time: any TimeSource = ManualTime(), limits: PostgresLimits = .unhurried,
    _ body: (PostgresDatabase, PostgresAddress) async throws -> Value
) async throws -> Value {
    try await PostgresServer.withDatabase(isMigrated: isMigrated) { name in
        let address = try PostgresAddress(PostgresServer.url(database: name))
        let database = try await PostgresDatabase.open(address, loops: PostgresServer.loops, time: time, limits: limits)
        do {
            let value = try await body(database, address)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}

extension PostgresLimits {
    /// For tests of something else: a thousand others run beside them, and to wait is no fault.
    public static var unhurried: PostgresLimits {
        var limits = PostgresLimits()
        limits.waitSeconds = 60
        limits.lockSeconds = 60
        return limits
    }
}
