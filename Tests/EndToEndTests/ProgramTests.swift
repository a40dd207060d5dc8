import Glibc
import Support
import Testing

@Suite(.serialized) struct ProgramTests {
    private let directory = TemporaryDirectory()

    private var environment: [String: String] {
        ["DATA_DIR": directory.path("data"), "PORT": "0", "CADENZA_HTTP_LOOPS": "1"]
    }

    private func run(_ arguments: String..., with extra: [String: String] = [:]) throws -> (String, Int32) {
        try Program(arguments, environment: environment.merging(extra) { _, new in new }).finish()
    }

    /// The whole answer to one request on a connection of its own.
    private func answer(_ port: UInt16, _ path: String, key: String) throws -> String {
        let link = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(link) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // SAFETY: a sockaddr_in is what connect reads behind the general pointer, for an address of this family.
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(link, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        let request = Array(
            "GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(key)\r\nConnection: close\r\n\r\n".utf8)
        try #require(write(link, request, request.count) == request.count)
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(link, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: content, as: UTF8.self) }
            content += chunk[..<count]
        }
    }

    private func start() throws -> (server: Program, port: UInt16, key: String) {
        let server = try Program(["serve", "--demo"], environment: environment)
        let url = try server.value(after: "URL: ")
        let key = try server.value(after: "API key: ")
        return (server, try #require(UInt16(url.split(separator: ":").last ?? "")), key)
    }

    @Test func `the program says its version`() throws {
        let (output, status) = try run("--version")
        #expect(output.split(separator: ".").count == 3)
        #expect(status == 0)
    }

    @Test func `every fault of the configuration is said at once and the start refused`() throws {
        let (output, status) = try run("serve", with: ["CADENZA_HTTP_LOPS": "1", "CADENZA_HTTP_PORT": "many"])
        #expect(output.contains("CADENZA_HTTP_LOPS") && output.contains("CADENZA_HTTP_PORT"))
        #expect(status == 78)
    }

    @Test func `the settings in force are printed`() throws {
        let (output, status) = try run("config")
        #expect(output.contains("directory = \"\(directory.path("data"))\"") && output.contains("loops = 1"))
        #expect(status == 0)
    }

    @Test func `a server opens a demo account with the trial, answers, and ends on SIGTERM`() throws {
        let (server, port, key) = try start()
        #expect(try answer(port, "/healthz", key: key).hasPrefix("HTTP/1.1 200"))
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":3"))
        #expect(try answer(port, "/api/credits", key: "ck_wrong").hasPrefix("HTTP/1.1 401"))
        server.signal(SIGTERM)
        #expect(server.finish().status == 0)

        let (books, status) = try run("ledger", "verify")
        #expect(status == 0, "\(books)")
    }

    @Test func `after kill -9 the same key still works and the trial is not given again`() throws {
        let (first, _, key) = try start()
        first.signal(SIGKILL)
        #expect(first.finish().status == -1)
        let (second, port, again) = try start()
        #expect(again == key)
        #expect(try answer(port, "/api/credits", key: key).contains("\"credits\":3"))
        second.signal(SIGTERM)
        #expect(second.finish().status == 0)
    }
}
