import Core
import HTTP
import Testing

@testable import Page

struct WebPageTests {
    private static let style = String(repeating: "a { color: red }\n", count: 200)
    private let page: WebPage
    private let stylePath: String

    init() throws {
        let files = ["index.html": "home", "docs.html": "docs", "app.css": Self.style]
        let bundle = try AssetBundle(files: files.mapValues { Array($0.utf8) })
        page = WebPage(bundle, time: ManualTime())
        stylePath = try #require(bundle.assets.keys.first { $0.hasPrefix("/assets/") })
    }

    private static let browser = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")

    @Test func `a file named by its content may be kept for ever, a page is asked for anew`() async throws {
        let style = try await page.get(stylePath)
        #expect(style.status == 200)
        #expect(style.text == Self.style)
        #expect(style.fields["Content-Type"] == "text/css; charset=utf-8")
        #expect(style.fields["Cache-Control"] == "public, max-age=31536000, immutable")
        let home = try await page.get("/")
        #expect(home.text == "home")
        #expect(home.fields["Cache-Control"] == "no-cache")
        #expect(try await page.get("/docs").text == "docs")
    }

    @Test func `what the client has is not sent again`() async throws {
        let tag = try #require(try await page.get("/").fields["ETag"])
        let again = try await page.get("/", [("If-None-Match", tag)])
        #expect(again.status == 304)
        #expect(again.bytes.isEmpty)
        #expect(again.fields["ETag"] == tag)
        #expect(again.fields["Cache-Control"] == "no-cache")
        #expect(try await page.get("/", [("If-None-Match", "\"other\"")]).status == 200)
        #expect(try await page.get("/", [("If-Match", "\"other\"")]).status == 412)
    }

    @Test func `gzip is a representation with a tag of its own`() async throws {
        let plain = try await page.get(stylePath)
        let packed = try await page.get(stylePath, [("Accept-Encoding", "br, gzip")])
        #expect(packed.fields["Content-Encoding"] == "gzip")
        #expect(try gunzip(packed.bytes) == Array(Self.style.utf8))
        #expect(plain.fields["Content-Encoding"] == nil)
        #expect(packed.fields["ETag"] != plain.fields["ETag"])
        for answer in [plain, packed] { #expect(answer.fields["Vary"] == "Accept-Encoding") }
        let tag = try #require(packed.fields["ETag"])
        let again = try await page.get(stylePath, [("Accept-Encoding", "gzip"), ("If-None-Match", tag)])
        #expect(again.status == 304)
        #expect(again.fields["Vary"] == "Accept-Encoding")
        #expect(try await page.get(stylePath, [("Accept-Encoding", "gzip;q=0")]).text == Self.style)
    }

    @Test func `ranges are of the file itself, never of its gzip`() async throws {
        let fields = [("Accept-Encoding", "gzip"), ("Range", "bytes=4-8")]
        let part = try await page.get(stylePath, fields)
        #expect(part.status == 206)
        #expect(part.text == "color")
        #expect(part.fields["Content-Range"] == "bytes 4-8/\(Self.style.utf8.count)")
        #expect(part.fields["Content-Encoding"] == nil)
        let outside = try await page.get(stylePath, [("Range", "bytes=99999-")])
        #expect(outside.status == 416)
        #expect(outside.fields["Content-Range"] == "bytes */\(Self.style.utf8.count)")
        let several = try await page.get(stylePath, [("Range", "bytes=0-0,4-8")])
        #expect(several.status == 206)
        #expect(several.text.contains("Content-Range: bytes 4-8/\(Self.style.utf8.count)\r\n\r\ncolor\r\n--"))
    }

    @Test(arguments: ["/studio", "/jobs/7", "/apis", "/deep/er/still"])
    func `a browser on its way somewhere gets the page, a program gets nothing`(path: String) async throws {
        #expect(try await page.get(path, [Self.browser]).text == "home")
        #expect(try await page.get(path, [Self.browser], method: "HEAD").status == 200)
        #expect(try await page.get(path).status == 404)
        #expect(try await page.get(path, [("Accept", "*/*")]).status == 404)
        #expect(try await page.get(path, [Self.browser], method: "POST").status == 404)
    }

    @Test(arguments: ["/api", "/api/v1/nothing", "/assets/app.css", "/assets/old.0123.js", "/ws", "/ws/echo"])
    func `under the server's own paths nothing but what is there is served`(path: String) async throws {
        #expect(try await page.get(path, [Self.browser]).status == 404)
    }

    @Test func `what is there can only be read`() async throws {
        #expect(try await page.get("/", method: "POST").status == 405)
        #expect(try await page.get(stylePath, method: "OPTIONS").status == 405)
        #expect(try await page.get("/nothing", method: "POST").status == 404)
    }

    @Test(arguments: ["text/html", "text/HTML ;q=0.9", "image/png, text/html"])
    func `a navigation names HTML`(accept: String) {
        var head = RequestHead(method: "GET", target: "/", path: "/")
        head.fields.append("Accept", accept)
        #expect(WebPage.isNavigation(head))
    }
}
