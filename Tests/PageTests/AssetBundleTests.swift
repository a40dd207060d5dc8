import HTTP
import Support
import Testing

@testable import Page

struct AssetBundleTests {
    private static func bundle(_ files: [String: String]) throws(AssetBundle.Failure) -> AssetBundle {
        try AssetBundle(files: files.mapValues { Array($0.utf8) })
    }

    private static func text(_ bundle: AssetBundle, _ path: String) -> String? {
        bundle.assets[path].map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private static func path(of name: String, in bundle: AssetBundle) throws -> String {
        let halves = name.split(separator: ".")
        let paths = bundle.assets.keys.filter { $0.hasPrefix("/assets/\(halves[0]).") && $0.hasSuffix(".\(halves[1])") }
        #expect(paths.count == 1)
        return try #require(paths.first)
    }

    @Test func `a file's path holds the hash of its content, a page's its name`() throws {
        let first = try Self.bundle(["app.css": "a{}", "index.html": "i", "docs.html": "d"])
        let path = try Self.path(of: "app.css", in: first)
        #expect(path.split(separator: ".")[1].count == 16)
        #expect(Set(first.assets.keys) == [path, "/", "/docs"])
        let other = try Self.bundle(["app.css": "b{}"])
        #expect(try Self.path(of: "app.css", in: other) != path)
        #expect(try Self.path(of: "app.css", in: try Self.bundle(["app.css": "a{}"])) == path)
    }

    @Test func `references lead to the hashed paths, and change the hash of what refers`() throws {
        func bundle(icon: String) throws -> AssetBundle {
            try Self.bundle([
                "icon.svg": icon, "app.css": "a{background:url(/assets/icon.svg)}",
                "index.html": "<link href=\"/assets/app.css\"> (/assets/icon.svg).",
            ])
        }
        let (one, two) = (try bundle(icon: "1"), try bundle(icon: "2"))
        let (icon, style) = (try Self.path(of: "icon.svg", in: one), try Self.path(of: "app.css", in: one))
        #expect(Self.text(one, "/") == "<link href=\"\(style)\"> (\(icon)).")
        #expect(Self.text(one, style) == "a{background:url(\(icon))}")
        #expect(try Self.path(of: "app.css", in: two) != style)
        #expect(one.assets["/"]?.hash != two.assets["/"]?.hash)
    }

    @Test func `a reference to nothing and one in a circle are refused`() {
        #expect(throws: AssetBundle.Failure.unknownReference("gone.js", in: "index.html")) {
            try Self.bundle(["index.html": "/assets/gone.js"])
        }
        #expect(throws: AssetBundle.Failure.circle("a.js")) {
            try Self.bundle(["a.js": "/assets/b.js", "b.js": "/assets/a.js"])
        }
    }

    @Test func `what compresses is kept compressed too`() throws {
        let long = String(repeating: "a { color: red }\n", count: 200)
        let bundle = try Self.bundle(["app.css": long, "short.css": "a{}", "icon.png": long])
        let style = try #require(bundle.assets[try Self.path(of: "app.css", in: bundle)])
        let compressed = try #require(style.compressed)
        #expect(compressed.count < long.utf8.count / 10)
        #expect(try gunzip(compressed) == Array(long.utf8))
        #expect(bundle.assets[try Self.path(of: "short.css", in: bundle)]?.compressed == nil)
        #expect(bundle.assets[try Self.path(of: "icon.png", in: bundle)]?.compressed == nil)
    }

    @Test func `every file of the folder is embedded as it is`() throws {
        let embedded = WebPage.embeddedFiles
        let folder = "Sources/Product/Page/assets/"
        let files = Repository.files(below: String(folder.dropLast())).map { String($0.dropFirst(folder.count)) }
        #expect(embedded.keys.sorted() == files)
        for (name, bytes) in embedded {
            #expect(Repository.text(folder + name).map { Array($0.utf8) } == bytes, "\(name)")
        }
        _ = try AssetBundle(files: embedded)
    }

    @Test func `the built-in pages hold no script or style that their policy forbids`() {
        for (name, bytes) in WebPage.embeddedFiles where name.hasSuffix(".html") {
            let text = String(decoding: bytes, as: UTF8.self)
            for tag in text.split(separator: "<script").dropFirst() {
                #expect(tag.contains("src=\"/assets/") && tag.contains("></script>"), "\(name): \(tag.prefix(60))")
            }
            for word in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
                #expect(!text.contains(word), "\(name) has \(word)")
            }
        }
    }
}
