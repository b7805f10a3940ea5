"""What is asked of Google Ads, in GAQL (`queries.gaql`). Field names belong to a version: one unknown fails the query.

Nothing that anybody typed stands in a query: dates come from dates, everything else is written there. Checked against
v25's protos.
"""

import re
from datetime import date
from importlib.resources import files

from schemas.records import SpendLevel

_HEADER = re.compile(r"^-- (?P<name>[a-z_]+): \S.*$", re.MULTILINE)


def _load() -> dict[str, str]:
    text = files("app.connectors.google_ads").joinpath("queries.gaql").read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    return {name: " ".join(query.split()) for name, query in zip(parts[::2], parts[1::2], strict=True)}


_QUERIES = _load()
CUSTOMER, CHILDREN = _QUERIES["customer"], _QUERIES["children"]


def ask_spend(level: SpendLevel, first: date, last: date) -> str:
    """The query for every campaign or ad group with figures on the days from `first` to `last`: the account's own."""
    return _QUERIES[level].format(first=first.isoformat(), last=last.isoformat())
