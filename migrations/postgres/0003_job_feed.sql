-- All events of an account in one order, so that a client that follows all its jobs can go on where it stopped.

-- The position of an account's last event. Adding one locks the row until the commit: positions are given in the order
-- in which they become visible, so a reader that has seen one has seen all before it.
CREATE TABLE job_feeds (
    account_id TEXT PRIMARY KEY REFERENCES credit_users (id),
    position   BIGINT NOT NULL CHECK (position > 0)
);

ALTER TABLE job_events
    ADD COLUMN account_id TEXT REFERENCES credit_users (id),
    ADD COLUMN position   BIGINT CHECK (position > 0);

UPDATE job_events SET account_id = ordered.account_id, position = ordered.position
FROM (
    SELECT job_events.job_id, job_events.sequence, jobs.account_id,
        row_number() OVER (
            PARTITION BY jobs.account_id ORDER BY job_events.at, job_events.job_id, job_events.sequence) AS position
    FROM job_events JOIN jobs ON jobs.id = job_events.job_id
) AS ordered
WHERE job_events.job_id = ordered.job_id AND job_events.sequence = ordered.sequence;

ALTER TABLE job_events
    ALTER COLUMN account_id SET NOT NULL,
    ALTER COLUMN position SET NOT NULL,
    ADD UNIQUE (account_id, position);

INSERT INTO job_feeds (account_id, position) SELECT account_id, max(position) FROM job_events GROUP BY account_id;
