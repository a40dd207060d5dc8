-- Credits and the task queue. Times are integer milliseconds since the Unix epoch, UTC, as in the Postgres twin.
-- Money is an integer in the currency's minor unit.

CREATE TABLE credit_users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT UNIQUE,
    credits INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_users_credits CHECK (credits >= 0),
    held INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_users_held CHECK (held >= 0),
    debt INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_users_debt CHECK (debt >= 0),
    stripe_customer_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Where each credit came from and what became of it.
CREATE TABLE credit_lots (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    source TEXT NOT NULL CONSTRAINT credit_lots_source
        CHECK (source IN ('trial', 'purchase', 'plan', 'adjustment')),
    credits INTEGER NOT NULL CONSTRAINT credit_lots_credits CHECK (credits > 0),
    available INTEGER NOT NULL CONSTRAINT credit_lots_available CHECK (available >= 0),
    held INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_lots_held CHECK (held >= 0),
    captured INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_lots_captured CHECK (captured >= 0),
    expired INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_lots_expired CHECK (expired >= 0),
    repaid INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_lots_repaid CHECK (repaid >= 0),
    refunded INTEGER NOT NULL DEFAULT 0 CONSTRAINT credit_lots_refunded CHECK (refunded >= 0),
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT credit_lots_whole CHECK (credits = available + held + captured + expired + repaid + refunded)
) STRICT;
CREATE INDEX credit_lots_spendable ON credit_lots (account_id, expires_at) WHERE available > 0;
CREATE INDEX credit_lots_expiring ON credit_lots (expires_at) WHERE available > 0 AND expires_at IS NOT NULL;

CREATE TABLE credit_holds (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    reference TEXT NOT NULL,
    credits INTEGER NOT NULL CONSTRAINT credit_holds_credits CHECK (credits > 0),
    state TEXT NOT NULL CONSTRAINT credit_holds_state CHECK (state IN ('held', 'captured', 'released')),
    captured INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT credit_holds_reference UNIQUE (account_id, reference),
    CONSTRAINT credit_holds_ended CHECK ((state = 'held') = (ended_at IS NULL)),
    CONSTRAINT credit_holds_captured
        CHECK ((state = 'captured' AND captured BETWEEN 1 AND credits) OR (state <> 'captured' AND captured = 0))
) STRICT;
CREATE INDEX credit_holds_open ON credit_holds (account_id) WHERE state = 'held';
CREATE TRIGGER credit_holds_end_once BEFORE UPDATE ON credit_holds WHEN OLD.state <> 'held'
BEGIN SELECT RAISE(ABORT, 'a hold ends once'); END;
CREATE TRIGGER credit_holds_stay BEFORE DELETE ON credit_holds
BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END;

-- Which lots a hold draws on.
CREATE TABLE credit_hold_lots (
    hold_id TEXT NOT NULL REFERENCES credit_holds (id),
    lot_id TEXT NOT NULL REFERENCES credit_lots (id),
    credits INTEGER NOT NULL CONSTRAINT credit_hold_lots_credits CHECK (credits > 0),
    PRIMARY KEY (hold_id, lot_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX credit_hold_lots_lot ON credit_hold_lots (lot_id);

-- The books: append-only. amount is what the account gained or lost as a whole.
CREATE TABLE credit_ledger (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES credit_users (id),
    kind TEXT NOT NULL CONSTRAINT credit_ledger_kind CHECK (kind IN (
        'grant', 'purchase', 'hold', 'capture', 'release', 'expire', 'refund', 'dispute', 'reinstate', 'adjust')),
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL,
    available_change INTEGER NOT NULL,
    held_change INTEGER NOT NULL,
    debt_change INTEGER NOT NULL,
    lot_id TEXT REFERENCES credit_lots (id),
    hold_id TEXT REFERENCES credit_holds (id),
    created_at INTEGER NOT NULL,
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
) STRICT;
CREATE INDEX credit_ledger_hold ON credit_ledger (hold_id) WHERE hold_id IS NOT NULL;
CREATE TRIGGER credit_ledger_no_update BEFORE UPDATE ON credit_ledger
BEGIN SELECT RAISE(ABORT, 'credit_ledger is append-only'); END;
CREATE TRIGGER credit_ledger_no_delete BEFORE DELETE ON credit_ledger
BEGIN SELECT RAISE(ABORT, 'credit_ledger is append-only'); END;

CREATE TABLE credit_purchases (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES credit_users (id),
    credits INTEGER NOT NULL CONSTRAINT credit_purchases_credits CHECK (credits > 0),
    package_type TEXT NOT NULL,
    stripe_session_id TEXT UNIQUE,
    amount_minor INTEGER NOT NULL CONSTRAINT credit_purchases_amount CHECK (amount_minor >= 0),
    currency TEXT NOT NULL CONSTRAINT credit_purchases_currency CHECK (length(currency) = 3),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX credit_purchases_of_user ON credit_purchases (user_id, id);

CREATE TABLE credit_usage (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES credit_users (id),
    hold_id TEXT UNIQUE REFERENCES credit_holds (id),
    credits INTEGER NOT NULL CONSTRAINT credit_usage_credits CHECK (credits > 0),
    service TEXT NOT NULL,
    job_id TEXT,
    processing_time INTEGER CONSTRAINT credit_usage_processing_time CHECK (processing_time >= 0),
    file_size INTEGER CONSTRAINT credit_usage_file_size CHECK (file_size >= 0),
    created_at INTEGER NOT NULL,
    CONSTRAINT credit_usage_job UNIQUE (user_id, job_id)
) STRICT;
CREATE INDEX credit_usage_of_user ON credit_usage (user_id, id);

CREATE TABLE queue_tasks (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    fairness_key TEXT NOT NULL,
    priority INTEGER NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT queue_tasks_state
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    run_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0 CONSTRAINT queue_tasks_failures CHECK (failures >= 0),
    deaths INTEGER NOT NULL DEFAULT 0 CONSTRAINT queue_tasks_deaths CHECK (deaths >= 0),
    token TEXT,
    worker_host TEXT,
    worker_boot TEXT,
    worker_pid INTEGER,
    worker_start INTEGER,
    claimed_at INTEGER,
    lease_expires_at INTEGER,
    cancel_requested_at INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT queue_tasks_counts CHECK (failures + deaths <= attempt),
    CONSTRAINT queue_tasks_claim CHECK (CASE state
        WHEN 'running' THEN attempt >= 1 AND token IS NOT NULL AND worker_host IS NOT NULL AND worker_boot IS NOT NULL
            AND worker_pid IS NOT NULL AND worker_start IS NOT NULL AND claimed_at IS NOT NULL
            AND lease_expires_at IS NOT NULL
        ELSE token IS NULL AND worker_host IS NULL AND worker_boot IS NULL AND worker_pid IS NULL
            AND worker_start IS NULL AND lease_expires_at IS NULL END),
    CONSTRAINT queue_tasks_ended CHECK ((state IN ('completed', 'failed', 'canceled')) = (ended_at IS NOT NULL)),
    CONSTRAINT queue_tasks_cancel CHECK (state <> 'queued' OR cancel_requested_at IS NULL)
) STRICT;
CREATE INDEX queue_tasks_waiting ON queue_tasks (fairness_key, priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX queue_tasks_running ON queue_tasks (fairness_key, lease_expires_at) WHERE state = 'running';
CREATE INDEX queue_tasks_over ON queue_tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE TRIGGER queue_tasks_end_once BEFORE UPDATE ON queue_tasks WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a task ends once'); END;

-- When each fairness key last had its turn.
CREATE TABLE queue_keys (
    fairness_key TEXT NOT NULL PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_keys_turn ON queue_keys (turn);
