"""What scripts/chaos counts after each fault, with the same words on both engines: none of it may be."""

RULES = {
    "holds left open": "SELECT count(*) FROM credit_holds WHERE state = 'held'",
    "completed jobs not charged once": """
        SELECT count(*) FROM jobs j WHERE j.state = 'completed' AND
            ((SELECT count(*) FROM credit_usage u WHERE u.job_id = j.id) <> 1 OR
             (SELECT count(*) FROM credit_ledger e WHERE e.hold_id = j.hold_id AND e.kind = 'capture') <> 1)""",
    "jobs charged that did not complete": """
        SELECT count(*) FROM jobs j JOIN credit_usage u ON u.job_id = j.id WHERE j.state <> 'completed'""",
    "jobs with two ends in their timeline": """
        SELECT count(*) FROM (SELECT job_id FROM job_events WHERE kind = 'settled' GROUP BY job_id
            HAVING count(*) <> 1) AS twice""",
    "tasks that do not agree with their job": """
        SELECT count(*) FROM jobs j JOIN queue_tasks t ON t.id = j.id WHERE t.state <> j.state""",
    "accounts whose entries do not add up": """
        SELECT count(*) FROM credit_users u WHERE u.credits + u.held - u.debt <>
            (SELECT COALESCE(sum(e.amount), 0) FROM credit_ledger e WHERE e.account_id = u.id)""",
    "balances below zero": "SELECT count(*) FROM credit_users WHERE credits < 0 OR held < 0 OR debt < 0",
    "keys with two jobs": """
        SELECT count(*) FROM (SELECT idempotency_key FROM jobs GROUP BY account_id, idempotency_key
            HAVING count(*) > 1) AS twice""",
}

# What a job may fail by: as many deaths or failures as the limits say. It costs nothing and leaves nothing.
ENDINGS = {
    "jobs that failed before the limits": """
        SELECT count(*) FROM jobs j LEFT JOIN queue_tasks t ON t.id = j.id WHERE j.state = 'failed'
            AND (t.id IS NULL OR (t.deaths < {deaths} AND t.failures <= {retries}))""",
    "jobs that went on beyond the limits": """
        SELECT count(*) FROM queue_tasks WHERE deaths > {deaths} OR failures > {retries} + 1
            OR (state = 'completed' AND (deaths >= {deaths} OR failures > {retries}))""",
    "failed jobs whose credits were not given back": """
        SELECT count(*) FROM jobs j LEFT JOIN credit_holds h ON h.id = j.hold_id WHERE j.state = 'failed'
            AND (h.id IS NULL OR h.state <> 'released' OR NOT EXISTS (
                SELECT 1 FROM credit_ledger e WHERE e.hold_id = h.id AND e.kind = 'release'))""",
    "failed jobs with results": """
        SELECT count(*) FROM jobs j WHERE j.state = 'failed'
            AND EXISTS (SELECT 1 FROM artifacts a WHERE a.job_id = j.id)""",
}
