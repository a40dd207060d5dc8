import Core
import Testing

@Suite struct CreditAmountTests {
    @Test(arguments: [1, 3, CreditAmount.creditsMax])
    func `a positive number of credits up to the limit is an amount`(credits: Int64) throws {
        let amount = try #require(CreditAmount(credits))
        #expect(amount.credits == credits)
        #expect(amount.description == String(credits))
    }

    @Test(arguments: [0, -1, .min, CreditAmount.creditsMax + 1, .max])
    func `anything else is none`(credits: Int64) {
        #expect(CreditAmount(credits) == nil)
    }
}
