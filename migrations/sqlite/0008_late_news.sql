-- News of a payment that moved nothing left no entry, so that a replay of it was not known for one: a refund that came
-- late, and came once more after a reinstatement, took the credits again. Now each leaves its entry.

DROP TRIGGER credit_ledger_shape;
CREATE TRIGGER credit_ledger_shape BEFORE INSERT ON credit_ledger WHEN NOT (CASE NEW.kind
    WHEN 'refund' THEN NEW.amount <= 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0
    WHEN 'dispute' THEN NEW.amount <= 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0
    WHEN 'reinstate' THEN NEW.amount >= 0 AND NEW.available_change >= 0 AND NEW.debt_change <= 0
    WHEN 'adjust' THEN (NEW.amount > 0 AND NEW.available_change >= 0 AND NEW.debt_change <= 0)
        OR (NEW.amount < 0 AND NEW.available_change <= 0 AND NEW.debt_change >= 0)
    ELSE 1 END)
BEGIN SELECT RAISE(ABORT, 'credit_ledger_shape'); END;
