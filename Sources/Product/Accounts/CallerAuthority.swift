internal import Core
internal import Database

/// On whose authority a request touches the database. On Postgres the roles hold it to that; see docs/database.md.
public struct CallerAuthority: Hashable, Sendable {
    private let credentialSHA256: String?
    /// Whose the credential was a moment ago: each transaction fails unless it is so still.
    private var account: AccountID?

    /// Of a caller who is not known, or not yet: sees nothing of any account.
    public static let nobody = CallerAuthority(credentialSHA256: nil)

    /// Of the holder of the credential with this hash, as it is stored.
    public init(credentialSHA256: String?) { self.credentialSHA256 = credentialSHA256 }

    /// The same, for the holder of a credential that was `account`'s a moment ago.
    func vouched(for account: AccountID) -> CallerAuthority {
        var authority = self
        authority.account = account
        return authority
    }

    /// Runs `body` with its transactions on this authority.
    public func act<Value, Failure: Error>(
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        // withValue knows no typed throws.
        let result: Result<Value, Failure> = await DatabaseCaller.$current.withValue(
            .credential(sha256: credentialSHA256, account: account?.text)
        ) {
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
