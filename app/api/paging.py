"""What list handlers share."""

from app.api.call import Call
from schemas.api import PageQuery


def find_limit(call: Call, query: PageQuery) -> int:
    """The rows wanted, within API_ROWS_MAX."""
    return min(query.limit, call.office.settings.api_rows_max)
