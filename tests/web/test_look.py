"""A studio's own accent, logo and photo in a real browser: on the site, at the door of a session, in light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from engine.app import RunningServer
from tests.journey.server import asked
from tests.publisher.rendering.test_look import picture
from tests.web.conftest import Opener, serving
from tests.web.test_accessibility import findings
from tests.web.test_team import first_site

LOOK = """\
name = "Breath Room"
accent = "#7A3E9D"
logo = "logo.png"
[[instructors]]
name = "Mara"
photo = "mara.jpg"
"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LIGHT_ACCENT = "rgb(122, 62, 157)"


@pytest_asyncio.fixture(loop_scope="session")
async def studio(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[RunningServer]:
    """A server whose studio has a look of its own, with one session that is open."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "studio.toml").write_text(LOOK, encoding="utf-8")
    (data / "logo.png").write_bytes(picture(400, 100, "#D81E5B"))
    (data / "mara.jpg").write_bytes(picture(500, 500, "#3366AA", "JPEG"))
    body = {
        "session_id": "evening",
        "title": "Evening",
        "instructor": "Mara",
        "scheduled_start": datetime.now(UTC).isoformat(),
    }
    async with serving(data, None, own_address=True) as running:
        await asked(http, "POST", f"{running.url}/api/v2/sessions/create", 201, body)
        await first_site(running.url, http)
        yield running


async def shown(page: Page, selector: str) -> bool:
    """Whether a picture has come and is seen."""
    await expect(page.locator(selector)).to_be_visible()
    natural: int = await page.locator(selector).evaluate(
        "image => image.decode().then(() => image.naturalWidth)"
    )
    return natural > 0


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_site_and_the_door_are_in_the_studios_colours(
    studio: RunningServer, open_page: Opener, scheme: Literal["light", "dark"]
) -> None:
    """Logo and photo have come, links and buttons have the accent or its light tone, and axe finds nothing serious."""
    colours = set()
    for path in ("/subscribe/", "/sessions/evening/"):
        page = await open_page(f"{studio.url}{path}", color_scheme=scheme)
        assert await shown(page, ".brand img.logo")
        button = page.locator("main :is(button, .button)").first
        await expect(button).to_be_visible()
        assert await findings(page) == []
        colours.add(await button.evaluate("button => getComputedStyle(button).backgroundColor"))
    door = await open_page(f"{studio.url}/sessions/join/evening", color_scheme=scheme)
    join = door.locator("button.primary")
    await expect(join).to_be_visible()
    assert await shown(door, "img.logo")
    assert await shown(door, ".still-orb img")
    colours.add(await join.evaluate("button => getComputedStyle(button).backgroundColor"))
    assert await findings(door) == []
    assert len(colours) == 1
    assert (colours == {LIGHT_ACCENT}) is (scheme == "light")


async def test_the_practice_screen_has_the_colours_and_no_logo(
    studio: RunningServer, open_page: Opener
) -> None:
    """Nothing but the circle, the word, the time and the way out; the circle is in the dark tone of the accent."""
    page = await open_page(f"{studio.url}/sessions/join/evening")
    before = await page.evaluate("getComputedStyle(document.body).getPropertyValue('--orb')")
    assert before.strip() not in ("", "#2f8f86", "#58b9ac")
    await page.evaluate("document.body.dataset.screen = 'practice'")
    await expect(page.locator("img.logo")).to_be_hidden()
    await page.evaluate("document.body.dataset.tone = 'dark'")
    after = await page.evaluate("getComputedStyle(document.body).getPropertyValue('--orb')")
    assert after.strip() not in (before.strip(), "#58b9ac")
