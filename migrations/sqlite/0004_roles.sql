-- What accounts and payments need beside credits. The Postgres twin also has roles, row-level security and the ledger
-- as functions: a SQLite file is guarded by who may open it, and its ledger's rules are the program's.

-- Tables that accounts and payments will use. Attempts of jobs need none: job_events has a line, with the attempt's
-- number, for each claim, step and end, and queue_tasks counts them.

-- What a browser or a client that logged in presents.
CREATE TABLE sessions (
    id           TEXT NOT NULL PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES credit_users (id),
    kind         TEXT NOT NULL CONSTRAINT sessions_kind CHECK (kind IN ('browser', 'token')),
    token_sha256 TEXT NOT NULL UNIQUE CONSTRAINT sessions_token CHECK (length(token_sha256) = 64),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    CONSTRAINT sessions_expiry CHECK (expires_at > created_at)
) STRICT;
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- Where an account wants to be told, and what it was told.
CREATE TABLE webhook_endpoints (
    id          TEXT NOT NULL PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES credit_users (id),
    url         TEXT NOT NULL CONSTRAINT webhook_endpoints_url CHECK (length(url) BETWEEN 1 AND 2048),
    secret      TEXT NOT NULL CONSTRAINT webhook_endpoints_secret CHECK (length(secret) >= 32),
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account_id);

CREATE TABLE webhook_deliveries (
    id              TEXT NOT NULL PRIMARY KEY,
    endpoint_id     TEXT NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    account_id      TEXT NOT NULL REFERENCES credit_users (id),
    event_key       TEXT NOT NULL,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL,
    state           TEXT NOT NULL CONSTRAINT webhook_deliveries_state
        CHECK (state IN ('pending', 'delivered', 'failed')),
    attempt         INTEGER NOT NULL DEFAULT 0 CONSTRAINT webhook_deliveries_attempt CHECK (attempt >= 0),
    next_attempt_at INTEGER,
    response_status INTEGER CONSTRAINT webhook_deliveries_status CHECK (response_status BETWEEN 100 AND 599),
    error           TEXT,
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    -- One event is told to one endpoint once; what is sent again on demand has a key of its own.
    CONSTRAINT webhook_deliveries_event UNIQUE (endpoint_id, event_key),
    CONSTRAINT webhook_deliveries_ended CHECK ((state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT webhook_deliveries_next CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_delivered
        CHECK (state <> 'delivered' OR (attempt >= 1 AND response_status BETWEEN 200 AND 299))
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_account ON webhook_deliveries (account_id, id);
CREATE TRIGGER webhook_deliveries_end_once BEFORE UPDATE ON webhook_deliveries WHEN OLD.state <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a delivery ends once'); END;

-- What a payment provider told this server: each event once.
CREATE TABLE payment_events (
    id           TEXT NOT NULL PRIMARY KEY,
    provider     TEXT NOT NULL CONSTRAINT payment_events_provider CHECK (provider IN ('stripe', 'sandbox')),
    event_id     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL CONSTRAINT payment_events_state
        CHECK (state IN ('received', 'processed', 'ignored', 'failed')),
    failures     INTEGER NOT NULL DEFAULT 0 CONSTRAINT payment_events_failures CHECK (failures >= 0),
    error        TEXT,
    received_at  INTEGER NOT NULL,
    processed_at INTEGER,
    CONSTRAINT payment_events_event UNIQUE (provider, event_id),
    CONSTRAINT payment_events_processed CHECK ((state = 'received') = (processed_at IS NULL)),
    CONSTRAINT payment_events_failed CHECK (state <> 'failed' OR error IS NOT NULL)
) STRICT;
CREATE INDEX payment_events_waiting ON payment_events (received_at) WHERE state = 'received';
-- A failed event may be taken up again; one that was dealt with stays as it is.
CREATE TRIGGER payment_events_end_once BEFORE UPDATE ON payment_events WHEN OLD.state IN ('processed', 'ignored')
BEGIN SELECT RAISE(ABORT, 'a payment event is dealt with once'); END;

-- Who did what that others must be able to see later. Appended only.
CREATE TABLE audit_log (
    id         TEXT NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    account_id TEXT REFERENCES credit_users (id),
    subject    TEXT,
    address    TEXT,
    detail     TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX audit_log_account ON audit_log (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

-- What was revoked stays so, and positions of a feed never go back.
CREATE TRIGGER api_keys_revoked BEFORE UPDATE ON api_keys
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL
BEGIN SELECT RAISE(ABORT, 'a revoked key stays revoked'); END;
CREATE TRIGGER sessions_revoked BEFORE UPDATE ON sessions
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL
BEGIN SELECT RAISE(ABORT, 'a revoked session stays revoked'); END;
CREATE TRIGGER job_feeds_forward BEFORE UPDATE ON job_feeds WHEN NEW.position <= OLD.position
BEGIN SELECT RAISE(ABORT, 'a feed only grows'); END;

-- What came back of a payment, and what it took along. amount_minor is what the package cost, paid_minor what was
-- paid for it with taxes and coupons: refunds and disputes are shares of that. Both are running totals.
ALTER TABLE credit_purchases ADD COLUMN lot_id TEXT REFERENCES credit_lots (id);
ALTER TABLE credit_purchases ADD COLUMN payment_intent TEXT;
ALTER TABLE credit_purchases ADD COLUMN paid_minor INTEGER CONSTRAINT credit_purchases_paid CHECK (paid_minor >= 0);
ALTER TABLE credit_purchases ADD COLUMN refunded_minor INTEGER NOT NULL DEFAULT 0
    CONSTRAINT credit_purchases_refunded CHECK (refunded_minor >= 0);
ALTER TABLE credit_purchases ADD COLUMN disputed_minor INTEGER NOT NULL DEFAULT 0
    CONSTRAINT credit_purchases_disputed CHECK (disputed_minor >= 0);
ALTER TABLE credit_purchases ADD COLUMN removed_credits INTEGER NOT NULL DEFAULT 0
    CONSTRAINT credit_purchases_removed CHECK (removed_credits BETWEEN 0 AND credits);
CREATE UNIQUE INDEX credit_purchases_intent ON credit_purchases (payment_intent) WHERE payment_intent IS NOT NULL;

-- What the table's own check leaves open.
CREATE TRIGGER credit_ledger_shape BEFORE INSERT ON credit_ledger WHEN NOT (CASE NEW.kind
    WHEN 'refund' THEN NEW.amount < 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0
    WHEN 'dispute' THEN NEW.amount < 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0
    WHEN 'reinstate' THEN NEW.amount > 0 AND NEW.available_change >= 0 AND NEW.debt_change <= 0
    WHEN 'adjust' THEN (NEW.amount > 0 AND NEW.available_change >= 0 AND NEW.debt_change <= 0)
        OR (NEW.amount < 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0)
    ELSE 1 END)
BEGIN SELECT RAISE(ABORT, 'credit_ledger_shape'); END;
