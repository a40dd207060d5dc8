internal import CPostgres
internal import Database

/// Makes rows of a result in the binary format, by the types' OIDs (PostgreSQL's pg_type.dat).
enum RowDecoder {
    // SAFETY: in this whole file `result` is alive while a function runs, and what is returned is a copy.
    static func shape(_ result: OpaquePointer) -> StatementCache.Shape {
        let range = 0..<PQnfields(result)
        return StatementCache.Shape(
            columns: DatabaseRow.Columns(range.map { String(cString: PQfname(result, $0)) }),
            types: range.map { PQftype(result, $0) })
    }

    /// - Throws: `DatabaseError.misuse` for a type that has no `DatabaseValue`, by its OID, and for too many rows.
    static func rows(
        _ result: OpaquePointer, _ shape: StatementCache.Shape, countMax: Int
    ) throws(DatabaseError) -> [DatabaseRow] {
        let count = PQntuples(result)
        guard count <= countMax else { throw .misuse("more than \(countMax) rows") }
        var rows: [DatabaseRow] = []
        rows.reserveCapacity(Int(count))
        for row in 0..<count {
            var values: [DatabaseValue] = []
            values.reserveCapacity(shape.types.count)
            for (index, type) in shape.types.enumerated() {
                let column = Int32(index)
                if PQgetisnull(result, row, column) != 0 {
                    values.append(.null)
                    continue
                }
                let start = UnsafeRawPointer(PQgetvalue(result, row, column))
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
                values.append(try value(bytes, type))
            }
            rows.append(DatabaseRow(columns: shape.columns, values: values))
        }
        return rows
    }

    static func value(_ bytes: UnsafeRawBufferPointer, _ type: Oid) throws(DatabaseError) -> DatabaseValue {
        switch type {
        case 20: .integer(Int64(bitPattern: number(bytes)))
        case 23: .integer(Int64(Int32(truncatingIfNeeded: number(bytes))))
        case 21: .integer(Int64(Int16(truncatingIfNeeded: number(bytes))))
        // oid, xid
        case 26, 28: .integer(Int64(number(bytes)))
        case 16: .integer(bytes.first == 0 ? 0 : 1)
        case 701: .real(Double(bitPattern: number(bytes)))
        case 700: .real(Double(Float(bitPattern: UInt32(truncatingIfNeeded: number(bytes)))))
        // text, varchar, bpchar, name, unknown, json, xml
        case 25, 1043, 1042, 19, 705, 114, 142: .text(String(decoding: bytes, as: UTF8.self))
        // jsonb: a version byte goes before the text.
        case 3802: .text(String(decoding: bytes.dropFirst(), as: UTF8.self))
        case 17: .blob(Array(bytes))
        // void, what a procedure-like function returns
        case 2278: .null
        case 1700: throw .misuse("a column is numeric: cast it to bigint or double precision")
        default: throw .misuse("a column has the type with OID \(type): cast it")
        }
    }

    /// Big-endian, at most eight bytes.
    private static func number(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
