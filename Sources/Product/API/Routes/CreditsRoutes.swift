internal import Accounts
internal import Core
internal import HTTP
internal import Ledger
internal import Studio

/// The first API's routes about credits; its paths and fields are kept exactly.
struct CreditsRoutes: Sendable {
    static let pageSizeMax = 50

    let accounts: AccountService
    let books: LedgerReader
    let jobs: JobService
    let jsonBytesMax: Int

    /// `GET /api/credits?userId=&limit=&cursor=`
    func show(_ context: RequestContext) async throws(Problem) -> Response {
        let account = try context.account()
        try requireOwn(context.request.head.query("userId"), account)
        let limit = try PageQuery.limit(context, default: Self.pageSizeMax, max: Self.pageSizeMax)
        var cursor: CreditsCursor?
        if let text = context.request.head.query("cursor") {
            guard let parsed = CreditsCursor(parsing: text) else {
                throw Problem.field(.invalidField, "cursor", "is not a cursor of this route")
            }
            cursor = parsed
        }
        do {
            let email = try await accounts.email(of: account)
            let statement = try await books.statement(
                of: account, limit: limit, purchasesCursor: cursor.map(\.purchases), usageCursor: cursor.map(\.usage))
            return .json(
                CreditsWire.balance(
                    account: account, email: email, balance: statement.balance, purchases: statement.purchases,
                    usage: statement.usage))
        } catch let error as AccountError {
            throw Problem(error)
        } catch let error as LedgerError {
            throw Problem(error)
        } catch {
            throw Problem(.internalError, Problem.internalDetail, cause: "\(error)")
        }
    }

    /// `POST /api/paywall` with `{userId?, service}`: whether the least job of the service can be paid.
    func paywall(_ context: RequestContext) async throws(Problem) -> Response {
        let account = try context.account()
        let body = try await context.object(known: ["userId", "service"], bytesMax: jsonBytesMax)
        if let user = body["userId"], user != .null { try requireOwn(try body.requiredString("userId"), account) }
        let service = try body.requiredString("service")
        do {
            let (required, balance) = try await jobs.paywall(account: account, service: service)
            guard balance.available >= required.credits else {
                throw JobError.insufficientCredits(available: balance.available, required: required.credits)
            }
            return .json([
                "allowed": true, "currentBalance": .integer(balance.available),
                "required": .integer(required.credits),
            ])
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

/// The query parameters that every paged route takes.
enum PageQuery {
    static func limit(_ context: RequestContext, default fallback: Int, max: Int) throws(Problem) -> Int {
        guard let text = context.request.head.query("limit") else { return fallback }
        guard let limit = Int(text), (1...max).contains(limit), !text.hasPrefix("+") else {
            throw Problem.field(.invalidField, "limit", "must be a whole number from 1 to \(max)")
        }
        return limit
    }
}
