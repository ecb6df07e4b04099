"""The pictures of the documents, taken anew: ``python -m tests.docs.pictures [FOLDER]``, into ``docs/images`` unless told otherwise."""

from __future__ import annotations

import asyncio
import io
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from engine.domain.snapshot import GroupPoint
from tests.browsers import CHROMIUM, FLAGS
from tests.publisher.samples import NOW, snapshot
from tests.publisher.site.test_in_browser import served
from tests.publisher.studio_data import Publisher
from tests.web import states
from tests.web.fake_room import FakeRoom
from tests.web.screenshots import Walk, opener

__all__ = ["IMAGES", "MOST_BYTES", "NAMES"]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 60 * 1024
"""Of one picture: the documents are read on phones too."""
PHONE = (390, 844)
DESK = (1280, 800)
_QUALITY = 80

_OF_A_WALK: Mapping[Walk, Mapping[str, tuple[str, tuple[int, int]]]] = {
    states.participant_states: {
        "join-1-entry": ("join", PHONE),
        "join-4-in": ("practice", PHONE),
        "join-7-strap": ("strap", PHONE),
    },
    states.console_states: {
        "console-3-sessions": ("sessions", DESK),
        "console-4-schedule-series": ("schedule-series", DESK),
        "console-7-live": ("console", DESK),
        "console-9-desk": ("desk", DESK),
    },
    states.wall_states: {"wall-2-live": ("wall", DESK)},
}
"""Of each walk: the states that are shown, the name and the size of their pictures."""
NAMES = frozenset(name for shown in _OF_A_WALK.values() for name, _ in shown.values()) | {"story"}


async def main(folder: Path) -> None:
    """Write each picture as WebP into an existing folder."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for walk, shown in _OF_A_WALK.items():
            await _take_of_a_walk(browser, walk, shown, folder)
        await _take_of_a_story(browser, folder)
        await browser.close()


async def _take_of_a_walk(
    browser: Browser, walk: Walk, shown: Mapping[str, tuple[str, tuple[int, int]]], folder: Path
) -> None:
    """Walk until the last state that is shown."""
    room, missing = FakeRoom(), set(shown)
    room.state["instructor"] = "Sarah Chen"
    async for state, page in walk(room, opener(browser, "light")):
        if state in shown:
            name, size = shown[state]
            before = page.viewport_size
            assert before is not None
            await states.at_rest(page)
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await _take(page, folder / f"{name}.webp")
            await page.set_viewport_size(before)
            missing.remove(state)
        if not missing:
            break
    await room.stop()


async def _take_of_a_story(browser: Browser, folder: Path) -> None:
    """Publish a session and take its page."""
    curves = tuple(
        GroupPoint(
            t_s=10.0 * i,
            participants=12,
            measured=8,
            hrv_improvement=9 * (1 - math.exp(-i / 50)) + math.sin(i / 5) if i > 12 else None,
            synchrony=0.4 + 0.4 * (1 - math.exp(-i / 40)) + 0.05 * math.sin(i / 7),
        )
        for i in range(120)
    )
    with tempfile.TemporaryDirectory() as data:
        publisher = Publisher(Path(data))
        publisher.outbox.enqueue(snapshot("evening", approved=True, curves=curves), ["web"], NOW)
        publisher.work()
        publisher.close()
        with served(Path(data) / "public") as address:
            page = await opener(browser, "light")(f"{address}sessions/evening/", phone=False)
            await page.set_viewport_size({"width": DESK[0], "height": 1100})
            await _take(page, folder / "story.webp")


async def _take(page: Page, file: Path) -> None:
    _store(await page.screenshot(), file)


def _store(png: bytes, file: Path) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(file, quality=_QUALITY, method=6)
    sys.stdout.write(f"{file.name} {file.stat().st_size} bytes\n")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
