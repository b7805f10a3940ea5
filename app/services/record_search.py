"""Which records a call means: by what changed, by an id, by an identity, or a customer's orders.

Personal values become blind indexes here and go no further.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import asyncpg
from pydantic import AwareDatetime, StringConstraints

from app.core.errors import FieldProblem, InvalidInputError
from app.core.identity import IdentityKind, normalise_document, normalise_email, normalise_phone
from app.core.sealing import TenantKeys
from app.services.paging import read_cursor, write_cursor
from app.services.record_feed import find_next_since, find_walk_end
from app.services.sealed_rows import to_utc
from db.identities import Identity
from db.record_pages import (
    FIRST_KEY,
    PLACES_MAX,
    FeedPlace,
    list_customers_identities,
    page_by_change,
    page_by_external_id,
    page_by_identities,
    read_page_time,
)
from db.versions import Key
from schemas.shown_records import CustomersQuery, OrdersQuery

# Documents are indexed with their type: who asks without one means any of those that are in use where brands sell.
DOCUMENT_TYPES = (
    "", "cc", "cdi", "ce", "ci", "cnpj", "company", "cpf", "cuil", "cuit", "curp", "dni", "lc", "le", "nit",
    "pasaporte", "passport", "rfc", "rg", "ruc", "run", "rut",
)  # fmt: skip
PERSONAL_FILTERS = ("email", "phone", "document")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_Text = Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00]*$")]


class _FeedCursor(NamedTuple):
    updated_at: AwareDatetime
    source: _Text
    account: _Text
    external_id: _Text
    walk_end: AwareDatetime


class _KeyCursor(NamedTuple):
    source: _Text
    account: _Text
    external_id: _Text


class Search(NamedTuple):
    """`finder`: the filter that leads to the rows, None for the feed. `identities`: what it stands for, if personal."""

    query: CustomersQuery | OrdersQuery
    limit: int
    finder: str | None
    identities: tuple[Identity, ...] = ()


class Found(NamedTuple):
    keys: list[Key]
    next_cursor: str | None
    next_updated_since: datetime | None = None


def read_search(keys: TenantKeys, country: str, query: CustomersQuery | OrdersQuery, limit: int) -> Search:
    """Raises InvalidInputError for filters that do not go together and values that can be nobody's."""
    finders = [name for name in ("external_id", "customer", *PERSONAL_FILTERS) if getattr(query, name, None)]
    if len(finders) > 1:
        raise InvalidInputError(*(FieldProblem(f"/{name}", "takes the place of the others") for name in finders))
    finder = finders[0] if finders else None
    if finder not in {"external_id", "customer"} and (query.source or query.account):
        name = "source" if query.source else "account"
        raise InvalidInputError(FieldProblem(f"/{name}", "goes with external_id or customer"))
    if isinstance(query, CustomersQuery) and query.document_type and finder != "document":
        raise InvalidInputError(FieldProblem("/document_type", "goes with document"))
    identities: tuple[Identity, ...] = ()
    if isinstance(query, CustomersQuery) and finder in PERSONAL_FILTERS:
        identities = _index(keys, _normalise(query, finder, country))
    return Search(query, limit, finder, identities)


async def find_page(connection: asyncpg.Connection, tenant_id: int, search: Search) -> Found:
    """The keys of one page. Raises InvalidInputError for a cursor that is none."""
    if search.finder is None:
        return await _walk_feed(connection, tenant_id, search)
    cursor = search.query.cursor
    after = Key(*read_cursor(cursor, _KeyCursor)) if cursor else FIRST_KEY
    keys = await _find_keys(connection, tenant_id, search, after)
    shown = keys[: search.limit]
    return Found(shown, write_cursor(_KeyCursor(*shown[-1])) if len(keys) > search.limit else None)


async def _find_keys(connection: asyncpg.Connection, tenant_id: int, search: Search, after: Key) -> list[Key]:
    query, stream, limit = search.query, search.query.STREAM, search.limit + 1
    if search.finder == "external_id":
        assert query.external_id is not None
        return await page_by_external_id(
            connection, tenant_id, stream, query.external_id, source=query.source, account=query.account, after=after,
            limit=limit,
        )  # fmt: skip
    identities: Sequence[Identity] = search.identities
    if isinstance(query, OrdersQuery) and query.customer is not None:
        customers = await page_by_external_id(
            connection, tenant_id, "customers", query.customer, source=query.source, account=query.account,
            limit=PLACES_MAX,
        )  # fmt: skip
        identities = await list_customers_identities(connection, tenant_id, customers)
    return await page_by_identities(connection, tenant_id, stream, identities, after=after, limit=limit)


async def _walk_feed(connection: asyncpg.Connection, tenant_id: int, search: Search) -> Found:
    query = search.query
    if query.cursor:
        cursor = read_cursor(query.cursor, _FeedCursor)
        walk_end = to_utc(cursor.walk_end)
        after = FeedPlace(to_utc(cursor.updated_at), cursor.source, cursor.account, cursor.external_id)
    else:
        since = None if query.updated_since is None else to_utc(query.updated_since)
        walk_end = find_walk_end(await read_page_time(connection), since)
        after = FeedPlace(since or _BEGINNING, "", "", "")
    status = query.status if isinstance(query, OrdersQuery) else None
    places = await page_by_change(
        connection, tenant_id, query.STREAM, after=after, status=status, limit=search.limit + 1
    )
    shown, is_ended = places[: search.limit], len(places) <= search.limit
    return Found(
        [place.key for place in shown],
        None if is_ended else write_cursor(_FeedCursor(*shown[-1], walk_end)),
        find_next_since(walk_end, shown[-1].updated_at if shown else None, is_ended=is_ended),
    )


def _normalise(query: CustomersQuery, finder: str, country: str) -> list[tuple[IdentityKind, str]]:
    found: list[tuple[IdentityKind, str | None]]
    if finder == "email":
        found = [("email", normalise_email(query.email))]
    elif finder == "phone":
        found = [("phone", normalise_phone(query.phone, country))]
    else:
        types = (query.document_type,) if query.document_type else DOCUMENT_TYPES
        found = [("document", normalise_document(kind, query.document)) for kind in types]
    forms = [(kind, form) for kind, form in found if form is not None]
    if not forms:
        raise InvalidInputError(FieldProblem(f"/{finder}", "is none that could be somebody's"))
    return forms


def _index(keys: TenantKeys, forms: list[tuple[IdentityKind, str]]) -> tuple[Identity, ...]:
    """Rows that an older version of the key has indexed are found too."""
    return tuple(
        Identity(kind, version, keys.blind_index(kind, form, version=version))
        for kind, form in forms
        for version in keys.index_versions
    )
