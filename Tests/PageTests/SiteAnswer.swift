import Core
import HTTP
import Testing

/// What a site says, with its body read.
struct SiteAnswer {
    /// 404 and 405 where the site leaves the answer to its caller.
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]

    init(_ answer: StaticAnswer) async throws {
        switch answer {
        case .nothing: (status, fields, bytes) = (404, HTTPFields(), [])
        case .readOnly: (status, fields, bytes) = (405, HTTPFields(), [])
        case .refused(let code, _, let given): (status, fields, bytes) = (code.status, given, [])
        case .response(let response):
            status = response.status
            fields = response.fields
            switch response.body {
            case .bytes(let all): bytes = all
            case .file(let file, let offset, let length):
                bytes = try #require(file as? OpenFile).read(at: offset, count: length)
            case .stream(_, let send):
                let sink = Sink()
                try await send(sink)
                bytes = await sink.bytes
            default: bytes = []
            }
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    private actor Sink: ResponseWriter {
        var bytes: [UInt8] = []

        func write(_ piece: [UInt8]) async throws(WriteError) { bytes += piece }
    }
}

extension StaticSite {
    func get(_ path: String, _ fields: [(String, String)] = [], method: String = "GET") async throws -> SiteAnswer {
        var head = RequestHead(method: method, target: path, path: path)
        for (name, value) in fields { head.fields.append(name, value) }
        return try await SiteAnswer(await answer(head))
    }
}
