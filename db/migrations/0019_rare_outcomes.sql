-- What people look for in a ledger of millions is what went wrong. Events that end well are not in this index, and cost
-- it nothing.
CREATE INDEX events_by_rare_outcome ON events (tenant_id, outcome, received_on, event_id)
    WHERE outcome IN ('dead', 'ignored');
