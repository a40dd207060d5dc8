internal import CPostgres
internal import Database

/// Why the server did not do what it was told.
struct ServerRefusal: Sendable {
    var error: DatabaseError
    /// The transaction may succeed if it is run again from its start: it lost against another one, or a statement's
    /// preparation was outdated.
    var isTransient = false
    var staleness = Staleness.none
    /// The session goes on after it.
    var leavesSession = true
    /// The server said it, so that it did nothing that was sent after what it is about.
    var isServers = false

    /// What is wrong with a prepared statement that worked before.
    enum Staleness {
        case none
        /// A migration changed its columns.
        case outdated
        /// The server has none of its name: something between has mixed up sessions.
        case missing
    }
}

extension ServerRefusal {
    // SAFETY: `result` is alive, which is the caller's to see to; the fields are copied.
    init(_ result: OpaquePointer) {
        guard let state = cadenza_pq_sqlstate(result).map({ String(cString: $0) }) else {
            // libpq's own: the connection is gone.
            self.init(error: .connectionLost, leavesSession: false)
            return
        }
        let text = { (field: UnsafePointer<CChar>?) in field.map { String(cString: $0) } ?? "" }
        let error = DatabaseError(
            sqlState: state, message: text(cadenza_pq_message(result)), constraint: text(cadenza_pq_constraint(result)),
            table: text(cadenza_pq_table(result)), column: text(cadenza_pq_column(result)))
        let staleness: Staleness =
            switch state {
            case "26000": .missing
            case "0A000" where text(cadenza_pq_function(result)) == "RevalidateCachedQuery": .outdated
            default: .none
            }
        self.init(
            error: error, isTransient: staleness != .none || state == "40001" || state == "40P01",
            staleness: staleness, leavesSession: text(cadenza_pq_severity(result)) == "ERROR", isServers: true)
    }
}

extension DatabaseError {
    /// By the SQLSTATE (PostgreSQL 15 documentation, Appendix A). Only the primary message is used, and not for the
    /// classes in which it quotes values; details, which do as well, are never asked for.
    init(sqlState: String, message: String = "", constraint: String = "", table: String = "", column: String = "") {
        self =
            switch sqlState {
            case "23505": .constraintViolation(.unique, name: constraint)
            case "23514": .constraintViolation(.check, name: constraint)
            case "23503", "23001": .constraintViolation(.foreignKey, name: constraint)
            case "23502": .constraintViolation(.notNull, name: "\(table).\(column)")
            // What `refuse_change` of the migrations raises: its messages are the schema's own.
            case "23000": .constraintViolation(.trigger, name: message)
            case "CZ401": .credentialRefused
            // What the schema's functions raise, with messages of their own.
            case let state where state.hasPrefix("CZ"): .raised("\(state) \(message)")
            case let state where state.hasPrefix("23"): .constraintViolation(.other, name: constraint)
            case "40001", "40P01", "55P03", "53300": .busy
            case "57014", "25P03", "25P04": .timeout
            case "53100": .full
            case "XX001", "XX002": .corrupt
            case "25006": .readOnly
            case "42501": .permissionDenied(message)
            case "08P01": .misuse("placeholders and arguments do not match")
            case let state where state.hasPrefix("08") || state.hasPrefix("57"): .connectionLost
            case let state where ["0A", "25", "26", "34", "3F", "42"].contains(state.prefix(2)):
                .misuse("\(message) (\(state))")
            case let state where state.hasPrefix("22"): .misuse("an argument is no value of its type (\(state))")
            case let state where ["53", "54", "55", "58", "P0"].contains(state.prefix(2)):
                .failed(code: Self.code(state), message: "\(message) (\(state))")
            default: .failed(code: Self.code(sqlState), message: "SQLSTATE \(sqlState)")
            }
    }

    /// The five characters as a number to the base 36.
    static func code(_ sqlState: String) -> Int { Int(sqlState, radix: 36) ?? 0 }
}
