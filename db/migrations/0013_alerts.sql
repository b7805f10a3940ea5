-- What needs somebody's eye, who is told of it and how, and what backups there are.
--
-- A tenant's alerts are its own rows; the platform's stand in tables of their own, with the same columns, so that one
-- code works on both: there `tenant_id` is always 0, which no tenant has. Nothing of them is personal: figures and ids.
-- Where messages go (`sealed`) is sealed with the tenant's keys, the platform's with the platform's own.

-- Until when an integration's credentials are valid, as whoever entered them said; NULL: nobody knows.
ALTER TABLE tenant_integrations ADD COLUMN credentials_expire_at timestamptz;

-- What differs from a rule's defaults. `threshold` NULL: the default.
CREATE TABLE alert_rules (
    tenant_id  integer NOT NULL,
    rule       text NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    threshold  double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, rule)
);

-- `integration_id` 0: about the tenant itself. `value`, `threshold`: in the rule's unit, when last looked at.
-- `notified_at`: when somebody was last told; NULL: nobody was. `closed_because`: recovered, or unwatched, when there is
-- nothing to watch any more.
CREATE TABLE alerts (
    tenant_id       integer NOT NULL,
    alert_id        uuid NOT NULL,
    rule            text NOT NULL,
    integration_id  integer NOT NULL DEFAULT 0,
    severity        text NOT NULL CHECK (severity IN ('warning', 'critical')),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    opened_at       timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    closed_at       timestamptz,
    closed_because  text CHECK (closed_because IN ('recovered', 'unwatched')),
    value           double precision,
    threshold       double precision,
    details         jsonb NOT NULL DEFAULT '{}',
    notified_at     timestamptz,
    repeats         integer NOT NULL DEFAULT 0,
    acknowledged_by text,
    acknowledged_at timestamptz,
    snoozed_until   timestamptz,
    PRIMARY KEY (tenant_id, alert_id),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
) WITH (fillfactor = 70);
-- One open alert of a rule and what it is about, however many look at once.
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, rule, integration_id) WHERE state = 'open';
CREATE INDEX alerts_closed ON alerts (tenant_id, rule, integration_id, closed_at) WHERE state = 'closed';

-- `rules`: only these; NULL: all. `failures`: sends in a row that failed. `last_failure`: a sentence without a secret.
-- A deleted one keeps its row as long as what it sent, and nothing of where that went.
CREATE TABLE alert_channels (
    tenant_id       integer NOT NULL,
    channel_id      uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('email', 'slack', 'webhook', 'apprise')),
    name            text NOT NULL,
    sealed          bytea,
    min_severity    text NOT NULL DEFAULT 'warning' CHECK (min_severity IN ('warning', 'critical')),
    rules           text[],
    is_enabled      boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    last_ok_at      timestamptz,
    last_failure_at timestamptz,
    last_failure    text,
    failures        integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, channel_id),
    CHECK ((deleted_at IS NULL) = (sealed IS NOT NULL))
) WITH (fillfactor = 70);

-- Messages to be sent, written in the transaction of what they tell. `occasion`: why. `due_at`: not before; whoever
-- sends one puts it ahead first. `last_failure`: a sentence without a secret.
CREATE TABLE alert_deliveries (
    tenant_id    integer NOT NULL,
    delivery_id  uuid NOT NULL,
    alert_id     uuid NOT NULL,
    channel_id   uuid NOT NULL,
    occasion     text NOT NULL CHECK (occasion IN ('opened', 'repeated', 'closed')),
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    tries        integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    settled_at   timestamptz,
    last_failure text,
    PRIMARY KEY (tenant_id, delivery_id),
    CHECK ((state = 'waiting') = (settled_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (tenant_id, channel_id, due_at) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_by_alert ON alert_deliveries (tenant_id, alert_id, delivery_id);

-- The platform's: the same, and the tenant comes second, because row security goes by the scope alone.
CREATE TABLE platform_alert_rules (
    rule       text NOT NULL,
    tenant_id  integer NOT NULL CHECK (tenant_id = 0),
    is_enabled boolean NOT NULL DEFAULT true,
    threshold  double precision,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, rule)
);
CREATE TABLE platform_alerts (
    alert_id        uuid NOT NULL,
    tenant_id       integer NOT NULL CHECK (tenant_id = 0),
    rule            text NOT NULL,
    integration_id  integer NOT NULL DEFAULT 0 CHECK (integration_id = 0),
    severity        text NOT NULL CHECK (severity IN ('warning', 'critical')),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    opened_at       timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    closed_at       timestamptz,
    closed_because  text CHECK (closed_because IN ('recovered', 'unwatched')),
    value           double precision,
    threshold       double precision,
    details         jsonb NOT NULL DEFAULT '{}',
    notified_at     timestamptz,
    repeats         integer NOT NULL DEFAULT 0,
    acknowledged_by text,
    acknowledged_at timestamptz,
    snoozed_until   timestamptz,
    PRIMARY KEY (tenant_id, alert_id),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX platform_alerts_open ON platform_alerts (tenant_id, rule, integration_id) WHERE state = 'open';
CREATE INDEX platform_alerts_closed ON platform_alerts (tenant_id, rule, integration_id, closed_at)
    WHERE state = 'closed';
CREATE TABLE platform_alert_channels (
    channel_id      uuid NOT NULL,
    tenant_id       integer NOT NULL CHECK (tenant_id = 0),
    kind            text NOT NULL CHECK (kind IN ('email', 'slack', 'webhook', 'apprise')),
    name            text NOT NULL,
    sealed          bytea,
    min_severity    text NOT NULL DEFAULT 'warning' CHECK (min_severity IN ('warning', 'critical')),
    rules           text[],
    is_enabled      boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    last_ok_at      timestamptz,
    last_failure_at timestamptz,
    last_failure    text,
    failures        integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, channel_id),
    CHECK ((deleted_at IS NULL) = (sealed IS NOT NULL))
) WITH (fillfactor = 70);
CREATE TABLE platform_alert_deliveries (
    delivery_id  uuid NOT NULL,
    tenant_id    integer NOT NULL CHECK (tenant_id = 0),
    alert_id     uuid NOT NULL,
    channel_id   uuid NOT NULL,
    occasion     text NOT NULL CHECK (occasion IN ('opened', 'repeated', 'closed')),
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    tries        integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    settled_at   timestamptz,
    last_failure text,
    PRIMARY KEY (tenant_id, delivery_id),
    CHECK ((state = 'waiting') = (settled_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX platform_alert_deliveries_waiting ON platform_alert_deliveries (tenant_id, channel_id, due_at)
    WHERE state = 'waiting';
CREATE INDEX platform_alert_deliveries_by_alert ON platform_alert_deliveries (tenant_id, alert_id, delivery_id);

-- What whoever makes backups told of them. `data`: the database; `keys`: the wrapped data keys; `keystore`: what
-- unwraps them. `verified_at`: when it was last restored as a trial.
CREATE TABLE backup_reports (
    report_id   uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('data', 'keys', 'keystore')),
    taken_at    timestamptz NOT NULL,
    verified_at timestamptz,
    note        text,
    reported_by text NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX backup_reports_by_kind ON backup_reports (kind, taken_at);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'alert_rules', 'alerts', 'alert_channels', 'alert_deliveries', 'platform_alert_rules', 'platform_alerts',
        'platform_alert_channels', 'platform_alert_deliveries', 'backup_reports'
    ] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', table_name);
    END LOOP;
    -- What is open, due or old is asked over all tenants; it is written as the tenant.
    FOREACH table_name IN ARRAY ARRAY['alert_rules', 'alerts', 'alert_channels', 'alert_deliveries'] LOOP
        EXECUTE format(
            'CREATE POLICY of_tenant ON public.%I USING (tenant_id = (SELECT security.current_tenant_id())) '
            'WITH CHECK (tenant_id = (SELECT security.current_tenant_id()))', table_name);
        EXECUTE format('CREATE POLICY of_platform ON public.%I FOR SELECT USING ((SELECT security.is_platform()))',
                       table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['platform_alert_rules', 'platform_alerts', 'platform_alert_channels',
                                      'platform_alert_deliveries', 'backup_reports'] LOOP
        EXECUTE format(
            'CREATE POLICY of_platform ON public.%I USING ((SELECT security.is_platform())) '
            'WITH CHECK ((SELECT security.is_platform()))', table_name);
    END LOOP;
END $$;

-- The worker judges, sends and forgets; a tenant's erasure is its too.
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts, alert_deliveries, platform_alerts, platform_alert_deliveries
    TO acequia_worker;
GRANT SELECT, UPDATE, DELETE ON alert_channels, platform_alert_channels TO acequia_worker;
GRANT SELECT, DELETE ON alert_rules, backup_reports TO acequia_worker;
GRANT SELECT ON platform_alert_rules TO acequia_worker;
-- API, dashboard and command line.
GRANT SELECT ON alerts, alert_deliveries, platform_alerts, platform_alert_deliveries TO acequia_web, acequia_operator;
GRANT UPDATE (acknowledged_by, acknowledged_at, snoozed_until) ON alerts, platform_alerts
    TO acequia_web, acequia_operator;
GRANT SELECT, INSERT, UPDATE ON alert_rules, alert_channels, platform_alert_rules, platform_alert_channels
    TO acequia_web, acequia_operator;
GRANT SELECT, INSERT ON backup_reports TO acequia_web, acequia_operator;
