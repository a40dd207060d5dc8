/// What a file is, by the end of its name.
struct FileType {
    let mediaType: String
    /// Compresses well, and may refer to other files.
    let isText: Bool

    init(name: String) {
        let suffix = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
        if let text = Self.texts[suffix] {
            mediaType = text
            isText = true
        } else {
            mediaType = Self.others[suffix] ?? "application/octet-stream"
            isText = false
        }
    }

    private static let texts = [
        "css": "text/css; charset=utf-8", "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "json": "application/json", "map": "application/json", "md": "text/markdown; charset=utf-8",
        "mjs": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8",
        "webmanifest": "application/manifest+json", "xml": "application/xml",
    ]
    private static let others = [
        "avif": "image/avif", "flac": "audio/flac", "gif": "image/gif", "gz": "application/gzip",
        "ico": "image/x-icon", "jpeg": "image/jpeg", "jpg": "image/jpeg", "m4a": "audio/mp4", "mid": "audio/midi",
        "mp3": "audio/mpeg", "mp4": "video/mp4", "ogg": "audio/ogg", "opus": "audio/ogg", "pdf": "application/pdf",
        "png": "image/png", "ttf": "font/ttf", "wasm": "application/wasm", "wav": "audio/wav", "webm": "video/webm",
        "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2", "zip": "application/zip",
    ]
}
