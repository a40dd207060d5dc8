public import Database

/// The texts that differ between the engines. They are prepared once for each connection, so they never vary with the
/// number of tasks: lists of names travel as one JSON array. Some are public so that they can be measured by others.
public enum QueueStatements {
    /// Part of an UPDATE: what a task that nobody runs must not have.
    static let unclaimed = """
        token = NULL, worker_host = NULL, worker_boot = NULL, worker_namespace = NULL, worker_pid = NULL,
            worker_start = NULL, lease_expires_at = NULL
        """

    /// On Postgres, before a statement that chooses tasks. Such a statement is planned once, to walk its indexes in
    /// their order: planned anew it would cost more than it takes, and planned while few tasks waited it would read
    /// and sort all of them later.
    public static let steadyPlan = "SELECT \(steadySettings)"

    private static let steadySettings = """
        set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true)
        """

    /// A server that stops in the middle of its claim is put out by the database after this time.
    static let turnIdleMilliseconds = 4000
    /// Longer than that: who waits behind a server that stopped comes through.
    static let turnWaitMilliseconds = 6000

    /// `steadyPlan`, once all other claims have been committed. The settings are made before the lock is asked for: the
    /// condition has to be known first.
    public static let turnToClaim = """
        SELECT one FROM queue_turn WHERE one = 1 AND (SELECT concat(\(steadySettings),
            set_config('lock_timeout', '\(turnWaitMilliseconds)', true),
            set_config('idle_in_transaction_session_timeout', '\(turnIdleMilliseconds)', true))) IS NOT NULL
        FOR UPDATE
        """

    /// The lock of `turnToClaim`, with the session's own limits.
    static let turn = "SELECT one FROM queue_turn WHERE one = 1 FOR UPDATE"

    /// What time it is: the argument, or the database's clock where that is NULL.
    static func now(_ parameter: String, _ dialect: SQLDialect) -> String {
        switch dialect {
        case .sqlite: parameter
        // A query of its own is asked once: in a condition the clock would be read for each row.
        case .postgres:
            """
            (SELECT COALESCE(CAST(\(parameter) AS BIGINT), \(clock)))
            """
        }
    }

    private static let clock = "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)"

    /// The condition that a task waits. It does not name the state: a task that is known by its name must not be
    /// looked for in the index of all that wait. For the same reason a token stands for `running`, the only state
    /// that has one.
    static func waits(_ table: String) -> String { "\(table).token IS NULL AND \(table).ended_at IS NULL" }

    /// `named`: the kinds asked for; `kinds`: those of them that are not paused; `waiting`: every fairness key that has
    /// due tasks of them. The keys are probed, not their tasks, and nothing of another kind is passed by.
    static func waitingKeys(kinds: Range<Int>) -> String {
        let due = "n.state = 'queued' AND n.is_due = 1 AND n.kind = c.kind"
        return """
            named (kind) AS (VALUES \(kinds.map { "($\($0))" }.joined(separator: ", "))),
            kinds (kind) AS (SELECT kind FROM named WHERE kind NOT IN (SELECT p.kind FROM queue_pauses p)),
            waiting (fairness_key) AS (
                SELECT (SELECT MIN((SELECT MIN(n.fairness_key) FROM queue_tasks n WHERE \(due))) FROM kinds c)
                UNION ALL
                SELECT (SELECT MIN((SELECT MIN(n.fairness_key) FROM queue_tasks n
                    WHERE \(due) AND n.fairness_key > w.fairness_key)) FROM kinds c)
                FROM waiting w WHERE w.fairness_key IS NOT NULL)
            """
    }

    /// A condition of `h`, a task, `c`, its kind, and `w`, its fairness key's row. The time is looked at once more:
    /// `bringIn` goes by what tasks are marked as.
    static func mayRun(now: String) -> String {
        """
        h.state = 'queued' AND h.is_due = 1 AND h.kind = c.kind AND h.fairness_key = w.fairness_key
            AND h.run_at <= \(now)
        """
    }

    /// The first tasks of a fairness key, at most `limit`: those of each kind are found by the index.
    private static func first(_ limit: String) -> String {
        """
        (SELECT f.id, f.priority, f.run_at FROM kinds c CROSS JOIN LATERAL (
            SELECT h.id, h.priority, h.run_at FROM queue_tasks h WHERE \(mayRun(now: "(SELECT now FROM clock)"))
            ORDER BY h.priority DESC, h.run_at, h.id LIMIT \(limit)) f
        ORDER BY f.priority DESC, f.run_at, f.id LIMIT \(limit))
        """
    }

    /// Before a claim: marks tasks as due whose time has come by $1, a thousand at most.
    public static func bringIn(_ dialect: SQLDialect) -> String {
        let due = """
            SELECT id FROM queue_tasks WHERE state = 'queued' AND is_due = 0 AND run_at <= \(now("$1", dialect))
            ORDER BY run_at, id LIMIT 1000
            """
        return switch dialect {
        case .sqlite: "UPDATE queue_tasks SET is_due = 1 WHERE id IN (\(due))"
        case .postgres:
            "UPDATE queue_tasks SET is_due = 1 WHERE id = ANY (ARRAY(\(due) FOR UPDATE SKIP LOCKED)) AND is_due = 0"
        }
    }

    /// A claim on Postgres: now or NULL, running tasks of a key at most, tasks at most, token, worker's host, boot,
    /// namespace, process and start, milliseconds of the lease, then the kinds.
    ///
    /// The first task of each key says which keys can have a share at all, so that of the others no second is looked
    /// for. As many keys as have one of the highest priority are served before any key's second task: so a key can
    /// have no more than what is left, and one. To look for as many of each would be to read far more than is taken,
    /// so an equal share of each is looked for first; it is `short` if a key may have one more that comes before the
    /// last of those. A key that had a turn at a higher priority comes after those that had none.
    public static func claim(kindCount: Int) -> String {
        """
        WITH RECURSIVE \(waitingKeys(kinds: 11..<11 + kindCount)),
        clock (now) AS MATERIALIZED (SELECT \(now("$1", .postgres))),
        heads AS (
            SELECT w.fairness_key, free.slots, head.priority,
                COALESCE((SELECT k.turn FROM queue_keys k WHERE k.fairness_key = w.fairness_key), 0) AS turn
            FROM waiting w
            CROSS JOIN LATERAL (SELECT $2 - COUNT(*) AS slots FROM queue_tasks r
                WHERE r.state = 'running' AND r.fairness_key = w.fairness_key) free
            CROSS JOIN LATERAL \(first("1")) head
            WHERE free.slots > 0
            ORDER BY head.priority DESC, turn, head.run_at, head.id LIMIT $3),
        first_share AS (\(ready(share: "LEAST(m.most, \(shareLikely))", "TRUE"))),
        short (is_short) AS MATERIALIZED (
            SELECT EXISTS (SELECT FROM (
                SELECT nth = share AND share < most AS is_cut, ROW_NUMBER() OVER (\(order)) AS place
                FROM first_share) p
            WHERE is_cut AND place < $3)),
        ready AS (
            SELECT * FROM first_share WHERE NOT (SELECT is_short FROM short)
            UNION ALL \(ready(share: "m.most", "(SELECT is_short FROM short)"))),
        ranked AS (
            SELECT id, fairness_key,
                ROW_NUMBER() OVER (\(order)) AS place
            FROM ready ORDER BY place LIMIT $3),
        locked AS MATERIALIZED (
            SELECT q.id FROM queue_tasks q
            WHERE q.id = ANY (ARRAY(SELECT id FROM ranked)) AND \(waits("q")) FOR UPDATE SKIP LOCKED),
        claimed AS (
            UPDATE queue_tasks q SET state = 'running', attempt = q.attempt + 1, token = $4 || '.' || q.id,
                worker_host = $5, worker_boot = $6, worker_namespace = $7, worker_pid = $8, worker_start = $9,
                claimed_at = (SELECT now FROM clock), lease_expires_at = (SELECT now FROM clock) + $10
            WHERE q.id = ANY (ARRAY(SELECT id FROM locked))
            RETURNING q.id, q.kind, q.fairness_key, q.payload, q.attempt, q.failures, q.deaths, q.token, q.claimed_at,
                q.lease_expires_at),
        turns AS (
            INSERT INTO queue_keys (fairness_key, turn)
            SELECT r.fairness_key, (SELECT nextval('queue_turns')) * 100000 + MAX(r.place)
            FROM claimed c JOIN ranked r ON r.id = c.id GROUP BY r.fairness_key
            ON CONFLICT (fairness_key) DO UPDATE SET turn = excluded.turn)
        SELECT c.* FROM claimed c JOIN ranked r ON r.id = c.id ORDER BY r.place
        """
    }

    /// On SQLite the next task of each fairness key, in their order: now, running tasks of a key at most, keys at most,
    /// then the kinds.
    static func candidates(kindCount: Int) -> String {
        """
        WITH RECURSIVE \(waitingKeys(kinds: 4..<4 + kindCount))
        SELECT t.id, t.kind, t.priority, t.fairness_key, t.payload, t.attempt, t.failures, t.deaths
        FROM waiting w
        JOIN queue_tasks t ON t.id = (
            SELECT x.id FROM kinds c JOIN queue_tasks x ON x.id = (
                SELECT h.id FROM queue_tasks h WHERE \(mayRun(now: "$1"))
                ORDER BY h.priority DESC, h.run_at, h.id LIMIT 1)
            ORDER BY x.priority DESC, x.run_at, x.id LIMIT 1)
        LEFT JOIN queue_keys k ON k.fairness_key = w.fairness_key
        WHERE (SELECT COUNT(*) FROM queue_tasks r
            WHERE r.state = 'running' AND r.fairness_key = w.fairness_key) < $2
        ORDER BY t.priority DESC, COALESCE(k.turn, 0), t.run_at, t.id LIMIT $3
        """
    }

    private static let order = "ORDER BY priority DESC, round, is_served, turn, run_at, id"

    /// The first tasks of each key with the round in which it is the key's turn to have them served.
    private static func ready(share: String, _ condition: String) -> String {
        """
        SELECT t.id, w.fairness_key, w.turn, t.priority, t.run_at,
            ROW_NUMBER() OVER (PARTITION BY w.fairness_key, t.priority ORDER BY t.run_at, t.id) AS round,
            MAX(t.priority) OVER (PARTITION BY w.fairness_key) > t.priority AS is_served,
            ROW_NUMBER() OVER (PARTITION BY w.fairness_key ORDER BY t.priority DESC, t.run_at, t.id) AS nth,
            s.share, m.most
        FROM heads w CROSS JOIN LATERAL (SELECT \(shareMax) AS most) m
        CROSS JOIN LATERAL (SELECT \(share) AS share) s
        CROSS JOIN LATERAL \(first("s.share")) t
        WHERE \(condition)
        """
    }

    /// A key's part of what is taken if all have enough, and one.
    private static let shareLikely = "$3 / GREATEST(1, (SELECT COUNT(*) FROM heads)) + 1"

    private static let shareMax = """
        LEAST(w.slots, GREATEST(1, $3 + 1 - (
            SELECT COUNT(*) FROM heads e WHERE e.priority = (SELECT MAX(priority) FROM heads))))
        """

    /// Many tasks: a JSON array of objects, now. Answers with the names of those that were not there yet.
    static func enqueueMany(_ dialect: SQLDialect) -> String {
        let columns = ["id", "kind", "fairness_key", "priority", "payload", "unique_key"]
        let rows =
            switch dialect {
            case .sqlite:
                """
                SELECT \(columns.map { "value ->> '\($0)' AS \($0)" }.joined(separator: ", ")),
                    COALESCE(value ->> 'run_at', $2) AS run_at, $2 AS now FROM json_each($1)
                """
            case .postgres:
                """
                SELECT \(columns.map { "r.\($0)" }.joined(separator: ", ")), COALESCE(r.run_at, c.now) AS run_at, c.now
                FROM (SELECT \(now("$2", dialect)) AS now) c
                CROSS JOIN json_to_recordset(CAST($1 AS json)) AS r (id TEXT, kind TEXT,
                    fairness_key TEXT, priority BIGINT, payload TEXT, unique_key TEXT, run_at BIGINT)
                """
            }
        let names = columns.joined(separator: ", ")
        return """
            INSERT INTO queue_tasks (\(names), run_at, state, created_at, is_due)
            SELECT \(names), run_at, 'queued', now, CASE WHEN run_at <= now THEN 1 ELSE 0 END FROM (\(rows)) t
            WHERE true ON CONFLICT DO NOTHING RETURNING id
            """
    }

    /// One task: name, kind, fairness key, priority, payload, time or NULL, now, unique key.
    static func enqueue(_ dialect: SQLDialect) -> String {
        let moment =
            switch dialect {
            case .sqlite: "SELECT $7 AS now"
            case .postgres: "SELECT \(now("$7", dialect)) AS now"
            }
        return """
            INSERT INTO queue_tasks (id, kind, fairness_key, priority, payload, state, run_at, created_at, unique_key,
                is_due)
            SELECT $1, $2, $3, $4, $5, 'queued', COALESCE($6, c.now), c.now, $8,
                CASE WHEN COALESCE($6, c.now) <= c.now THEN 1 ELSE 0 END
            FROM (\(moment)) c WHERE true ON CONFLICT DO NOTHING
            """
    }

    /// Ends what is held by one of the tokens: names, tokens, state, now or NULL. Answers with the names.
    public static func end(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = $3, ended_at = \(now("$4", dialect)), \(unclaimed)
        WHERE \(dialect.isOne("id", of: "$1")) AND \(dialect.isOne("token", of: "$2"))
        RETURNING id
        """
    }

    /// Extends the lease of what is held by one of the tokens: names, tokens, milliseconds of the lease, now.
    static func heartbeat(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET lease_expires_at = \(now("$4", dialect)) + $3
        WHERE \(dialect.isOne("id", of: "$1")) AND \(dialect.isOne("token", of: "$2"))
        RETURNING token, cancel_requested_at
        """
    }

    /// Moves tasks that no worker holds any more back among those that wait: names.
    static func putBack(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = 'queued', deaths = deaths + 1, \(unclaimed)
        WHERE \(dialect.isOne("id", of: "$1")) AND token IS NOT NULL
        """
    }

    /// Ends tasks that no worker holds any more: names, state, now.
    static func giveUp(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = $2, deaths = deaths + 1, ended_at = \(now("$3", dialect)), \(unclaimed)
        WHERE \(dialect.isOne("id", of: "$1")) AND token IS NOT NULL
        """
    }

    /// Ends tasks as failed, whoever holds them: names, now. Answers with the names of those that had not ended.
    static func discard(_ dialect: SQLDialect) -> String {
        """
        UPDATE queue_tasks SET state = 'failed', ended_at = \(now("$2", dialect)), \(unclaimed)
        WHERE \(dialect.isOne("id", of: "$1")) AND ended_at IS NULL RETURNING id
        """
    }

    /// All that wait, from both of their indexes.
    static let waitingTasks = """
        (SELECT id, fairness_key, priority, run_at FROM queue_tasks WHERE state = 'queued' AND is_due = 1
            UNION ALL
            SELECT id, fairness_key, priority, run_at FROM queue_tasks WHERE state = 'queued' AND is_due = 0)
        """

    /// Forgets tasks that ended before $1, at most $2 of them.
    static func removeEnded(_ dialect: SQLDialect) -> String {
        let old = "SELECT id FROM queue_tasks WHERE ended_at < $1 ORDER BY ended_at LIMIT $2"
        return switch dialect {
        case .sqlite: "DELETE FROM queue_tasks WHERE id IN (\(old))"
        case .postgres: "DELETE FROM queue_tasks WHERE id = ANY (ARRAY(\(old) FOR UPDATE SKIP LOCKED))"
        }
    }
}
