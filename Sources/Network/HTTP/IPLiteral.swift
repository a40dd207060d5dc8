/// What may stand between the brackets of a host (RFC 3986 §3.2.2).
enum IPLiteral {
    static func isValid(_ bytes: Bytes) -> Bool { isIPv6(bytes) || isFuture(bytes) }

    private static func isIPv6(_ bytes: Bytes) -> Bool {
        var index = 0
        var groups = 0
        var hasGap = false
        if bytes.count >= 2, bytes[0] == ASCII.colon, bytes[1] == ASCII.colon {
            hasGap = true
            index = 2
        }
        while index < bytes.count {
            let start = index
            while index < bytes.count, bytes[index].hexValue != nil { index += 1 }
            if index < bytes.count, bytes[index] == ASCII.dot {
                guard isIPv4(bytes.sub(from: start)) else { return false }
                groups += 2
                break
            }
            guard (1...4).contains(index - start) else { return false }
            groups += 1
            guard index < bytes.count else { break }
            guard bytes[index] == ASCII.colon, index + 1 < bytes.count else { return false }
            index += 1
            if bytes[index] == ASCII.colon {
                guard !hasGap else { return false }
                hasGap = true
                index += 1
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }

    private static func isIPv4(_ bytes: Bytes) -> Bool {
        let octets = bytes.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        return octets.count == 4
            && octets.allSatisfy { octet in
                let digits = UnsafeRawBufferPointer(rebasing: octet)
                guard digits.count <= 3, let value = digits.decimalValue else { return false }
                return value <= 255 && (digits.count == 1 || digits[0] != ASCII.zero)
            }
    }

    /// IPvFuture: `v`, a version in hexadecimal, a dot and an address.
    private static func isFuture(_ bytes: Bytes) -> Bool {
        guard let first = bytes.first, first | 0x20 == 0x76, let dot = bytes.firstIndex(of: ASCII.dot, from: 1), dot > 1
        else { return false }
        let address = bytes.sub(from: dot + 1)
        return bytes.sub(1..<dot).allSatisfy { $0.hexValue != nil } && !address.isEmpty
            && address.allSatisfy { $0.isUnreserved || $0.isSubDelimiter || $0 == ASCII.colon }
    }
}
