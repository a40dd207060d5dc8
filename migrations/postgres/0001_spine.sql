-- Credits and the task queue. Times are integer milliseconds since the Unix epoch, UTC, as in the SQLite twin,
-- so that one code path reads both. Roles and row-level security come with the server's Postgres driver.
-- Money is an integer in the currency's minor unit.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
END
$$;

CREATE TABLE credit_users (
    id TEXT PRIMARY KEY,
    email TEXT UNIQUE,
    credits BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_users_credits CHECK (credits >= 0),
    held BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_users_held CHECK (held >= 0),
    debt BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_users_debt CHECK (debt >= 0),
    stripe_customer_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Where each credit came from and what became of it.
CREATE TABLE credit_lots (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    source TEXT NOT NULL CONSTRAINT credit_lots_source
        CHECK (source IN ('trial', 'purchase', 'plan', 'adjustment')),
    credits BIGINT NOT NULL CONSTRAINT credit_lots_credits CHECK (credits > 0),
    available BIGINT NOT NULL CONSTRAINT credit_lots_available CHECK (available >= 0),
    held BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_lots_held CHECK (held >= 0),
    captured BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_lots_captured CHECK (captured >= 0),
    expired BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_lots_expired CHECK (expired >= 0),
    repaid BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_lots_repaid CHECK (repaid >= 0),
    refunded BIGINT NOT NULL DEFAULT 0 CONSTRAINT credit_lots_refunded CHECK (refunded >= 0),
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT credit_lots_whole CHECK (credits = available + held + captured + expired + repaid + refunded)
);
CREATE INDEX credit_lots_spendable ON credit_lots (account_id, expires_at) WHERE available > 0;
CREATE INDEX credit_lots_expiring ON credit_lots (expires_at) WHERE available > 0 AND expires_at IS NOT NULL;

CREATE TABLE credit_holds (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    reference TEXT NOT NULL,
    credits BIGINT NOT NULL CONSTRAINT credit_holds_credits CHECK (credits > 0),
    state TEXT NOT NULL CONSTRAINT credit_holds_state CHECK (state IN ('held', 'captured', 'released')),
    captured BIGINT NOT NULL DEFAULT 0,
    reason TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT credit_holds_reference UNIQUE (account_id, reference),
    CONSTRAINT credit_holds_ended CHECK ((state = 'held') = (ended_at IS NULL)),
    CONSTRAINT credit_holds_captured
        CHECK ((state = 'captured' AND captured BETWEEN 1 AND credits) OR (state <> 'captured' AND captured = 0))
);
CREATE INDEX credit_holds_open ON credit_holds (account_id) WHERE state = 'held';
CREATE TRIGGER credit_holds_end_once BEFORE UPDATE ON credit_holds FOR EACH ROW WHEN (OLD.state <> 'held')
    EXECUTE FUNCTION refuse_change('a hold ends once');
CREATE TRIGGER credit_holds_stay BEFORE DELETE ON credit_holds FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a hold is never deleted');

-- Which lots a hold draws on.
CREATE TABLE credit_hold_lots (
    hold_id TEXT NOT NULL REFERENCES credit_holds (id),
    lot_id TEXT NOT NULL REFERENCES credit_lots (id),
    credits BIGINT NOT NULL CONSTRAINT credit_hold_lots_credits CHECK (credits > 0),
    PRIMARY KEY (hold_id, lot_id)
);
CREATE INDEX credit_hold_lots_lot ON credit_hold_lots (lot_id);

-- The books: append-only. amount is what the account gained or lost as a whole.
CREATE TABLE credit_ledger (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    kind TEXT NOT NULL CONSTRAINT credit_ledger_kind CHECK (kind IN (
        'grant', 'purchase', 'hold', 'capture', 'release', 'expire', 'refund', 'dispute', 'reinstate', 'adjust')),
    reference TEXT NOT NULL,
    amount BIGINT NOT NULL,
    available_change BIGINT NOT NULL,
    held_change BIGINT NOT NULL,
    debt_change BIGINT NOT NULL,
    lot_id TEXT REFERENCES credit_lots (id),
    hold_id TEXT REFERENCES credit_holds (id),
    created_at BIGINT NOT NULL,
    CONSTRAINT credit_ledger_reference UNIQUE (account_id, kind, reference),
    CONSTRAINT credit_ledger_amount CHECK (amount = available_change + held_change - debt_change),
    CONSTRAINT credit_ledger_shape CHECK (CASE kind
        WHEN 'grant' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
        WHEN 'purchase' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
        WHEN 'hold' THEN amount = 0 AND held_change > 0 AND debt_change = 0
        WHEN 'capture' THEN amount < 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
        WHEN 'release' THEN amount = 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
        WHEN 'expire' THEN amount < 0 AND held_change = 0 AND debt_change = 0
        ELSE held_change = 0 END)
);
CREATE INDEX credit_ledger_hold ON credit_ledger (hold_id) WHERE hold_id IS NOT NULL;
CREATE TRIGGER credit_ledger_no_update BEFORE UPDATE ON credit_ledger FOR EACH ROW
    EXECUTE FUNCTION refuse_change('credit_ledger is append-only');
CREATE TRIGGER credit_ledger_no_truncate BEFORE TRUNCATE ON credit_ledger
    EXECUTE FUNCTION refuse_change('credit_ledger is append-only');
CREATE TRIGGER credit_ledger_no_delete BEFORE DELETE ON credit_ledger FOR EACH ROW
    EXECUTE FUNCTION refuse_change('credit_ledger is append-only');

CREATE TABLE credit_purchases (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES credit_users (id),
    credits BIGINT NOT NULL CONSTRAINT credit_purchases_credits CHECK (credits > 0),
    package_type TEXT NOT NULL,
    stripe_session_id TEXT UNIQUE,
    amount_minor BIGINT NOT NULL CONSTRAINT credit_purchases_amount CHECK (amount_minor >= 0),
    currency TEXT NOT NULL CONSTRAINT credit_purchases_currency CHECK (length(currency) = 3),
    created_at BIGINT NOT NULL
);
CREATE INDEX credit_purchases_of_user ON credit_purchases (user_id, id);

CREATE TABLE credit_usage (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES credit_users (id),
    hold_id TEXT UNIQUE REFERENCES credit_holds (id),
    credits BIGINT NOT NULL CONSTRAINT credit_usage_credits CHECK (credits > 0),
    service TEXT NOT NULL,
    job_id TEXT,
    processing_time BIGINT CONSTRAINT credit_usage_processing_time CHECK (processing_time >= 0),
    file_size BIGINT CONSTRAINT credit_usage_file_size CHECK (file_size >= 0),
    created_at BIGINT NOT NULL,
    CONSTRAINT credit_usage_job UNIQUE (user_id, job_id)
);
CREATE INDEX credit_usage_of_user ON credit_usage (user_id, id);

CREATE TABLE queue_tasks (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    fairness_key TEXT NOT NULL,
    priority BIGINT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT queue_tasks_state
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    run_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0 CONSTRAINT queue_tasks_failures CHECK (failures >= 0),
    deaths BIGINT NOT NULL DEFAULT 0 CONSTRAINT queue_tasks_deaths CHECK (deaths >= 0),
    token TEXT,
    worker_host TEXT,
    worker_boot TEXT,
    worker_pid BIGINT,
    worker_start BIGINT,
    claimed_at BIGINT,
    lease_expires_at BIGINT,
    cancel_requested_at BIGINT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT queue_tasks_counts CHECK (failures + deaths <= attempt),
    CONSTRAINT queue_tasks_claim CHECK (CASE state
        WHEN 'running' THEN attempt >= 1 AND token IS NOT NULL AND worker_host IS NOT NULL AND worker_boot IS NOT NULL
            AND worker_pid IS NOT NULL AND worker_start IS NOT NULL AND claimed_at IS NOT NULL
            AND lease_expires_at IS NOT NULL
        ELSE token IS NULL AND worker_host IS NULL AND worker_boot IS NULL AND worker_pid IS NULL
            AND worker_start IS NULL AND lease_expires_at IS NULL END),
    CONSTRAINT queue_tasks_ended CHECK ((state IN ('completed', 'failed', 'canceled')) = (ended_at IS NOT NULL)),
    CONSTRAINT queue_tasks_cancel CHECK (state <> 'queued' OR cancel_requested_at IS NULL)
);
CREATE INDEX queue_tasks_waiting ON queue_tasks (fairness_key, priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX queue_tasks_running ON queue_tasks (fairness_key, lease_expires_at) WHERE state = 'running';
CREATE INDEX queue_tasks_over ON queue_tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE TRIGGER queue_tasks_end_once BEFORE UPDATE ON queue_tasks FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('a task ends once');

-- When each fairness key last had its turn.
CREATE TABLE queue_keys (
    fairness_key TEXT PRIMARY KEY,
    turn BIGINT NOT NULL
);
CREATE INDEX queue_keys_turn ON queue_keys (turn);
