-- All events of an account in one order, so that a client that follows all its jobs can go on where it stopped.

-- The position of an account's last event. Adding one locks the row until the commit: positions are given in the order
-- in which they become visible, so a reader that has seen one has seen all before it.
CREATE TABLE job_feeds (
    account_id TEXT PRIMARY KEY REFERENCES credit_users (id),
    position   INTEGER NOT NULL CHECK (position > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_events_in_order (
    job_id     TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence   INTEGER NOT NULL CHECK (sequence > 0),
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    position   INTEGER NOT NULL CHECK (position > 0),
    attempt    INTEGER NOT NULL CHECK (attempt >= 0),
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL DEFAULT '{}',
    at         INTEGER NOT NULL,
    PRIMARY KEY (job_id, sequence),
    UNIQUE (account_id, position)
) STRICT, WITHOUT ROWID;

INSERT INTO job_events_in_order (job_id, sequence, account_id, position, attempt, kind, detail, at)
SELECT job_events.job_id, job_events.sequence, jobs.account_id,
    row_number() OVER (
        PARTITION BY jobs.account_id ORDER BY job_events.at, job_events.job_id, job_events.sequence),
    job_events.attempt, job_events.kind, job_events.detail, job_events.at
FROM job_events JOIN jobs ON jobs.id = job_events.job_id;

DROP TABLE job_events;
ALTER TABLE job_events_in_order RENAME TO job_events;

INSERT INTO job_feeds (account_id, position) SELECT account_id, max(position) FROM job_events GROUP BY account_id;
