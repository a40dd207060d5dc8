internal import CPage
public import Core
public import HTTP

/// The web page that is built into the executable.
///
/// Files with a hash in their name may be kept for ever; pages are asked for anew each time, which costs a 304. A
/// browser that goes to a path where nothing is gets `index.html`: the page's script knows what to show there.
public struct WebPage: StaticSite {
    private let bundle: AssetBundle
    private let time: any TimeSource
    /// Paths under which nothing is but what is really there.
    private static let ownPaths = ["/api/", "/assets/", "/ws/"]

    public init(_ bundle: AssetBundle, time: any TimeSource) {
        self.bundle = bundle
        self.time = time
    }

    /// The page as it was when the program was built.
    /// - Throws: `AssetBundle.Failure`.
    public static func embedded(time: any TimeSource) throws(AssetBundle.Failure) -> WebPage {
        WebPage(try AssetBundle(files: embeddedFiles), time: time)
    }

    /// By their names.
    static var embeddedFiles: [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        var index = 0
        // SAFETY: the table and what it points to are constants of the executable.
        while let asset = cadenza_asset_at(index)?.pointee {
            files[String(cString: asset.name)] = Array(UnsafeBufferPointer(start: asset.bytes, count: asset.byte_count))
            index += 1
        }
        return files
    }

    public func answer(_ head: RequestHead) async -> StaticAnswer {
        guard let asset = bundle.assets[head.path] ?? fallback(head) else { return .nothing }
        guard head.method == "GET" || head.method == "HEAD" else { return .readOnly }
        return representation(asset, head).answer(head, now: time.now())
    }

    /// `index.html`, for a browser on its way to a place that only the page's script knows.
    private func fallback(_ head: RequestHead) -> AssetBundle.Asset? {
        guard head.method == "GET" || head.method == "HEAD", Self.isNavigation(head),
            !Self.ownPaths.contains(where: { (head.path + "/").hasPrefix($0) })
        else { return nil }
        return bundle.assets["/"]
    }

    /// Browsers name HTML first when a person goes somewhere; programs that take anything do not.
    static func isNavigation(_ head: RequestHead) -> Bool {
        head.fields.values("Accept").contains { field in
            field.split(separator: ",").contains { type in
                type.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() == "text/html"
            }
        }
    }

    private func representation(_ asset: AssetBundle.Asset, _ head: RequestHead) -> StaticRepresentation {
        var fields = HTTPFields()
        let isNamedByContent = asset.path.hasPrefix(AssetBundle.folder)
        fields["Cache-Control"] = isNamedByContent ? "public, max-age=31536000, immutable" : "no-cache"
        var (bytes, tag) = (asset.bytes, asset.hash)
        if let compressed = asset.compressed {
            fields["Vary"] = "Accept-Encoding"
            if head.takesGzip {
                (bytes, tag) = (compressed, asset.hash + "-gzip")
                fields["Content-Encoding"] = "gzip"
            }
        }
        return StaticRepresentation(
            content: .bytes(bytes), mediaType: asset.mediaType, validators: Validators(entityTag: EntityTag(tag)),
            fields: fields)
    }
}

extension RequestHead {
    /// Whether gzip may be sent: not for a part of a file, whose offsets the client means of the file itself, unless
    /// it refuses that.
    var takesGzip: Bool {
        guard ContentCoding.negotiate(fields, available: [.gzip]) == .gzip else { return false }
        // RFC 9110 §14.2: of another method Range is passed over.
        return method != "GET" || fields["Range"] == nil || refusesIdentity
    }
}
