internal import HTTP

/// What browsers are to hold to: on pages what they may load and who may frame them.
enum SecurityFields {
    /// On every answer: nothing is guessed.
    static let everywhere = fields([("X-Content-Type-Options", "nosniff")])
    /// RFC 6797 §7.2: over plain HTTP the field would be void.
    private static let secure = fields([("Strict-Transport-Security", "max-age=31536000")])
    private static let unkept = fields([("Cache-Control", "no-store")])
    /// A page loads its own origin's files and nothing written into it; `blob:` is for audio that its scripts make.
    private static let page = fields([
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
                + "connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
                + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        (
            "Permissions-Policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
        ),
    ])

    /// For what is answered before there is a request.
    static func finish(_ response: inout Response, isSecure: Bool) {
        if isSecure { response.fields.append(contentsOf: secure) }
    }

    static func finish(_ response: inout Response, _ context: RequestContext, isPage: Bool) {
        finish(&response, isSecure: context.isSecure)
        if isPage {
            response.fields.append(contentsOf: page)
        } else if context.principal != nil, response.fields["Cache-Control"] == nil {
            response.fields.append(contentsOf: unkept)
        }
    }

    private static func fields(_ list: [(name: String, value: String)]) -> HTTPFields {
        list.reduce(into: HTTPFields()) { $0.append($1.name, $1.value) }
    }
}
