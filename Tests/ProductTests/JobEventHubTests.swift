import Core
import Studio
import Support
import Testing

@Suite(.timeLimit(.minutes(1))) struct JobEventHubTests {
    private let hub = JobEventHub(watchersPerAccountMax: 2)
    private let account = AccountID(at: Timestamp(milliseconds: 1))
    private let job = JobID(at: Timestamp(milliseconds: 2))
    private let other = JobID(at: Timestamp(milliseconds: 3))

    @Test func `news since the last look come together, of each job's progress the newest`() async throws {
        let watch = try #require(hub.watch(account))
        hub.progressed(0.1, step: "a", of: job, account: account)
        hub.timelineChanged(of: job, account: account)
        hub.progressed(0.2, step: "b", of: other, account: account)
        hub.progressed(0.3, step: "c", of: job, account: account)
        hub.heartbeat()
        let news = await watch.next()
        #expect(news?.timelineChanged == true)
        #expect(news?.isHeartbeat == true)
        #expect(news?.progress.map(\.fraction) == [0.2, 0.3])
        hub.timelineChanged(of: other, account: account)
        let later = await watch.next()
        #expect(later?.progress == [])
        #expect(later?.isHeartbeat == false)
    }

    /// The mailbox once kept the newest signals only, and a flood of progress pushed the timeline's out.
    @Test func `a flood of progress loses no word of the timeline`() async throws {
        let watch = try #require(hub.watch(account))
        hub.timelineChanged(of: job, account: account)
        for number in 0..<10_000 {
            hub.progressed(0.5, step: "s", of: JobID(at: Timestamp(milliseconds: Int64(number))), account: account)
        }
        let news = await watch.next()
        #expect(news?.timelineChanged == true)
        #expect(news?.progress.count == 256)
    }

    @Test func `a watcher hears of its own job or account only`() async throws {
        let ofJob = try #require(hub.watch(job))
        let ofAccount = try #require(hub.watch(account))
        hub.timelineChanged(of: other, account: AccountID(at: Timestamp(milliseconds: 9)))
        hub.timelineChanged(of: other, account: account)
        hub.heartbeat()
        #expect(await ofJob.next()?.timelineChanged == false)
        #expect(await ofAccount.next()?.timelineChanged == true)
    }

    @Test func `a waiting watcher is woken, by news, by the hub's end and by its task's`() async throws {
        let watch = try #require(hub.watch(job))
        async let news = watch.next()
        hub.timelineChanged(of: job, account: account)
        #expect(await news?.timelineChanged == true)

        let ended = try #require(hub.watch(job))
        let task = Task { await ended.next() }
        task.cancel()
        #expect(await task.value == nil)

        async let last = watch.next()
        hub.close()
        #expect(await last == nil)
        #expect(await watch.next() == nil)
        #expect(hub.watch(job) == nil)
    }

    @Test func `places are limited, and given back with the watch`() throws {
        var watches = [hub.watch(account), hub.watch(account)]
        #expect(watches.allSatisfy { $0 != nil })
        #expect(hub.watch(account) == nil)
        watches.removeLast()
        #expect(hub.watch(account) != nil)
        let ofJob = (0..<JobEventHub.watchersPerJobMax).map { _ in hub.watch(job) }
        #expect(ofJob.allSatisfy { $0 != nil })
        #expect(hub.watch(job) == nil)
    }
}
