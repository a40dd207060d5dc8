import Core
import Testing

struct IPAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("2001:DB8:0:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::", "::"),
        ("255.255.255.255", "255.255.255.255"),
    ])
    func `an address reads back in its shortest form`(text: String, shortest: String) throws {
        #expect(try #require(IPAddress(text)).description == shortest)
    }

    @Test(arguments: [
        "", "127.1", "1.2.3.4.5", "256.0.0.1", "01.2.3.4 ", "1.2.3.4:80", "[::1]", "::1%eth0", "localhost", "1.2.3.4\0",
        "2001:db8:::1", "12345::",
    ])
    func `what is not an address is none`(text: String) { #expect(IPAddress(text) == nil) }

    @Test func `a subscriber holds an IPv4 address or 64 bits of IPv6`() throws {
        #expect(try #require(IPAddress("192.0.2.7")).subscriber.description == "192.0.2.7")
        #expect(try #require(IPAddress("2001:db8:1:2:3:4:5:6")).subscriber.description == "2001:db8:1:2::")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false), ("2001:db8::4/126", "2001:db8::7", true),
        ("2001:db8::4/126", "2001:db8::8", false), ("192.168.4.0/22", "192.168.7.255", true),
        ("192.168.4.0/22", "192.168.8.0", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("fe80::/64", "fe80::1", true), ("fe80::/64", "fe80:0:0:1::1", false),
    ])
    func `a range holds the addresses of its prefix`(range: String, address: String, isIn: Bool) throws {
        #expect(try #require(IPRange(range)).contains(try #require(IPAddress(address))) == isIn)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.1/8", "::/129", "2001:db8::1/64", "10/8",
    ])
    func `a malformed range, or one with bits beyond its prefix, is none`(text: String) {
        #expect(IPRange(text) == nil)
    }
}
