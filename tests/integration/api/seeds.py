"""What acme and globex hold for the sweeps: the same order ids, e-mails and names of keys and integrations in both,
and in globex's a text and a number that are found wherever they turn up."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.core.sealing import TenantKeys
from app.services.alert_channels import create_channel
from app.services.api_keys import issue_key
from app.services.apply import Observation, Settlement, apply_batch
from app.services.audit import Actor
from app.services.office import Office, Place
from app.services.people import invite_person
from app.services.permissions import ROLE_PERMISSIONS
from db.ad_spend import SpendPlace, SpendRow, SpendWindow, replace_window
from db.alerts import Figures, open_alert
from db.bulk_operations import NewBulk, insert_operation
from db.dead_groups import Choice
from db.integrations import insert_integration
from db.pool import Database
from db.sync_runs import NewRun, cancel_run, insert_run
from schemas.access import NewPerson
from schemas.alerts import NewChannel
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7
from schemas.records import Buyer, CustomerRecord, OrderItem, OrderRecord

CANARY, CANARY_NUMBER = "globexcanary", 919_191_919
STAMP = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLI = Actor("cli", "seeds")
EMAIL = "ana@example.org"


class Seeds(NamedTuple):
    """Ids of one tenant's things, by the names that they have in addresses."""

    tenant_id: int
    key_ids: Sequence[str]
    person_ids: Sequence[UUID]
    event_ids: Sequence[str]
    dead_ids: Sequence[str]
    order_ids: Sequence[str]
    customer_ids: Sequence[str]
    run_ids: Sequence[str]
    operation_ids: Sequence[UUID]
    alert_id: str
    channel_ids: Sequence[str]


async def plant(office: Office, writer: Database, tenant_id: int, *, is_theirs: bool, rows: int = 3) -> Seeds:
    """`writer`: the database as a worker. `is_theirs`: with the canary. Of the sync runs the first has ended."""
    sign, number = (CANARY, CANARY_NUMBER) if is_theirs else ("ours", 1)
    keys = await office.keyring.keys_of(tenant_id)
    async with office.database.tenant_tx(tenant_id, "seeds") as connection:
        for integration_id in range(1, rows + 1):
            await insert_integration(
                connection, tenant_id, integration_id, connector="vtex", account=f"store{integration_id}",
                environment="vtexcommercestable",
            )  # fmt: skip
    place = Place("tenant", tenant_id)
    made = [await issue_key(office, place, name="shared name", role="analyst", actor=CLI) for _ in range(rows)]
    people = [
        await invite_person(
            office, place, NewPerson(email=f"{number}x{n}@example.org", name=sign, role="analyst"), actor=CLI,
            held=ROLE_PERMISSIONS["owner"],
        )
        for n in range(rows)
    ]  # fmt: skip
    events, dead = await _write_records(writer, keys, sign, number, rows)
    return Seeds(
        tenant_id, [key.key_id for key in made], [person.person_id for person in people], events, dead,
        [f"o-{n}" for n in range(rows)], [f"c-{n}" for n in range(rows)],
        await _plant_runs(office, tenant_id, sign, rows),
        [await _plant_operation(office, tenant_id, sign) for _ in range(rows)],
        await _plant_alert(writer, tenant_id, sign, number),
        [await _plant_channel(office, tenant_id, sign) for _ in range(rows)],
    )  # fmt: skip


async def plant_spend(syncer: Database, tenant_id: int, *, is_theirs: bool) -> None:
    """`syncer`: the database as a syncer, which alone may write it."""
    sign, number = (CANARY, CANARY_NUMBER) if is_theirs else ("ours", 1)
    row = SpendRow(STAMP.date(), sign, campaign_name=sign, cost_minor=number)
    place = SpendPlace("google_ads", f"{sign}ads", "campaign")
    window = SpendWindow(1, place, row.day, row.day, "ARS", STAMP, 1, [row])
    async with syncer.tenant_tx(tenant_id, "seeds") as connection:
        await replace_window(connection, tenant_id, window)


async def _plant_runs(office: Office, tenant_id: int, sign: str, rows: int) -> list[str]:
    """One run per integration, the first one cancelled."""
    runs = [NewRun(make_uuid7(), n, "full", "manual", "normal", sign) for n in range(1, rows + 1)]
    async with office.database.tenant_tx(tenant_id, "seeds") as connection:
        for run in runs:
            await insert_run(connection, tenant_id, run, ("orders", "customers"))
        await cancel_run(connection, tenant_id, runs[0].run_id)
    return [run.run_id for run in runs]


async def _plant_operation(office: Office, tenant_id: int, sign: str) -> UUID:
    new = NewBulk("discard", Choice(reason=sign), 1, is_at_least=False)
    async with office.database.tenant_tx(tenant_id, "seeds") as connection:
        return await insert_operation(connection, tenant_id, new, CLI)


async def _plant_alert(writer: Database, tenant_id: int, sign: str, number: int) -> str:
    alert_id, figures = UUID(make_uuid7()), Figures(number, 80, {"used": number, "sign": sign})
    async with writer.tenant_tx(tenant_id, "seeds") as connection:
        await open_alert(connection, tenant_id, alert_id, "storage", 0, "warning", figures, STAMP, is_told=True)
    return str(alert_id)


async def _plant_channel(office: Office, tenant_id: int, sign: str) -> str:
    wanted = NewChannel(kind="webhook", name=sign, url=f"https://hooks.invalid/{sign}")
    return str((await create_channel(office, tenant_id, wanted, actor=CLI)).channel_id)


async def _write_records(
    writer: Database, keys: TenantKeys, sign: str, number: int, rows: int
) -> tuple[list[str], list[str]]:
    settlements = [
        *(_settle(_observe(_make_order(n, sign, number)), "order") for n in range(rows)),
        *(_settle(_observe(_make_customer(n, sign)), "customer") for n in range(rows)),
    ]
    dead = [_bury(keys, n, sign) for n in range(rows)]
    await apply_batch(writer, keys, [*settlements, *dead], now=datetime.now(UTC))
    return [one.event.event_id for one in settlements], [one.event.event_id for one in dead]


def _make_order(n: int, sign: str, number: int) -> OrderRecord:
    return OrderRecord(
        external_id=f"o-{n}", source_updated_at=STAMP, source_created_at=STAMP, currency="ARS", status="invoiced",
        total_minor=number, coupon=sign, buyer=Buyer(email=EMAIL, first_name=sign, phone="+5491155551234"),
        items=(OrderItem(sku="s-1", name=sign, quantity=1, total_minor=number),),
    )  # fmt: skip


def _make_customer(n: int, sign: str) -> CustomerRecord:
    return CustomerRecord(
        external_id=f"c-{n}", source_updated_at=STAMP, email=EMAIL, first_name=sign, last_name=sign, locale=sign[:5]
    )


def _observe(record: OrderRecord | CustomerRecord) -> Observation:
    return Observation("vtex", "store1", record, 1, STAMP)


def _settle(observation: Observation, kind: Any) -> Settlement:
    return Settlement(_make_event(observation.record.external_id, kind), 1, observation)


def _bury(keys: TenantKeys, n: int, sign: str) -> Settlement:
    event = _make_event(f"dead-{n}", "order")
    body = keys.seal("dead_letter.v1", event.event_id, encode_event(event))
    return Settlement(event, 8, None, "dead", f"not_found_{sign}", "field", body)


def _make_event(object_id: str, kind: Any) -> Event:
    return Event(make_uuid7(), "vtex", "store1", 1, "hint", kind, "upsert", object_id, "invoiced", STAMP)
