import Core
import Database
import Support
import Synchronization
import Testing

@testable import Postgres

/// The pool where connections are made and cannot be put to work: the system has no room for one more.
@Suite(.timeLimit(.minutes(1))) struct PostgresPoolTests {
    @Test func `a connection that cannot be put to work counts as a failure, and pauses grow`() async throws {
        try await withPostgres { _, address in
            var limits = PostgresLimits.unhurried
            limits.backoffSeconds = 0.02
            let events = Mutex<[String]>([])
            let starts = Mutex<[UInt64]>([])
            let pool = PostgresPool(
                connector: PostgresConnector(address: address, limits: limits), loops: PostgresServer.loops,
                observe: { event in
                    let word =
                        switch event {
                        case .connected: "connected"
                        case .unreachable(let error): "\(error)"
                        case .lost: "lost"
                        }
                    events.withLock { $0.append(word) }
                },
                start: { session, handle throws(DatabaseError) in
                    let count = starts.withLock { starts in
                        starts.append(monotonicNanoseconds())
                        return starts.count
                    }
                    guard count > 3 else { throw .unreachable("no room") }
                    try session.start(handle)
                })
            let session = try await pool.take()
            #expect(session.isAlive)
            let refusal = "\(DatabaseError.unreachable("no room"))"
            #expect(events.withLock { $0 } == [refusal, refusal, refusal, "connected"])
            let times = starts.withLock { $0 }
            // 20, 40 and 80 ms, less a quarter.
            for (pause, (first, second)) in zip([0.015, 0.03, 0.06], zip(times, times.dropFirst())) {
                #expect(Double(second - first) / 1e9 >= pause)
            }
            #expect(pool.connectionCount == 1)
            pool.giveBack(session)
            await pool.close()
        }
    }
}
