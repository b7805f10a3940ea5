"""Our style and script: all files of a folder joined, sent under an address that holds their hash and kept for ever."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.dashboard.page import PREFIX

FOLDER = Path(__file__).parent / "static"
KEPT = "public, max-age=31536000, immutable"


class Assets(NamedTuple):
    """`*_href`: the addresses that pages name."""

    style: bytes
    script: bytes
    icon: bytes
    style_href: str
    script_href: str
    icon_href: str


def load_assets() -> Assets:
    style = b"\n".join(path.read_bytes() for path in sorted((FOLDER / "css").glob("*.css")))
    script = b"\n".join(path.read_bytes() for path in sorted((FOLDER / "js").glob("*.js")))
    icon = (FOLDER / "icon.svg").read_bytes()
    return Assets(
        style, script, icon,
        _name("acequia", style, "css"), _name("acequia", script, "js"), _name("icon", icon, "svg"),
    )  # fmt: skip


def static_routes(assets: Assets) -> list[Route]:
    return [
        _make_route(assets.style_href, assets.style, "text/css; charset=utf-8"),
        _make_route(assets.script_href, assets.script, "text/javascript; charset=utf-8"),
        _make_route(assets.icon_href, assets.icon, "image/svg+xml"),
    ]


def _name(stem: str, content: bytes, suffix: str) -> str:
    return f"{PREFIX}/static/{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def _make_route(href: str, content: bytes, media_type: str) -> Route:
    async def send(request: Request) -> Response:
        del request
        headers = {"Cache-Control": KEPT, "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=media_type, headers=headers)

    return Route(href, send, methods=["GET"])
