-- The queue, hardened: claims stay flat however many tasks wait that may not run. The Postgres twin also has the lock
-- that claims take turns under and the channel of the servers: a SQLite file has one server and one writer.

-- A task whose time has not come waits apart, so that no claim walks past it. A claim first brings in what is due by
-- now. What is brought in too early does no harm: the claim looks at the time as well.
ALTER TABLE queue_tasks ADD COLUMN is_due INTEGER NOT NULL DEFAULT 1
    CONSTRAINT queue_tasks_due CHECK (is_due IN (0, 1));
-- Within which a worker's process id says something: containers of one machine have their own.
ALTER TABLE queue_tasks ADD COLUMN worker_namespace TEXT;
DROP INDEX queue_tasks_waiting;
CREATE INDEX queue_tasks_waiting ON queue_tasks (kind, fairness_key, priority DESC, run_at, id)
    WHERE state = 'queued' AND is_due = 1;
CREATE INDEX queue_tasks_later ON queue_tasks (run_at, id) WHERE state = 'queued' AND is_due = 0;

-- The sweeper asks whose input a blob is.
CREATE INDEX jobs_input ON jobs (input_blob) WHERE input_present = 1;

-- A feed moved to the end of the numbers would fail whoever adds to it next.
DROP TRIGGER job_feeds_forward;
CREATE TRIGGER job_feeds_forward BEFORE UPDATE ON job_feeds
WHEN NEW.position <= OLD.position OR NEW.position - OLD.position > 100000
BEGIN SELECT RAISE(ABORT, 'a feed grows by what is added'); END;
