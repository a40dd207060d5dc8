-- The queue: keys that keep a task from being enqueued twice, pauses, and what keeps claims flat while the table grows.

SET LOCAL ROLE cadenza_owner;

-- Of the tasks of one kind and fairness key that have not ended, one has a given unique key.
ALTER TABLE queue_tasks ADD COLUMN unique_key TEXT;
CREATE UNIQUE INDEX queue_tasks_unique ON queue_tasks (fairness_key, kind, unique_key)
    WHERE unique_key IS NOT NULL AND ended_at IS NULL;

-- Kinds of which nothing is claimed until they are resumed.
CREATE TABLE queue_pauses (
    kind      TEXT PRIMARY KEY,
    paused_at BIGINT NOT NULL
);

-- A claim counts what runs of a key, a rescue looks for the oldest leases.
DROP INDEX queue_tasks_running;
CREATE INDEX queue_tasks_running ON queue_tasks (fairness_key) WHERE state = 'running';
CREATE INDEX queue_tasks_leases ON queue_tasks (lease_expires_at, id) WHERE state = 'running';

-- Turns come from a sequence: without an index on them a key's row changes in place.
DROP INDEX queue_keys_turn;
CREATE SEQUENCE queue_turns;
SELECT setval('queue_turns', (SELECT coalesce(max(turn), 0) + 1 FROM queue_keys));

-- A claim passes by what earlier claims left dead in the indexes, so they are swept by count, not by the table's share.
ALTER TABLE queue_tasks SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_keys SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

ALTER TABLE queue_pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_pauses FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON queue_pauses TO cadenza_owner USING (true) WITH CHECK (true);
CREATE POLICY service ON queue_pauses TO cadenza_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_pauses TO cadenza_service;
GRANT USAGE ON SEQUENCE queue_turns TO cadenza_service;

RESET ROLE;
