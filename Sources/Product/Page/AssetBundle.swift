internal import HTTP
internal import Secrets

/// The files of a web page, named by their content.
///
/// Files that are not pages get a hash into their name, `app.css` becomes `/assets/app.<hash>.css`, and the others
/// refer to them by it: so a browser may keep each for ever, and sees a new one at once. Everything is computed when
/// the bundle is made; what compresses is kept in gzip too.
public struct AssetBundle: Sendable {
    public struct Asset: Sendable {
        /// Where it is served, `/assets/app.<hash>.css`, or of a page `/docs`.
        public let path: String
        public let mediaType: String
        /// With references to other files rewritten.
        public let bytes: [UInt8]
        /// `nil` where compression gains less than a tenth.
        public let compressed: [UInt8]?
        /// Of `bytes`, the first 64 bits of their SHA-256 in hexadecimal.
        public let hash: String
    }

    /// Why files make no bundle: a programmer's mistake, found by the tests.
    public enum Failure: Error, Hashable, Sendable {
        /// They refer to each other in a circle.
        case circle(String)
        /// One refers to another that is not there.
        case unknownReference(String, in: String)
    }

    static let folder = "/assets/"
    /// The bundle is made once, at the start.
    private static let gzipLevel = 9

    /// By their paths.
    public let assets: [String: Asset]

    /// - Parameter files: by their names, of one folder.
    /// - Throws: `Failure`.
    public init(files: [String: [UInt8]]) throws(Failure) {
        var builder = Builder(files: files)
        var assets: [String: Asset] = [:]
        for name in files.keys.sorted() {
            let asset = try builder.asset(name)
            assets[asset.path] = asset
        }
        self.assets = assets
    }

    private struct Builder {
        let files: [String: [UInt8]]
        private var done: [String: Asset] = [:]
        private var open: Set<String> = []

        init(files: [String: [UInt8]]) { self.files = files }

        mutating func asset(_ name: String) throws(Failure) -> Asset {
            if let asset = done[name] { return asset }
            guard open.insert(name).inserted else { throw .circle(name) }
            defer { open.remove(name) }
            let type = FileType(name: name)
            let bytes = type.isText ? try rewritten(files[name] ?? [], of: name) : files[name] ?? []
            let hash = String(Hexadecimal.encode(SHA256.hash(of: bytes)).prefix(16))
            let compressed = type.isText ? gzip(bytes, level: gzipLevel) : nil
            let asset = Asset(
                path: Self.path(name, hash: hash), mediaType: type.mediaType, bytes: bytes,
                compressed: compressed.flatMap { $0.count < bytes.count * 9 / 10 ? $0 : nil }, hash: hash)
            done[name] = asset
            return asset
        }

        private static func path(_ name: String, hash: String) -> String {
            if name == "index.html" { return "/" }
            if name.hasSuffix(".html") { return "/" + name.dropLast(5) }
            guard let dot = name.lastIndex(of: ".") else { return folder + name + "." + hash }
            return folder + name[..<dot] + "." + hash + name[dot...]
        }

        /// Every `/assets/name` in the text becomes the path under which that file is served.
        private mutating func rewritten(_ bytes: [UInt8], of name: String) throws(Failure) -> [UInt8] {
            let text = String(decoding: bytes, as: UTF8.self)
            var result = ""
            var rest = text[...]
            while let found = rest.firstRange(of: folder) {
                result += rest[..<found.lowerBound]
                rest = rest[found.upperBound...]
                let reference = String(rest.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) })
                guard files[reference] != nil else { throw .unknownReference(reference, in: name) }
                result += try asset(reference).path
                rest = rest.dropFirst(reference.count)
            }
            return Array((result + rest).utf8)
        }
    }
}
