"""What the dashboard's benchmark looks at: 1,000 tenants, one of them with millions of events, orders and customers.

Tenants, events and most records are written by SQL straight into the tables, an event's id telling its moment as
everywhere; the records that pages open are sealed by the product's own code.
"""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import asyncpg
import orjson

from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer, map_order
from app.services.apply import Observation, apply_batch
from app.services.merge import AnyRecord
from app.services.office import Office
from app.services.tenant_facts import read_all_facts
from app.services.tenant_watch import save_facts
from db.pool import Database
from schemas.records import CustomerRecord, OrderRecord
from scripts.sandbox.stocking import HISTORY_DAYS, History
from scripts.sandbox.store import Store
from scripts.sandbox.times import WorldClock
from scripts.stack.installation import Installation, read_settings_of
from scripts.stack.postgres import SUPERUSER

TENANTS = 1_000
BIG = 1  # the tenant with all the events
ACCOUNT = "account1"
DAYS = 10
SEALED_CUSTOMERS, SEALED_ORDERS = 4_000, 12_000
FILLING = 200_000  # customers, and as many orders, that only fill tables and indexes
EVENTS_PER_OBJECT = 3
BATCH = 500

# Every kind of health, plan and fullness, so that no sorting finds all rows alike.
_TENANTS = """
INSERT INTO organizations SELECT n, 'Group ' || n FROM generate_series(1, 100) AS n;
INSERT INTO tenants (tenant_id, organization_id, name, slug, type, plan, settings, trial_ends_at)
SELECT n, n % 100 + 1, 'Brand ' || n, 'brand-' || n, (ARRAY['enterprise', 'business', 'trial'])[n % 3 + 1],
       (ARRAY['premium', 'standard', 'evaluation'])[n % 3 + 1],
       '{"timezone": "America/Argentina/Buenos_Aires", "currency": "ARS", "language": "es"}',
       CASE WHEN n % 3 = 2 THEN now() + interval '20 days' END
FROM generate_series(1, $tenants) AS n;
INSERT INTO tenant_slugs SELECT slug, tenant_id FROM tenants ON CONFLICT DO NOTHING;
INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account, environment, status)
SELECT n, i, (ARRAY['vtex', 'brand'])[i], 'account' || n, 'vtexcommercestable',
       CASE WHEN n % 50 = 0 THEN 'paused' WHEN n % 70 = 0 THEN 'credentials_refused' ELSE 'active' END
FROM generate_series(1, $tenants) AS n, generate_series(1, 2) AS i;
INSERT INTO integration_activity
SELECT n, i, w, now() - (n % 400) * interval '1 minute'
FROM generate_series(1, $tenants) AS n, generate_series(1, 2) AS i, unnest(ARRAY['live', 'bulk']) AS w;
INSERT INTO counters
SELECT n, name, w, (n * 7919) % 500000 FROM generate_series(2, $tenants) AS n,
       unnest(ARRAY['customers', 'customers_deleted', 'orders', 'orders_deleted', 'stored_bytes',
                    'events_applied', 'events_duplicate', 'applied.1']) AS name, unnest(ARRAY['live', 'bulk']) AS w;
INSERT INTO event_day_totals
SELECT n, current_date - d, o, 'live', (n * 31 + d * 7) % 5000
FROM generate_series(2, $tenants) AS n, generate_series(0, 6) AS d,
     unnest(ARRAY['applied', 'superseded', 'duplicate', 'ignored', 'dead']) AS o;
INSERT INTO api_usage SELECT n, current_date, (n * 13) % 9000 FROM generate_series(1, $tenants) AS n;
"""
# One day's events in order of time, into a table that gets its keys when it is full: `rows` of them, `first` … of all.
_EVENTS = """
INSERT INTO {child} (tenant_id, received_on, event_id, integration_id, attempts, latency_ms, kind, object_id, state,
                     outcome, reason)
SELECT {tenant}, '{day}', uuidv7(moment - clock_timestamp()), 1, 1, 80 + n * 7919 % 900,
       CASE WHEN is_order THEN 'order' ELSE 'customer' END,
       CASE WHEN is_order THEN (1390000000000 + object)::text || '-01'
            ELSE md5(object::text)::uuid::text END,
       CASE WHEN is_order THEN (ARRAY['payment-approved', 'handling', 'invoiced', 'canceled'])[n % 4 + 1] END,
       outcome, CASE outcome WHEN 'dead' THEN 'unmappable' WHEN 'ignored' THEN 'integration_deleted' END
FROM (
    SELECT n, n % 10 < 7 AS is_order, n * 7919 % {objects} AS object,
           '{begin}'::timestamptz + (n - {first}) * (interval '1 second' * {step_s}) AS moment,
           CASE WHEN n % 10000 = 9999 THEN 'dead' WHEN n % 100 < 80 THEN 'applied' WHEN n % 100 < 88 THEN 'superseded'
                WHEN n % 100 < 97 THEN 'duplicate' ELSE 'ignored' END AS outcome
    FROM generate_series({first}::bigint, {first} + {rows} - 1) AS n
) AS told
"""
# Each of the sealed records was told of a few times.
_TOLD = """
INSERT INTO events (tenant_id, received_on, event_id, integration_id, attempts, latency_ms, kind, object_id, outcome)
SELECT $tenant, (uuid_extract_timestamp(id) AT TIME ZONE 'UTC')::date, id, 1, 1, 120, kind, object_id, outcome
FROM (SELECT uuidv7(-random() * interval '8 days') AS id, kind, object_id, outcome
      FROM unnest($1::text[], $2::text[]) AS told (kind, object_id), unnest(ARRAY['applied', 'duplicate']) AS outcome
      OFFSET 0) AS made
"""
_FILLING = """
INSERT INTO customers (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                       content_hash, source_created_at, sealed)
SELECT $tenant, 'vtex', 'account1', md5(n::text)::uuid::text, now() - n * interval '1 minute', 1, now(),
       uuid_send(md5(n::text)::uuid), now() - n * interval '1 minute',
       uuid_send(md5(n::text)::uuid) || uuid_send(md5(n::text)::uuid) || uuid_send(md5(n::text)::uuid)
FROM generate_series(1, $rows::bigint) AS n;
INSERT INTO customer_identities
SELECT $tenant, 'email', 1, uuid_send(md5('email' || n)::uuid), 'vtex', 'account1', md5(n::text)::uuid::text
FROM generate_series(1, $rows::bigint) AS n;
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, source_created_at, total_minor, status, status_class, currency, sealed)
SELECT $tenant, 'vtex', 'account1', (1390000000000 + n)::text || '-01', now() - n * interval '1 minute', 1, now(),
       uuid_send(md5(n::text)::uuid), now() - n * interval '1 minute', n * 7919 % 9000000, 'invoiced', 'invoiced',
       'ARS', uuid_send(md5(n::text)::uuid) || uuid_send(md5(n::text)::uuid)
FROM generate_series(1, $rows::bigint) AS n;
INSERT INTO order_identities
SELECT $tenant, 'email', 1, uuid_send(md5('email' || n % 300000)::uuid), 'vtex', 'account1',
       (1390000000000 + n)::text || '-01'
FROM generate_series(1, $rows::bigint) AS n;
"""
# What a drain counts beside the ledger.
_COUNTED = """
INSERT INTO event_day_totals
SELECT tenant_id, received_on, outcome, 'live', count(*) FROM events WHERE tenant_id = $tenant
GROUP BY tenant_id, received_on, outcome;
INSERT INTO counters
SELECT tenant_id, 'events_' || outcome, 'live', sum(events) FROM event_day_totals WHERE tenant_id = $tenant
GROUP BY tenant_id, outcome
ON CONFLICT (tenant_id, name, writer) DO UPDATE SET value = EXCLUDED.value;
INSERT INTO counters
SELECT $tenant, name, 'live', $rows FROM unnest(ARRAY['customers', 'orders']) AS name
ON CONFLICT (tenant_id, name, writer) DO UPDATE SET value = counters.value + EXCLUDED.value;
INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id, reason, attempts,
                          created_at)
SELECT tenant_id, event_id, received_on, integration_id, kind, object_id, reason, attempts,
       uuid_extract_timestamp(event_id)
FROM events WHERE tenant_id = $tenant AND outcome = 'dead';
"""
# As after a busy hour: every column of the overview has something to sort by.
_BUSY = """
UPDATE tenant_snapshots SET waiting = tenant_id * 7919 % 900, oldest_s = tenant_id * 31 % 100,
       dead_waiting = tenant_id * 13 % 50, events_recently = tenant_id * 7919 % 20000,
       freshness_p50_ms = 100 + tenant_id * 7 % 400, freshness_p99_ms = 500 + tenant_id * 7919 % 9000;
INSERT INTO alerts (tenant_id, alert_id, rule, integration_id, severity, opened_at, last_seen_at, value, threshold)
SELECT n, uuidv7(), 'dead_letters', 0, (ARRAY['warning', 'critical'])[n % 2 + 1], now() - interval '1 hour', now(),
       20, 10
FROM generate_series(1, $tenants, 7) AS n;
"""


class Seeded(NamedTuple):
    """What there is to look for. `email`: of somebody who bought; `event_ids`: some of any age."""

    order_ids: tuple[str, ...]
    emails: tuple[str, ...]
    event_ids: tuple[str, ...]
    seconds: float


async def seed(installation: Installation, office: Office, events: int) -> Seeded:
    """Fills an empty installation whose platform is set up."""
    began = time.perf_counter()
    superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
    await superuser.execute("SET TIME ZONE 'UTC'; SET synchronous_commit = off; SET maintenance_work_mem = '1GB'")
    await superuser.execute(_TENANTS.replace("$tenants", str(TENANTS)))
    tell("tenants", began)
    records = list_records()
    await write_records(installation, office, records)
    tell("sealed records", began)
    await superuser.execute(_fill(_FILLING))
    tell("further records", began)
    event_ids = await write_events(superuser, events)
    told = [("order" if isinstance(one, OrderRecord) else "customer", one.external_id) for one in records]
    await superuser.execute(_fill(_TOLD), *map(list, zip(*told, strict=True)))
    tell("events", began)
    await superuser.execute(_fill(_COUNTED))
    await put_down_facts(installation, office)
    await superuser.execute(_BUSY.replace("$tenants", str(TENANTS)))
    await superuser.execute("VACUUM ANALYZE")
    await superuser.execute("CHECKPOINT")
    tell("vacuumed", began)
    await superuser.close()
    orders = [record for record in records if isinstance(record, OrderRecord)]
    emails = [record.email for record in records if isinstance(record, CustomerRecord) and record.email]
    return Seeded(tuple(order.external_id for order in orders), tuple(emails), event_ids, time.perf_counter() - began)


def tell(what: str, began: float) -> None:
    print(f"{what}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


def list_records() -> list[AnyRecord]:
    """The store's customers and orders as VTEX would show them."""
    store = Store(ACCOUNT, BIG, WorldClock())
    store.stock(SEALED_CUSTOMERS, SEALED_ORDERS, History.before(datetime.now(UTC), HISTORY_DAYS))
    customers = (map_customer({**one.client, "addresses": one.addresses}) for one in store.customers.list_newest())
    orders = (map_order(orjson.loads(one.show())) for one in store.orders.list_newest())
    return [*customers, *orders]


async def write_records(installation: Installation, office: Office, records: Iterable[AnyRecord]) -> None:
    """As a backfill writes them."""
    keys = await office.keyring.create_tenant_keys(BIG)
    now, left = datetime.now(UTC), iter(records)
    settings = read_settings_of(installation.environment("syncer"))
    async with await Database.open(settings, application_name="bench dashboard") as database:
        while batch := list(islice(left, BATCH)):
            told = [Observation("vtex", ACCOUNT, record, MAPPER_VERSION, now) for record in batch]
            await apply_batch(database, keys, [], told, writer="bulk", now=now)


async def put_down_facts(installation: Installation, office: Office) -> None:
    """What a worker does every minute."""
    settings = read_settings_of(installation.environment("worker"))
    async with await Database.open(settings, application_name="bench dashboard") as database:
        await save_facts(database, await read_all_facts(database, office.queue, settings))


async def write_events(superuser: Any, events: int) -> tuple[str, ...]:
    """Day by day, each into a table of its own that joins the ledger when it is full. Ids of some of any age."""
    now = datetime.now(UTC)
    today = now.date()
    each = -(-events // DAYS)
    found: list[str] = []
    for number, day in enumerate(today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)):
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = min(begin + timedelta(days=1), now)
        rows = min(each, events - number * each)
        child = f"events_{day:%Y%m%d}"
        await make_partition(superuser, child)
        await superuser.execute(
            _EVENTS.format(
                child=child, tenant=BIG, day=day, begin=begin.isoformat(), first=number * each, rows=rows,
                step_s=(end - begin).total_seconds() * 0.999 / rows, objects=max(1, events // EVENTS_PER_OBJECT),
            )
        )  # fmt: skip
        await attach_partition(superuser, child, day)
        sample = await superuser.fetch(f"SELECT event_id::text FROM {child} TABLESAMPLE SYSTEM (1) LIMIT 20")
        found += [row[0] for row in sample]
    return tuple(found)


async def make_partition(superuser: Any, child: str) -> None:
    """A day's table without its indexes: they are made over all rows at once when it joins. The days that are there
    already are empty."""
    if await superuser.fetchval("SELECT to_regclass($1)", child) is not None:
        await superuser.execute(f"DROP TABLE {child}")
    await superuser.execute(
        f"CREATE TABLE {child} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS); ALTER TABLE {child} OWNER TO"
        " acequia_ledger"
    )


async def attach_partition(superuser: Any, child: str, day: date) -> None:
    """With the walls of every other day."""
    await superuser.execute(f"""
        ALTER TABLE {child} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {child} FORCE ROW LEVEL SECURITY;
        CREATE POLICY of_tenant ON {child} USING (tenant_id = (SELECT security.current_tenant_id()))
            WITH CHECK (tenant_id = (SELECT security.current_tenant_id()));
        ALTER TABLE events ATTACH PARTITION {child} FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')""")


def _fill(statements: str) -> str:
    return statements.replace("$tenant", str(BIG)).replace("$rows", str(FILLING))
