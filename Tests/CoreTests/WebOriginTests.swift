import Core
import Testing

struct WebOriginTests {
    @Test(arguments: [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"), ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://example.com:80", "http://example.com"), ("http://example.com:443", "http://example.com:443"),
    ])
    func `an origin reads back as browsers write it`(text: String, written: String) throws {
        #expect(try #require(WebOrigin(text)).description == written)
    }

    @Test(arguments: [
        "", "null", "*", "example.com", "https://", "https://*.example.com", "https://example.com/",
        "ftp://example.com",
        "https://a@b", "https://example.com:x", "https://example.com:70000",
        "https://example.com:+1", "https://[::1", "https://:443", "https://exa mple.com",
    ])
    func `what is not exactly an origin is none`(text: String) { #expect(WebOrigin(text) == nil) }

    @Test func `scheme, host and port make an origin, case does not`() throws {
        let secure = try #require(WebOrigin(isSecure: true, authority: "Example.com"))
        #expect(secure == WebOrigin("https://example.com:443"))
        #expect(secure != WebOrigin("http://example.com"))
        #expect(secure != WebOrigin("https://example.com:8443"))
        #expect(WebOrigin(isSecure: false, authority: "example.com:") == WebOrigin("http://example.com"))
    }
}
