import Core
import HTTP
import Studio
import Support
import Synchronization
import Testing

@testable import API

/// The server-sent events of one job, read piece by piece while the job goes on.
@Suite(.timeLimit(.minutes(1))) struct JobEventsRouteTests {
    /// Takes a stream's pieces; the test waits for one that it names.
    private final class Reader: ResponseWriter {
        private struct State {
            var text = ""
            var awaited: (word: String, waiter: CheckedContinuation<Void, Never>)?
        }
        private let state = Mutex(State())

        var text: String { state.withLock { $0.text } }

        func write(_ bytes: [UInt8]) async throws(WriteError) {
            let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
                state.text += String(decoding: bytes, as: UTF8.self)
                guard let awaited = state.awaited, state.text.contains(awaited.word) else { return nil }
                state.awaited = nil
                return awaited.waiter
            }
            waiter?.resume()
        }

        /// Returns once the text has the word.
        func hears(_ word: String) async {
            await withCheckedContinuation { waiter in
                state.withLock { state in
                    if state.text.contains(word) { waiter.resume() } else { state.awaited = (word, waiter) }
                }
            }
        }
    }

    private static func open(
        _ api: PipelineFixture, _ job: JobID, query: [QueryItem] = [], fields: [(String, String)] = []
    ) async throws -> (any ResponseWriter) async throws -> Void {
        let path = "/api/v1/jobs/\(job)/events"
        var head = RequestHead(method: "GET", target: path, path: path, query: query)
        for (name, value) in [("Authorization", "Bearer \(api.token)")] + fields { head.fields.append(name, value) }
        let response = await api.pipeline.respond(to: Request(head: head))
        #expect(response.status == 200)
        #expect(response.fields["Content-Type"] == "text/event-stream")
        guard case .stream(_, let write) = response.body else { throw Answer.Unexpected(status: response.status) }
        return write
    }

    @Test func `a stream begins with the time to wait, then what has been, then what comes, and ends with the job`()
        async throws
    {
        let api = try await PipelineFixture()
        let job = try await api.studio.submit(api.account)
        let write = try await Self.open(api, job.id)
        let reader = Reader()
        async let served: Void = write(reader)
        await reader.hears("id: 1\nevent: timeline\n")
        #expect(reader.text.hasPrefix("retry: 3000\n\n"))
        let claim = try await api.studio.claim()
        await reader.hears("id: 2\nevent: timeline\n")
        let running = try await api.studio.jobs.job(of: claim)
        try await api.studio.jobs.progress(0.25, step: "separating", of: running, isKept: false)
        await reader.hears("event: progress\ndata: {\"progress\":0.25,\"step\":\"separating\"}\n\n")
        _ = try await api.studio.jobs.fail(
            claim, job: running, failure: JobFailure(code: .engineFailed, detail: "It broke."), isTransient: false)
        try await served
        #expect(reader.text.contains("id: 3\nevent: timeline\n"))
        #expect(reader.text.contains("event: end\ndata: {\"id\":\"\(job.id.text)\""))
        #expect(reader.text.components(of: "event: timeline") == 3)
    }

    @Test func `a quiet stream lives by heartbeats, and repeats nothing`() async throws {
        let api = try await PipelineFixture()
        let job = try await api.studio.submit(api.account)
        let write = try await Self.open(api, job.id, fields: [("Last-Event-ID", "1")])
        let reader = Reader()
        async let served: Void = write(reader)
        await reader.hears("retry:")
        api.studio.hub.heartbeat()
        await reader.hears(": keep-alive\n\n")
        api.studio.hub.close()
        try await served
        #expect(reader.text == "retry: 3000\n\n: keep-alive\n\n")
    }

    @Test func `the query resumes as the field does, which goes before it`() async throws {
        let api = try await PipelineFixture()
        let job = try await api.studio.submit(api.account)
        _ = try await api.studio.jobs.cancel(job.id, of: api.account)
        for (query, fields, first) in [
            ([QueryItem("lastEventId", "1")], [], "id: 2\n"),
            ([QueryItem("lastEventId", "1")], [("Last-Event-ID", "2")], "event: end"),
        ] as [([QueryItem], [(String, String)], String)] {
            let reader = Reader()
            try await Self.open(api, job.id, query: query, fields: fields)(reader)
            #expect(reader.text.hasPrefix("retry: 3000\n\n\(first)"))
        }
    }

    @Test(arguments: ["-1", "+1", "x", ""]) func `an id that was never given is refused`(_ id: String) async throws {
        let api = try await PipelineFixture()
        let job = try await api.studio.submit(api.account)
        let answer = try await api.send("GET", "/api/v1/jobs/\(job.id)/events?lastEventId=\(id)")
        #expect(answer.status == 400)
    }
}

extension String {
    /// How often `word` stands in it.
    fileprivate func components(of word: String) -> Int { ranges(of: word).count }
}
