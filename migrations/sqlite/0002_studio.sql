-- API keys and jobs. Times are milliseconds since the Unix epoch, UTC.

CREATE TABLE api_keys (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES credit_users (id),
    name          TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER,
    revoked_at    INTEGER
) STRICT;

CREATE INDEX api_keys_account ON api_keys (account_id);

CREATE TABLE jobs (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES credit_users (id),
    service           TEXT NOT NULL,
    model             TEXT NOT NULL,
    options           TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    price             INTEGER NOT NULL CHECK (price > 0),
    hold_id           TEXT NOT NULL UNIQUE REFERENCES credit_holds (id),
    idempotency_key   TEXT,
    fingerprint       TEXT NOT NULL,
    input_name        TEXT NOT NULL,
    input_blob        TEXT NOT NULL,
    input_bytes       INTEGER NOT NULL CHECK (input_bytes > 0),
    input_sha256      TEXT NOT NULL,
    input_crc32       INTEGER NOT NULL CHECK (input_crc32 BETWEEN 0 AND 4294967295),
    input_present     INTEGER NOT NULL DEFAULT 1 CHECK (input_present IN (0, 1)),
    duration_seconds  REAL NOT NULL CHECK (duration_seconds >= 0),
    sample_rate       INTEGER NOT NULL CHECK (sample_rate > 0),
    channel_count     INTEGER NOT NULL CHECK (channel_count > 0),
    container         TEXT NOT NULL,
    codec             TEXT NOT NULL,
    progress          REAL NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    step              TEXT NOT NULL DEFAULT 'queued',
    attempt           INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    error_code        TEXT,
    error_detail      TEXT,
    notes             TEXT NOT NULL DEFAULT '[]',
    created_at        INTEGER NOT NULL,
    started_at        INTEGER,
    ended_at          INTEGER,
    expires_at        INTEGER,
    results_removed_at INTEGER,
    UNIQUE (account_id, idempotency_key),
    CHECK ((state IN ('completed', 'failed', 'canceled')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'failed') = (error_code IS NOT NULL)),
    CHECK (state <> 'running' OR started_at IS NOT NULL)
) STRICT;

-- The input of an ended job that is still to be removed.
CREATE INDEX jobs_spent_input ON jobs (id) WHERE input_present = 1 AND ended_at IS NOT NULL;
CREATE INDEX jobs_account ON jobs (account_id, id DESC);
CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE results_removed_at IS NULL;

-- Which data folder's blobs these rows name: a folder of another database is never swept.
CREATE TABLE studio_instance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
) STRICT;

-- The timeline of every attempt, appended only.
CREATE TABLE job_events (
    job_id   TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    attempt  INTEGER NOT NULL CHECK (attempt >= 0),
    kind     TEXT NOT NULL,
    detail   TEXT NOT NULL DEFAULT '{}',
    at       INTEGER NOT NULL,
    PRIMARY KEY (job_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    job_id      TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    blob        TEXT NOT NULL UNIQUE,
    media_type  TEXT NOT NULL,
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    sha256      TEXT NOT NULL,
    crc32       INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    position    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (job_id, name)
) STRICT, WITHOUT ROWID;
