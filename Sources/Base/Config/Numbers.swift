/// Sizes in binary units.
enum ByteSize {
    private static let units: [(name: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]

    /// `nil` unless a whole number, or a number and a unit that give a whole number of bytes.
    static func parse(_ text: String) -> Int? {
        for unit in units where text.hasSuffix(unit.name) {
            var number = text.dropLast(unit.name.count)
            if number.last == " " { number.removeLast() }
            return Double(strictly: String(number)).flatMap { Int(exactly: $0 * Double(unit.bytes)) }
        }
        return Int(strictly: text)
    }

    /// In the largest unit that needs at most one decimal: `1.5 GiB`, `512 MiB`, `100`.
    static func text(_ bytes: Int) -> String {
        for unit in units where bytes >= unit.bytes && (bytes * 2) % unit.bytes == 0 {
            return "\(decimal(Double(bytes) / Double(unit.bytes))) \(unit.name)"
        }
        return String(bytes)
    }

    /// As the file writes it.
    static func literal(_ bytes: Int) -> String {
        let text = text(bytes)
        return text.contains(" ") ? ConfigFile.quote(text) : text
    }
}

extension Int {
    /// Digits with an optional minus; no plus, no spaces, no separators.
    init?(strictly text: String) {
        guard text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }) else { return nil }
        self.init(text)
    }
}

extension Double {
    /// Digits, optional minus and fraction; no exponent, no hexadecimal, nothing infinite.
    init?(strictly text: String) {
        guard text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 == 0x2E }),
            text.utf8.first != 0x2E, text.utf8.last != 0x2E, let value = Double(text), value.isFinite
        else { return nil }
        self = value
    }
}

/// Whole numbers without a fraction.
func decimal(_ value: Double) -> String {
    Int(exactly: value).map { String($0) } ?? String(value)
}
