internal import Core
internal import Database

/// The SQL of API keys and of looking accounts up.
struct AccountStore: Sendable {
    func insert(_ key: APIKey, secretSHA256: String, in connection: any DatabaseConnection) async throws(DatabaseError)
    {
        _ = try await connection.execute(
            "INSERT INTO api_keys (id, account_id, name, secret_sha256, created_at) VALUES ($1, $2, $3, $4, $5)",
            [
                .text(key.id.text), .text(key.accountID.text), .text(key.name), .text(secretSHA256),
                .integer(key.createdAt.milliseconds),
            ])
    }

    func key(
        secretSHA256: String, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> APIKey? {
        let rows = try await connection.query("SELECT * FROM api_keys WHERE secret_sha256 = $1", [.text(secretSHA256)])
        return try rows.first.map { row throws(DatabaseError) in try decode(row) }
    }

    func keys(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> [APIKey] {
        let rows = try await connection.query(
            "SELECT * FROM api_keys WHERE account_id = $1 ORDER BY id", [.text(account.text)])
        var keys: [APIKey] = []
        for row in rows { keys.append(try decode(row)) }
        return keys
    }

    /// False if there is no such key that is not revoked yet.
    func revoke(
        _ id: APIKeyID, at now: Timestamp, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> Bool {
        try await connection.execute(
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            [.text(id.text), .integer(now.milliseconds)]) == 1
    }

    func setLastUsed(
        _ id: APIKeyID, at now: Timestamp, in connection: any DatabaseConnection
    ) async throws(DatabaseError) {
        _ = try await connection.execute(
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1", [.text(id.text), .integer(now.milliseconds)])
    }

    func account(email: String, in connection: any DatabaseConnection) async throws(DatabaseError) -> AccountID? {
        let rows = try await connection.query("SELECT id FROM credit_users WHERE email = $1", [.text(email)])
        guard let row = rows.first else { return nil }
        return AccountID(parsing: try row.text("id"))
    }

    func email(
        of account: AccountID, in connection: any DatabaseConnection
    ) async throws(DatabaseError) -> (exists: Bool, email: String?) {
        let rows = try await connection.query("SELECT email FROM credit_users WHERE id = $1", [.text(account.text)])
        guard let row = rows.first else { return (false, nil) }
        return (true, try row.optionalText("email"))
    }

    private func decode(_ row: DatabaseRow) throws(DatabaseError) -> APIKey {
        guard let id = APIKeyID(parsing: try row.text("id")),
            let account = AccountID(parsing: try row.text("account_id"))
        else { throw .misuse("no API key identifier") }
        return APIKey(
            id: id, accountID: account, name: try row.text("name"),
            createdAt: try row.timestamp("created_at"),
            lastUsedAt: try row.optionalTimestamp("last_used_at"),
            revokedAt: try row.optionalTimestamp("revoked_at"))
    }
}
