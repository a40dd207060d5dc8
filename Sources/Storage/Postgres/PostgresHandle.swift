internal import CPostgres
internal import Core
internal import Database
internal import Glibc

/// Owns a connection of libpq's. Made and set up on a thread that may wait, then handed to the loop that uses it.
final class PostgresHandle: @unchecked Sendable {
    // SAFETY: used by one thread at a time: that of `open`, then the loop's that it was handed to. The pointer is valid
    // until `deinit`; `farewell` is libpq's to write while the connection lives.
    let connection: OpaquePointer
    private let farewell: UnsafeMutablePointer<CChar>

    /// Statements that every connection has under these names, never to be deallocated.
    static let controls = [
        ("begin_read", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        ("begin_write", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
        ("commit", "COMMIT"), ("rollback", "ROLLBACK"),
    ]

    static let serverVersionMin: Int32 = 15

    /// Connects and sets the session up; waits for the network, at most `limits.connectSeconds`.
    ///
    /// - Throws: `DatabaseError.unreachable` in libpq's words, which hold no password.
    static func open(_ address: PostgresAddress, _ limits: PostgresLimits) throws(DatabaseError) -> PostgresHandle {
        let handle = try PostgresHandle(address.parameters(limits))
        let deadline = monotonicNanoseconds() + UInt64(max(0, limits.connectSeconds) * 1e9)
        try handle.connect(before: deadline)
        try handle.setUp(limits, before: deadline)
        return handle
    }

    private init(_ parameters: [(key: String, value: String)]) throws(DatabaseError) {
        // SAFETY: libpq copies the strings; each strdup is freed below.
        var keys = parameters.map { UnsafePointer(strdup($0.key)) }
        var values = parameters.map { UnsafePointer(strdup($0.value)) }
        keys.append(nil)
        values.append(nil)
        defer { for pointer in keys + values { free(UnsafeMutablePointer(mutating: pointer)) } }
        guard let connection = PQconnectStartParams(keys, values, 0) else { throw .unreachable("no memory is left") }
        self.connection = connection
        farewell = .allocate(capacity: 6)
        farewell.initialize(repeating: 0, count: 6)
        cadenza_pq_set_notices(connection, farewell)
    }

    deinit {
        PQfinish(connection)
        farewell.deallocate()
    }

    /// The error that the server ended the session with, if it said so unasked.
    var farewellError: DatabaseError? {
        farewell[0] == 0 ? nil : DatabaseError(sqlState: String(cString: farewell))
    }

    var descriptor: Int32 { PQsocket(connection) }

    // MARK: Connecting

    private func connect(before deadline: UInt64) throws(DatabaseError) {
        var awaited = PGRES_POLLING_WRITING
        while true {
            guard PQstatus(connection) != CONNECTION_BAD else { throw failure }
            try wait(for: awaited == PGRES_POLLING_READING ? POLLIN : POLLOUT, before: deadline)
            awaited = PQconnectPoll(connection)
            if awaited == PGRES_POLLING_OK { break }
            if awaited == PGRES_POLLING_FAILED { throw failure }
        }
        let version = PQserverVersion(connection) / 10_000
        guard version >= Self.serverVersionMin else {
            throw .unreachable("the server is PostgreSQL \(version); \(Self.serverVersionMin) or newer is needed")
        }
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else { throw failure }
    }

    /// One round trip: the session's settings and the statements that every transaction needs.
    private func setUp(_ limits: PostgresLimits, before deadline: UInt64) throws(DatabaseError) {
        let settings = limits.sessionSettings
        let calls = settings.indices.map { "set_config('\(settings[$0].name)', $\($0 + 1), false)" }
        var arguments = ArgumentBuffer()
        try arguments.fill(settings.map { .text($0.value) })
        let sql = "SELECT " + calls.joined(separator: ", ")
        var isSent = arguments.withPointers { count, values, lengths, formats in
            PQsendQueryParams(connection, sql, count, nil, values, lengths, formats, 0) == 1
        }
        for (name, sql) in Self.controls { isSent = isSent && PQsendPrepare(connection, name, sql, 0, nil) == 1 }
        guard isSent, PQpipelineSync(connection) == 1 else { throw failure }
        var isOver = false
        while !isOver {
            try receive(before: deadline)
            // Nothing marks the end of one command's results.
            guard let result = PQgetResult(connection) else { continue }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC: isOver = true
            case PGRES_FATAL_ERROR:
                throw .unreachable("the session cannot be set up: \(ServerRefusal(result).error)")
            default: break
            }
        }
    }

    /// Returns once libpq has the next result.
    private func receive(before deadline: UInt64) throws(DatabaseError) {
        while PQisBusy(connection) == 1 {
            let isFlushed = PQflush(connection)
            guard isFlushed >= 0 else { throw failure }
            if cadenza_pq_pending_bytes(connection) == 0 {
                try wait(for: isFlushed == 0 ? POLLIN : POLLIN | POLLOUT, before: deadline)
            }
            guard PQconsumeInput(connection) == 1 else { throw failure }
        }
    }

    private func wait(for events: Int32, before deadline: UInt64) throws(DatabaseError) {
        while true {
            let now = monotonicNanoseconds()
            guard now < deadline else { throw .unreachable("the server did not answer in time") }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(clamping: (deadline - now) / 1_000_000 + 1))
            if count > 0 || count < 0 && errno != EINTR { return }
        }
    }

    /// libpq's words on why connecting failed.
    private var failure: DatabaseError {
        let text = String(cString: PQerrorMessage(connection))
        let lines = text.split(whereSeparator: \.isNewline)
        return .unreachable(lines.isEmpty ? "the connection broke" : lines.joined(separator: "; "))
    }
}
