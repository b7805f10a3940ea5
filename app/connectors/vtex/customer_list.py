"""What a list of clients shows: their fingerprint, and their documents with the addresses read beside them.

The documents are those of `VtexClient.fetch_customer`, part by part: a profile becomes the same record on both ways.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from app.connectors.listing import Listing
from app.connectors.reading import JsonObject, check_identifier, find_latest
from app.connectors.together import run_together
from app.connectors.vtex.calls import Calls, Place
from app.connectors.vtex.customer import ADDRESSES_KEY, normalise_document_id
from app.connectors.vtex.entities import ADDRESS_FIELDS, ADDRESSES_MAX, SEARCHABLE_ID, is_lasting
from app.connectors.vtex.master_data import SEARCH_ROWS, SEARCH_ROWS_MAX, Document, Query, search, write_any
from app.core.errors import CredentialsRefusedError, MappingError, ObjectNotFoundError, ProviderError
from schemas.held_state import HeldState

_NO_STAMP = "-"


class _Block(NamedTuple):
    """Addresses by lower-case user id. None: these users' addresses cannot be read; `is_lost`: not now."""

    addresses: dict[str, list[Document]] | None
    is_lost: bool = False


def find_stamp(client: Document) -> datetime | None:
    """The record's `source_updated_at`, as `map_customer` finds it."""
    document = JsonObject(client)
    return find_latest(*(document.find_moment(name) for name in ("updatedIn", "createdIn", "lastInteractionIn")))


def find_id(client: Document) -> str | None:
    """The record's external id; None for a document that has none, or one that cannot be kept in the clear: Master Data
    lets a store choose ids, and some chose the e-mail address."""
    try:
        return check_identifier(normalise_document_id(JsonObject(client).get_identifier("id")), "id")
    except MappingError:
        return None


def count_unnamed(clients: Sequence[Document]) -> int:
    """How many of them have no id that can be kept: no list of ours names them."""
    return sum(find_id(client) is None for client in clients)


def describe_client(client: Document) -> str:
    """The fingerprint of a client document, equal to `describe_customer` of what it becomes."""
    stamp = find_stamp(client)
    return _NO_STAMP if stamp is None else stamp.isoformat()


def describe_customer(held: HeldState) -> str:
    """What the list would show of a stored profile. One without any stamp is kept under the time it was seen at."""
    if held.is_deleted:
        return "deleted"
    if held.source_created_at is None and held.source_updated_at == held.observed_at:
        return _NO_STAMP
    return held.source_updated_at.astimezone(UTC).isoformat()


async def list_documents(
    calls: Calls, place: Place, clients: Sequence[Document], *, users_per_call: int, calls_at_once: int
) -> list[Listing]:
    """One listing a client that has an id, with its document and addresses.

    Where the addresses cannot be read at all, the document has none, as for a live event. Where only this call failed,
    the listing has no document: it is fetched alone, and the others of the page are not lost with it.
    """
    named = [(document_id, client) for client in clients if (document_id := find_id(client)) is not None]
    users = list(dict.fromkeys(user for _, client in named if (user := _find_user(client)) is not None))
    blocks = [users[start : start + users_per_call] for start in range(0, len(users), users_per_call)]

    async def read(block: list[str]) -> _Block:
        return await _read_addresses(calls, place, block)

    found = await run_together(read, blocks, at_once=calls_at_once)
    block_of = {user: found[number] for number, block in enumerate(blocks) for user in block}
    return [_list_one(document_id, client, block_of) for document_id, client in named]


def _list_one(document_id: str, client: Document, block_of: dict[str, _Block]) -> Listing:
    user = _find_user(client)
    block = block_of[user] if user is not None else _Block(None)
    fingerprint = describe_client(client)
    if block.is_lost:
        return Listing(document_id, fingerprint)
    if user is None or block.addresses is None:
        return Listing(document_id, fingerprint, client)
    addresses = block.addresses.get(user.lower(), [])
    return Listing(document_id, fingerprint, {**client, ADDRESSES_KEY: addresses[:ADDRESSES_MAX]})


def _find_user(client: Document) -> str | None:
    """Under which user's id a client's addresses are kept; None when no search can name it."""
    user_id = client.get("userId")
    if not isinstance(user_id, str):
        user_id = client.get("id")
    return user_id if isinstance(user_id, str) and SEARCHABLE_ID.fullmatch(user_id) else None


async def _read_addresses(calls: Calls, place: Place, users: list[str]) -> _Block:
    """All addresses of these users, page by page until one is not full."""
    by_user: dict[str, list[Document]] = {}
    query = Query("AD", write_any("userId", users), ADDRESS_FIELDS)
    try:
        for first in range(0, SEARCH_ROWS_MAX, SEARCH_ROWS):
            page = await search(calls, place, "list_addresses", query, first=first, rows=SEARCH_ROWS)
            for address in page.documents:
                user_id = address.get("userId")
                if isinstance(user_id, str):
                    by_user.setdefault(user_id.lower(), []).append(address)
            if len(page.documents) < SEARCH_ROWS:
                break
    except (CredentialsRefusedError, ObjectNotFoundError) as error:
        if not is_lasting(error):
            raise
        return _Block(None)
    except ProviderError:
        return _Block(None, is_lost=True)
    return _Block(by_user)
