"""Pictures of every state of the live pages, at six sizes, light and dark, to be looked at: ``python -m tests.web.screenshots [FOLDER]``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.web import states
from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom

SIZES = ((320, 568), (390, 844), (844, 390), (768, 1024), (1280, 800), (1920, 1080))
THUMBNAIL_HEIGHT = 300
SHEET_WIDTH = 1900
Walk = Callable[..., AsyncIterator[tuple[str, Page]]]
WALKS: tuple[Walk, ...] = (
    states.participant_states,
    states.trouble_states,
    states.console_states,
    states.wall_states,
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


async def main(folder: Path) -> None:
    """Walk through all states and write a PNG of each size into an existing folder."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for scheme in ("light", "dark"):
            for walk in WALKS:
                room = FakeRoom()
                async for name, page in walk(room, opener(browser, scheme)):
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
    """A contact sheet of each size and scheme."""
    for scheme in ("light", "dark"):
        for width, height in SIZES:
            of_size = f"{scheme}-{width}x{height}"
            contact_sheet(sorted(folder.glob(f"*-{of_size}.png")), folder / f"sheet-{of_size}.jpg")


def contact_sheet(pictures: list[Path], sheet: Path) -> None:
    """Small copies of pictures of one size beside each other, in the order of their names."""
    with Image.open(pictures[0]) as first:
        ratio = THUMBNAIL_HEIGHT / first.height
        width = round(first.width * ratio)
    across = max(1, SHEET_WIDTH // (width + 8))
    rows = -(-len(pictures) // across)
    whole = Image.new("RGB", (across * (width + 8), rows * (THUMBNAIL_HEIGHT + 8)), "gray")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, across)
        with Image.open(picture) as full:
            small = full.convert("RGB").resize((width, THUMBNAIL_HEIGHT))
        whole.paste(small, (column * (width + 8), row * (THUMBNAIL_HEIGHT + 8)))
    whole.save(sheet)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "var/screenshots")
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
    contact_sheets(target)
