internal import Core

/// The answer of `GET /healthz`.
struct LiveAnswer: JSONAnswer {
    static let schema = Schema.object("Live", [.required("status", .constant("ok"))])

    private static let text = JSON.object([.init("status", "ok")]).encoded

    var json: JSON { ["status": "ok"] }
    var encoded: [UInt8] { Self.text }
}

/// The answer of `GET /readyz`.
struct ReadyAnswer: JSONAnswer {
    static let schema = Schema.object("Ready", [.required("status", .constant("ready"))])

    var json: JSON { ["status": "ready"] }
}
