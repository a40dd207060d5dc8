internal import CSQLite
internal import Database
internal import Glibc

extension DatabaseError {
    /// - Parameters:
    ///   - status: SQLite's extended result code.
    ///   - systemError: the errno behind an I/O error, 0 if there is none.
    ///   - message: SQLite's text: names of tables, columns and constraints, never a value.
    init(status: Int32, systemError: Int32, message: String) {
        let roomless = systemError == ENOSPC || systemError == EDQUOT
        self =
            switch status & 0xFF {
            case SQLITE_CONSTRAINT:
                .constraintViolation(Self.constraintKind(status), name: Self.constraintName(message))
            case SQLITE_BUSY, SQLITE_LOCKED: .busy
            case SQLITE_FULL: .full
            case SQLITE_IOERR where roomless, SQLITE_CANTOPEN where roomless: .full
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
            case SQLITE_READONLY: .readOnly
            case SQLITE_ERROR, SQLITE_MISUSE, SQLITE_RANGE, SQLITE_MISMATCH: .misuse(message)
            default: .failed(code: Int(status), message: message)
            }
    }

    private static func constraintKind(_ status: Int32) -> ConstraintKind {
        // The importer does not see these macros: each is SQLITE_CONSTRAINT | n << 8.
        switch status >> 8 {
        case 1: .check
        case 3: .foreignKey
        case 5: .notNull
        case 6, 8: .unique
        case 7: .trigger
        default: .other
        }
    }

    /// `UNIQUE constraint failed: t.a, t.b` → `t.a, t.b`; a trigger's message stays whole.
    private static func constraintName(_ message: String) -> String {
        let marker = "constraint failed"
        guard let range = message.firstRange(of: marker) else { return message }
        return String(message[range.upperBound...].drop { $0 == ":" || $0 == " " })
    }
}
