import Core
import Testing

@Suite struct IdentifierTests {
    private static let now = Timestamp(milliseconds: 1_767_225_600_123)

    @Test func `an identifier is its prefix and a UUID of version 7 and variant 10`() throws {
        let text = AccountID(at: Timestamp(milliseconds: 0x7FFF_1234_5678)).text
        #expect(text.hasPrefix("acc_7fff12345678"))
        let digits = Array(text.dropFirst(4))
        #expect(digits.count == 32)
        #expect(digits[12] == "7")
        #expect(["8", "9", "a", "b"].contains(digits[16]))
    }

    @Test func `identifiers of one process never repeat and sort as made, whatever the clock does`() {
        let times = [0, 5, -1000, 0, 1, -1].map { Self.now.adding(seconds: Double($0)) }
        let made = times.flatMap { time in (0..<5000).map { _ in AccountID(at: time) } }
        #expect(Set(made).count == made.count)
        #expect(zip(made, made.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `many tasks at once get different identifiers`() async {
        let made = await withTaskGroup(of: [AccountID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<500).map { _ in AccountID(at: Self.now) } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(made).count == 4000)
    }

    @Test func `its own text is parsed back`() {
        let made = AccountID(at: Self.now)
        #expect(AccountID(parsing: made.text) == made)
        #expect(made.description == made.text)
    }

    @Test(arguments: [
        "", "acc_", "acc_0190a", "job_0190163d8694739cb9d2b6cd1fa2a3a3", "0190163d8694739cb9d2b6cd1fa2a3a3",
        "acc_0190163D8694739CB9D2B6CD1FA2A3A3", "acc_0190163d8694739cb9d2b6cd1fa2a3ag",
        "acc_0190163d8694739cb9d2b6cd1fa2a3a3 ", "acc-0190163d8694739cb9d2b6cd1fa2a3a3",
        "acc_0190163d-8694-739c-b9d2-b6cd1fa2a3a3", "acc_0190163d8694739cb9d2b6cd1fa2a3a\u{301}",
    ])
    func `other text is no identifier`(text: String) {
        #expect(AccountID(parsing: text) == nil)
    }
}
