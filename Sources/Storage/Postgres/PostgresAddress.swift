internal import CPostgres
public import Database

/// Where a Postgres server is and who logs in: a connection string or URL as libpq reads it. It holds the password and
/// so describes itself without.
public struct PostgresAddress: Sendable, CustomStringConvertible {
    private let options: [String: String]

    /// - Parameter text: `postgres://user:password@host:port/database?sslmode=verify-full`, or `key=value` pairs.
    /// - Throws: `DatabaseError.misuse`, which says nothing of the text.
    public init(_ text: String) throws(DatabaseError) {
        var complaint: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(text, &complaint) else {
            // The complaint may quote the password.
            PQfreemem(complaint)
            throw .misuse("the database's URL is none that libpq can read")
        }
        defer { PQconninfoFree(list) }
        var options: [String: String] = [:]
        var next = list
        // SAFETY: libpq's array ends with an element without a keyword.
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        self.options = options
    }

    /// Without the password, and without what else might be one.
    public var description: String {
        ["user", "host", "hostaddr", "port", "dbname", "sslmode"].compactMap { key in
            options[key].map { "\(key)=\($0)" }
        }.joined(separator: " ")
    }

    /// The same server and role, another database.
    public func database(_ name: String) -> PostgresAddress {
        PostgresAddress(options: options.merging(["dbname": name]) { $1 })
    }

    /// The same server and database, another role.
    public func role(_ user: String, password: String) -> PostgresAddress {
        PostgresAddress(options: options.merging(["user": user, "password": password]) { $1 })
    }

    private init(options: [String: String]) { self.options = options }

    /// What libpq is given; where the address says nothing, a dead peer is noticed within two minutes.
    func parameters(_ limits: PostgresLimits) -> [(key: String, value: String)] {
        var all = [
            "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000",
            "gssencmode": "disable", "application_name": limits.applicationName,
        ]
        all.merge(options) { $1 }
        all["client_encoding"] = "UTF8"
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
