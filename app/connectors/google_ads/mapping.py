"""Google Ads' rows of daily spend (GAQL over REST) as AdSpendRecords.

Rows of `FROM campaign` and `FROM ad_group`, with `segments.date`, as search and searchStream answer them. int64 comes
as text, doubles as numbers, and what is zero may be left out. An id may stand in a resource name alone. Amounts are in
the account's currency: `customer.currency_code` must be selected, `customer.time_zone` should be.
"""

import re
from collections.abc import Iterator

from app.connectors.money import MICRO_DIGITS, convert_micros, read_currency, read_decimal, read_minor, scale
from app.connectors.reading import JsonObject, check_identifier
from app.core.errors import MappingError
from schemas.records import AdSpendRecord

MAPPER_VERSION = 1

_ROW_KEYS = frozenset({"campaign", "adGroup", "metrics", "segments", "customer"})
_RESOURCE = re.compile(r"customers/([0-9]{1,19})(?:/(campaigns|adGroups)/([0-9]{1,19}))?", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_NAME_CHARS_MAX = 500

# Account id → what rows of the same answer say of it.
Accounts = dict[str | None, JsonObject]


def map_ad_spend(document: object) -> list[AdSpendRecord | MappingError]:
    """The record of every row of an answer, or what is wrong with the row.

    `document`: an answer of search, the array of searchStream's, or a row; an answer may have the account beside its
    `results`, as `customer`, for rows that do not say whose they are. Raises MappingError for what is none, and
    for an answer with an error in it: of a stream that broke off, nothing can be used.
    """
    rows = [JsonObject(row, path) for row, path in _list_rows(document)]
    accounts = _find_accounts(rows)
    beside = JsonObject(document.get("customer") if isinstance(document, dict) else None, "customer")
    found: list[AdSpendRecord | MappingError] = []
    for row in rows:
        try:
            found.append(_map_row(row, accounts, beside))
        except MappingError as error:
            found.append(error)
    return found


def _list_rows(document: object) -> Iterator[tuple[object, str]]:
    if isinstance(document, dict):
        yield from _list_batch(document, "")
    elif isinstance(document, list):
        for index, batch in enumerate(document):
            if not isinstance(batch, dict):
                raise MappingError(f"[{index}]", "is not a JSON object")
            yield from _list_batch(batch, f"[{index}]")
    else:
        raise MappingError("$", "is neither an answer of search nor of searchStream")


def _list_batch(batch: dict[str, object], path: str) -> Iterator[tuple[object, str]]:
    prefix = f"{path}." if path else ""
    for name in ("error", "partialFailureError"):
        if batch.get(name):
            raise MappingError(f"{prefix}{name}", "is an error: nothing of this answer can be used")
    if not batch.keys().isdisjoint(_ROW_KEYS) and "results" not in batch:
        yield batch, path
        return
    results = batch.get("results", [])
    if not isinstance(results, list):
        raise MappingError(f"{prefix}results", "is not an array")
    for index, row in enumerate(results):
        yield row, f"{prefix}results[{index}]"


def _find_accounts(rows: list[JsonObject]) -> Accounts:
    accounts: Accounts = {}
    for row in rows:
        customer = row.get_object("customer")
        if customer.has("currencyCode"):
            accounts.setdefault(_find_account_id(row), customer)
    return accounts


def _map_row(row: JsonObject, accounts: Accounts, beside: JsonObject) -> AdSpendRecord:
    if not row:
        raise MappingError(row.path or "$", "is not a row")
    campaign, group = row.get_object("campaign"), row.get_object("adGroup")
    segments, metrics = row.get_object("segments"), row.get_object("metrics")
    account_id, beside_id = _find_account_id(row), _find_id(beside, None)
    account_id = account_id or beside_id
    if account_id is None:
        raise MappingError(f"{campaign.path}.resourceName", "names no account, and neither does customer.id")
    account = accounts.get(account_id) or (beside if account_id == beside_id else row.get_object("customer"))
    currency = read_currency(account.peek("currencyCode"), row.get_object("customer").path + ".currencyCode")
    day = segments.find_day("date")
    if day is None:
        raise MappingError(f"{segments.path}.date", "is not a day: select segments.date")
    campaign_id = _find_id(campaign, "campaigns") or _read_resource(group.peek("campaign"), "campaigns")
    if campaign_id is None:
        raise MappingError(f"{campaign.path}.id", "is missing: select campaign.id")
    group_id = _find_id(group, "adGroups")
    if group and group_id is None:
        raise MappingError(f"{group.path}.id", "is missing: select ad_group.id")
    conversions = read_decimal(metrics.peek("conversions"), f"{metrics.path}.conversions")
    return AdSpendRecord(
        day=day,
        account_id=account_id,
        level="campaign" if group_id is None else "ad_group",
        campaign_id=campaign_id,
        ad_group_id=group_id,
        campaign_name=campaign.find_text("name", chars_max=_NAME_CHARS_MAX),
        ad_group_name=group.find_text("name", chars_max=_NAME_CHARS_MAX),
        currency=currency,
        time_zone=account.find_text("timeZone", chars_max=100),
        cost_minor=convert_micros(metrics.find_integer("costMicros") or 0, currency, f"{metrics.path}.costMicros"),
        impressions=metrics.find_integer("impressions") or 0,
        clicks=metrics.find_integer("clicks") or 0,
        conversions_micros=scale(conversions, MICRO_DIGITS, f"{metrics.path}.conversions") if conversions else 0,
        value_minor=read_minor(metrics.peek("conversionsValue"), currency, f"{metrics.path}.conversionsValue") or 0,
    )


def _find_account_id(row: JsonObject) -> str | None:
    customer_id = _find_id(row.get_object("customer"), None)
    if customer_id is not None:
        return customer_id
    for name in ("customer", "campaign", "adGroup"):
        resource = row.get_object(name).peek("resourceName")
        found = _RESOURCE.fullmatch(resource) if isinstance(resource, str) else None
        if found is not None:
            return found[1]
    campaign = row.get_object("adGroup").peek("campaign")
    found = _RESOURCE.fullmatch(campaign) if isinstance(campaign, str) else None
    return found[1] if found else None


def _find_id(resource: JsonObject, collection: str | None) -> str | None:
    """The resource's own id; where that was not selected, the one in its name."""
    value = resource.peek("id")
    if value is None:
        return _read_resource(resource.peek("resourceName"), collection) if collection else None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise MappingError(f"{resource.path}.id", "is not an id of digits")
    return check_identifier(text, f"{resource.path}.id")


def _read_resource(name: object, collection: str | None) -> str | None:
    found = _RESOURCE.fullmatch(name) if isinstance(name, str) else None
    return found[3] if found and found[2] == collection else None
