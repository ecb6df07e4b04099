"""Every state of the site's pages, by name, one after the other: built ones, and what the server itself says of sessions.

The pages are a real server's, on a folder with stories in which one has been withdrawn. So are the lists of the console.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Locator, Page, expect

from engine.domain.instant import HOUR
from publisher.site.list_pages import SEARCH_FROM
from publisher.site.search import update_index
from tests.journey.server import KEY, asked
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.web.conftest import Opener, serving

__all__ = ["site_states"]

STUDIO = 'name = "Breath Room"\ntime_zone = "Europe/Berlin"\n'
TITLES = ("Evening Relaxation", "Morning Calm", "Lunch Break", "Slow Friday")
#: Pages that need nothing but their path; of some the form below their first view too.
PLAIN = {
    "home": "",
    "sessions": "sessions/",
    "month": "sessions/2024/03/",
    "techniques": "techniques/",
    "technique-in-rounds": "techniques/wim-hof/",
    "subscribe": "subscribe/",
    "privacy": "privacy/",
    "heart-rate": "heart-rate/",
    "session-before": "sessions/evening/",
    "session-nobody-came": "sessions/empty/",
    "session-withdrawn": "sessions/s-1/",
    "session-cancelled": "sessions/cancelled/",
    "series": "series/thursday/",
    "not-found": "sessions/nowhere/",
}
FORMS = ("session-before", "series", "subscribe")


async def site_states(open_page: Opener, **look: Any) -> AsyncIterator[tuple[str, Page]]:
    """Home page, lists, a story with its replay, techniques, search, sessions without a story; last the console's lists."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _publish_stories(data)
        async with serving(data, None) as server, aiohttp.ClientSession() as http:
            await _schedule(server.url, http)
            page = await open_page(server.url, **look)
            for name, path in PLAIN.items():
                await page.goto(f"{server.url}/{path}")
                yield f"site-{name}", page
                if name in FORMS:
                    await _at_the_top(page.locator("main form"))
                    yield f"site-{name}-form", page
            async for state in _coming_states(f"{server.url}/sessions/join/evening", open_page, **look):
                yield state
            async for state in _story_states(f"{server.url}/sessions/s-0/", page):
                yield state
            await page.goto(f"{server.url}/techniques/box-breathing/")
            yield "site-technique-1-ready", page
            await page.get_by_role("button", name="Begin").click()
            await expect(page.locator(".player-word")).to_contain_text("Breathe in")
            yield "site-technique-2-breathing", page
            await page.goto(f"{server.url}/search/")
            await page.get_by_role("searchbox").fill("calm")
            await expect(page.locator("[data-found] li").first).to_be_visible()
            yield "site-search", page
            await page.close()
            async for state in _staff_states(f"{server.url}/console", open_page, **look):
                yield state


async def _coming_states(address: str, open_page: Opener, **look: Any) -> AsyncIterator[tuple[str, Page]]:
    """The join page days before the start: the form, and one's place."""
    page = await open_page(address, **look)
    await expect(page.locator("#coming form")).to_be_visible()
    yield "join-days-before-1-form", page
    await page.get_by_role("button", name="I come").click()
    await expect(page.get_by_role("heading", name="You come", exact=True)).to_be_visible()
    yield "join-days-before-2-place", page
    await page.close()


async def _story_states(address: str, page: Page) -> AsyncIterator[tuple[str, Page]]:
    """A story from its head to its foot, with the replay in the middle of it."""
    await page.goto(address)
    yield "site-story-1-head", page
    await page.get_by_role("button", name="Go to Box Breathing").click()
    await page.get_by_role("button", name="Pause").click()
    await _at_the_top(page.locator(".player"))
    yield "site-story-2-replay", page
    await _at_the_top(page.locator(".heart"))
    yield "site-story-3-heart", page
    await page.locator(".colophon").scroll_into_view_if_needed()
    yield "site-story-4-foot", page


async def _staff_states(address: str, open_page: Opener, **look: Any) -> AsyncIterator[tuple[str, Page]]:
    """What the console has beside sessions: who comes, techniques of one's own, keys and webhooks."""
    page = await open_page(address, **look)
    await page.get_by_label("Key or session link").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Who comes").first.click()
    await expect(
        page.get_by_role("dialog").get_by_role("heading", name="Write to those who come")
    ).to_be_visible()
    yield "staff-1-who-comes", page
    await page.get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="Techniques").click()
    await expect(page.get_by_role("heading", name="Techniques", exact=True)).to_be_visible()
    yield "staff-2-techniques", page
    await page.get_by_role("button", name="Sessions").click()
    await page.get_by_role("button", name="Team and programs").click()
    await expect(page.get_by_role("heading", name="Other programs")).to_be_visible()
    yield "staff-3-team", page
    await page.close()


async def _at_the_top(part: Locator) -> None:
    await part.evaluate("(part) => part.scrollIntoView()")


def _publish_stories(data: Path) -> None:
    """As many as have a search, of four classes; the second newest withdrawn."""
    data.mkdir(parents=True)
    (data / "studio.toml").write_text(STUDIO, encoding="utf-8")
    publisher = Publisher(data)
    for number in range(SEARCH_FROM + 1):
        story = snapshot(
            f"s-{number}",
            title=TITLES[number % len(TITLES)],
            session_date=NOW - (2 + 20 * number) * HOUR,
            approved=True,
        )
        publisher.outbox.enqueue(story, ["web"], NOW)
    publisher.work()
    publisher.catalogue.withdraw("s-1", NOW)
    publisher.work()
    update_index(data / "public", publisher.catalogue)
    publisher.close()


async def _schedule(url: str, http: aiohttp.ClientSession) -> None:
    """A session to come, one to which nobody came, one that was cancelled, and a weekly class."""
    start = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    plan = [{"technique": "Box Breathing", "duration": 300}, {"technique": "Resonance", "duration": 600}]
    for session_id in ("evening", "empty", "cancelled"):
        body = {
            "session_id": session_id,
            "title": "Evening Calm",
            "instructor": "Sarah Chen",
            "description": "Come as you are. A mat helps, a chair will do.",
            "scheduled_start": start.isoformat(),
            "techniques": plan,
            "max_participants": 12,
        }
        await asked(http, "POST", f"{url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{url}/api/v2/sessions/empty/start")
    await asked(http, "POST", f"{url}/api/v2/sessions/empty/end")
    await asked(http, "POST", f"{url}/api/v2/sessions/cancelled/cancel")
    series = {
        "series_id": "thursday",
        "title": "Thursday Evening",
        "instructor": "Sarah Chen",
        "starts": f"{start:%Y-%m-%d}T18:30",
        "timezone": "Europe/Berlin",
        "rule": "FREQ=WEEKLY",
        "duration_minutes": 30,
        "techniques": plan,
    }
    await asked(http, "POST", f"{url}/api/v2/series", 201, series)
