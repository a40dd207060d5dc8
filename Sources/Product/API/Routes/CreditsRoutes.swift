internal import Core
internal import HTTP
internal import Ledger
internal import Studio

/// The first API's routes about credits; its paths and fields are kept exactly.
struct CreditsRoutes: Sendable {
    static let pageSizeMax = 50

    let books: LedgerReader
    let jobs: JobService

    /// `GET /api/credits?userId=&limit=&cursor=`
    func show(
        _ context: RequestContext, user: String?, limit: Int, cursor: CreditsCursor?
    ) async throws(Problem) -> CreditsAnswer {
        let account = try context.account()
        try requireOwn(user, account)
        do {
            let statement = try await books.statement(
                of: account, limit: limit, purchasesCursor: cursor.map(\.purchases), usageCursor: cursor.map(\.usage))
            return CreditsAnswer(
                account: account, email: statement.email, balance: statement.balance, purchases: statement.purchases,
                usage: statement.usage)
        } catch {
            throw Problem(error)
        }
    }

    /// `POST /api/paywall`: whether the least job of the service can be paid.
    func paywall(_ context: RequestContext, _ question: PaywallQuestion) async throws(Problem) -> PaywallAnswer {
        let account = try context.account()
        try requireOwn(question.user, account)
        do {
            let (required, balance) = try await jobs.paywall(account: account, service: question.service)
            guard balance.available >= required.credits else {
                throw JobError.insufficientCredits(available: balance.available, required: required.credits)
            }
            return PaywallAnswer(balance: balance.available, required: required.credits)
        } catch {
            throw Problem(mapping: error)
        }
    }

    private func requireOwn(_ user: String?, _ account: AccountID) throws(Problem) {
        guard let user else { return }
        guard user == account.text else {
            throw Problem(.forbidden, "userId must be the caller's own.")
        }
    }
}
