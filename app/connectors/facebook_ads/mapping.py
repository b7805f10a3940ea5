"""Facebook's insights rows as AdSpendRecords: one day of one campaign or ad set.

Numbers come as text or as JSON numbers; what has no value is left out. `spend` and values are decimals of the account's
currency. There is no flat number of purchases: `actions` and `action_values` list them by type, and types overlap (an
omni_purchase is counted as a purchase and as a pixel's too), so one type is chosen and nothing is ever summed.
"""

import re
from decimal import Decimal

from app.connectors.facebook_ads.paging import list_rows
from app.connectors.money import MICRO_DIGITS, find_digits, read_currency, read_decimal, read_minor, scale
from app.connectors.reading import JsonObject
from app.core.errors import MappingError
from schemas.records import AdSpendRecord

MAPPER_VERSION = 1
# The widest first. Not every account has each.
PURCHASE_TYPES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")

_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_NAME_CHARS_MAX = 500


def map_ad_spend(document: object) -> list[AdSpendRecord | MappingError]:
    """The record of every row of a page, or what is wrong with the row.

    `document`: a page of insights, or one row. Raises MappingError for what is neither, an error's body for example.
    """
    found: list[AdSpendRecord | MappingError] = []
    for row, path in list_rows(document):
        try:
            found.append(_map_row(JsonObject(row, path)))
        except MappingError as error:
            found.append(error)
    return found


def _map_row(row: JsonObject) -> AdSpendRecord:
    if not row:
        raise MappingError(row.path or "$", "is not a row")
    first, last = row.find_day("date_start"), row.find_day("date_stop")
    if first is None:
        raise MappingError(_name(row, "date_start"), "is not a day")
    if last is not None and last != first:
        raise MappingError(_name(row, "date_stop"), "is another day than date_start: ask with time_increment=1")
    currency = read_currency(row.peek("account_currency"), _name(row, "account_currency"))
    group_id = _find_id(row, "adset_id")
    conversions, value = _choose_purchases(row)
    return AdSpendRecord(
        day=first,
        account_id=_get_id(row, "account_id"),
        level="campaign" if group_id is None else "ad_group",
        campaign_id=_get_id(row, "campaign_id"),
        ad_group_id=group_id,
        campaign_name=row.find_text("campaign_name", chars_max=_NAME_CHARS_MAX),
        ad_group_name=row.find_text("adset_name", chars_max=_NAME_CHARS_MAX),
        currency=currency,
        cost_minor=read_minor(row.peek("spend"), currency, _name(row, "spend")) or 0,
        impressions=row.find_integer("impressions") or 0,
        clicks=row.find_integer("clicks") or 0,
        conversions_micros=scale(conversions, MICRO_DIGITS, _name(row, "actions")),
        value_minor=scale(value, find_digits(currency), _name(row, "action_values")),
    )


def _choose_purchases(row: JsonObject) -> tuple[Decimal, Decimal]:
    """How many, and what they were worth: of one type for both where one has both, else of the widest of each."""
    counts, values = _read_types(row, "actions"), _read_types(row, "action_values")
    both = [name for name in PURCHASE_TYPES if name in counts and name in values]
    of_counts = both or [name for name in PURCHASE_TYPES if name in counts]
    of_values = both or [name for name in PURCHASE_TYPES if name in values]
    return (
        counts[of_counts[0]] if of_counts else Decimal(0),
        values[of_values[0]] if of_values else Decimal(0),
    )


def _read_types(row: JsonObject, name: str) -> dict[str, Decimal]:
    """The purchases' values by type. Other types are not looked at."""
    found: dict[str, Decimal] = {}
    for action in row.get_objects(name):
        kind = action.peek("action_type")
        if not isinstance(kind, str) or kind not in PURCHASE_TYPES:
            continue
        if kind in found:
            raise MappingError(f"{action.path}.action_type", "is told twice: ask without action_breakdowns")
        value = read_decimal(action.peek("value"), f"{action.path}.value")
        if value is not None:
            found[kind] = value
    return found


def _get_id(row: JsonObject, name: str) -> str:
    found = _find_id(row, name)
    if found is None:
        raise MappingError(_name(row, name), f"is missing: ask for {name}")
    return found


def _find_id(row: JsonObject, name: str) -> str | None:
    value = row.peek(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = text.removeprefix("act_") if isinstance(text, str) and name == "account_id" else text
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise MappingError(_name(row, name), "is not an id of digits")
    return text


def _name(row: JsonObject, name: str) -> str:
    return f"{row.path}.{name}" if row.path else name
