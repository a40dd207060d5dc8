-- Who may do what. Three roles: cadenza_owner owns everything and changes the schema; cadenza_app serves requests and
-- sees what the credential of its transaction may see; cadenza_service works for all accounts. Credits move only
-- through the functions below. docs/database.md has the picture, and what to run where this may not create roles.

DO $$
DECLARE
    v_role TEXT;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['cadenza_owner', 'cadenza_app', 'cadenza_service'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION
                -- Roles are the whole server's: another database's migration was faster.
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                        MESSAGE = format('role %s is missing and %s may not create it', v_role, current_user),
                        HINT = 'docs/database.md: what to run as the administrator';
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles
        WHERE rolname IN ('cadenza_owner', 'cadenza_app', 'cadenza_service') AND (rolsuper OR rolbypassrls))
        OR pg_has_role('cadenza_app', 'cadenza_service', 'MEMBER')
        OR pg_has_role('cadenza_app', 'cadenza_owner', 'MEMBER')
        OR pg_has_role('cadenza_service', 'cadenza_owner', 'MEMBER')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_role_specification',
            MESSAGE = 'a role of Cadenza is a superuser, passes row security by or is a member of a stronger one',
            HINT = 'docs/database.md: what to run as the administrator';
    END IF;
    -- Who migrates acts as the owner; a server with this one login also steps down into the others.
    FOREACH v_role IN ARRAY ARRAY['cadenza_owner', 'cadenza_app', 'cadenza_service'] LOOP
        CONTINUE WHEN pg_has_role(current_user, v_role, 'MEMBER');
        BEGIN
            EXECUTE format('GRANT %I TO %I', v_role, current_user);
        EXCEPTION
            WHEN unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                IF v_role = 'cadenza_owner' THEN
                    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                        MESSAGE = format('%s is no member of cadenza_owner', current_user),
                        HINT = 'docs/database.md: what to run as the administrator';
                END IF;
        END;
    END LOOP;
END
$$;

-- What is there becomes the owner's, and nobody else's.
DO $$
DECLARE
    v_schema TEXT := current_schema();
    v_table TEXT;
BEGIN
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', v_schema);
    -- What a session makes for itself outlives its transaction, and other requests use the session after it.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO cadenza_owner', v_schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO cadenza_app, cadenza_service', v_schema);
    IF has_schema_privilege('cadenza_app', v_schema, 'CREATE')
        OR has_schema_privilege('cadenza_service', v_schema, 'CREATE')
        OR NOT has_schema_privilege('cadenza_owner', v_schema, 'CREATE')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('only cadenza_owner must be able to create in schema %s', v_schema),
            HINT = 'docs/database.md: what to run as the administrator';
    END IF;
    FOREACH v_table IN ARRAY ARRAY[
        'schema_migrations', 'credit_users', 'credit_lots', 'credit_holds', 'credit_hold_lots', 'credit_ledger',
        'credit_purchases', 'credit_usage', 'queue_tasks', 'queue_keys', 'api_keys', 'jobs', 'studio_instance',
        'job_events', 'artifacts', 'job_feeds']
    LOOP
        -- A test's database may have been made without the migrator.
        CONTINUE WHEN to_regclass(v_table) IS NULL;
        EXECUTE format('ALTER TABLE %I OWNER TO cadenza_owner', v_table);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', v_table);
    END LOOP;
    ALTER FUNCTION refuse_change() OWNER TO cadenza_owner;
END
$$;

-- From here on whatever is made is the owner's. Later migrations begin with this line too.
SET LOCAL ROLE cadenza_owner;
-- Bodies name tables of the schema that they are pointed to at the end of this file.
SET LOCAL check_function_bodies = off;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;

-- Tables that accounts and payments will use. Attempts of jobs need none: job_events has a line, with the attempt's
-- number, for each claim, step and end, and queue_tasks counts them.

-- What a browser or a client that logged in presents.
CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES credit_users (id),
    kind         TEXT NOT NULL CONSTRAINT sessions_kind CHECK (kind IN ('browser', 'token')),
    token_sha256 TEXT NOT NULL UNIQUE CONSTRAINT sessions_token CHECK (length(token_sha256) = 64),
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    CONSTRAINT sessions_expiry CHECK (expires_at > created_at)
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- Where an account wants to be told, and what it was told.
CREATE TABLE webhook_endpoints (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES credit_users (id),
    url         TEXT NOT NULL CONSTRAINT webhook_endpoints_url CHECK (length(url) BETWEEN 1 AND 2048),
    secret      TEXT NOT NULL CONSTRAINT webhook_endpoints_secret CHECK (length(secret) >= 32),
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account_id);

CREATE TABLE webhook_deliveries (
    id              TEXT PRIMARY KEY,
    endpoint_id     TEXT NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    account_id      TEXT NOT NULL REFERENCES credit_users (id),
    event_key       TEXT NOT NULL,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL,
    state           TEXT NOT NULL CONSTRAINT webhook_deliveries_state
        CHECK (state IN ('pending', 'delivered', 'failed')),
    attempt         BIGINT NOT NULL DEFAULT 0 CONSTRAINT webhook_deliveries_attempt CHECK (attempt >= 0),
    next_attempt_at BIGINT,
    response_status BIGINT CONSTRAINT webhook_deliveries_status CHECK (response_status BETWEEN 100 AND 599),
    error           TEXT,
    created_at      BIGINT NOT NULL,
    ended_at        BIGINT,
    -- One event is told to one endpoint once; what is sent again on demand has a key of its own.
    CONSTRAINT webhook_deliveries_event UNIQUE (endpoint_id, event_key),
    CONSTRAINT webhook_deliveries_ended CHECK ((state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT webhook_deliveries_next CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_delivered
        CHECK (state <> 'delivered' OR (attempt >= 1 AND response_status BETWEEN 200 AND 299))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_account ON webhook_deliveries (account_id, id);
CREATE TRIGGER webhook_deliveries_end_once BEFORE UPDATE ON webhook_deliveries FOR EACH ROW
    WHEN (OLD.state <> 'pending') EXECUTE FUNCTION refuse_change('a delivery ends once');

-- What a payment provider told this server: each event once.
CREATE TABLE payment_events (
    id           TEXT PRIMARY KEY,
    provider     TEXT NOT NULL CONSTRAINT payment_events_provider CHECK (provider IN ('stripe', 'sandbox')),
    event_id     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL CONSTRAINT payment_events_state
        CHECK (state IN ('received', 'processed', 'ignored', 'failed')),
    failures     BIGINT NOT NULL DEFAULT 0 CONSTRAINT payment_events_failures CHECK (failures >= 0),
    error        TEXT,
    received_at  BIGINT NOT NULL,
    processed_at BIGINT,
    CONSTRAINT payment_events_event UNIQUE (provider, event_id),
    CONSTRAINT payment_events_processed CHECK ((state = 'received') = (processed_at IS NULL)),
    CONSTRAINT payment_events_failed CHECK (state <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX payment_events_waiting ON payment_events (received_at) WHERE state = 'received';
-- A failed event may be taken up again; one that was dealt with stays as it is.
CREATE TRIGGER payment_events_end_once BEFORE UPDATE ON payment_events FOR EACH ROW
    WHEN (OLD.state IN ('processed', 'ignored')) EXECUTE FUNCTION refuse_change('a payment event is dealt with once');

-- Who did what that others must be able to see later. Appended only.
CREATE TABLE audit_log (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    account_id TEXT REFERENCES credit_users (id),
    subject    TEXT,
    address    TEXT,
    detail     TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_account ON audit_log (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log FOR EACH ROW
    EXECUTE FUNCTION refuse_change('audit_log is append-only');
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW
    EXECUTE FUNCTION refuse_change('audit_log is append-only');
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    EXECUTE FUNCTION refuse_change('audit_log is append-only');

-- What was revoked stays so, and positions of a feed never go back.
CREATE TRIGGER api_keys_revoked BEFORE UPDATE ON api_keys FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
    EXECUTE FUNCTION refuse_change('a revoked key stays revoked');
CREATE TRIGGER sessions_revoked BEFORE UPDATE ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
    EXECUTE FUNCTION refuse_change('a revoked session stays revoked');
CREATE TRIGGER job_feeds_forward BEFORE UPDATE ON job_feeds FOR EACH ROW WHEN (NEW.position <= OLD.position)
    EXECUTE FUNCTION refuse_change('a feed only grows');

-- What came back of a payment, and what it took along. amount_minor is what the package cost, paid_minor what was
-- paid for it with taxes and coupons: refunds and disputes are shares of that. Both are running totals.
ALTER TABLE credit_purchases
    ADD COLUMN lot_id TEXT REFERENCES credit_lots (id),
    ADD COLUMN payment_intent TEXT,
    ADD COLUMN paid_minor BIGINT CONSTRAINT credit_purchases_paid CHECK (paid_minor >= 0),
    ADD COLUMN refunded_minor BIGINT NOT NULL DEFAULT 0
        CONSTRAINT credit_purchases_refunded CHECK (refunded_minor >= 0),
    ADD COLUMN disputed_minor BIGINT NOT NULL DEFAULT 0
        CONSTRAINT credit_purchases_disputed CHECK (disputed_minor >= 0),
    ADD COLUMN removed_credits BIGINT NOT NULL DEFAULT 0
        CONSTRAINT credit_purchases_removed CHECK (removed_credits BETWEEN 0 AND credits);
CREATE UNIQUE INDEX credit_purchases_intent ON credit_purchases (payment_intent) WHERE payment_intent IS NOT NULL;

ALTER TABLE credit_ledger DROP CONSTRAINT credit_ledger_shape;
ALTER TABLE credit_ledger ADD CONSTRAINT credit_ledger_shape CHECK (CASE kind
    WHEN 'grant' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
    WHEN 'purchase' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
    WHEN 'hold' THEN amount = 0 AND held_change > 0 AND debt_change = 0
    WHEN 'capture' THEN amount < 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
    WHEN 'release' THEN amount = 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
    WHEN 'expire' THEN amount < 0 AND held_change = 0 AND debt_change = 0
    WHEN 'refund' THEN amount < 0 AND held_change = 0 AND available_change <= 0 AND debt_change >= 0
    WHEN 'dispute' THEN amount < 0 AND held_change = 0 AND available_change <= 0 AND debt_change >= 0
    WHEN 'reinstate' THEN amount > 0 AND held_change = 0 AND available_change >= 0 AND debt_change <= 0
    ELSE held_change = 0 AND ((amount > 0 AND available_change >= 0 AND debt_change <= 0)
        OR (amount < 0 AND available_change <= 0 AND debt_change >= 0)) END);

-- Row-level security.

-- The account that the transaction's credential speaks for: the setting carries a hash, so that knowing an account's
-- name opens nothing. A revoked or expired credential speaks for nobody.
CREATE FUNCTION current_account() RETURNS TEXT LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT account_id FROM api_keys
    WHERE secret_sha256 = current_setting('cadenza.credential', true) AND revoked_at IS NULL
    UNION ALL
    SELECT account_id FROM sessions
    WHERE token_sha256 = current_setting('cadenza.credential', true) AND revoked_at IS NULL
        AND expires_at > floor(extract(epoch FROM now()) * 1000)
    LIMIT 1
$$;

-- The owner obeys its policies too (FORCE): those functions of the owner see all rows because a policy says so.
DO $$
DECLARE
    v_table TEXT;
BEGIN
    FOREACH v_table IN ARRAY ARRAY[
        'credit_users', 'credit_lots', 'credit_holds', 'credit_hold_lots', 'credit_ledger', 'credit_purchases',
        'credit_usage', 'queue_tasks', 'queue_keys', 'api_keys', 'jobs', 'job_events', 'artifacts', 'job_feeds',
        'sessions', 'webhook_endpoints', 'webhook_deliveries', 'payment_events', 'audit_log']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format('CREATE POLICY owner ON %I TO cadenza_owner USING (true) WITH CHECK (true)', v_table);
        EXECUTE format('CREATE POLICY service ON %I TO cadenza_service USING (true) WITH CHECK (true)', v_table);
    END LOOP;
END
$$;

-- The scalar subquery makes the credential be looked up once a statement instead of once a row.
CREATE POLICY own ON credit_users FOR SELECT TO cadenza_app USING (id = (SELECT current_account()));
CREATE POLICY own ON credit_lots FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON credit_holds FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON credit_ledger FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON credit_purchases FOR SELECT TO cadenza_app USING (user_id = (SELECT current_account()));
CREATE POLICY own ON credit_usage FOR SELECT TO cadenza_app USING (user_id = (SELECT current_account()));
CREATE POLICY own ON api_keys FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own_use ON api_keys FOR UPDATE TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON sessions FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own_use ON sessions FOR UPDATE TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON webhook_endpoints FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own ON webhook_deliveries FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));

CREATE POLICY own ON jobs FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
-- A new job waits, and its price is what an open hold under its name reserves.
CREATE POLICY own_new ON jobs FOR INSERT TO cadenza_app WITH CHECK (
    account_id = (SELECT current_account()) AND state = 'queued' AND attempt = 0 AND progress = 0
    AND EXISTS (SELECT FROM credit_holds h
        WHERE h.id = jobs.hold_id AND h.account_id = jobs.account_id AND h.reference = jobs.id
            AND h.credits = jobs.price AND h.state = 'held'));

CREATE POLICY own ON job_events FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own_new ON job_events FOR INSERT TO cadenza_app WITH CHECK (
    account_id = (SELECT current_account()) AND attempt = 0 AND kind = 'queued'
    AND EXISTS (SELECT FROM jobs j WHERE j.id = job_events.job_id AND j.account_id = job_events.account_id));
CREATE POLICY own ON job_feeds FOR SELECT TO cadenza_app USING (account_id = (SELECT current_account()));
CREATE POLICY own_new ON job_feeds FOR INSERT TO cadenza_app
    WITH CHECK (account_id = (SELECT current_account()) AND position = 1);
CREATE POLICY own_next ON job_feeds FOR UPDATE TO cadenza_app USING (account_id = (SELECT current_account()));
-- Not EXISTS, which Postgres would answer by hashing all jobs of the account.
CREATE POLICY own ON artifacts FOR SELECT TO cadenza_app
    USING ((SELECT j.account_id FROM jobs j WHERE j.id = artifacts.job_id) = (SELECT current_account()));

CREATE POLICY own ON queue_tasks FOR SELECT TO cadenza_app USING (fairness_key = (SELECT current_account()));
-- Workers trust what is in the queue: a request puts in nothing but its own waiting job, and not before others.
CREATE POLICY own_new ON queue_tasks FOR INSERT TO cadenza_app WITH CHECK (
    fairness_key = (SELECT current_account()) AND kind = 'job' AND state = 'queued' AND priority <= 0
    AND attempt = 0 AND failures = 0 AND deaths = 0
    AND EXISTS (SELECT FROM jobs j
        WHERE j.id = queue_tasks.id AND j.account_id = queue_tasks.fairness_key AND j.state = 'queued'));

-- Nobody but the owner writes a table of credits: there is no grant for it.
GRANT SELECT ON credit_users, credit_lots, credit_holds, credit_ledger, credit_purchases, credit_usage, api_keys, jobs,
    job_events, job_feeds, artifacts, queue_tasks, webhook_deliveries TO cadenza_app;
GRANT SELECT (id, account_id, kind, created_at, last_used_at, expires_at, revoked_at) ON sessions TO cadenza_app;
GRANT SELECT (id, account_id, url, created_at, disabled_at) ON webhook_endpoints TO cadenza_app;
GRANT UPDATE (last_used_at) ON api_keys, sessions TO cadenza_app;
GRANT INSERT ON jobs, job_events, job_feeds, queue_tasks TO cadenza_app;
GRANT UPDATE (position) ON job_feeds TO cadenza_app;

GRANT SELECT ON schema_migrations, credit_users, credit_lots, credit_holds, credit_hold_lots, credit_ledger,
    credit_purchases, credit_usage TO cadenza_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_tasks, queue_keys, jobs, job_feeds, artifacts, sessions,
    webhook_endpoints, webhook_deliveries TO cadenza_service;
GRANT SELECT, INSERT, UPDATE ON api_keys, payment_events, studio_instance TO cadenza_service;
GRANT SELECT, INSERT ON job_events, audit_log TO cadenza_service;

-- The ledger: the same rules as Sources/Storage/Ledger applies on SQLite, one call a movement. Every movement first
-- locks the account's row, so that what it reads of lots and holds afterwards is settled. Refusals have states of
-- their own: CZ001 credits do not suffice, CZ002 unknown account, CZ003 unknown hold, CZ004 the hold ended otherwise,
-- CZ005 the reference stands for another movement, CZ006 more than was held, CZ007 unknown purchase, CZ008 more than
-- was paid. p_now is the caller's clock in milliseconds; what requests may call takes the
-- server's. Functions without SECURITY DEFINER are the steps of those with it: only the owner may call them.

CREATE SEQUENCE ledger_ids CYCLE;

-- As Core's Identifier: UUIDv7, with a counter of the whole database, so that they sort as made, and random bits.
CREATE FUNCTION ledger_id(p_prefix TEXT, p_now BIGINT) RETURNS TEXT LANGUAGE sql VOLATILE AS $$
    SELECT p_prefix || '_' || encode(int8send((p_now << 16) | 28672) || int8send(
        (-9223372036854775807 - 1) | ((nextval('ledger_ids') & 1073741823) << 32)
            | (random() * 4294967295)::BIGINT), 'hex')
$$;

CREATE FUNCTION ledger_clock() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT
$$;

CREATE FUNCTION ledger_refuse(p_state TEXT, p_message TEXT) RETURNS VOID LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message;
END
$$;

CREATE FUNCTION ledger_check(p_credits BIGINT, p_reference TEXT, p_now BIGINT) RETURNS VOID LANGUAGE plpgsql
AS $$
BEGIN
    -- The most that Core's CreditAmount holds.
    IF p_credits IS NULL OR p_credits NOT BETWEEN 1 AND 1000000000 OR p_reference IS NULL OR p_now IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a movement is of 1 to 1,000,000,000 credits, and has a reference and a time';
    END IF;
END
$$;

-- Locks the account until the end of the transaction; the debt it has.
CREATE FUNCTION ledger_lock(p_account TEXT) RETURNS BIGINT LANGUAGE plpgsql
AS $$
DECLARE
    v_debt BIGINT;
BEGIN
    SELECT debt INTO v_debt FROM credit_users WHERE id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ002', 'Unknown account');
    END IF;
    RETURN v_debt;
END
$$;

-- Writes the entry and moves the account's balance by it.
CREATE FUNCTION ledger_post(
    p_account TEXT, p_kind TEXT, p_reference TEXT, p_available BIGINT, p_held BIGINT, p_debt BIGINT, p_lot TEXT,
    p_hold TEXT, p_now BIGINT
) RETURNS VOID LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO credit_ledger (id, account_id, kind, reference, amount, available_change, held_change, debt_change,
        lot_id, hold_id, created_at)
    VALUES (ledger_id('ent', p_now), p_account, p_kind, p_reference, p_available + p_held - p_debt, p_available, p_held,
        p_debt, p_lot, p_hold, p_now);
    UPDATE credit_users
    SET credits = credits + p_available, held = held + p_held, debt = debt + p_debt, updated_at = p_now
    WHERE id = p_account;
END
$$;

-- Removes what is left in the account's lots whose time has come. A lot expires again when a later release returns
-- credits to it: what expired so far tells the entries apart.
CREATE FUNCTION ledger_sweep(p_account TEXT, p_now BIGINT) RETURNS VOID LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM credit_lots WHERE account_id = p_account AND available > 0 AND expires_at <= p_now)
    THEN
        RETURN;
    END IF;
    WITH due AS (
        SELECT id, available AS gone FROM credit_lots
        WHERE account_id = p_account AND available > 0 AND expires_at <= p_now),
    swept AS (
        UPDATE credit_lots l SET available = 0, expired = l.expired + d.gone FROM due d WHERE l.id = d.id
        RETURNING l.id, l.expired, d.gone),
    entries AS (
        INSERT INTO credit_ledger (id, account_id, kind, reference, amount, available_change, held_change,
            debt_change, lot_id, created_at)
        SELECT ledger_id('ent', p_now), p_account, 'expire', id || ':' || expired, -gone, -gone, 0, 0, id, p_now
        FROM swept)
    UPDATE credit_users SET credits = credits - (SELECT sum(gone) FROM swept), updated_at = p_now
    WHERE id = p_account;
END
$$;

CREATE FUNCTION ledger_open(p_account TEXT, p_email TEXT, p_now BIGINT) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO credit_users (id, email, created_at, updated_at) VALUES (p_account, p_email, p_now, p_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM credit_users WHERE id = p_account) THEN
        PERFORM ledger_refuse('CZ005', 'The address is another account''s');
    END IF;
END
$$;

-- The balance as it is once all lots whose time has come are swept.
CREATE FUNCTION ledger_balance(
    p_account TEXT, p_now BIGINT, OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT u.credits - coalesce((SELECT sum(l.available)::BIGINT FROM credit_lots l
        WHERE l.account_id = u.id AND l.available > 0 AND l.expires_at <= p_now), 0), u.held, u.debt
    FROM credit_users u WHERE u.id = p_account
$$;

-- Adds a lot; a debt is repaid first. A replay moves nothing and answers with the first lot.
CREATE FUNCTION ledger_grant(
    p_account TEXT, p_credits BIGINT, p_source TEXT, p_reference TEXT, p_expires_at BIGINT, p_now BIGINT,
    OUT lot_id TEXT, OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_kind TEXT := CASE p_source WHEN 'purchase' THEN 'purchase' WHEN 'adjustment' THEN 'adjust' ELSE 'grant' END;
    v_debt BIGINT;
    v_repaid BIGINT;
    v_earlier RECORD;
BEGIN
    PERFORM ledger_check(p_credits, p_reference, p_now);
    v_debt := ledger_lock(p_account);
    SELECT e.amount, l.id, l.source INTO v_earlier
    FROM credit_ledger e LEFT JOIN credit_lots l ON l.id = e.lot_id
    WHERE e.account_id = p_account AND e.kind = v_kind AND e.reference = p_reference;
    IF FOUND THEN
        IF v_earlier.amount <> p_credits OR v_earlier.source IS DISTINCT FROM p_source THEN
            PERFORM ledger_refuse('CZ005', 'The reference stands for another movement');
        END IF;
        lot_id := v_earlier.id;
    ELSE
        lot_id := ledger_id('lot', p_now);
        v_repaid := least(v_debt, p_credits);
        INSERT INTO credit_lots (id, account_id, source, credits, available, repaid, expires_at, created_at)
        VALUES (lot_id, p_account, p_source, p_credits, p_credits - v_repaid, v_repaid, p_expires_at, p_now);
        PERFORM ledger_post(
            p_account, v_kind, p_reference, p_credits - v_repaid, 0, -v_repaid, lot_id, NULL, p_now);
    END IF;
    SELECT b.available, b.held, b.debt INTO available, held, debt FROM ledger_balance(p_account, p_now) b;
END
$$;

-- Reserves credits, from the lots that expire first. A replay answers with the same hold, ended or not.
CREATE FUNCTION ledger_hold(p_account TEXT, p_credits BIGINT, p_reference TEXT, p_now BIGINT) RETURNS TEXT
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_hold TEXT;
    v_held BIGINT;
    v_available BIGINT;
BEGIN
    PERFORM ledger_check(p_credits, p_reference, p_now);
    PERFORM ledger_lock(p_account);
    SELECT id, credits INTO v_hold, v_held FROM credit_holds
    WHERE account_id = p_account AND reference = p_reference;
    IF FOUND THEN
        IF v_held <> p_credits THEN
            PERFORM ledger_refuse('CZ005', 'The reference stands for another movement');
        END IF;
        RETURN v_hold;
    END IF;
    PERFORM ledger_sweep(p_account, p_now);
    SELECT credits INTO v_available FROM credit_users WHERE id = p_account;
    IF v_available < p_credits THEN
        PERFORM ledger_refuse(
            'CZ001', format('Insufficient credits. Current: %s, Required: %s', v_available, p_credits));
    END IF;
    v_hold := ledger_id('hld', p_now);
    INSERT INTO credit_holds (id, account_id, reference, credits, state, created_at)
    VALUES (v_hold, p_account, p_reference, p_credits, 'held', p_now);
    WITH spendable AS (
        SELECT id, available, (sum(available) OVER (ORDER BY expires_at, id))::BIGINT - available AS before
        FROM credit_lots WHERE account_id = p_account AND available > 0),
    draws AS (
        SELECT id, least(available, p_credits - before) AS credits FROM spendable WHERE before < p_credits),
    moved AS (
        UPDATE credit_lots l SET available = l.available - d.credits, held = l.held + d.credits
        FROM draws d WHERE l.id = d.id)
    INSERT INTO credit_hold_lots (hold_id, lot_id, credits) SELECT v_hold, id, credits FROM draws;
    PERFORM ledger_post(p_account, 'hold', p_reference, -p_credits, p_credits, 0, NULL, v_hold, p_now);
    RETURN v_hold;
END
$$;

-- Ends a locked account's hold: spends p_captured of it, the earliest expiry first, and returns the rest; a debt
-- takes of that first.
CREATE FUNCTION ledger_end(
    p_account TEXT, p_debt BIGINT, p_hold TEXT, p_held BIGINT, p_state TEXT, p_captured BIGINT, p_reason TEXT,
    p_now BIGINT
) RETURNS VOID LANGUAGE plpgsql
AS $$
DECLARE
    v_repaid BIGINT;
BEGIN
    WITH draws AS (
        SELECT d.lot_id, d.credits, l.expires_at, least(d.credits, greatest(0, p_captured - (
            (sum(d.credits) OVER (ORDER BY l.expires_at, l.id))::BIGINT - d.credits))) AS spent
        FROM credit_hold_lots d JOIN credit_lots l ON l.id = d.lot_id WHERE d.hold_id = p_hold),
    parts AS (
        SELECT lot_id, credits, spent, credits - spent AS rest, least(credits - spent, greatest(0, p_debt - (
            (sum(credits - spent) OVER (ORDER BY expires_at, lot_id))::BIGINT - (credits - spent)))) AS repaid
        FROM draws),
    moved AS (
        UPDATE credit_lots l SET available = l.available + p.rest - p.repaid, held = l.held - p.credits,
            captured = l.captured + p.spent, repaid = l.repaid + p.repaid
        FROM parts p WHERE l.id = p.lot_id)
    SELECT sum(repaid) INTO v_repaid FROM parts;
    UPDATE credit_holds SET state = p_state, captured = p_captured, reason = p_reason, ended_at = p_now
    WHERE id = p_hold;
    PERFORM ledger_post(
        p_account, CASE p_state WHEN 'captured' THEN 'capture' ELSE 'release' END, p_hold,
        p_held - p_captured - v_repaid, -p_held, -v_repaid, NULL, p_hold, p_now);
END
$$;

-- Spends a hold, or p_credits of it. Answers with the usage row; a replay with the first one.
CREATE FUNCTION ledger_capture(
    p_hold TEXT, p_credits BIGINT, p_service TEXT, p_job TEXT, p_seconds BIGINT, p_bytes BIGINT, p_now BIGINT
) RETURNS TEXT LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_account TEXT;
    v_debt BIGINT;
    v_hold RECORD;
    v_captured BIGINT;
    v_usage TEXT;
BEGIN
    SELECT account_id INTO v_account FROM credit_holds WHERE id = p_hold;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ003', 'Unknown hold');
    END IF;
    v_debt := ledger_lock(v_account);
    SELECT credits, state, captured INTO v_hold FROM credit_holds WHERE id = p_hold;
    v_captured := coalesce(p_credits, v_hold.credits);
    PERFORM ledger_check(v_captured, p_hold, p_now);
    IF v_captured > v_hold.credits THEN
        PERFORM ledger_refuse('CZ006', 'More than was held');
    ELSIF v_hold.state = 'released' THEN
        PERFORM ledger_refuse('CZ004', 'The hold was ' || v_hold.state);
    ELSIF v_hold.state = 'captured' THEN
        IF v_hold.captured <> v_captured THEN
            PERFORM ledger_refuse('CZ005', 'The hold was captured with another amount');
        END IF;
        SELECT id INTO v_usage FROM credit_usage WHERE hold_id = p_hold;
        RETURN v_usage;
    END IF;
    v_usage := ledger_id('use', p_now);
    INSERT INTO credit_usage (id, user_id, hold_id, credits, service, job_id, processing_time, file_size, created_at)
    VALUES (v_usage, v_account, p_hold, v_captured, p_service, p_job, p_seconds, p_bytes, p_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ005', 'The job was charged before');
    END IF;
    PERFORM ledger_end(v_account, v_debt, p_hold, v_hold.credits, 'captured', v_captured, NULL, p_now);
    RETURN v_usage;
END
$$;

-- Spends many whole holds at once: a JSON array of hold, service, job, seconds and bytes. All or nothing: a hold that
-- is unknown or has ended, or a job that was charged before, refuses the batch, and the caller goes on one by one.
-- Nothing returns from a whole hold, so that no debt is repaid.
CREATE FUNCTION ledger_capture_all(p_batch TEXT, p_now BIGINT) RETURNS BIGINT LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_holds TEXT[];
    v_count BIGINT;
    v_inserted BIGINT;
BEGIN
    SELECT array_agg(value ->> 'hold'), count(*) INTO v_holds, v_count FROM json_array_elements(p_batch::JSON);
    -- In the order of their names, so that two batches do not wait for each other.
    PERFORM FROM credit_users WHERE id IN (SELECT account_id FROM credit_holds WHERE id = ANY (v_holds))
    ORDER BY id FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM credit_holds WHERE id = ANY (v_holds) AND state = 'held') <> v_count THEN
        PERFORM ledger_refuse('CZ005', 'A hold of the batch is unknown, ended or there twice');
    END IF;
    INSERT INTO credit_usage (id, user_id, hold_id, credits, service, job_id, processing_time, file_size, created_at)
    SELECT ledger_id('use', p_now), h.account_id, h.id, h.credits, b.service, b.job, b.seconds, b.bytes, p_now
    FROM json_to_recordset(p_batch::JSON) AS b (hold TEXT, service TEXT, job TEXT, seconds BIGINT, bytes BIGINT)
    JOIN credit_holds h ON h.id = b.hold
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> v_count THEN
        PERFORM ledger_refuse('CZ005', 'A job of the batch was charged before');
    END IF;
    UPDATE credit_lots l SET held = l.held - d.credits, captured = l.captured + d.credits
    FROM (SELECT lot_id, sum(credits)::BIGINT AS credits FROM credit_hold_lots WHERE hold_id = ANY (v_holds)
        GROUP BY lot_id) d
    WHERE l.id = d.lot_id;
    UPDATE credit_holds SET state = 'captured', captured = credits, ended_at = p_now WHERE id = ANY (v_holds);
    INSERT INTO credit_ledger (id, account_id, kind, reference, amount, available_change, held_change, debt_change,
        hold_id, created_at)
    SELECT ledger_id('ent', p_now), account_id, 'capture', id, -credits, 0, -credits, 0, id, p_now
    FROM credit_holds WHERE id = ANY (v_holds);
    UPDATE credit_users u SET held = u.held - h.credits, updated_at = p_now
    FROM (SELECT account_id, sum(credits)::BIGINT AS credits FROM credit_holds WHERE id = ANY (v_holds)
        GROUP BY account_id) h
    WHERE u.id = h.account_id;
    RETURN v_count;
END
$$;

-- Ends a hold by returning its credits to their lots. A replay moves nothing.
CREATE FUNCTION ledger_release(p_hold TEXT, p_reason TEXT, p_now BIGINT) RETURNS VOID
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_account TEXT;
    v_debt BIGINT;
    v_hold RECORD;
BEGIN
    SELECT account_id INTO v_account FROM credit_holds WHERE id = p_hold;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ003', 'Unknown hold');
    END IF;
    v_debt := ledger_lock(v_account);
    SELECT credits, state INTO v_hold FROM credit_holds WHERE id = p_hold;
    IF v_hold.state = 'captured' THEN
        PERFORM ledger_refuse('CZ004', 'The hold was ' || v_hold.state);
    ELSIF v_hold.state = 'held' THEN
        PERFORM ledger_end(v_account, v_debt, p_hold, v_hold.credits, 'released', 0, p_reason, p_now);
    END IF;
END
$$;

-- Sweeps up to p_limit accounts with lots whose time has come; how many. Those that another movement holds at the
-- moment sweep themselves, or wait for the next call: locking several accounts must not wait.
CREATE FUNCTION ledger_expire(p_now BIGINT, p_limit BIGINT) RETURNS BIGINT LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_account TEXT;
    v_swept BIGINT := 0;
BEGIN
    FOR v_account IN
        SELECT id FROM credit_users WHERE id IN (
            SELECT account_id FROM credit_lots
            WHERE available > 0 AND expires_at IS NOT NULL AND expires_at <= p_now LIMIT p_limit)
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        PERFORM ledger_sweep(v_account, p_now);
        v_swept := v_swept + 1;
    END LOOP;
    RETURN v_swept;
END
$$;

-- Books a purchase: its row, and its lot under the payment's session. A replay answers with the first one.
CREATE FUNCTION ledger_purchase(
    p_account TEXT, p_credits BIGINT, p_package TEXT, p_session TEXT, p_intent TEXT, p_amount BIGINT, p_paid BIGINT,
    p_currency TEXT, p_expires_at BIGINT, p_now BIGINT,
    OUT purchase_id TEXT, OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_lot TEXT;
    v_earlier RECORD;
BEGIN
    PERFORM ledger_check(p_credits, p_session, p_now);
    PERFORM ledger_lock(p_account);
    SELECT id, user_id, credits, package_type INTO v_earlier FROM credit_purchases
    WHERE stripe_session_id = p_session;
    IF FOUND THEN
        IF v_earlier.user_id <> p_account OR v_earlier.credits <> p_credits OR v_earlier.package_type <> p_package THEN
            PERFORM ledger_refuse('CZ005', 'The session paid for another purchase');
        END IF;
        purchase_id := v_earlier.id;
        SELECT b.available, b.held, b.debt INTO available, held, debt FROM ledger_balance(p_account, p_now) b;
        RETURN;
    END IF;
    SELECT g.lot_id, g.available, g.held, g.debt INTO v_lot, available, held, debt
    FROM ledger_grant(p_account, p_credits, 'purchase', p_session, p_expires_at, p_now) g;
    purchase_id := ledger_id('pur', p_now);
    INSERT INTO credit_purchases (id, user_id, credits, package_type, stripe_session_id, payment_intent, amount_minor,
        paid_minor, currency, lot_id, created_at)
    VALUES (purchase_id, p_account, p_credits, p_package, p_session, p_intent, p_amount, p_paid, p_currency, v_lot,
        p_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ005', 'The session or payment belongs to another purchase');
    END IF;
END
$$;

-- Takes credits from a lot and the rest as a debt, and books it.
CREATE FUNCTION ledger_take(
    p_account TEXT, p_kind TEXT, p_reference TEXT, p_lot TEXT, p_credits BIGINT, p_now BIGINT
) RETURNS VOID LANGUAGE plpgsql
AS $$
DECLARE
    v_taken BIGINT;
BEGIN
    SELECT least(available, p_credits) INTO v_taken FROM credit_lots WHERE id = p_lot;
    v_taken := coalesce(v_taken, 0);
    UPDATE credit_lots SET available = available - v_taken, refunded = refunded + v_taken WHERE id = p_lot;
    PERFORM ledger_post(p_account, p_kind, p_reference, -v_taken, 0, p_credits - v_taken, p_lot, NULL, p_now);
END
$$;

-- Gives credits of a purchase back that were taken. What was a debt repays debts first, the rest returns to the lot;
-- what the lot never gave comes as a new one.
CREATE FUNCTION ledger_give_back(
    p_account TEXT, p_debt BIGINT, p_reference TEXT, p_lot TEXT, p_credits BIGINT, p_now BIGINT
) RETURNS VOID LANGUAGE plpgsql
AS $$
DECLARE
    v_from_lot BIGINT;
    v_expires_at BIGINT;
    v_other BIGINT;
    v_forgiven BIGINT;
    v_repaid BIGINT;
BEGIN
    SELECT least(refunded, p_credits), expires_at INTO v_from_lot, v_expires_at FROM credit_lots WHERE id = p_lot;
    v_from_lot := coalesce(v_from_lot, 0);
    v_other := p_credits - v_from_lot;
    v_forgiven := least(v_other, p_debt);
    v_repaid := least(v_from_lot, p_debt - v_forgiven);
    UPDATE credit_lots SET refunded = refunded - v_from_lot, repaid = repaid + v_repaid,
        available = available + v_from_lot - v_repaid
    WHERE id = p_lot;
    IF v_other > v_forgiven THEN
        INSERT INTO credit_lots (id, account_id, source, credits, available, expires_at, created_at)
        VALUES (ledger_id('lot', p_now), p_account, 'adjustment', v_other - v_forgiven, v_other - v_forgiven,
            v_expires_at, p_now);
    END IF;
    PERFORM ledger_post(p_account, 'reinstate', p_reference, p_credits - v_forgiven - v_repaid, 0,
        -v_forgiven - v_repaid, p_lot, NULL, p_now);
END
$$;

-- Follows what a purchase's payment has come to: p_refunded and p_disputed are running totals, NULL for no news.
-- The credits to be gone are the same share of the purchase, rounded up. A refund or dispute only takes and a
-- reinstatement only gives: news that came late changes nothing. Answers with what moved.
CREATE FUNCTION ledger_follow_payment(
    p_purchase TEXT, p_kind TEXT, p_refunded BIGINT, p_disputed BIGINT, p_reference TEXT, p_now BIGINT,
    OUT moved BIGINT, OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account TEXT;
    v_debt BIGINT;
    v_purchase RECORD;
    v_lot TEXT;
    v_refunded BIGINT;
    v_disputed BIGINT;
BEGIN
    PERFORM ledger_check(1, p_reference, p_now);
    IF p_kind NOT IN ('refund', 'dispute', 'reinstate') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'refund, dispute or reinstate';
    END IF;
    SELECT user_id INTO v_account FROM credit_purchases WHERE id = p_purchase;
    IF NOT FOUND THEN
        PERFORM ledger_refuse('CZ007', 'Unknown purchase');
    END IF;
    v_debt := ledger_lock(v_account);
    SELECT credits, lot_id, coalesce(paid_minor, amount_minor) AS paid, refunded_minor, disputed_minor,
        removed_credits INTO v_purchase
    FROM credit_purchases WHERE id = p_purchase;
    moved := 0;
    SELECT lot_id INTO v_lot FROM credit_ledger
    WHERE account_id = v_account AND kind = p_kind AND reference = p_reference;
    IF FOUND THEN
        IF v_lot IS DISTINCT FROM v_purchase.lot_id THEN
            PERFORM ledger_refuse('CZ005', 'The reference stands for another movement');
        END IF;
    ELSE
        v_refunded := coalesce(p_refunded, v_purchase.refunded_minor);
        v_disputed := coalesce(p_disputed, v_purchase.disputed_minor);
        IF v_refunded < 0 OR v_refunded > v_purchase.paid OR v_disputed < 0 OR v_disputed > v_purchase.paid THEN
            PERFORM ledger_refuse('CZ008', 'More than was paid');
        END IF;
        IF p_kind = 'reinstate' THEN
            v_refunded := least(v_refunded, v_purchase.refunded_minor);
            v_disputed := least(v_disputed, v_purchase.disputed_minor);
        ELSE
            v_refunded := greatest(v_refunded, v_purchase.refunded_minor);
            v_disputed := greatest(v_disputed, v_purchase.disputed_minor);
        END IF;
        IF v_purchase.paid > 0 THEN
            moved := ceil(v_purchase.credits::NUMERIC * least(v_purchase.paid, v_refunded::NUMERIC + v_disputed)
                / v_purchase.paid)::BIGINT - v_purchase.removed_credits;
        END IF;
        UPDATE credit_purchases SET refunded_minor = v_refunded, disputed_minor = v_disputed,
            removed_credits = removed_credits + moved
        WHERE id = p_purchase;
        PERFORM ledger_sweep(v_account, p_now);
        IF moved > 0 THEN
            PERFORM ledger_take(v_account, p_kind, p_reference, v_purchase.lot_id, moved, p_now);
        ELSIF moved < 0 THEN
            PERFORM ledger_give_back(v_account, v_debt, p_reference, v_purchase.lot_id, -moved, p_now);
        END IF;
    END IF;
    SELECT b.available, b.held, b.debt INTO available, held, debt FROM ledger_balance(v_account, p_now) b;
END
$$;

-- An operator's correction. Credits that are taken come from the lots that expire first; the rest is a debt.
CREATE FUNCTION ledger_adjust(
    p_account TEXT, p_credits BIGINT, p_reference TEXT, p_expires_at BIGINT, p_now BIGINT,
    OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_amount BIGINT;
    v_taken BIGINT;
BEGIN
    IF p_credits > 0 THEN
        SELECT g.available, g.held, g.debt INTO available, held, debt
        FROM ledger_grant(p_account, p_credits, 'adjustment', p_reference, p_expires_at, p_now) g;
        RETURN;
    END IF;
    PERFORM ledger_check(-p_credits, p_reference, p_now);
    PERFORM ledger_lock(p_account);
    SELECT amount INTO v_amount FROM credit_ledger
    WHERE account_id = p_account AND kind = 'adjust' AND reference = p_reference;
    IF FOUND THEN
        IF v_amount <> p_credits THEN
            PERFORM ledger_refuse('CZ005', 'The reference stands for another movement');
        END IF;
    ELSE
        PERFORM ledger_sweep(p_account, p_now);
        WITH spendable AS (
            SELECT id, available, (sum(available) OVER (ORDER BY expires_at, id))::BIGINT - available AS before
            FROM credit_lots WHERE account_id = p_account AND available > 0),
        draws AS (
            SELECT id, least(available, -p_credits - before) AS credits FROM spendable WHERE before < -p_credits),
        moved AS (
            UPDATE credit_lots l SET available = l.available - d.credits, refunded = l.refunded + d.credits
            FROM draws d WHERE l.id = d.id)
        SELECT coalesce(sum(credits), 0) INTO v_taken FROM draws;
        PERFORM ledger_post(p_account, 'adjust', p_reference, -v_taken, 0, -p_credits - v_taken, NULL, NULL, p_now);
    END IF;
    SELECT b.available, b.held, b.debt INTO available, held, debt FROM ledger_balance(p_account, p_now) b;
END
$$;

-- Charges at once what no job of this server holds. One job of an account is charged once, ever: a second call
-- answers with the first usage, and so does one for a job that this server captured.
CREATE FUNCTION ledger_deduct(
    p_account TEXT, p_credits BIGINT, p_service TEXT, p_job TEXT, p_now BIGINT,
    OUT new_balance BIGINT, OUT usage_id TEXT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_hold TEXT;
BEGIN
    PERFORM ledger_check(p_credits, '', p_now);
    PERFORM ledger_lock(p_account);
    SELECT id INTO usage_id FROM credit_usage WHERE user_id = p_account AND job_id = p_job;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM credit_holds WHERE account_id = p_account AND reference = p_job AND state = 'held') THEN
            PERFORM ledger_refuse('CZ005', 'The job is under way and is charged when it completes');
        END IF;
        v_hold := ledger_hold(
            p_account, p_credits, 'deduct:' || coalesce(p_job, ledger_id('use', p_now)), p_now);
        usage_id := ledger_capture(v_hold, NULL, p_service, p_job, NULL, NULL, p_now);
    END IF;
    SELECT b.available INTO new_balance FROM ledger_balance(p_account, p_now) b;
END
$$;

-- What requests may call. Who the caller is says the transaction's credential, what time it is this server's clock.
CREATE FUNCTION require_own(p_account TEXT) RETURNS VOID LANGUAGE plpgsql
AS $$
BEGIN
    -- Whether another's account exists is not said.
    IF p_account IS NULL OR p_account IS DISTINCT FROM current_account() THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the credential is not this account''s';
    END IF;
END
$$;

CREATE FUNCTION hold_own_credits(p_account TEXT, p_credits BIGINT, p_reference TEXT) RETURNS TEXT
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM require_own(p_account);
    RETURN ledger_hold(p_account, p_credits, p_reference, ledger_clock());
END
$$;

-- The first API's. An unknown user is refused, a caller can only name itself, and racing calls wait for each other.
CREATE FUNCTION deduct_user_credits(
    p_user_id TEXT, p_credits BIGINT, p_service TEXT, p_job_id TEXT DEFAULT NULL,
    OUT new_balance BIGINT, OUT usage_id TEXT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_own(p_user_id);
    SELECT d.new_balance, d.usage_id INTO new_balance, usage_id
    FROM ledger_deduct(p_user_id, p_credits, p_service, p_job_id, ledger_clock()) d;
END
$$;

-- The first API's. Replaying a session answers with the first transaction and credits nothing.
CREATE FUNCTION add_user_credits(
    p_user_id TEXT, p_credits BIGINT, p_package_type TEXT, p_session_id TEXT, p_payment_amount NUMERIC,
    p_currency TEXT DEFAULT 'EUR', OUT new_balance BIGINT, OUT transaction_id TEXT
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT p.available, p.purchase_id INTO new_balance, transaction_id
    FROM ledger_purchase(p_user_id, p_credits, p_package_type, p_session_id, NULL,
        round(p_payment_amount * 100)::BIGINT, NULL, p_currency, NULL, ledger_clock()) p;
END
$$;

-- How many waiting tasks would be claimed up to and including the caller's own; NULL if it does not wait.
CREATE FUNCTION own_queue_position(p_task TEXT) RETURNS BIGINT LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT position FROM (
        SELECT w.id, w.fairness_key, row_number() OVER (
            ORDER BY w.priority DESC, w.round, coalesce(k.turn, 0), w.run_at, w.id) AS position
        FROM (SELECT id, fairness_key, priority, run_at, row_number() OVER (
                PARTITION BY fairness_key, priority ORDER BY run_at, id) AS round
            FROM queue_tasks WHERE state = 'queued') w
        LEFT JOIN queue_keys k ON k.fairness_key = w.fairness_key) ranked
    WHERE id = p_task AND fairness_key = current_account()
$$;

GRANT EXECUTE ON FUNCTION current_account() TO cadenza_app, cadenza_service;
GRANT EXECUTE ON FUNCTION hold_own_credits(TEXT, BIGINT, TEXT), deduct_user_credits(TEXT, BIGINT, TEXT, TEXT),
    own_queue_position(TEXT) TO cadenza_app;
GRANT EXECUTE ON FUNCTION ledger_open(TEXT, TEXT, BIGINT),
    ledger_grant(TEXT, BIGINT, TEXT, TEXT, BIGINT, BIGINT), ledger_hold(TEXT, BIGINT, TEXT, BIGINT),
    ledger_capture(TEXT, BIGINT, TEXT, TEXT, BIGINT, BIGINT, BIGINT), ledger_capture_all(TEXT, BIGINT),
    ledger_release(TEXT, TEXT, BIGINT),
    ledger_expire(BIGINT, BIGINT), ledger_balance(TEXT, BIGINT),
    ledger_purchase(TEXT, BIGINT, TEXT, TEXT, TEXT, BIGINT, BIGINT, TEXT, BIGINT, BIGINT),
    ledger_follow_payment(TEXT, TEXT, BIGINT, BIGINT, TEXT, BIGINT),
    ledger_adjust(TEXT, BIGINT, TEXT, BIGINT, BIGINT), ledger_deduct(TEXT, BIGINT, TEXT, TEXT, BIGINT),
    add_user_credits(TEXT, BIGINT, TEXT, TEXT, NUMERIC, TEXT) TO cadenza_service;

-- Functions look in the schema that this was run in.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    IF current_schema() <> 'public' THEN
        FOR v_function IN
            SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
                AND proowner = 'cadenza_owner'::regrole AND proconfig IS NOT NULL AND proname <> 'refuse_change'
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', v_function, current_schema());
        END LOOP;
    END IF;
END
$$;

RESET ROLE;
