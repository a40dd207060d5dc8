import Core
import Support
import Testing

private func text(_ write: (inout ByteBuffer) -> Void) -> String {
    var bytes = ByteBuffer(capacity: 1)
    write(&bytes)
    return String(decoding: bytes.array(), as: UTF8.self)
}

struct ByteBufferTests {
    @Test(arguments: [0, 7, 9, 10, 99, 100, 12_345, 9_999_999_999, UInt64.max, 10_000_000_000_000_000_000])
    func `a number is written in its digits`(_ value: UInt64) {
        #expect(text { $0.append(decimal: value) } == String(value))
    }

    @Test func `a number is padded to its width, and a negative one has its sign`() {
        #expect(text { $0.append(decimal: 7, width: 3) } == "007")
        #expect(text { $0.append(decimal: 1234, width: 3) } == "1234")
        #expect(text { $0.append(twoDigits: 5) } == "05")
        #expect(text { $0.append(decimal: Int64.min) } == String(Int64.min))
    }

    @Test func `hexadecimal digits are all sixteen, lower case`() {
        #expect(text { $0.append(hexadecimal: 0x0123_4567_89AB_CDEF) } == "0123456789abcdef")
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            let value = UInt64.random(in: 0...UInt64.max, using: &random)
            let digits = String(value, radix: 16)
            #expect(
                text { $0.append(hexadecimal: value) } == String(repeating: "0", count: 16 - digits.count) + digits)
        }
    }

    @Test func `it grows as it must and is cut as it is told`() {
        var bytes = ByteBuffer(capacity: 2)
        for _ in 0..<100 { bytes.append("0123456789") }
        #expect(bytes.count == 1000)
        bytes.truncate(to: 12)
        bytes.append(literal: "x")
        #expect(String(decoding: bytes.array(from: 10), as: UTF8.self) == "01x")
    }

    @Test func `plain text is visible ASCII and spaces, wherever in it another byte stands`() {
        for count in 1...17 {
            for place in 0..<count {
                for byte in UInt8.min...UInt8.max {
                    var bytes = [UInt8](repeating: 0x41, count: count)
                    bytes[place] = byte
                    let isPlain = bytes.withUnsafeBufferPointer { $0.isPlainText }
                    if isPlain != (byte >= 0x20 && byte < 0x7F) { Issue.record("\(byte) at \(place) of \(count)") }
                }
            }
        }
    }
}
