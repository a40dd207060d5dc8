import Database
import Testing

@testable import Postgres

@Suite struct PostgresErrorTests {
    /// SQLSTATEs of PostgreSQL 15, Appendix A.
    @Test(arguments: [
        ("23505", DatabaseError.constraintViolation(.unique, name: "c")),
        ("23514", .constraintViolation(.check, name: "c")), ("23503", .constraintViolation(.foreignKey, name: "c")),
        ("23001", .constraintViolation(.foreignKey, name: "c")), ("23502", .constraintViolation(.notNull, name: "t.k")),
        ("23000", .constraintViolation(.trigger, name: "m")), ("23P01", .constraintViolation(.other, name: "c")),
        ("40001", .busy), ("40P01", .busy), ("55P03", .busy), ("53300", .busy), ("57014", .timeout),
        ("25P03", .timeout),
        ("53100", .full), ("XX001", .corrupt), ("25006", .readOnly), ("42501", .permissionDenied("m")),
        ("57P01", .connectionLost), ("57P03", .connectionLost), ("08006", .connectionLost),
        ("08P01", .misuse("placeholders and arguments do not match")), ("42601", .misuse("m (42601)")),
        ("22P02", .misuse("an argument is no value of its type (22P02)")),
        ("53200", .failed(code: 0, message: "m (53200)")),
        ("P0001", .failed(code: 0, message: "m (P0001)")),
        ("XX000", .failed(code: 0, message: "SQLSTATE XX000")),
    ])
    func `a state of the server's becomes an error of ours`(_ state: String, _ expected: DatabaseError) {
        let error = DatabaseError(sqlState: state, message: "m", constraint: "c", table: "t", column: "k")
        if case .failed(_, let message) = expected {
            #expect(error == .failed(code: Int(state, radix: 36) ?? -1, message: message))
        } else {
            #expect(error == expected)
        }
    }
}
