public import Core

public enum APIKeyKind: IdentifierKind { public static let prefix: StaticString = "key" }
public typealias APIKeyID = Identifier<APIKeyKind>

/// A long-lived credential of an account. Its secret is stored only as a hash and shown only once.
public struct APIKey: Hashable, Sendable {
    public var id: APIKeyID
    public var accountID: AccountID
    public var name: String
    public var createdAt: Timestamp
    public var lastUsedAt: Timestamp?
    public var revokedAt: Timestamp?
}

/// Who makes a request, as the credential says.
public struct Principal: Hashable, Sendable {
    public var accountID: AccountID
    public var keyID: APIKeyID
    /// What the database lets the caller's requests do.
    public var authority: CallerAuthority

    public init(accountID: AccountID, keyID: APIKeyID, authority: CallerAuthority = .nobody) {
        self.accountID = accountID
        self.keyID = keyID
        self.authority = authority
    }
}
