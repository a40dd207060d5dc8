public import Core
public import Database
internal import Secrets

/// Accounts and the API keys that speak for them.
public struct AccountService: Sendable {
    public static let keyNameBytesMax = 100
    /// `last_used_at` is written at most this often per key, so that reads stay reads.
    public static let lastUsedSecondsMin: Double = 60

    private let database: any SQLDatabase
    private let time: any TimeSource
    private let store = AccountStore()
    /// Where the database itself holds transactions to what is remembered.
    private let recent: RecentCallers?

    public init(database: any SQLDatabase, time: any TimeSource) {
        self.database = database
        self.time = time
        recent = database.vouchesForCallers ? RecentCallers() : nil
    }

    /// Makes a key. The token is the only copy of the secret.
    public func createKey(
        for account: AccountID, name: String
    ) async throws(AccountError) -> (key: APIKey, token: String) {
        guard !name.isEmpty, name.utf8.count <= Self.keyNameBytesMax else {
            throw .invalidName(reason: "a key's name has 1 to \(Self.keyNameBytesMax) bytes")
        }
        let token = Token()
        let now = time.now()
        let key = APIKey(id: APIKeyID(at: now), accountID: account, name: name, createdAt: now)
        let store = store
        try await write { connection in
            guard try await store.email(of: account, in: connection).exists else {
                throw AccountError.unknownAccount
            }
            try await store.insert(key, secretSHA256: token.storedHash, in: connection)
        }
        return (key, token.text)
    }

    /// Who the token speaks for; `nil` for an unknown or revoked one.
    /// - Parameter trustsRecent: whether one that was good a moment ago may go unasked for. The principal's
    ///   transactions then fail by `DatabaseError.credentialRefused` if it is good no more.
    public func authenticate(
        token: String, trustsRecent: Bool = false
    ) async throws(AccountError) -> Principal? {
        guard let token = Token(parsing: token) else { return nil }
        let hash = token.storedHash
        if trustsRecent, let principal = recent?.principal(credentialSHA256: hash) { return principal }
        let principal = try await lookUp(hash)
        if let principal { recent?.remember(principal, credentialSHA256: hash) }
        return principal
    }

    /// To be called when a transaction refused a principal that was remembered: the next request asks anew.
    public func forget(token: String) {
        guard let token = Token(parsing: token) else { return }
        recent?.forget(credentialSHA256: token.storedHash)
    }

    private func lookUp(_ hash: String) async throws(AccountError) -> Principal? {
        let authority = CallerAuthority(credentialSHA256: hash)
        return try await authority.act { () async throws(AccountError) in
            guard let key = try await livingKey(secretSHA256: hash) else { return nil }
            return Principal(accountID: key.accountID, keyID: key.id, authority: authority)
        }
    }

    private func livingKey(secretSHA256: String) async throws(AccountError) -> APIKey? {
        let store = store
        // The hash is looked up by an index: its timing says nothing about a secret of 256 random bits.
        let found = try await read { try await store.key(secretSHA256: secretSHA256, in: $0) }
        guard let key = found, key.revokedAt == nil else { return nil }
        let now = time.now()
        if key.lastUsedAt.map({ now.seconds(since: $0) >= Self.lastUsedSecondsMin }) ?? true {
            // Losing this figure harms nobody; a full disk must not lock the owner out of his results.
            try? await write { try await store.setLastUsed(key.id, at: now, in: $0) }
        }
        return key
    }

    public func keys(of account: AccountID) async throws(AccountError) -> [APIKey] {
        let store = store
        return try await read { try await store.keys(of: account, in: $0) }
    }

    public func revokeKey(_ id: APIKeyID) async throws(AccountError) {
        let store = store
        let now = time.now()
        guard try await write({ try await store.revoke(id, at: now, in: $0) }) else { throw .unknownKey }
    }

    /// The account under an e-mail address or an account id.
    public func account(named name: String) async throws(AccountError) -> AccountID {
        let store = store
        let found = try await read { connection -> AccountID? in
            if let id = AccountID(parsing: name) {
                return try await store.email(of: id, in: connection).exists ? id : nil
            }
            return try await store.account(email: name, in: connection)
        }
        guard let found else { throw .unknownAccount }
        return found
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws(AccountError) -> Value {
        do {
            return try await database.read(body)
        } catch {
            throw AccountError(mapping: error)
        }
    }

    private func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws(AccountError) -> Value {
        do {
            return try await database.write(body)
        } catch {
            throw AccountError(mapping: error)
        }
    }
}

extension AccountError {
    init(mapping error: any Error) {
        switch error {
        case let error as AccountError: self = error
        case DatabaseError.full: self = .storageFull
        case DatabaseError.busy, DatabaseError.timeout, DatabaseError.unreachable, DatabaseError.connectionLost:
            self = .overloaded
        default: self = .internal(cause: "\(error)")
        }
    }
}
