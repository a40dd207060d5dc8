-- A function in SQL is parsed and planned anew at every call, one in PL/pgSQL once a session. Every statement under
-- row-level security calls current_account(): this makes it four times as cheap (docs/benchmarks.md).

SET LOCAL ROLE cadenza_owner;

CREATE OR REPLACE FUNCTION current_account() RETURNS TEXT LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_credential CONSTANT TEXT := current_setting('cadenza.credential', true);
    v_account TEXT;
BEGIN
    SELECT account_id INTO v_account FROM api_keys WHERE secret_sha256 = v_credential AND revoked_at IS NULL;
    IF NOT FOUND THEN
        SELECT account_id INTO v_account FROM sessions
        WHERE token_sha256 = v_credential AND revoked_at IS NULL
            AND expires_at > floor(extract(epoch FROM now()) * 1000);
    END IF;
    RETURN v_account;
END
$$;

-- For a transaction whose caller was looked up a moment ago: goes on only if the credential still is that account's.
CREATE FUNCTION require_credential(p_account TEXT) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF p_account IS NULL OR p_account IS DISTINCT FROM current_account() THEN
        RAISE EXCEPTION USING ERRCODE = 'CZ401', MESSAGE = 'the credential speaks for nobody, or for another account';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION ledger_balance(
    p_account TEXT, p_now BIGINT, OUT available BIGINT, OUT held BIGINT, OUT debt BIGINT
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    SELECT u.credits - coalesce((SELECT sum(l.available)::BIGINT FROM credit_lots l
        WHERE l.account_id = u.id AND l.available > 0 AND l.expires_at <= p_now), 0), u.held, u.debt
    INTO available, held, debt FROM credit_users u WHERE u.id = p_account;
END
$$;

-- The two indexes of waiting tasks are looked at in turn.
CREATE OR REPLACE FUNCTION own_queue_position(p_task TEXT) RETURNS BIGINT LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN (SELECT position FROM (
        SELECT w.id, w.fairness_key, row_number() OVER (
            ORDER BY w.priority DESC, w.round, coalesce(k.turn, 0), w.run_at, w.id) AS position
        FROM (SELECT id, fairness_key, priority, run_at, row_number() OVER (
                PARTITION BY fairness_key, priority ORDER BY run_at, id) AS round
            FROM (SELECT id, fairness_key, priority, run_at FROM queue_tasks WHERE state = 'queued' AND is_due = 1
                UNION ALL
                SELECT id, fairness_key, priority, run_at FROM queue_tasks WHERE state = 'queued' AND is_due = 0) q) w
        LEFT JOIN queue_keys k ON k.fairness_key = w.fairness_key) ranked
    WHERE id = p_task AND fairness_key = current_account());
END
$$;

GRANT EXECUTE ON FUNCTION require_credential(TEXT) TO cadenza_app;

-- Functions look in the schema that this was run in.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    IF current_schema() <> 'public' THEN
        FOR v_function IN
            SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname IN (
                'current_account', 'require_credential', 'ledger_balance', 'own_queue_position')
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', v_function, current_schema());
        END LOOP;
    END IF;
END
$$;

RESET ROLE;
