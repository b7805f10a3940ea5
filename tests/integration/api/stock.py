"""What acme and globex hold in these tests: rows written as a drain writes them, under ids that both brands use."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import httpx

from app.services.apply import Observation, apply_batch
from app.services.merge import AnyRecord
from app.services.office import Office
from db.pool import Database
from schemas.records import Address, Buyer, CustomerRecord, OrderItem, OrderRecord, Payment
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
SLASHED = "order/1 ?á%2F&#"

# Every personal value that the records below hold: a masked answer contains none of them.
CANARIES = (
    "quetzalcoatl", "Xochiquetzal", "Tlazolteotl", "30123456", "30712345671", "41234567", "1987-06-05", "Calle Luna",
    "Timbre roto", "C1043AAZ", "Zapopan", "femenino", "me arrepentí", "perfil-77", "Panadería Sol",
)  # fmt: skip
HOME = Address(
    receiver_name="Xochiquetzal Tlazolteotl", street="Calle Luna", number="1234", city="Zapopan",
    postal_code="C1043AAZ", country="MEX", reference="Timbre roto",
)  # fmt: skip
BUYER = Buyer(
    profile_id="perfil-77", email="quetzalcoatl@example.org", first_name="Xochiquetzal", last_name="Tlazolteotl",
    document_type="dni", document="30123456", phone="+541141234567", corporate_name="Panadería Sol",
    corporate_document="30712345671",
)  # fmt: skip


def make_customer(external_id: str = "c-1", **fields: Any) -> CustomerRecord:
    told = {
        "source_updated_at": T0, "profile_id": "perfil-77", "email": "quetzalcoatl@example.org",
        "phones": ("+541141234567",), "document_type": "dni", "document": "30123456", "first_name": "Xochiquetzal",
        "last_name": "Tlazolteotl", "gender": "femenino", "birth_date": date(1987, 6, 5), "addresses": (HOME,),
        "accepts_marketing": True,
    }  # fmt: skip
    return CustomerRecord(external_id=external_id, **{**told, **fields})


def make_order(external_id: str = "o-1", **fields: Any) -> OrderRecord:
    told = {
        "source_updated_at": T0, "status": "invoiced", "status_class": "invoiced", "currency": "ARS",
        "total_minor": 150_000, "buyer": BUYER, "shipping_address": HOME, "cancel_reason": "me arrepentí",
        "items": (OrderItem(sku="A", quantity=2, total_minor=150_000),),
        "payments": (Payment(method="visa", value_minor=150_000),), "sellers": ("1",),
    }  # fmt: skip
    return OrderRecord(external_id=external_id, **{**told, **fields})


async def store(office: Office, worker: Database, tenant_id: int, *records: AnyRecord, account: str = "store") -> None:
    """As one batch of a drain."""
    keys = await office.keyring.keys_of(tenant_id)
    observations = [Observation("vtex", account, record, 1, T0) for record in records]
    await apply_batch(worker, keys, [], observations, now=datetime.now(UTC))


async def store_both(cast: Cast, worker: Database, *records: AnyRecord) -> None:
    """The same in both tenants."""
    for tenant_id in (ACME, GLOBEX):
        await store(cast.office, worker, tenant_id, *records)


async def walk(client: httpx.AsyncClient, path: str, **params: Any) -> list[Any]:
    """Every page's answer, to the end."""
    pages: list[Any] = []
    cursor: Mapping[str, str] = {}
    while not pages or pages[-1]["next_cursor"]:
        pages.append(read(await client.get(path, params={**params, **cursor})))
        cursor = {"cursor": pages[-1]["next_cursor"] or ""}
    return pages


def list_ids(pages: Sequence[Any]) -> list[str]:
    return [row["external_id"] for page in pages for row in page["data"]]


@asynccontextmanager
async def count_statements(office: Office) -> AsyncIterator[list[str]]:
    """Every statement that the office's database connections run meanwhile."""
    seen: list[str] = []
    pool = office.database._pool
    held = [await pool.acquire() for _ in range(pool.get_size())]
    for connection in held:
        connection.add_query_logger(lambda record: seen.append(record.query))
        await pool.release(connection)
    yield seen
