internal import Secrets

/// One forward step of the schema. Its text is fixed once it was released: `Migrator` refuses a changed one.
public struct Migration: Sendable {
    public let number: Int
    public let name: String
    public let sql: String

    /// - Parameter sql: UTF-8 text of one or more statements, run in one transaction.
    public init(_ number: Int, _ name: String, sql: [UInt8]) {
        self.number = number
        self.name = name
        self.sql = String(decoding: sql, as: UTF8.self)
    }

    /// SHA-256 of the text, in hexadecimal.
    public var checksum: String { Hexadecimal.encode(SHA256.hash(of: sql)) }

    /// How many statements the text has.
    public var statementCount: Int { StatementCounter.count(sql) }
}
