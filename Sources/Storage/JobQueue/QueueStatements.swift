public import Database

/// The texts that differ between the engines. They are prepared once for each connection, so they never vary with the
/// number of tasks: lists of names travel as one JSON array. Some are public so that they can be measured by others.
public enum QueueStatements {
    /// Part of an UPDATE: what a task that nobody runs must not have.
    static let unclaimed = """
        token = NULL, worker_host = NULL, worker_boot = NULL, worker_pid = NULL, worker_start = NULL,
            lease_expires_at = NULL
        """

    /// An arbitrary number, the same in every version of this program.
    private static let claimLockKey = 7_238_105_942

    /// On Postgres, before a statement that chooses tasks. Such a statement is planned once, to walk its indexes in
    /// their order: planned anew it would cost more than it takes, and planned while few tasks waited it would read
    /// and sort all of them later.
    public static let steadyPlan = """
        SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true)
        """

    /// `steadyPlan`, once all other claims have been committed.
    public static let turnToClaim = steadyPlan + ", pg_advisory_xact_lock(\(claimLockKey))"

    /// The condition that a column is one of the texts in a JSON array.
    static func isOne(_ column: String, of parameter: String, _ dialect: SQLDialect) -> String {
        switch dialect {
        case .sqlite: "\(column) IN (SELECT value FROM json_each(\(parameter)))"
        // Not IN: a join with the list may become one with the whole table.
        case .postgres: "\(column) = ANY (ARRAY(SELECT json_array_elements_text(CAST(\(parameter) AS json))))"
        }
    }

    /// The condition that a task waits. It does not name the state: a task that is known by its name must not be
    /// looked for in the index of all that wait. For the same reason a token stands for `running`, the only state
    /// that has one.
    static func waits(_ table: String) -> String { "\(table).token IS NULL AND \(table).ended_at IS NULL" }

    /// Every fairness key that has waiting tasks: the keys are probed, not their tasks.
    static let waitingKeys = """
        waiting (fairness_key) AS (
            SELECT (SELECT MIN(fairness_key) FROM queue_tasks WHERE state = 'queued')
            UNION ALL
            SELECT (SELECT MIN(n.fairness_key) FROM queue_tasks n
                WHERE n.state = 'queued' AND n.fairness_key > w.fairness_key)
            FROM waiting w WHERE w.fairness_key IS NOT NULL)
        """

    /// A condition of `h`, a task, and `w`, its fairness key's row.
    static func mayRun(kinds: Range<Int>) -> String {
        let names = kinds.map { "$\($0)" }.joined(separator: ", ")
        return """
            h.state = 'queued' AND h.fairness_key = w.fairness_key AND h.run_at <= $1 AND h.kind IN (\(names))
                AND h.kind NOT IN (SELECT p.kind FROM queue_pauses p)
            """
    }

    /// A claim on Postgres: now, running tasks of a key at most, tasks at most, token, worker's host, boot, process
    /// and start, end of the lease, then the kinds.
    ///
    /// The first task of each key says which keys can have a share at all, so that of the others no second is looked
    /// for. As many keys as have one of the highest priority are served before any key's second task: so a key can
    /// have no more than what is left, and one. A key that had a turn at a higher priority comes after those that had
    /// none.
    public static func claim(kindCount: Int) -> String {
        let mayRun = mayRun(kinds: 10..<10 + kindCount)
        return """
            WITH RECURSIVE \(waitingKeys),
            heads AS (
                SELECT w.fairness_key, free.slots, head.priority,
                    COALESCE((SELECT k.turn FROM queue_keys k WHERE k.fairness_key = w.fairness_key), 0) AS turn
                FROM waiting w
                CROSS JOIN LATERAL (SELECT $2 - COUNT(*) AS slots FROM queue_tasks r
                    WHERE r.state = 'running' AND r.fairness_key = w.fairness_key) free
                CROSS JOIN LATERAL (SELECT h.id, h.priority, h.run_at FROM queue_tasks h WHERE \(mayRun)
                    ORDER BY h.priority DESC, h.run_at, h.id LIMIT 1) head
                WHERE free.slots > 0
                ORDER BY head.priority DESC, turn, head.run_at, head.id LIMIT $3),
            ready AS (
                SELECT t.id, w.fairness_key, w.turn, t.priority, t.run_at,
                    ROW_NUMBER() OVER (PARTITION BY w.fairness_key, t.priority ORDER BY t.run_at, t.id) AS round,
                    MAX(t.priority) OVER (PARTITION BY w.fairness_key) > t.priority AS is_served
                FROM heads w
                CROSS JOIN LATERAL (SELECT h.id, h.priority, h.run_at FROM queue_tasks h WHERE \(mayRun)
                    ORDER BY h.priority DESC, h.run_at, h.id LIMIT LEAST(w.slots, GREATEST(1, $3 + 1 - (
                        SELECT COUNT(*) FROM heads e WHERE e.priority = (SELECT MAX(priority) FROM heads))))) t),
            ranked AS (
                SELECT id, fairness_key,
                    ROW_NUMBER() OVER (ORDER BY priority DESC, round, is_served, turn, run_at, id) AS place
                FROM ready ORDER BY place LIMIT $3),
            locked AS MATERIALIZED (
                SELECT q.id FROM queue_tasks q
                WHERE q.id = ANY (ARRAY(SELECT id FROM ranked)) AND \(waits("q")) FOR UPDATE SKIP LOCKED),
            claimed AS (
                UPDATE queue_tasks q SET state = 'running', attempt = q.attempt + 1, token = $4 || '.' || q.id,
                    worker_host = $5, worker_boot = $6, worker_pid = $7, worker_start = $8, claimed_at = $1,
                    lease_expires_at = $9
                WHERE q.id = ANY (ARRAY(SELECT id FROM locked))
                RETURNING q.id, q.kind, q.payload, q.attempt, q.failures, q.deaths, q.token),
            turns AS (
                INSERT INTO queue_keys (fairness_key, turn)
                SELECT r.fairness_key, (SELECT nextval('queue_turns')) * 100000 + MAX(r.place)
                FROM claimed c JOIN ranked r ON r.id = c.id GROUP BY r.fairness_key
                ON CONFLICT (fairness_key) DO UPDATE SET turn = excluded.turn)
            SELECT c.* FROM claimed c JOIN ranked r ON r.id = c.id ORDER BY r.place
            """
    }

    /// Many tasks: a JSON array of objects, now. Answers with the names of those that were not there yet.
    static func enqueueMany(_ dialect: SQLDialect) -> String {
        let columns = ["id", "kind", "fairness_key", "priority", "payload", "unique_key", "run_at"]
        let rows =
            switch dialect {
            case .sqlite:
                columns.map { "value ->> '\($0)'" }.joined(separator: ", ")
                    + ", 'queued', $2 FROM json_each($1) WHERE true"
            case .postgres:
                columns.joined(separator: ", ")
                    + """
                    , 'queued', $2 FROM json_to_recordset(CAST($1 AS json)) AS r (id TEXT, kind TEXT,
                        fairness_key TEXT, priority BIGINT, payload TEXT, unique_key TEXT, run_at BIGINT)
                    """
            }
        return """
            INSERT INTO queue_tasks (\(columns.joined(separator: ", ")), state, created_at)
            SELECT \(rows) ON CONFLICT DO NOTHING RETURNING id
            """
    }

    /// Ends what is held by one of the tokens: names, tokens, state, now. Answers with the names.
    public static func end(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = $3, ended_at = $4, \(unclaimed)
        WHERE \(isOne("id", of: "$1", dialect)) AND \(isOne("token", of: "$2", dialect))
        RETURNING id
        """
    }

    /// Extends the lease of what is held by one of the tokens: names, tokens, expiry.
    static func heartbeat(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET lease_expires_at = $3
        WHERE \(isOne("id", of: "$1", dialect)) AND \(isOne("token", of: "$2", dialect))
        RETURNING token, cancel_requested_at
        """
    }

    /// Moves tasks that no worker holds any more: names, state, end.
    static func takeBack(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = $2, deaths = deaths + 1, ended_at = $3, \(unclaimed)
        WHERE \(isOne("id", of: "$1", dialect)) AND token IS NOT NULL
        """
    }

    /// Forgets tasks that ended before $1, at most $2 of them.
    static func removeEnded(_ dialect: SQLDialect) -> String {
        let old = "SELECT id FROM queue_tasks WHERE ended_at < $1 ORDER BY ended_at LIMIT $2"
        return switch dialect {
        case .sqlite: "DELETE FROM queue_tasks WHERE id IN (\(old))"
        case .postgres: "DELETE FROM queue_tasks WHERE id = ANY (ARRAY(\(old) FOR UPDATE SKIP LOCKED))"
        }
    }
}
