import Core
import HTTP
import Support
import Testing

struct TrustedProxiesTests {
    private static let ranges = ["10.0.0.0/8", "2001:db8:ff::/48"].compactMap { IPRange($0) }

    private func client(
        _ kind: TrustedProxies.Field, _ fields: [(String, String)], peer: String = "10.0.0.1"
    ) -> TrustedProxies.Client? {
        var given = HTTPFields()
        for (name, value) in fields { given.append(name, value) }
        return TrustedProxies(Self.ranges, field: kind).client(peer: peer, fields: given)
    }

    private func address(_ kind: TrustedProxies.Field, _ value: String...) -> String? {
        let name = kind == .forwarded ? "Forwarded" : "X-Forwarded-For"
        return client(kind, value.map { (name, $0) })?.address.description
    }

    @Test func `a peer that is no proxy of ours is not believed`() {
        for peer in ["203.0.113.9", "2001:db8::1", "not an address", ""] {
            #expect(client(.xForwarded, [("X-Forwarded-For", "192.0.2.1")], peer: peer) == nil)
            #expect(client(.forwarded, [("Forwarded", "for=192.0.2.1")], peer: peer) == nil)
        }
        var fields = HTTPFields()
        fields.append("X-Forwarded-For", "192.0.2.1")
        #expect(TrustedProxies().client(peer: "10.0.0.1", fields: fields) == nil)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:4711", "192.0.2.1"), ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"), ("[2001:db8::7]:443", "2001:db8::7"), (" 192.0.2.1 ", "192.0.2.1"),
        // What the client itself claims stands to the left of what the proxy saw.
        ("198.51.100.1, 192.0.2.1", "192.0.2.1"), ("rubbish, 192.0.2.1", "192.0.2.1"),
        // Our own proxies are passed over, from the right.
        ("192.0.2.1, 10.0.0.9, 10.0.0.8", "192.0.2.1"), ("198.51.100.1, 192.0.2.1, 2001:db8:ff::1", "192.0.2.1"),
        // None but proxies: the farthest of them asked.
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        // What cannot be read ends the walk at the proxy that says it.
        ("192.0.2.1, unknown", "10.0.0.1"), ("192.0.2.1, rubbish, 10.0.0.9", "10.0.0.9"), ("", "10.0.0.1"),
        ("192.0.2.1:", "10.0.0.1"), ("[192.0.2.1]", "10.0.0.1"), ("1.2.3", "10.0.0.1"),
        ("192.0.2.1, 192.0.2.2:99999999", "10.0.0.1"), ("192.0.2.1,,10.0.0.9", "192.0.2.1"),
    ])
    func `X-Forwarded-For is walked from our end`(field: String, address: String) {
        #expect(self.address(.xForwarded, field) == address)
    }

    @Test func `several lines are one list`() {
        #expect(address(.xForwarded, "198.51.100.1", "192.0.2.1, 10.0.0.2") == "192.0.2.1")
        #expect(address(.forwarded, "for=198.51.100.1", "for=192.0.2.1, for=10.0.0.2") == "192.0.2.1")
    }

    /// RFC 7239 §4 and §6.
    @Test(arguments: [
        ("for=192.0.2.1", "192.0.2.1"), ("For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
        ("for=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1"), ("for=\"192.0.2.1:80\"", "192.0.2.1"),
        ("for=198.51.100.1, for=192.0.2.1", "192.0.2.1"), ("for=192.0.2.1,for=\"10.0.0.9\"", "192.0.2.1"),
        ("proto=https ; for=\"192\\.0.2.1\"", "192.0.2.1"), ("for=\"192.0.2.1:_port\"", "192.0.2.1"),
        ("for=192.0.2.1;ext=\"a,b;c\\\"\"", "192.0.2.1"), (" for=192.0.2.1 , ", "192.0.2.1"),
        ("for=unknown", "10.0.0.1"), ("for=_hidden", "10.0.0.1"), ("for=192.0.2.1, for=_x, for=10.0.0.9", "10.0.0.9"),
        ("proto=https", "10.0.0.1"), ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"), ("for=", "10.0.0.1"),
        ("for", "10.0.0.1"), ("for=\"192.0.2.1", "10.0.0.1"), ("for=[2001:db8::7]", "10.0.0.1"),
        ("for=192.0.2.1 proto=https", "10.0.0.1"), ("=192.0.2.1", "10.0.0.1"), ("for=192.0.2.1, \"x\"", "10.0.0.1"),
    ])
    func `Forwarded is walked from our end`(field: String, address: String) {
        #expect(self.address(.forwarded, field) == address)
    }

    @Test func `only the fields that our proxies write are read`() {
        let both = [("Forwarded", "for=198.51.100.1;proto=https"), ("X-Forwarded-For", "192.0.2.1")]
        #expect(client(.xForwarded, both)?.address.description == "192.0.2.1")
        #expect(client(.xForwarded, both)?.isSecure == nil)
        #expect(client(.forwarded, both)?.address.description == "198.51.100.1")
        #expect(client(.forwarded, [both[1]])?.address.description == "10.0.0.1")
    }

    @Test func `scheme and host are those that the client used`() {
        let chain = "for=198.51.100.1;proto=http;host=forged.example, for=192.0.2.1;proto=https;host=\"a.example:8443\""
        let forwarded = client(.forwarded, [("Forwarded", chain + ", for=10.0.0.2;proto=http;host=inside")])
        #expect(forwarded?.isSecure == true)
        #expect(forwarded?.host == "a.example:8443")
        let fields = [
            ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "http, HTTPS"), ("X-Forwarded-Host", "a.example"),
        ]
        #expect(client(.xForwarded, fields)?.isSecure == true)
        #expect(client(.xForwarded, fields)?.host == "a.example")
        #expect(client(.forwarded, [("Forwarded", "for=192.0.2.1;proto=gopher;host=\"a b\"")])?.isSecure == nil)
        #expect(client(.forwarded, [("Forwarded", "for=192.0.2.1;proto=gopher;host=\"a b\"")])?.host == nil)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever a field holds, the client is the peer or an address that stands in it`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let pieces = [
            "for", "=", "\"", "\\", ";", ",", " ", "[", "]", ":", "192.0.2.1", "10.0.0.9", "2001:db8::7", "proto",
            "host", "unknown", "_x", "é", "\u{1}", "80", "https", "FOR", "by",
        ]
        for _ in 1...300 {
            let count = Int.random(in: 0...14, using: &generator)
            let field = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            for kind in [TrustedProxies.Field.forwarded, .xForwarded] {
                let name = kind == .forwarded ? "Forwarded" : "X-Forwarded-For"
                let found = try #require(client(kind, [(name, field)])).address.description
                #expect(found == "10.0.0.1" || field.contains(found), "seed \(seed): \(field)")
            }
        }
    }

    @Test func `a long chain is walked a bounded way`() {
        let chain = Array(repeating: "10.0.0.2", count: TrustedProxies.hopsMax).joined(separator: ", ")
        #expect(address(.xForwarded, "192.0.2.1, " + chain) == "10.0.0.2")
        #expect(address(.xForwarded, "192.0.2.1, " + chain.dropLast(10)) == "192.0.2.1")
    }
}
