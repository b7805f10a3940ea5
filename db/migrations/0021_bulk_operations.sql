-- Dead letters by cause, and operations on many of them.

-- A cause is an integration, a reason, a kind and a field: the same fault in the third item of an order as in its first.
-- A column and not an expression of the index, which row security could not use.
ALTER TABLE dead_letters ADD COLUMN cause_field text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (coalesce(regexp_replace(field, '\[[0-9]+\]', '[]', 'g'), '')) STORED;

-- Of those that wait alone: whatever was replayed or discarded in years costs no look.
CREATE INDEX dead_letters_by_cause
    ON dead_letters (tenant_id, integration_id, reason, kind, cause_field, created_at, event_id)
    WHERE status = 'waiting';
CREATE INDEX dead_letters_waiting ON dead_letters (tenant_id, created_at, event_id) WHERE status = 'waiting';

-- One replay or discard of many. What is chosen: each NULL for any. Only letters made until `created_at` are touched:
-- what dies again meanwhile waits for somebody's decision. `place_*`: the last letter that was looked at; written in the
-- transaction that ties or empties the letters before it. `pending`: fresh ids that are tied and perhaps not in the
-- queue yet. `lease_*`: who works on it until when. `failures`: code → letters.
CREATE TABLE bulk_operations (
    tenant_id      integer NOT NULL,
    operation_id   uuid NOT NULL,
    action         text NOT NULL CHECK (action IN ('replay', 'discard')),
    integration_id integer,
    reason         text,
    kind           text CHECK (kind IN ('order', 'customer')),
    field          text COLLATE "C",
    since          timestamptz,
    until          timestamptz,
    event_ids      uuid[],
    status         text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'cancelled', 'done')),
    waits_for      text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    cancelled_at   timestamptz,
    ended_at       timestamptz,
    actor_kind     text NOT NULL CHECK (actor_kind IN ('person', 'key', 'cli', 'system')),
    actor_id       text NOT NULL,
    request_id     text,
    estimated      bigint NOT NULL,
    is_at_least    boolean NOT NULL,
    done           bigint NOT NULL DEFAULT 0,
    failed         bigint NOT NULL DEFAULT 0,
    failures       jsonb NOT NULL DEFAULT '{}',
    place_at       timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    place_id       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    pending        uuid[] NOT NULL DEFAULT '{}',
    due_at         timestamptz NOT NULL DEFAULT now(),
    stepped_at     timestamptz,
    lease_until    timestamptz,
    lease_holder   uuid,
    PRIMARY KEY (tenant_id, operation_id),
    CHECK ((ended_at IS NULL) = (status = 'running'))
) WITH (fillfactor = 50);
CREATE INDEX bulk_operations_running ON bulk_operations (tenant_id, operation_id) WHERE status = 'running';

ALTER TABLE bulk_operations ENABLE ROW LEVEL SECURITY;
ALTER TABLE bulk_operations FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON bulk_operations USING (tenant_id = (SELECT security.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT security.current_tenant_id()));
-- Claims look at everybody's; nothing in it is personal.
CREATE POLICY of_platform ON bulk_operations USING ((SELECT security.is_platform()))
    WITH CHECK ((SELECT security.is_platform()));

GRANT SELECT, INSERT, UPDATE ON bulk_operations TO acequia_web, acequia_operator;
-- The worker works them off; it forgets old ones and those of an erased tenant.
GRANT SELECT, UPDATE, DELETE ON bulk_operations TO acequia_worker;
