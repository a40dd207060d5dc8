-- The queue, hardened: claims stay flat however many tasks wait that may not run, take turns under a lock that requests
-- cannot reach, and a request can put nothing into the queue that workers could not work on.

SET LOCAL ROLE cadenza_owner;
SET LOCAL check_function_bodies = off;

-- A task whose time has not come waits apart, so that no claim walks past it. A claim first brings in what is due by
-- now. What is brought in too early does no harm: the claim looks at the time as well.
ALTER TABLE queue_tasks
    ADD COLUMN is_due BIGINT NOT NULL DEFAULT 1 CONSTRAINT queue_tasks_due CHECK (is_due IN (0, 1)),
    -- Within which a worker's process id says something: containers of one machine have their own.
    ADD COLUMN worker_namespace TEXT;
DROP INDEX queue_tasks_waiting;
CREATE INDEX queue_tasks_waiting ON queue_tasks (kind, fairness_key, priority DESC, run_at, id)
    WHERE state = 'queued' AND is_due = 1;
CREATE INDEX queue_tasks_later ON queue_tasks (run_at, id) WHERE state = 'queued' AND is_due = 0;

-- Whoever claims holds its row until the commit.
CREATE TABLE queue_turn (
    one BIGINT PRIMARY KEY CONSTRAINT queue_turn_one CHECK (one = 1)
);

-- Where servers tell each other what happened. Any login may listen and notify where it knows the channel's name, so
-- the name is the secret.
CREATE TABLE server_channel (
    one  BIGINT PRIMARY KEY CONSTRAINT server_channel_one CHECK (one = 1),
    name TEXT NOT NULL
);

DO $$
DECLARE
    v_table TEXT;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['queue_turn', 'server_channel'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format('CREATE POLICY owner ON %I TO cadenza_owner USING (true) WITH CHECK (true)', v_table);
        EXECUTE format('CREATE POLICY service ON %I TO cadenza_service USING (true) WITH CHECK (true)', v_table);
    END LOOP;
END
$$;
INSERT INTO queue_turn (one) VALUES (1);
INSERT INTO server_channel (one, name) VALUES (1, 'cadenza_' || replace(gen_random_uuid()::TEXT, '-', ''));
GRANT SELECT, UPDATE ON queue_turn TO cadenza_service;
GRANT SELECT ON server_channel TO cadenza_service;

-- The sweeper asks whose input a blob is.
CREATE INDEX jobs_input ON jobs (input_blob) WHERE input_present = 1;

-- What a request may put in: the names are of the program's own form, sizes and numbers within what it reads back.
DROP POLICY own_new ON jobs;
CREATE POLICY own_new ON jobs FOR INSERT TO cadenza_app WITH CHECK (
    account_id = (SELECT current_account()) AND state = 'queued' AND attempt = 0 AND progress = 0
    AND id ~ '^job_[0-9a-f]{32}$' AND hold_id ~ '^hld_[0-9a-f]{32}$' AND input_blob ~ '^blob_[0-9a-f]{32}$'
    AND input_present = 1 AND started_at IS NULL AND expires_at IS NULL AND results_removed_at IS NULL
    AND duration_seconds <= 1000000 AND octet_length(options) <= 65536 AND octet_length(notes) <= 65536
    AND octet_length(service) <= 200 AND octet_length(model) <= 200 AND octet_length(input_name) <= 4096
    AND octet_length(container) <= 200 AND octet_length(codec) <= 200 AND octet_length(step) <= 200
    AND octet_length(fingerprint) <= 200 AND octet_length(input_sha256) <= 200
    AND EXISTS (SELECT FROM credit_holds h
        WHERE h.id = jobs.hold_id AND h.account_id = jobs.account_id AND h.reference = jobs.id
            AND h.credits = jobs.price AND h.state = 'held'));

-- A timeline's first line, at the place that the feed has just been moved to: one ahead would be in the way of those
-- that workers add later.
DROP POLICY own_new ON job_events;
CREATE POLICY own_new ON job_events FOR INSERT TO cadenza_app WITH CHECK (
    account_id = (SELECT current_account()) AND attempt = 0 AND kind = 'queued' AND sequence = 1
    AND octet_length(detail) <= 4096
    AND position = (SELECT f.position FROM job_feeds f WHERE f.account_id = job_events.account_id)
    AND EXISTS (SELECT FROM jobs j WHERE j.id = job_events.job_id AND j.account_id = job_events.account_id));

-- Its job's length, by which workers reckon the deadline, is the payload; the time is that of the submission.
DROP POLICY own_new ON queue_tasks;
CREATE POLICY own_new ON queue_tasks FOR INSERT TO cadenza_app WITH CHECK (
    fairness_key = (SELECT current_account()) AND kind = 'job' AND state = 'queued' AND priority <= 0
    AND attempt = 0 AND failures = 0 AND deaths = 0 AND unique_key IS NULL AND claimed_at IS NULL
    AND is_due = 1 AND run_at = created_at
    AND EXISTS (SELECT FROM jobs j
        WHERE j.id = queue_tasks.id AND j.account_id = queue_tasks.fairness_key AND j.state = 'queued'
            AND CASE WHEN queue_tasks.payload ~ '^[0-9]{1,7}(\.[0-9]{1,20})?(e-[0-9]{1,2})?$'
                THEN queue_tasks.payload::DOUBLE PRECISION = j.duration_seconds ELSE false END));

-- And no job without its task: it would hold its credits for ever, and its task could be made up later.
CREATE FUNCTION require_task() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM queue_tasks t
        WHERE t.id = NEW.id AND t.fairness_key = NEW.account_id AND t.kind = 'job')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'a job comes with its task';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER jobs_have_a_task AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'queued') EXECUTE FUNCTION require_task();

-- A feed moved to the end of the numbers would fail whoever adds to it next.
DROP TRIGGER job_feeds_forward ON job_feeds;
CREATE TRIGGER job_feeds_forward BEFORE UPDATE ON job_feeds FOR EACH ROW
    WHEN (NEW.position <= OLD.position OR NEW.position - OLD.position > 100000)
    EXECUTE FUNCTION refuse_change('a feed grows by what is added');

-- Functions look in the schema that this was run in.
DO $$
BEGIN
    IF current_schema() <> 'public' THEN
        EXECUTE format('ALTER FUNCTION require_task() SET search_path = pg_catalog, %I, pg_temp', current_schema());
    END IF;
END
$$;

RESET ROLE;
