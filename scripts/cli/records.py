"""`acequia orders` and `acequia customers`: records as the API shows them to the key in ACEQUIA_API_KEY.

The operator's database role may not read records, so these commands go through the API: its permissions hold, personal
data is masked, and whoever asks to see it is in the audit log.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from scripts.cli.api_client import ApiClient, open_api
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_fields, show_table

orders = typer.Typer(no_args_is_help=True, help="Orders, through the API.")
customers = typer.Typer(no_args_is_help=True, help="Customers, through the API.")

PAGE = 1_000
ORDER_COLUMNS = ("external_id", "status", "total_minor", "currency", "item_count", "source_updated_at", "source")
CUSTOMER_COLUMNS = ("external_id", "email", "first_name", "last_name", "source_updated_at", "source", "is_deleted")

TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
IdOption = typer.Option("--id", help="The id at the source.")
SinceOption = typer.Option("--updated-since", help="Changed then or later, for example 2026-11-24T10:00:00Z.")
LinesOption = typer.Option("--lines", "-n", min=1, max=100_000, help="Records shown.")
RevealOption = typer.Option("--reveal", help="Personal data as it is: needs records:reveal, and is audited.")


@orders.command("list")
def list_orders_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    external_id: Annotated[str | None, IdOption] = None,
    customer: Annotated[str | None, typer.Option(help="A customer's id at the source.")] = None,
    status: Annotated[str | None, typer.Option(help="The source's own word.")] = None,
    updated_since: Annotated[str | None, SinceOption] = None,
    lines: Annotated[int, LinesOption] = 50,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Orders, the oldest change first."""
    params = {"external_id": external_id, "customer": customer, "status": status, "updated_since": updated_since}
    _list(f"/tenants/{tenant_id}/orders", params, lines, ORDER_COLUMNS, as_json=as_json)


@orders.command("show")
def show_order_command(
    tenant_id: Annotated[int, TenantArgument],
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Its id at the source, or here.")],
    reveal: Annotated[bool, RevealOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """One order with its lines; personal data masked."""
    _show(f"/tenants/{tenant_id}/orders", order, reveal=reveal, as_json=as_json)


@customers.command("list")
def list_customers_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    external_id: Annotated[str | None, IdOption] = None,
    email: Annotated[str | None, typer.Option(help="In any spelling; needs records:reveal.")] = None,
    phone: Annotated[str | None, typer.Option(help="As dialled in the tenant's country; the same.")] = None,
    document: Annotated[str | None, typer.Option(help="Its number; the same.")] = None,
    updated_since: Annotated[str | None, SinceOption] = None,
    lines: Annotated[int, LinesOption] = 50,
    reveal: Annotated[bool, RevealOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Customers, the oldest change first; personal data masked."""
    params = {
        "external_id": external_id, "email": email, "phone": phone, "document": document,
        "updated_since": updated_since, "reveal": "true" if reveal else None,
    }  # fmt: skip
    _list(f"/tenants/{tenant_id}/customers", params, lines, CUSTOMER_COLUMNS, as_json=as_json)


@customers.command("show")
def show_customer_command(
    tenant_id: Annotated[int, TenantArgument],
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Its id at the source, or here.")],
    reveal: Annotated[bool, RevealOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """One customer; personal data masked."""
    _show(f"/tenants/{tenant_id}/customers", customer, reveal=reveal, as_json=as_json)


def _list(
    path: str, params: Mapping[str, object | None], lines: int, columns: tuple[str, ...], *, as_json: bool
) -> None:
    async def work() -> None:
        async with open_api() as api:
            rows = await _read_pages(api, path, params, lines)
        show_json(rows) if as_json else show_table(rows, columns, empty="Nothing found.")

    run(work)


async def _read_pages(
    api: ApiClient, path: str, params: Mapping[str, object | None], lines: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while len(rows) < lines:
        page = await api.get(path, {**params, "limit": min(PAGE, lines - len(rows)), "cursor": cursor})
        rows += page["data"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    return rows


def _show(path: str, record_id: str, *, reveal: bool, as_json: bool) -> None:
    async def work() -> None:
        asked = {"reveal": "true" if reveal else None}
        async with open_api() as api:
            found = await api.get(path, {"external_id": record_id, "limit": 2})
            if len(found["data"]) > 1:
                ids = ", ".join(str(row["id"]) for row in found["data"])
                raise CommandError(f"Several sources have this id: name one by its id here, {ids}.")
            one = found["data"][0]["id"] if found["data"] else record_id
            shown = (await api.get(f"{path}/{read_segment(one)}", asked))["data"]
        show_json(shown) if as_json else show_fields(shown)

    run(work)


def read_segment(text: str) -> str:
    """An id as it stands in an address. Raises CommandError for what can be none."""
    if not text.replace("-", "").replace("_", "").isalnum() or not text.isascii():
        raise CommandError("There is no such record.")
    return text
