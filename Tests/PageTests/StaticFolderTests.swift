import CLinux
import Core
import Glibc
import HTTP
import Support
import Testing

@testable import Page

struct StaticFolderTests {
    private let pool = BlockingPool(name: "disk", threads: 1)
    private let root: TemporaryDirectory
    private let site: StaticFolder

    init() throws {
        root = TemporaryDirectory()
        for folder in ["www", "www/sub", "www/.git", "www/.well-known"] {
            try #require(mkdir("\(root.path)/\(folder)", 0o755) == 0)
        }
        let files = [
            "secret": "outside", "www/index.html": "home", "www/a.txt": "text", "www/sub/index.html": "below",
            "www/.git/config": "hidden", "www/.env": "hidden", "www/.well-known/x": "known",
        ]
        for (name, text) in files { try Self.write(text, "\(root.path)/\(name)") }
        site = try StaticFolder(path: "\(root.path)/www", pool: pool, base: nil, time: ManualTime())
    }

    private static func write(_ text: String, _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    @Test func `files are served with their type, tag and date`() async throws {
        let answer = try await site.get("/a.txt")
        #expect(answer.text == "text")
        #expect(answer.fields["Content-Type"] == "text/plain; charset=utf-8")
        #expect(answer.fields["Cache-Control"] == "no-cache")
        let tag = try #require(answer.fields["ETag"])
        #expect(try await site.get("/a.txt", [("If-None-Match", tag)]).status == 304)
        let date = try #require(answer.fields["Last-Modified"])
        #expect(HTTPDate.parse(date, now: SystemTime().now()) != nil)
        #expect(try await site.get("/a.txt", [("Range", "bytes=1-2")]).text == "ex")
        #expect(try await site.get("/a.txt", [("Range", "bytes=0-0,2-3")]).text.contains("\r\n\r\nxt\r\n--"))
    }

    @Test func `a file from the future is dated now (RFC 9110 §8.8.2.1)`() async throws {
        let now = ManualTime()
        let later = timeval(tv_sec: Int(now.now().milliseconds / 1000) + 3600, tv_usec: 0)
        try #require(utimes("\(root.path)/www/a.txt", [later, later]) == 0)
        #expect(try await site.get("/a.txt").fields["Last-Modified"] == HTTPDate.format(now.now()))
    }

    @Test func `a folder is served by its index`() async throws {
        #expect(try await site.get("/").text == "home")
        #expect(try await site.get("/sub/").text == "below")
        #expect(try await site.get("/sub").status == 404)
    }

    @Test(arguments: [
        "/../secret", "/sub/../../secret", "/..", "/./a.txt", "//a.txt", "/sub//index.html", "/a.txt\0", "/.env",
        "/.git/config", "/sub/..", "", "a.txt", "*",
    ])
    func `what leads elsewhere or is hidden is not there`(path: String) async throws {
        #expect(try await site.get(path).status == 404)
    }

    @Test func `what others have to find is served though its name begins with a dot`() async throws {
        #expect(try await site.get("/.well-known/x").text == "known")
    }

    @Test(arguments: ["/out", "/abs", "/up/secret"])
    func `no symbolic link leads out of the folder`(path: String) async throws {
        try #require(symlink("../secret", "\(root.path)/www/out") == 0)
        try #require(symlink("\(root.path)/secret", "\(root.path)/www/abs") == 0)
        try #require(symlink("..", "\(root.path)/www/up") == 0)
        #expect(try await site.get(path).status == 404)
    }

    @Test func `a symbolic link within the folder is followed`() async throws {
        try #require(symlink("a.txt", "\(root.path)/www/b.txt") == 0)
        #expect(try await site.get("/b.txt").text == "text")
    }

    @Test func `what is no regular file is not there`() async throws {
        try #require(mkfifo("\(root.path)/www/pipe", 0o644) == 0)
        #expect(try await site.get("/pipe").status == 404)
        #expect(try await site.get("/sub").status == 404)
        #expect(try await site.get("/a.txt/b").status == 404)
        #expect(try await site.get("/\(String(repeating: "n", count: 300))").status == 404)
    }

    @Test func `a gzip beside the file is sent to those who take it, unless it is older`() async throws {
        try Self.write("packed", "\(root.path)/www/a.txt.gz")
        let packed = try await site.get("/a.txt", [("Accept-Encoding", "gzip")])
        #expect(packed.text == "packed")
        #expect(packed.fields["Content-Encoding"] == "gzip")
        #expect(packed.fields["Content-Type"] == "text/plain; charset=utf-8")
        #expect(packed.fields["Vary"] == "Accept-Encoding")
        let plain = try await site.get("/a.txt")
        #expect(plain.text == "text")
        #expect(plain.fields["ETag"] != packed.fields["ETag"])
        #expect(try await site.get("/a.txt", [("Accept-Encoding", "gzip"), ("Range", "bytes=0-0")]).text == "t")
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, "\(root.path)/www/a.txt.gz", &times, 0) == 0)
        #expect(try await site.get("/a.txt", [("Accept-Encoding", "gzip")]).text == "text")
    }

    @Test func `what the folder does not have, the site below it answers`() async throws {
        let bundle = try AssetBundle(files: ["index.html": Array("built in".utf8), "docs.html": Array("docs".utf8)])
        let both = try StaticFolder(
            path: "\(root.path)/www", pool: pool, base: WebPage(bundle, time: ManualTime()), time: ManualTime())
        #expect(try await both.get("/").text == "home")
        #expect(try await both.get("/docs").text == "docs")
        #expect(try await both.get("/.env").status == 404)
        #expect(try await both.get("/a.txt", method: "PUT").status == 405)
    }

    @Test func `a folder that is not there is refused at the start`() {
        #expect(throws: OpenFileError.self) {
            try StaticFolder(path: "\(root.path)/gone", pool: pool, base: nil, time: ManualTime())
        }
        #expect(throws: OpenFileError.self) {
            try StaticFolder(path: "\(root.path)/secret", pool: pool, base: nil, time: ManualTime())
        }
    }

    @Test func `without openat2 no link is followed and no way leads up`() throws {
        try #require(symlink("a.txt", "\(root.path)/www/b.txt") == 0)
        try #require(symlink("sub", "\(root.path)/www/link") == 0)
        let folder = open("\(root.path)/www", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try #require(folder >= 0)
        defer { close(folder) }
        func opens(_ path: String) -> Bool {
            let descriptor = cadenza_open_stepwise(folder, path)
            if descriptor >= 0 { close(descriptor) }
            return descriptor >= 0
        }
        #expect(opens("a.txt"))
        #expect(opens("sub/index.html"))
        for path in ["b.txt", "link/index.html", "../secret", "sub/../a.txt", "", "/secret", "sub//index.html", "x/y"] {
            #expect(!opens(path), "\(path)")
        }
    }
}
