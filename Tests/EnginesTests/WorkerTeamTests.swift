import Core
import Glibc
import Synchronization
import Testing

@testable import Engines

@Suite struct WorkerTeamTests {
    @Test(arguments: [1, 2, 3])
    func `every index is done exactly once`(threads: Int) throws {
        let team = try WorkerTeam(threadCount: threads, niceness: 0)
        let counts = Mutex([Int](repeating: 0, count: 100))
        for _ in 0..<50 {
            try team.run(100) { index in counts.withLock { $0[index] += 1 } }
        }
        #expect(counts.withLock { $0 } == [Int](repeating: 50, count: 100))
    }

    @Test func `the error of the lowest index is thrown after all have ended`() throws {
        let team = try WorkerTeam(threadCount: 2, niceness: 0)
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
        let team = try WorkerTeam(threadCount: 2, niceness: 0)
        try? team.run(1) { (_) throws(EngineError) in throw .emptyInput }
        try team.run(1) { _ in }
    }

    @Test func `a thread that the system refuses is an error that may pass, and ends those before it`() async {
        // In a process of its own, whose address space ends long before a thousand stacks of 8 MiB.
        await #expect(processExitsWith: .success) {
            let resource = __rlimit_resource_t(RLIMIT_AS.rawValue)
            var limit = rlimit()
            try #require(getrlimit(resource, &limit) == 0)
            let before = limit.rlim_cur
            limit.rlim_cur = try Self.addressSpaceBytes() + 1 << 29
            try #require(setrlimit(resource, &limit) == 0)
            let error = #expect(throws: EngineError.self) { try WorkerTeam(threadCount: 1000, niceness: 0) }
            limit.rlim_cur = before
            try #require(setrlimit(resource, &limit) == 0)
            #expect(error?.code == .engineFailed && error?.isTransient == true)
            while Self.engineThreadCount() > 0 { sched_yield() }
            try WorkerTeam(threadCount: 2, niceness: 0).run(4) { _ in }
        }
    }

    private static func firstLine(_ path: String) -> String? {
        guard let stream = fopen(path, "re") else { return nil }
        defer { fclose(stream) }
        var line = [UInt8](repeating: 0, count: 256)
        let count = fread(&line, 1, line.count, stream)
        return String(decoding: line.prefix(count), as: UTF8.self)
    }

    /// Source: proc_pid_statm(5), in pages.
    private static func addressSpaceBytes() throws -> UInt {
        let pages = firstLine("/proc/self/statm")?.split(separator: " ").first.flatMap { UInt($0) }
        return try #require(pages) * UInt(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Threads of this process that bear a team's name.
    private static func engineThreadCount() -> Int {
        guard let tasks = opendir("/proc/self/task") else { return 0 }
        defer { closedir(tasks) }
        var count = 0
        while let entry = readdir(tasks) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if firstLine("/proc/self/task/\(name)/comm")?.hasPrefix("engine-") == true { count += 1 }
        }
        return count
    }
}
