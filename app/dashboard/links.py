"""Addresses of pages by their names."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from app.dashboard.page import PREFIX, Page

_PART = re.compile(r"\{(\w+)(?::\w+)?\}")


class Links:
    """All pages there are, by name."""

    def __init__(self, pages: tuple[Page, ...]) -> None:
        self._pages = {page.name: page for page in pages}

    def find(self, name: str) -> Page | None:
        return self._pages.get(name)

    def make(self, name: str, params: Mapping[str, Any]) -> str:
        """Raises KeyError for a page that there is not, or a part of its path that is not given."""
        page, left = self._pages[name], dict(params)
        is_tenants = page.subject == "tenant"
        path = _PART.sub(lambda match: quote(str(left.pop(match[1])), safe=""), page.path)
        if not is_tenants:
            left.pop("tenant_id", None)
        query = {key: value for key, value in left.items() if value is not None and value != ""}
        return f"{PREFIX}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
