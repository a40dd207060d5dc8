import Core
import Database
import JobQueue
import Postgres
import Support
import Testing

@testable import Studio

/// What servers tell each other of jobs.
@Suite(.timeLimit(.minutes(1))) struct JobRelayTests {
    private let account = AccountID(at: Timestamp(milliseconds: 1))

    private func job(_ number: Int) -> JobID { JobID(at: Timestamp(milliseconds: Int64(number))) }

    @Test func `what was told is read again, of each job's progress the newest`() {
        let relay = JobRelay()
        let (first, second) = (job(1), job(2))
        let late = JobNews.Progress(job: first, fraction: 0.25, step: "separate \"ü\"")
        relay.add(.progressed(JobNews.Progress(job: first, fraction: 0.1, step: "decode"), account: account))
        relay.add(.timelineChanged(second, account: account))
        relay.add(.timelineChanged(first, account: account))
        relay.add(.progressed(late, account: account))
        let texts = relay.take()
        #expect(texts.count == 1)
        #expect(
            Set(texts.flatMap(JobRelay.read)) == [
                .timelineChanged(first, account: account), .progressed(late, account: account),
                .timelineChanged(second, account: account),
            ])
        #expect(relay.take().isEmpty)
    }

    @Test func `however much is told, each text fits into a notice, and what is held is bounded`() {
        let relay = JobRelay()
        let jobs = (0..<5000).map { job($0) }
        for job in jobs {
            relay.add(.timelineChanged(job, account: account))
            relay.add(
                .progressed(
                    JobNews.Progress(job: job, fraction: 1, step: String(repeating: "x", count: 300)), account: account)
            )
        }
        let texts = relay.take()
        #expect(texts.allSatisfy { $0.utf8.count <= 7800 })
        let read = texts.flatMap(JobRelay.read)
        #expect(read.count == 2 * 4096)
        let endless = JobNews.Progress(job: jobs[0], fraction: 1, step: String(repeating: "x", count: 10_000))
        relay.add(.progressed(endless, account: account))
        #expect(relay.take().isEmpty)
    }

    @Test(arguments: [
        "", "x", "{}", "[1]", "[[]]", "[[1,2,3]]", "[[\"job_1\",\"acc_1\",true]]", "[[null,null,true,0.5,\"s\"]]",
    ])
    func `a text that cannot be read says nothing`(_ text: String) { #expect(JobRelay.read(text).isEmpty) }

    @Test func `a fraction that is none is not handed on`() throws {
        let job = job(1)
        for fraction in ["2", "-1", "1e999", "\"x\""] {
            let text = "[[\"\(job)\",\"\(account)\",true,\(fraction),\"s\"]]"
            #expect(JobRelay.read(text).allSatisfy { $0 == .timelineChanged(job, account: account) })
        }
    }

    @Test func `a watcher at one server hears within its pause of what happens at another, and only once`() async throws
    {
        let time = ManualTime()
        try await withPostgres(time: time) { database, address in
            let there = JobEventHub()
            let (listener, signals) = PostgresListener.stream(
                address, channels: ["news"], loop: PostgresServer.loops[0])
            var heard = signals.makeAsyncIterator()
            #expect(await heard.next() == .listening)
            let relay = JobRelay()
            let broadcast = WakeBroadcast(pauseSeconds: 0.05) {
                try await database.write(
                    batch: relay.take().map { DatabaseStatement("SELECT pg_notify('news', $1)", [.text($0)]) })
            }
            let here = JobEventHub(told: { notice in
                relay.add(notice)
                broadcast.raise()
            })
            let job = job(1)
            let watch = try #require(there.watch(job))
            let start = monotonicNanoseconds()
            here.timelineChanged(of: job, account: account)
            here.progressed(0.5, step: "separate", of: job, account: account)
            var news = JobNews()
            while !news.timelineChanged || news.progress.isEmpty {
                if case .notice(_, let text) = await heard.next() {
                    for notice in JobRelay.read(text) { there.hear(notice) }
                    let next = try #require(await watch.next())
                    news.timelineChanged = news.timelineChanged || next.timelineChanged
                    news.progress += next.progress
                }
            }
            #expect(Double(monotonicNanoseconds() - start) / 1e9 < 5)
            #expect(news.progress == [JobNews.Progress(job: job, fraction: 0.5, step: "separate")])
            await broadcast.close()
            listener.close()
            #expect(relay.take().isEmpty)
        }
    }
}
