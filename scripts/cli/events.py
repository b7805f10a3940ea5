"""`acequia events`: follow the ledger, and send a test event the whole way."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer

from app.services.endpoints import IssuedEndpoint, reveal_endpoint
from app.services.test_events import TEST_OBJECT, sign_document
from db.endpoints import list_endpoints
from db.ledger import LedgerRow, find_outcomes, tail_events
from db.tenants import list_tenants
from schemas.ids import read_uuid7_ms
from scripts.cli.session import CommandError, JsonOption, Session, open_keys, open_session, run, show_json

app = typer.Typer(no_args_is_help=True, help="The ledger's events.")

POLL_S = 0.5
TEST_TIMEOUT_S = 60.0
TEST_KINDS = {"order_hook": "order", "customer_trigger": "customer", "inline": "customer"}


@app.command("tail")
def tail_command(
    tenant_id: Annotated[int | None, typer.Argument(metavar="[TENANT]", help="All tenants when not given.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1_000, help="Events shown per tenant.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """The newest events with their outcome; no personal data."""

    async def work() -> None:
        async with open_session() as session:
            ids = [tenant_id] if tenant_id else [tenant.tenant_id for tenant in await list_tenants(session.database)]
            last: dict[int, str | None] = dict.fromkeys(ids)
            while True:
                for one in ids:
                    last[one] = await _show_new(session, one, last[one], lines, as_json=as_json) or last[one]
                if not follow:
                    return
                await asyncio.sleep(POLL_S)

    run(work)


async def _show_new(session: Session, tenant_id: int, after: str | None, lines: int, *, as_json: bool) -> str | None:
    async with session.database.tenant_tx(tenant_id, "tail") as connection:
        rows = await tail_events(connection, tenant_id, after=after, limit=lines)
    for row in reversed(rows):
        shown = {"tenant_id": tenant_id} | row._asdict()
        show_json(shown) if as_json else typer.echo(_format(tenant_id, row))
    return rows[0].event_id if rows else None


def _format(tenant_id: int, row: LedgerRow) -> str:
    at = time.strftime("%H:%M:%S", time.gmtime(read_uuid7_ms(row.event_id) / 1000))
    told = f"{row.kind} {row.object_id}" + (f" {row.state}" if row.state else "")
    reason = f" ({row.reason})" if row.reason else ""
    return f"{at}  {tenant_id:>5}  {row.outcome:<10} {row.latency_ms:>6} ms  {told}{reason}  {row.event_id}"


@app.command("send-test")
def send_test_command(
    tenant_id: Annotated[int, typer.Argument(metavar="TENANT")],
    kind: Annotated[str, typer.Option(help="order_hook, customer_trigger or inline.")] = "inline",
    object_id: Annotated[
        str | None, typer.Option(help="Order or customer id at the provider; inline: the test profile's id.")
    ] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sends one real, signed call to the receiver and waits until its event is in the ledger.

    The inline kind makes a test profile without personal data and deletes it again; the other kinds need the id of
    an order or customer that the provider has, since a hint is only a pointer.
    """

    async def work() -> None:
        if kind not in TEST_KINDS:
            raise CommandError(f"--kind is none of {', '.join(TEST_KINDS)}.")
        if kind != "inline" and not object_id:
            raise CommandError(f"--kind {kind} needs --object-id: a hint points at something that the provider has.")
        async with open_session() as session:
            endpoint = await _find_endpoint(session, tenant_id, kind)
            result = await _send(session, tenant_id, endpoint, object_id or TEST_OBJECT, "upsert")
            if kind == "inline":
                await _send(session, tenant_id, endpoint, object_id or TEST_OBJECT, "delete")
        if as_json:
            show_json(result)
        else:
            typer.echo("accepted as {event_id}; {outcome} after {latency_ms} ms".format(**result))

    run(work)


async def _find_endpoint(session: Session, tenant_id: int, kind: str) -> IssuedEndpoint:
    async with session.database.tenant_tx(tenant_id, "endpoints") as connection:
        rows = await list_endpoints(connection, tenant_id)
    for row in rows:
        if row.kind == kind and row.status == "active":
            async with open_keys(session) as keyring:
                keys = await keyring.keys_of(tenant_id)
            return await reveal_endpoint(session.database, session.settings, keys, row.endpoint_id)
    raise CommandError(f"Tenant {tenant_id} has no active endpoint of kind {kind}.")


async def _send(
    session: Session, tenant_id: int, endpoint: IssuedEndpoint, object_id: str, action: str
) -> dict[str, Any]:
    settings = session.settings
    url = f"http://{settings.receiver_host}:{settings.receiver_port}{endpoint.path}"
    body, signed = sign_document(endpoint, _make_document(endpoint, object_id, action))
    headers = {**signed, "content-type": "application/json"}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        try:
            answer = await client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            problem = f"The receiver on port {settings.receiver_port} does not answer ({type(error).__name__})."
            raise CommandError(problem) from None
    event_id = answer.json().get("event_id") if answer.status_code == 200 else None
    if event_id is None:
        raise CommandError(f"The receiver answered {answer.status_code}: {answer.text[:300]}")
    deadline = time.monotonic() + TEST_TIMEOUT_S
    while time.monotonic() < deadline:
        async with session.database.tenant_tx(tenant_id, "send_test") as connection:
            found = await find_outcomes(connection, tenant_id, [event_id])
        if found:
            latency_ms = round(time.time() * 1000 - read_uuid7_ms(event_id))
            return {"event_id": event_id, "outcome": found[event_id], "latency_ms": latency_ms}
        await asyncio.sleep(0.02)
    raise CommandError(
        f"Event {event_id} was accepted and is not in the ledger after {TEST_TIMEOUT_S:.0f} s: see `acequia status`."
    )


def _make_document(endpoint: IssuedEndpoint, object_id: str, action: str) -> dict[str, Any]:
    if endpoint.kind == "inline":
        # A signature's time has seconds only: without this the upsert and the delete of one second would be a tie.
        now = datetime.now(UTC).isoformat()
        return {"type": f"customer.{action}", "timestamp": now, "data": {"external_id": object_id}}
    if endpoint.kind == "customer_trigger":
        return {"id": object_id}
    return {"OrderId": object_id, "Origin": {"Account": endpoint.accounts[0], "Key": TEST_OBJECT}}
