import Core
import HTTP
import Testing

struct OriginPolicyTests {
    private let policy = OriginPolicy([WebOrigin("https://app.example.com")].compactMap { $0 })

    private func verdict(
        _ fields: [(String, String)], host: String? = "api.example.com", isSecure: Bool = true
    ) -> OriginPolicy.Verdict {
        var head = RequestHead(method: "POST", target: "/", path: "/")
        for (name, value) in fields { head.fields.append(name, value) }
        return policy.verdict(head, host: host, isSecure: isSecure)
    }

    @Test func `a request that no page sent has no origin`() {
        #expect(verdict([]) == .unsaid)
        #expect(verdict([("Sec-Fetch-Site", "none")]) == .unsaid)
        #expect(verdict([("Sec-Fetch-Site", "cross-site")]) == .foreign)
        #expect(verdict([("Sec-Fetch-Site", "same-site")]) == .foreign)
    }

    @Test func `an origin of the list is answered as it was sent`() {
        #expect(verdict([("Origin", "https://app.example.com")]) == .listed("https://app.example.com"))
        #expect(
            verdict([("Origin", "https://app.example.com"), ("Sec-Fetch-Site", "cross-site")])
                == .listed("https://app.example.com"))
    }

    @Test(arguments: [
        "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.net",
        "https://evil-app.example.com", "https://example.com", "null", "*", "https://app.example.com/",
        "https://APP.example.com", "HTTPS://app.example.com", "https://app.example.com:443", "https://app.example.com:",
    ])
    func `an origin that is not exactly of the list is foreign`(origin: String) {
        #expect(verdict([("Origin", origin)]) == .foreign)
    }

    @Test func `two origins are foreign`() {
        let fields = [("Origin", "https://app.example.com"), ("Origin", "https://app.example.com")]
        #expect(verdict(fields) == .foreign)
    }

    @Test func `the server's own pages are known by scheme, host and port`() {
        #expect(verdict([("Origin", "https://api.example.com")]) == .sameOrigin)
        #expect(verdict([("Origin", "https://api.example.com:443")]) == .foreign)
        #expect(verdict([("Origin", "http://api.example.com")]) == .foreign)
        #expect(verdict([("Origin", "https://api.example.com")], isSecure: false) == .foreign)
        #expect(verdict([("Origin", "https://api.example.com")], host: nil) == .foreign)
        #expect(verdict([("Origin", "http://localhost:8080")], host: "localhost:8080", isSecure: false) == .sameOrigin)
    }

    @Test func `what the browser says of the site decides before what we compute`() {
        let own = ("Origin", "https://api.example.com")
        #expect(verdict([own, ("Sec-Fetch-Site", "same-origin")], isSecure: false) == .sameOrigin)
        #expect(verdict([own, ("Sec-Fetch-Site", "cross-site")]) == .foreign)
    }

    @Test func `a WebSocket is opened for programs, own and listed pages alone`() {
        func permits(_ origin: String?) -> Bool {
            var head = RequestHead(method: "GET", target: "/", path: "/")
            if let origin { head.fields.append("Origin", origin) }
            return policy.permitsUpgrade(head, host: "api.example.com", isSecure: true)
        }
        #expect(permits(nil))
        #expect(permits("https://api.example.com"))
        #expect(permits("https://app.example.com"))
        #expect(!permits("https://evil.net"))
        #expect(!permits("null"))
    }
}
