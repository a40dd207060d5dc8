import HTTP
import Testing

struct CookiesTests {
    private func value(_ fields: String...) -> String? {
        var head = HTTPFields()
        for field in fields { head.append("Cookie", field) }
        return Cookies.value("session", in: head)
    }

    @Test(arguments: [
        "session=abc", "a=1; session=abc", "session=abc; b=2", "a=\"x\"; session=\"abc\"", "a; =; session=abc",
        "a=b\u{1}; session=abc", "Session=other; session=abc", "sessions=1; session=abc; xsession=2",
    ])
    func `the cookie is found among others, well formed or not`(field: String) { #expect(value(field) == "abc") }

    @Test(arguments: [
        "", "session", "a=session", "session=a b", "session=a,b", "session=a\\b", "session=\"a", "session=a\"b",
        "session=é", "session=abc; session=abc", "SESSION=abc", " session =abc",
    ])
    func `a cookie that is absent, malformed or there twice is none`(field: String) { #expect(value(field) == nil) }

    @Test func `several lines are read as one`() {
        #expect(value("a=1", "session=abc") == "abc")
        #expect(value("session=abc", "session=abc") == nil)
    }

    @Test func `pairs and values are bounded`() {
        let others = String(repeating: "a=1; ", count: Cookies.pairsMax - 1)
        #expect(value(others + "session=abc") == "abc")
        #expect(value(others + "a=1; session=abc") == nil)
        #expect(value("session=" + String(repeating: "v", count: Cookies.valueBytesMax)) != nil)
        #expect(value("session=" + String(repeating: "v", count: Cookies.valueBytesMax + 1)) == nil)
    }

    @Test func `an empty value is a value`() { #expect(value("session=") == "") }
}
