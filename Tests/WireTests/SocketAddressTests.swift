import Reactor
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: ["127.0.0.1", "0.0.0.0", "255.1.2.3", "::", "::1", "2001:db8::42"])
    func `a numeric host reads back as written`(host: String) throws {
        let address = try #require(SocketAddress(host: host, port: 8080))
        #expect(address.host == host)
        #expect(address.port == 8080)
    }

    @Test(arguments: ["localhost", "", "127.0.0.1:80", "256.0.0.1", "[::1]", "1.2.3"])
    func `a host that is not numeric is refused`(host: String) {
        #expect(SocketAddress(host: host, port: 1) == nil)
    }

    @Test func `an IPv4 address mapped into IPv6 reads as IPv4`() throws {
        #expect(try #require(SocketAddress(host: "::ffff:10.0.0.7", port: 1)).host == "10.0.0.7")
    }

    @Test(arguments: [
        ("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::1", "::1"),
    ])
    func `a subscriber is an IPv4 address or an IPv6 network of 64 bits`(host: String, subscriber: String) throws {
        let address = try #require(SocketAddress(host: host, port: 1))
        #expect(address.subscriber.host == subscriber)
        #expect(address.subscriber.port == 0)
    }

    @Test func `an IPv6 address stands in brackets before its port`() throws {
        #expect(try #require(SocketAddress(host: "::1", port: 80)).description == "[::1]:80")
        #expect(try #require(SocketAddress(host: "10.0.0.1", port: 80)).description == "10.0.0.1:80")
    }
}
