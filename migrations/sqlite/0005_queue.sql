-- The queue: keys that keep a task from being enqueued twice, and pauses.

-- Of the tasks of one kind and fairness key that have not ended, one has a given unique key.
ALTER TABLE queue_tasks ADD COLUMN unique_key TEXT;
CREATE UNIQUE INDEX queue_tasks_unique ON queue_tasks (fairness_key, kind, unique_key)
    WHERE unique_key IS NOT NULL AND ended_at IS NULL;

-- Kinds of which nothing is claimed until they are resumed.
CREATE TABLE queue_pauses (
    kind      TEXT NOT NULL PRIMARY KEY,
    paused_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A claim counts what runs of a key, a rescue looks for the oldest leases.
DROP INDEX queue_tasks_running;
CREATE INDEX queue_tasks_running ON queue_tasks (fairness_key) WHERE state = 'running';
CREATE INDEX queue_tasks_leases ON queue_tasks (lease_expires_at, id) WHERE state = 'running';
