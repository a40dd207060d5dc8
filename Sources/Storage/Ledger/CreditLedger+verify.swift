public import Database

extension CreditLedger {
    /// The discrepancies that `verify` lists for each rule; one is already too many.
    public static let discrepanciesMax = 1000

    /// Recomputes everything from entries, lots and holds. Empty means the books agree.
    public func verify(in connection: any DatabaseConnection) async throws(LedgerError) -> [LedgerDiscrepancy] {
        let store = store(connection)
        var found: [LedgerDiscrepancy] = []
        for rule in LedgerDiscrepancy.Rule.allCases {
            let limited =
                "SELECT subject, expected, found FROM (\(rule.sql)) checked WHERE expected <> found"
                + " ORDER BY subject LIMIT \(Self.discrepanciesMax)"
            found += try await store.rows(limited, []) { row throws(DatabaseError) in
                LedgerDiscrepancy(
                    rule: rule, subject: try row.text("subject"), expected: try row.integer("expected"),
                    found: try row.integer("found"))
            }
        }
        return found
    }
}

extension LedgerDiscrepancy.Rule {
    /// `subject`, `expected` and `found`, one row for each thing that the rule is about.
    fileprivate var sql: String {
        switch self {
        case .entries:
            ["available_change|credits", "held_change|held", "debt_change|debt"].map { pair in
                let columns = pair.split(separator: "|")
                return """
                    SELECT u.id AS subject, u.\(columns[1]) AS found, CAST(COALESCE((SELECT SUM(e.\(columns[0]))
                        FROM credit_ledger e WHERE e.account_id = u.id), 0) AS BIGINT) AS expected
                    FROM credit_users u
                    """
            }.joined(separator: " UNION ALL ")
        case .lots:
            ["available|credits", "held|held"].map { pair in
                let columns = pair.split(separator: "|")
                return """
                    SELECT u.id AS subject, u.\(columns[1]) AS found, CAST(COALESCE((SELECT SUM(l.\(columns[0]))
                        FROM credit_lots l WHERE l.account_id = u.id), 0) AS BIGINT) AS expected
                    FROM credit_users u
                    """
            }.joined(separator: " UNION ALL ")
        case .lot:
            """
            SELECT id AS subject, credits AS expected, CASE
                WHEN available < 0 OR held < 0 OR captured < 0 OR expired < 0 OR repaid < 0 OR refunded < 0 THEN -1
                ELSE available + held + captured + expired + repaid + refunded END AS found
            FROM credit_lots
            """
        case .lotHeld:
            """
            SELECT l.id AS subject, l.held AS found, CAST(COALESCE((SELECT SUM(d.credits) FROM credit_hold_lots d
                JOIN credit_holds h ON h.id = d.hold_id WHERE d.lot_id = l.id AND h.state = 'held'), 0) AS BIGINT)
                AS expected
            FROM credit_lots l
            """
        case .holds:
            """
            SELECT u.id AS subject, u.held AS found, CAST(COALESCE((SELECT SUM(h.credits) FROM credit_holds h
                WHERE h.account_id = u.id AND h.state = 'held'), 0) AS BIGINT) AS expected
            FROM credit_users u
            """
        case .draws:
            """
            SELECT h.id AS subject, h.credits AS expected, CAST(COALESCE((SELECT SUM(d.credits)
                FROM credit_hold_lots d WHERE d.hold_id = h.id), 0) AS BIGINT) AS found
            FROM credit_holds h
            """
        case .ending:
            """
            SELECT h.id AS subject, CASE WHEN h.state = 'held' THEN 0 ELSE 1 END AS expected,
                (SELECT COUNT(*) FROM credit_ledger e WHERE e.hold_id = h.id AND e.kind IN ('capture', 'release'))
                + (SELECT COUNT(*) * 100 FROM credit_ledger e WHERE e.hold_id = h.id AND e.kind <> 'hold' AND NOT (
                    (h.state = 'captured' AND e.kind = 'capture' AND e.amount = -h.captured)
                    OR (h.state = 'released' AND e.kind = 'release'))) AS found
            FROM credit_holds h
            """
        case .usage:
            """
            SELECT h.id AS subject, h.captured AS expected, CAST(COALESCE((SELECT SUM(g.credits)
                FROM credit_usage g WHERE g.hold_id = h.id AND g.user_id = h.account_id), 0) AS BIGINT) AS found
            FROM credit_holds h
            """
        case .purchases:
            """
            SELECT p.id AS subject, p.removed_credits AS found, CAST(COALESCE((SELECT -SUM(e.amount)
                FROM credit_ledger e WHERE e.account_id = p.user_id AND e.lot_id = p.lot_id
                AND e.kind IN ('refund', 'dispute', 'reinstate')), 0) AS BIGINT) AS expected
            FROM credit_purchases p WHERE p.lot_id IS NOT NULL
            """
        }
    }
}
