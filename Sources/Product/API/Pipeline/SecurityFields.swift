internal import HTTP

/// What browsers are to hold to: on every answer that nothing is guessed, on pages what they may load and who may
/// frame them.
enum SecurityFields {
    /// A page loads its own origin's files and nothing written into it; `blob:` is for audio that its scripts make.
    private static let page: [(name: String, value: String)] = [
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
    ]

    static func finish(_ response: inout Response, _ context: RequestContext, isPage: Bool) {
        response.fields.append("X-Content-Type-Options", "nosniff")
        // RFC 6797 §7.2: over plain HTTP the field would be void.
        if context.isSecure { response.fields.append("Strict-Transport-Security", "max-age=31536000") }
        if isPage {
            for field in page { response.fields.append(field.name, field.value) }
        } else if context.principal != nil, response.fields["Cache-Control"] == nil {
            response.fields.append("Cache-Control", "no-store")
        }
    }
}
