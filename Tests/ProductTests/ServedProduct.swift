import Accounts
import Core
import FuzzInvariants
import Glibc
import HTTP
import HTTPServer
import Page
import Studio
import Support
import Telemetry
import Testing

@testable import API

/// The product as `cadenza serve` wires it, over a real socket: the whole pipeline, the route table, the page and a
/// folder of an operator's over it, a job with a result and one that runs. Only limits on rates are out of the way.
struct ServedProduct: Sendable {
    static let modified = "Sun, 06 Nov 1994 08:49:37 GMT"
    /// The result's content.
    static let letters = "abcdefghijklmnopqrstuvwxyz"

    let port: UInt16
    private(set) var names: [String: String]
    private(set) var contents: [String: [UInt8]] = [:]

    /// `text` with what the names in it stand for.
    func resolve(_ text: String) -> String {
        guard text.contains("{") else { return text }
        return names.reduce(text) { $0.replacing("{\($1.key)}", with: $1.value) }
    }

    static func serve(_ body: @escaping @Sendable (ServedProduct) async throws -> Void) async throws {
        let folder = try operatorFolder()
        let studio = try await StudioFixture()
        var options = PipelineOptions()
        options.site = try StaticFolder(
            path: folder.path, pool: BlockingPool(name: "site", threads: 1),
            base: try WebPage.embedded(time: studio.time), time: SystemTime())
        let api = try await PipelineFixture(credits: 50, studio: studio, limits: limits, options: options)
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(silence) }
        let log = Logger(level: .error, descriptor: silence)
        var configuration = ServerConfiguration { api.pipeline.answer($0, isSecure: $1) }
        configuration.standingFields = Pipeline.standingFields
        configuration.loops = 1
        configuration.limits.drainSeconds = 5
        configuration.limits.lingerSeconds = 2
        configuration.messages.bodyBytesMax = 2 << 20
        let server = Server(configuration: configuration, log: log, metrics: Metrics()) { api.pipeline.answer($0) }
        let names = try await names(api)
        let port = try server.start()
        let result: Result<Void, any Error>
        do {
            // The clients block: on threads of their own they hold up no other test.
            try await withTaskExecutorPreference(BlockingPool(name: "client", threads: 1)) {
                var product = ServedProduct(port: port, names: names)
                try product.look()
                try await body(product)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await server.drain()
        await log.flush()
        withExtendedLifetime(folder) {}
        try result.get()
    }

    private static var limits: APILimits {
        var limits = APILimits()
        limits.requestsPerMinute = 1_000_000
        limits.anonymousRequestsPerMinute = 1_000_000
        limits.staticRequestsPerMinute = 1_000_000
        return limits
    }

    /// `notes.txt` with its gzip beside it, and `sound.bin`, both of 1994.
    private static func operatorFolder() throws -> TemporaryDirectory {
        let folder = TemporaryDirectory()
        let notes = Array(String(repeating: "all work and no play ", count: 40).utf8)
        let paths = [
            folder.write(notes, "notes.txt"), folder.write(gzip(notes), "notes.txt.gz"),
            folder.write(Array(letters.utf8) + (0..<1000).map { UInt8(truncatingIfNeeded: $0) }, "sound.bin"),
        ]
        let seconds = try #require(HTTPDate.parse(modified, now: SystemTime().now())).milliseconds / 1000
        for path in paths {
            let moment = timeval(tv_sec: Int(seconds), tv_usec: 0)
            try #require(utimes(path, [moment, moment]) == 0)
        }
        return folder
    }

    private static func names(_ api: PipelineFixture) async throws -> [String: String] {
        let studio = api.studio
        let done = try await studio.submit(api.account)
        let claim = try await studio.claim()
        let artifact = try studio.artifact("vocals.wav", content: letters)
        _ = try await studio.jobs.finish(
            claim, job: try await studio.jobs.job(of: claim), artifacts: [artifact], notes: [], processingSeconds: 1)
        let running = try await studio.submit(api.account, content: "running")
        _ = try await studio.claim()
        let job = "/api/v1/jobs/\(done.id)"
        return [
            "key": "Authorization: Bearer \(api.token)", "token": api.token, "modified": modified,
            "probe": "/healthz", "metrics": "/metrics", "document": "/openapi.json", "job": job, "page": "/",
            "notes": "/notes.txt", "sound": "/sound.bin", "artifact": "\(job)/artifacts/vocals.wav",
            "zip": "\(job)/download", "events": "\(job)/events", "running": "/api/v1/jobs/\(running.id)",
            "absent": "/api/v1/jobs/job_0198f0f0f0f07000800000000000000f",
        ]
    }

    /// Asks for what only the server knows: contents, tags, and the name of a file of the page.
    private mutating func look() throws {
        let client = try WireClient(port)
        let page = try client.get("/").text
        let start = try #require(page.firstRange(of: "/assets/"))
        names["asset"] = String(page[start.lowerBound...].prefix { $0 != "\"" })
        let key = try #require(names["key"]) + "\r\n"
        contents["running"] = try client.get(try #require(names["running"]), fields: key).body
        for resource in SemanticsResource.all {
            let path = try #require(names[resource.name])
            let plain = try client.get(path, fields: key)
            try #require(plain.status == 200, "\(resource.name)")
            contents[resource.name] = plain.body
            names["\(resource.name).length"] = "\(plain.body.count)"
            names["\(resource.name).tag"] = plain["ETag"]
            names["\(resource.name).gzip"] = try client.get(path, fields: key + "Accept-Encoding: gzip\r\n")["ETag"]
        }
    }
}
