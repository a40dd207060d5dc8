import HTTP
import Testing

struct MediaTypeTests {
    @Test func `a type is read in lower case and its parameters by name`() throws {
        let type = try #require(MediaType("Multipart/Form-Data ; Boundary=\"a b\\\"c\" ;; charset=UTF-8"))
        #expect(type.essence == "multipart/form-data")
        #expect(type.parameter("boundary") == "a b\"c")
        #expect(type.parameter("charset") == "UTF-8")
        #expect(type.parameter("x") == nil)
        #expect(MediaType("audio/wav")?.essence == "audio/wav")
    }

    @Test(arguments: [
        "", "audio", "audio/", "/wav", "a/b/c", "a b/c", "a/b; c", "a/b; c=", "a/b; =d", "a/b; c=\"d", "a/b; c =d",
        "a/b; c= d", "a/b; c=d e", "a/b; c=d; C=e", "a/b; c=\"d\u{0}\"", "a/b, c/d",
    ])
    func `a malformed type is none`(_ text: String) { #expect(MediaType(text) == nil) }

    @Test func `a type with more parameters than anyone needs is none`() {
        func type(_ count: Int) -> String { "a/b" + (1...count).map { "; p\($0)=x" }.joined() }
        #expect(MediaType(type(32))?.parameter("p32") == "x")
        #expect(MediaType(type(33)) == nil)
    }
}
