"""From a view to HTML: templates with the texts, formats and links of one visit. Everything is escaped."""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.dashboard import charts, navigation, statics
from app.dashboard.formats import Formats
from app.dashboard.notices import Notice
from app.dashboard.page import View
from app.dashboard.texts import Texts
from app.dashboard.viewer import LANGUAGES, THEMES
from app.dashboard.visit import Visit

TEMPLATES = Path(__file__).parent / "templates"


class Renderer:
    """One per process; a missing text or name is an error, never an empty place."""

    def __init__(self, texts: Texts, assets: statics.Assets) -> None:
        self.texts = texts
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            assets=assets, draw_lines=charts.draw_lines, draw_bars=charts.draw_bars, Series=charts.Series,
            LANGUAGES=LANGUAGES, THEMES=THEMES,
        )  # fmt: skip

    def render(self, visit: Visit, view: View, notice: Notice | None = None) -> str:
        """Raises jinja2's errors and KeyError for a text that there is not."""
        formats = Formats(visit.viewer, visit.now)
        told = notice if notice is not None and self.texts.has(notice.key) else None
        names: dict[str, Any] = {
            "visit": visit, "viewer": visit.viewer, "may": visit.may, "link": visit.link,
            "has_page": visit.has_page, "t": partial(self.texts.get, visit.viewer.locale),
            "has_text": self.texts.has, "notice": told, "problem": visit.problem,
            "platform_items": navigation.list_platform_items(visit),
            "tenant_items": navigation.list_tenant_items(visit),
            **{name: getattr(formats, name) for name in (
                "num", "compact", "size", "percent", "money", "duration", "moment", "day", "ago", "when",
            )},
        }  # fmt: skip
        return self._environment.get_template(view.template).render({**names, **view.data})

    def list_templates(self) -> list[str]:
        return self._environment.list_templates()
