"""`scripts/screenshots`: a picture of every page of the dashboard, light and dark, wide and on a telephone.

1. a demo stack of its own, in a throw-away folder, or the one that runs on `--data`; 2. something to see (scene.py);
3. each page, signed in as the platform's admin; 4. an index of what was made.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from scripts.browser.addresses import Address, list_addresses
from scripts.browser.chromium import HOW_TO_GET_ONE, find_chromium, open_browser
from scripts.browser.scene import SETTINGS, Remote, set_scene
from scripts.browser.signing import sign_in
from scripts.stack.first_people import ADMIN, read_dashboard_password
from scripts.stack.procfile import ROOT
from scripts.stack.runfile import RunFile, read_run_file
from scripts.stack.stack import Stack, StackOptions

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES = ((1440, 900), (390, 844))
LOCALE = "en-US"
SCALE = 0.02
SETTLE_S = 4.0  # so that live parts have looked once, and the minute's figures have something to tell
PAGE_TIMEOUT_MS = 20_000


class Look(NamedTuple):
    theme: Theme
    width: int
    height: int


LOOKS = [Look(theme, *size) for theme in THEMES for size in SIZES]


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / ".screenshots", metavar="DIR", help="default: .screenshots")
    parser.add_argument("--data", type=Path, metavar="DIR", help="take the demo that runs there, as it is")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="pages whose names begin so")
    parser.add_argument(
        "--language", choices=("en", "es", "pt"), help="else each brand's own; stays the admin's choice"
    )
    return parser.parse_args(arguments)


@asynccontextmanager
async def open_demo(data: Path | None) -> AsyncIterator[tuple[RunFile, Path]]:
    """What runs, and its folder. Raises RuntimeError when nothing runs there."""
    if data is not None:
        run = read_run_file(data)
        if run is None:
            raise RuntimeError(f"nothing runs on {data}: start it with scripts/up --data {data} --detach")
        yield run, data
        return
    with tempfile.TemporaryDirectory(prefix="acequia-screenshots-") as name:
        options = StackOptions(
            Path(name) / "data", has_history=True, scale=SCALE, uses_free_ports=True, settings=SETTINGS
        )
        async with Stack(options, lambda sentence: print(sentence, file=sys.stderr)) as stack:
            run = read_run_file(stack.path)
            assert run is not None, "a started stack has written it"
            await set_scene(run)
            await asyncio.sleep(SETTLE_S)
            yield run, stack.path


class Studio(NamedTuple):
    """What pictures are taken with."""

    browser: "Browser"
    demo: RunFile
    password: str
    language: str | None
    out: Path

    async def open_context(self, look: Look, *, is_signed_in: bool) -> "BrowserContext":
        context = await self.browser.new_context(
            viewport={"width": look.width, "height": look.height}, color_scheme=look.theme, reduced_motion="reduce",
            locale=LOCALE,
        )  # fmt: skip
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        if is_signed_in:
            page = await context.new_page()
            await sign_in(page, self.demo["dashboard_url"], ADMIN.email, self.password)
            if self.language is not None:
                async with page.expect_navigation():
                    await page.locator("header select[name=language]").select_option(self.language)
            await page.close()
        return context

    async def take_all(self, look: Look, addresses: Sequence[Address]) -> list[str]:
        """A picture of each page; a line about each."""
        nobody = await self.open_context(look, is_signed_in=False)
        admin = await self.open_context(look, is_signed_in=True)
        lines = [await self._take(nobody if one.is_public else admin, look, one) for one in addresses]
        await nobody.close()
        await admin.close()
        return lines

    async def _take(self, context: "BrowserContext", look: Look, address: Address) -> str:
        page = await context.new_page()
        answer = await page.goto(self.demo["web_url"] + address.path)
        assert answer is not None, "it is another page than before"
        path = self.out / name_picture(address.name, look)
        await page.screenshot(path=path, full_page=True, animations="disabled")
        wider_px = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        await page.close()
        told = [f"{path.name:<48}", f"{answer.status}", address.path]
        return "  ".join(told + ([f"WIDER THAN THE WINDOW by {wider_px} px"] if wider_px > 0 else []))


def name_picture(page_name: str, look: Look) -> str:
    return f"{page_name}-{look.theme}-{look.width}.png"


def clear(folder: Path) -> None:
    """Takes away pictures of before, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        for path in folder.glob(name_picture("*", look)):
            path.unlink()


async def run(options: argparse.Namespace) -> int:
    program = find_chromium()
    if program is None:
        print(f"acequia: no Chromium on this machine: {HOW_TO_GET_ONE}.", file=sys.stderr)
        return 1
    clear(options.out)
    lines: list[str] = []
    async with AsyncExitStack() as resources:
        demo, folder = await resources.enter_async_context(open_demo(options.data))
        browser = await resources.enter_async_context(open_browser(program))
        addresses = await list_addresses(await Remote.open(demo, resources))
        wanted = [one for one in addresses if not options.only or one.name.startswith(tuple(options.only))]
        studio = Studio(browser, demo, read_dashboard_password(folder), options.language, options.out)
        for look in LOOKS:
            lines += await studio.take_all(look, wanted)
    print("\n".join(sorted(lines)))
    print(f"{len(lines)} pictures of {len(wanted)} pages in {options.out}")
    return 0


def main() -> int:
    try:
        return asyncio.run(run(parse_arguments(sys.argv[1:])))
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, KeyError, OSError) as problem:
        print(f"acequia: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
