-- News of a payment that moved nothing left no entry, so that a replay of it was not known for one: a refund that came
-- late, and came once more after a reinstatement, took the credits again. Now each leaves its entry.

SET LOCAL ROLE cadenza_owner;

ALTER TABLE credit_ledger DROP CONSTRAINT credit_ledger_shape;
ALTER TABLE credit_ledger ADD CONSTRAINT credit_ledger_shape CHECK (CASE kind
    WHEN 'grant' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
    WHEN 'purchase' THEN amount > 0 AND held_change = 0 AND debt_change <= 0
    WHEN 'hold' THEN amount = 0 AND held_change > 0 AND debt_change = 0
    WHEN 'capture' THEN amount < 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
    WHEN 'release' THEN amount = 0 AND held_change < 0 AND available_change >= 0 AND debt_change <= 0
    WHEN 'expire' THEN amount < 0 AND held_change = 0 AND debt_change = 0
    WHEN 'refund' THEN amount <= 0 AND held_change = 0 AND available_change <= 0 AND debt_change >= 0
    WHEN 'dispute' THEN amount <= 0 AND held_change = 0 AND available_change <= 0 AND debt_change >= 0
    WHEN 'reinstate' THEN amount >= 0 AND held_change = 0 AND available_change >= 0 AND debt_change <= 0
    ELSE held_change = 0 AND ((amount > 0 AND available_change >= 0 AND debt_change <= 0)
        OR (amount < 0 AND available_change <= 0 AND debt_change >= 0)) END);

CREATE OR REPLACE FUNCTION ledger_follow_payment(
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
        IF moved >= 0 THEN
            -- Also when nothing moves: the entry is what a replay is known by.
            PERFORM ledger_take(v_account, p_kind, p_reference, v_purchase.lot_id, moved, p_now);
        ELSE
            PERFORM ledger_give_back(v_account, v_debt, p_reference, v_purchase.lot_id, -moved, p_now);
        END IF;
    END IF;
    SELECT b.available, b.held, b.debt INTO available, held, debt FROM ledger_balance(v_account, p_now) b;
END
$$;

-- A function looks in the schema that this was run in.
DO $$
BEGIN
    IF current_schema() <> 'public' THEN
        EXECUTE format(
            'ALTER FUNCTION ledger_follow_payment(TEXT, TEXT, BIGINT, BIGINT, TEXT, BIGINT) SET search_path = %s',
            'pg_catalog, ' || quote_ident(current_schema()) || ', pg_temp');
    END IF;
END
$$;

RESET ROLE;
