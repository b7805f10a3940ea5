-- What became of every accepted event, and the figures that pages read. No personal data but the sealed bodies.

CREATE TABLE events (
    tenant_id      integer NOT NULL,
    received_on    date NOT NULL,
    event_id       uuid NOT NULL,
    integration_id integer NOT NULL,
    attempts       integer NOT NULL,
    latency_ms     integer NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('order', 'customer')),
    object_id      text NOT NULL,
    state          text,
    outcome        text NOT NULL CHECK (outcome IN ('applied', 'superseded', 'duplicate', 'ignored', 'dead')),
    reason         text,
    PRIMARY KEY (tenant_id, received_on, event_id)
) PARTITION BY RANGE (received_on);

CREATE TABLE events_default PARTITION OF events DEFAULT;

CREATE TABLE event_day_totals (
    tenant_id   integer NOT NULL,
    received_on date NOT NULL,
    outcome     text NOT NULL,
    writer      text NOT NULL CHECK (writer IN ('live', 'bulk', 'api')),
    events      bigint NOT NULL,
    PRIMARY KEY (tenant_id, received_on, outcome, writer)
);

CREATE TABLE dead_letters (
    tenant_id       integer NOT NULL,
    event_id        uuid NOT NULL,
    received_on     date NOT NULL,
    integration_id  integer NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('order', 'customer')),
    object_id       text NOT NULL,
    reason          text NOT NULL,
    field           text,
    sealed_body     bytea,
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'replaying', 'replayed', 'discarded')),
    replay_event_id uuid,
    attempts        integer NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, event_id),
    CHECK ((replay_event_id IS NULL) = (status IN ('waiting', 'discarded')))
);
CREATE UNIQUE INDEX dead_letters_replayed_as ON dead_letters (tenant_id, replay_event_id)
    WHERE replay_event_id IS NOT NULL;
CREATE INDEX dead_letters_by_time ON dead_letters (tenant_id, created_at);
ALTER TABLE dead_letters ALTER COLUMN sealed_body SET STORAGE EXTERNAL;

-- One row per writer: a row shared by all made a live commit wait for a bulk page's.
CREATE TABLE counters (
    tenant_id integer NOT NULL,
    name      text NOT NULL,
    writer    text NOT NULL CHECK (writer IN ('live', 'bulk', 'api')),
    value     bigint NOT NULL,
    PRIMARY KEY (tenant_id, name, writer)
) WITH (fillfactor = 50);

CREATE TABLE gaps (
    tenant_id      integer NOT NULL,
    integration_id integer NOT NULL,
    stream         text NOT NULL,
    gap_since      timestamptz NOT NULL,
    reason         text NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, integration_id, stream)
);

-- Numbers that only grow, kept beside their copies in Redis: the queue's tick, the directory's generation.
CREATE TABLE queue_ticks (
    name  text PRIMARY KEY,
    ticks bigint NOT NULL
) WITH (fillfactor = 50);
