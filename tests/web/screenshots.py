"""Pictures of every state of the live pages and of the site, at six sizes, light and dark: ``python -m tests.web.screenshots [FOLDER] [--of STATE]``.

They are to be looked at, on their own or on the contact sheets beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.web import states
from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom
from tests.web.site_states import site_states

SIZES = ((320, 568), (390, 844), (844, 390), (768, 1024), (1280, 800), (1920, 1080))
THUMBNAIL_HEIGHTS = {"upright": 480, "wide": 300}
SHEET_WIDTH = 1900
Walk = Callable[..., AsyncIterator[tuple[str, Page]]]


def on_the_site(_: FakeRoom, open_page: Opener, **look: Any) -> AsyncIterator[tuple[str, Page]]:
    """The walk through the site, whose server is a real one."""
    return site_states(open_page, **look)


WALKS: tuple[Walk, ...] = (
    states.participant_states,
    states.trouble_states,
    states.console_states,
    states.wall_states,
    on_the_site,
)


def opener(browser: Browser, scheme: Literal["light", "dark"]) -> Opener:
    """Pages as tests open them, in one colour scheme."""

    async def open_(url: str, *, phone: bool = True, script: str | None = None, **options: Any) -> Page:
        size: ViewportSize = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 720}
        options = {"locale": "en-GB", "color_scheme": scheme, "has_touch": phone, **options}
        context = await browser.new_context(viewport=size, **options)
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        await page.goto(url)
        return page

    return open_


async def take(folder: Path, wanted: str = "") -> None:
    """Walk through all states; write a PNG of each size, of those with ``wanted`` in their names, into an existing folder."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for scheme in ("light", "dark"):
            for walk in WALKS:
                room = FakeRoom()
                async for name, page in walk(room, opener(browser, scheme)):
                    if wanted not in name:
                        continue
                    before = page.viewport_size
                    assert before is not None
                    # A picture shows the state and not the way to it.
                    await states.at_rest(page)
                    for width, height in SIZES:
                        await page.set_viewport_size({"width": width, "height": height})
                        picture = folder / f"{name}-{scheme}-{width}x{height}.png"
                        await page.screenshot(path=picture)
                        sys.stdout.write(f"{picture.name}\n")
                    await page.set_viewport_size(before)
                await room.stop()
        await browser.close()


def contact_sheets(folder: Path) -> None:
    """A contact sheet of each size, scheme and walk (the first part of the names), of what there is in a folder."""
    for scheme in ("light", "dark"):
        for width, height in SIZES:
            of_size = f"{scheme}-{width}x{height}"
            pictures = sorted(folder.glob(f"*-{of_size}.png"))
            for walk, of_walk in groupby(pictures, key=lambda picture: picture.name.partition("-")[0]):
                contact_sheet(list(of_walk), folder / f"sheet-{walk}-{of_size}.jpg")


def contact_sheet(pictures: list[Path], sheet: Path) -> None:
    """Small copies of pictures of one size beside each other, in the order of their names."""
    with Image.open(pictures[0]) as first:
        height = THUMBNAIL_HEIGHTS["wide" if first.width > first.height else "upright"]
        width = round(first.width * height / first.height)
    across = max(1, SHEET_WIDTH // (width + 8))
    rows = -(-len(pictures) // across)
    whole = Image.new("RGB", (across * (width + 8), rows * (height + 8)), "gray")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, across)
        with Image.open(picture) as full:
            small = full.convert("RGB").resize((width, height))
        whole.paste(small, (column * (width + 8), row * (height + 8)))
    whole.save(sheet)


def main() -> int:
    """Take the pictures; 1 where no state has the name that was asked for."""
    asked = argparse.ArgumentParser(
        description="Take pictures of every state of the live pages and of the site."
    )
    asked.add_argument(
        "folder", type=Path, nargs="?", default=Path("var/screenshots"), help="default: %(default)s"
    )
    asked.add_argument(
        "--of", default="", metavar="STATE", help="only of states with this in their names, as 'console'"
    )
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(given.folder, given.of))
    contact_sheets(given.folder)
    if not any(given.of in picture.name for picture in given.folder.glob("*.png")):
        sys.stderr.write(f"No state has {given.of!r} in its name.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
