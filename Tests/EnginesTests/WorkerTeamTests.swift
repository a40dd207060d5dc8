import Synchronization
import Testing

@testable import Engines

@Suite struct WorkerTeamTests {
    @Test(arguments: [1, 2, 3])
    func `every index is done exactly once`(threads: Int) throws {
        let team = WorkerTeam(threadCount: threads, niceness: 0)
        let counts = Mutex([Int](repeating: 0, count: 100))
        for _ in 0..<50 {
            try team.run(100) { index in counts.withLock { $0[index] += 1 } }
        }
        #expect(counts.withLock { $0 } == [Int](repeating: 50, count: 100))
    }

    @Test func `the error of the lowest index is thrown after all have ended`() {
        let team = WorkerTeam(threadCount: 2, niceness: 0)
        let ended = Mutex(0)
        #expect(throws: EngineError.computation(cause: "3")) {
            try team.run(8) { (index) throws(EngineError) in
                ended.withLock { $0 += 1 }
                if index >= 3 { throw .computation(cause: "\(index)") }
            }
        }
        #expect(ended.withLock { $0 } == 8)
    }

    @Test func `a round after a failed one starts clean`() throws {
        let team = WorkerTeam(threadCount: 2, niceness: 0)
        try? team.run(1) { (_) throws(EngineError) in throw .emptyInput }
        try team.run(1) { _ in }
    }
}
