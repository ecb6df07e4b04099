"""Pictures of every state of the live pages, light and dark, to be looked at: ``python -m tests.web.screenshots [FOLDER]``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.web import states
from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom

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
    """Walk through all states and write one PNG each into an existing folder."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for scheme in ("light", "dark"):
            for walk in WALKS:
                room = FakeRoom()
                async for name, page in walk(room, opener(browser, scheme)):
                    # A picture shows the state and not the way to it.
                    await states.at_rest(page)
                    await page.screenshot(path=folder / f"{name}-{scheme}.png")
                    sys.stdout.write(f"{name}-{scheme}.png\n")
                await room.stop()
        await browser.close()


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "var/screenshots")
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
