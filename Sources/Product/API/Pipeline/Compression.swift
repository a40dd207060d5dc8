internal import Core
internal import HTTP
internal import Synchronization

/// Sends whole answers of text in gzip to clients that take it (RFC 9110 §8.4).
///
/// Not compressed are streams, ranges, files and what is coded already; nor, unless the client refuses it as it is,
/// what is short, and what is so large that a loop would be busy with it for long. Nor is an answer to a session
/// cookie, unless the browser says that a page of this origin asked: other pages could have it repeat guesses beside
/// its secrets and read the outcome off its length (BREACH). A key in `Authorization` is nothing that other pages could
/// make a browser send.
final class Compression: Sendable {
    /// Some 3 ms of a loop's time.
    static let bytesMax = 256 << 10
    /// Answers that are kept compressed: with an entity tag, and to nobody in particular, such as the API's document.
    static let keptMax = 8

    private let bytesMin: Int
    private let kept = Mutex<[String: [UInt8]]>([:])

    init(bytesMin: Int) { self.bytesMin = bytesMin }

    /// - Parameter inGzip: whether there is the answer in gzip too, or it can be made.
    /// - Throws: `notAcceptable` if the client refuses whatever there is: before its handler runs, so that nothing
    ///   happens.
    func admit(_ head: RequestHead, inGzip: Bool) throws(Problem) {
        guard head.hasField("Accept-Encoding"),
            ContentCoding.negotiate(head.fields, available: inGzip ? [.gzip] : []) == .notAcceptable
        else { return }
        let codings = inGzip ? "in gzip or in no coding" : "in no coding"
        throw Problem(.notAcceptable, "This is sent \(codings), and Accept-Encoding refuses that.")
    }

    /// A 304 is to come with the body that its 200 would have: it gets that one's fields, and no body.
    func finish(_ response: inout Response, _ context: RequestContext) {
        encode(&response, context)
        guard response.status == 304 else { return }
        response.body = .empty
        for name in ["Content-Type", "Content-Encoding"] { response.fields[name] = nil }
    }

    private func encode(_ response: inout Response, _ context: RequestContext) {
        guard case .bytes(let bytes) = response.body, !bytes.isEmpty,
            (bytesMin...Self.bytesMax).contains(bytes.count) || context.request.head.refusesIdentity,
            response.status != 206, response.fields["Content-Encoding"] == nil,
            Self.isText(response.fields["Content-Type"])
        else { return }
        response.fields.append("Vary", "Accept-Encoding")
        let fields = context.request.head.fields
        guard context.credential != .session || fields["Sec-Fetch-Site"] == "same-origin",
            ContentCoding.negotiate(fields, available: [.gzip]) == .gzip
        else { return }
        if response.status != 304 { response.body = .bytes(compressed(bytes, key: Self.key(response, context))) }
        response.fields.append("Content-Encoding", "gzip")
        // RFC 9110 §8.8.3: another coding is another representation; a weak tag stands for both.
        if let tag = response.fields["ETag"], !tag.hasPrefix("W/") { response.fields["ETag"] = "W/" + tag }
    }

    private func compressed(_ bytes: [UInt8], key: String?) -> [UInt8] {
        guard let key else { return gzip(bytes) }
        if let known = kept.withLock({ $0[key] }) { return known }
        let compressed = gzip(bytes)
        kept.withLock { kept in
            if kept.count < Self.keptMax { kept[key] = compressed }
        }
        return compressed
    }

    /// What an answer is kept under, if it is the same for everyone.
    private static func key(_ response: Response, _ context: RequestContext) -> String? {
        guard context.principal == nil, let tag = response.fields["ETag"] else { return nil }
        return "\(context.request.head.path) \(tag)"
    }

    /// Text that is answered whole: a stream of events is not.
    static func isText(_ contentType: String?) -> Bool {
        guard let type = contentType?.prefix(while: { $0 != ";" }), type != "text/event-stream" else { return false }
        return type == "application/json" || type == "application/problem+json" || type.hasPrefix("text/")
    }
}
