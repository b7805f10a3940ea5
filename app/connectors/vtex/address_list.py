"""Customers whose addresses changed alone: Master Data puts no stamp on the client for that."""

from collections.abc import Sequence
from datetime import datetime

from app.connectors.listing import Listing
from app.connectors.together import run_together
from app.connectors.vtex.calls import Calls, Place
from app.connectors.vtex.customer_list import find_id, find_stamp
from app.connectors.vtex.entities import CLIENT_STAMP_FIELDS, SEARCHABLE_ID
from app.connectors.vtex.master_data import SEARCH_ROWS, Document, Query, search, write_any
from app.connectors.vtex.webhook import USER_ID_PREFIX
from app.core.errors import ProviderError

_CHANGED = "addresses"


async def list_address_changes(
    calls: Calls,
    place: Place,
    addresses: Sequence[Document],
    since: datetime,
    *,
    users_per_call: int,
    calls_at_once: int,
) -> list[Listing]:
    """Pointers at the customers of the addresses that changed since, but for those that changed themselves: the list of
    clients has them. By the user's id where no client is found under it."""
    users = list(
        dict.fromkeys(
            user.lower()
            for address in addresses
            if is_fresh(address, since) and (user := _find_user(address)) is not None
        )
    )
    blocks = [users[start : start + users_per_call] for start in range(0, len(users), users_per_call)]

    async def look_up(block: list[str]) -> list[Listing]:
        return await _look_up(calls, place, block, since)

    found = await run_together(look_up, blocks, at_once=calls_at_once)
    return [listing for listings in found for listing in listings]


def is_fresh(document: Document, since: datetime) -> bool:
    """Whether a document changed since, or does not say when it did."""
    stamp = find_stamp(document)
    return stamp is None or stamp >= since


async def _look_up(calls: Calls, place: Place, users: list[str], since: datetime) -> list[Listing]:
    pointers = {user: Listing(f"{USER_ID_PREFIX}{user}", _CHANGED, is_pointer=True) for user in users}
    query = Query("CL", write_any("userId", users), f"userId,{CLIENT_STAMP_FIELDS}")
    try:
        page = await search(calls, place, "find_customers", query, first=0, rows=SEARCH_ROWS)
    except ProviderError:
        return list(pointers.values())  # each is looked up again when it is fetched
    listings: list[Listing] = []
    for client in page.documents:
        user, document_id = _find_user(client), find_id(client)
        if user is None or document_id is None:
            continue
        pointers.pop(user.lower(), None)
        if not is_fresh(client, since):
            listings.append(Listing(document_id, _CHANGED, is_pointer=True))
    return [*listings, *pointers.values()]


def _find_user(document: Document) -> str | None:
    user_id = document.get("userId")
    return user_id if isinstance(user_id, str) and SEARCHABLE_ID.fullmatch(user_id) else None
