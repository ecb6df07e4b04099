"""Before the start: a screen that stays awake, one local time everywhere, and copies that keep the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from playwright.async_api import Page, expect

from engine.domain.instant import HOUR, MINUTE, iso
from tests.journey.server import Server, asked
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom, now
from tests.web.test_hours import FAKE_WAKE_LOCK, locks_held

DAYLIGHT = [
    ("Europe/Berlin", "2030-03-24T18:00"),  # a week over the change to summer time
    ("Europe/Berlin", "2030-03-24T02:30"),  # an hour that does not exist
    ("Europe/Berlin", "2030-10-20T18:00"),
    ("Europe/Berlin", "2030-10-20T02:30"),  # an hour that comes twice
    ("Europe/Berlin", "2030-06-01T07:00"),
    ("America/New_York", "2030-03-03T02:30"),
    ("America/New_York", "2030-10-27T23:59"),
    ("Australia/Lord_Howe", "2030-09-29T02:10"),  # half an hour forward
    ("Pacific/Auckland", "2030-09-22T02:00"),
    ("Asia/Kathmandu", "2030-03-24T18:15"),
    ("America/Santiago", "2030-09-01T00:10"),
]


async def waiting(room: FakeRoom, open_page: Opener, until_start: int) -> Page:
    """Somebody in the waiting room of a session that begins in so many ms, on a phone whose locks are counted."""
    room.state["scheduled_start"] = iso(now() + until_start)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=FAKE_WAKE_LOCK)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".waiting-count")).to_be_visible()
    return page


async def test_the_waiting_room_keeps_the_screen_awake_until_it_is_left(
    room: FakeRoom, open_page: Opener
) -> None:
    """The start is not missed by a phone that sleeps; afterwards the practice holds the only lock, and the end none."""
    page = await waiting(room, open_page, 10 * MINUTE)
    await locks_held(page, 1)
    await room.change("Box Breathing", BOX)
    await expect(page.locator(".pacer")).to_be_visible()
    await locks_held(page, 1)
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("button", name="Leave").click()
    await locks_held(page, 0)


@pytest.mark.parametrize("until_start", [3 * HOUR, -2 * HOUR])
async def test_far_from_the_start_the_screen_may_sleep(
    room: FakeRoom, open_page: Opener, until_start: int
) -> None:
    """Hours before, and when nobody began hours after, no battery is emptied."""
    page = await waiting(room, open_page, until_start)
    await expect(page.get_by_text("Your connection works.")).to_be_visible()
    assert await page.evaluate("window.locks.given") == 0


async def test_the_page_of_a_session_says_one_local_time_with_its_zone(
    server: Server, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """Start and opening in the reader's own zone, which is named with each of them; no other time on the page."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
    body = {
        "session_id": "dawn",
        "title": "Dawn",
        "instructor": "Test instructor",
        "scheduled_start": start.isoformat(),
    }
    await asked(http, "POST", f"{server.url}/api/v2/sessions/create", 201, body)
    for zone in ("Europe/Berlin", "Asia/Kolkata", "UTC"):
        page = await open_page(f"{server.url}/sessions/dawn/", timezone_id=zone)
        here = start.astimezone(ZoneInfo(zone))
        opens = here - timedelta(minutes=15)
        named = await page.evaluate(
            "(at) => new Intl.DateTimeFormat('en-GB', {timeZoneName: 'short'}).formatToParts(at)"
            ".find((part) => part.type === 'timeZoneName').value",
            millis(start),
        )
        day = f"{here:%A}, {here.day} {here:%B %Y}"
        before = "" if opens.date() == here.date() else f"{opens:%A}, {opens.day} {opens:%B %Y} at "
        main = page.locator("main")
        await expect(main).to_contain_text(f"Starts {day} at {here:%H:%M} {named}")
        await expect(main).to_contain_text(f"The waiting room opens at {before}{opens:%H:%M} {named}.")
        await expect(main).not_to_contain_text("for you")
        assert await page.locator("nav nav, nav main").count() == 0


async def test_next_week_is_the_same_time_by_the_clock(room: FakeRoom, open_page: Opener) -> None:
    """In every zone: skipped hours move forward by the gap and are said; of two that read the same, the first."""
    page = await open_page(f"{await room.start()}/console")
    script = """async (cases) => {
      const { loadStrings } = await import('/static/live/i18n.js');
      const { nextWeek, nextWeekNote } = await import('/static/live/console/wall-clock.js');
      await loadStrings('console');
      return cases.map(([start, zone]) => [nextWeek(start, zone), nextWeekNote(start, zone)]);
    }"""
    starts = [datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)) for zone, wall in DAYLIGHT]
    given = [[millis(start), zone] for (zone, _), start in zip(DAYLIGHT, starts, strict=True)]
    for (zone, wall), start, (found, note) in zip(
        DAYLIGHT, starts, await page.evaluate(script, given), strict=True
    ):
        # Without a fold, Python takes the first of two and moves a skipped time forward, as the rule is.
        wanted = start + timedelta(days=7)
        assert found == millis(wanted), (zone, wall)
        real = datetime.fromtimestamp(found / 1000, ZoneInfo(zone))
        skipped = f"skip {wanted:%H:%M}. It begins at {real:%H:%M}."
        assert note.endswith(skipped) if f"{real:%H:%M}" != f"{wanted:%H:%M}" else note == "", (zone, wall)


def millis(moment: datetime) -> int:
    """An instant as browsers count it."""
    return int(moment.timestamp() * 1000)


def answering(data: Any) -> Callable[[Any], tuple[int, Any]]:
    """An endpoint that always has the same answer."""
    return lambda _: (200, data)


async def list_of(room: FakeRoom, open_page: Opener, start: str, zone: str) -> Page:
    """The console's list with one session, on a device in a zone."""
    session = {
        **room.state,
        "session_id": "morning",
        "phase": "ended",
        "scheduled_start": start,
        "techniques": [],
    }
    room.api[("GET", "sessions?limit=1")] = answering({"sessions": []})
    for phases in ("scheduled,waiting,live,ending", "ended,published,cancelled"):
        found = [session] if "ended" in phases else []
        answer = answering({"sessions": found})
        for spelled in (phases, phases.replace(",", "%2C")):
            room.api[("GET", f"sessions?phase={spelled}&limit=500")] = answer
    page = await open_page(f"{await room.start()}/console", timezone_id=zone)
    await page.get_by_label("Key or session link").fill("right")
    await page.get_by_role("button", name="Sign in").click()
    return page


@pytest.mark.parametrize(
    ("studio", "device", "start", "shown"),
    [
        # A studio that stated no zone: that of the device.
        ("UTC", "Europe/Berlin", "2030-03-24T17:00:00Z", "2030-03-31T18:00"),
        ("Europe/Berlin", "Europe/Berlin", "2030-10-20T16:00:00Z", "2030-10-27T18:00"),
        # Led from elsewhere: the studio's clock stands, the device's does not.
        ("Europe/Berlin", "Asia/Tokyo", "2030-03-24T17:00:00Z", "2030-04-01T01:00"),
    ],
)
async def test_a_copy_keeps_the_clock_of_the_studio(
    room: FakeRoom, open_page: Opener, studio: str, device: str, start: str, shown: str
) -> None:
    """Over a change of clocks, and from a device in another zone."""
    room.zone = studio
    page = await list_of(room, open_page, start, device)
    await page.get_by_role("button", name="Copy to next week").click()
    await expect(page.get_by_label("Begins at (your local time)")).to_have_value(shown)
    await expect(page.get_by_text("The clocks go forward")).to_have_count(0)


async def test_an_hour_that_does_not_exist_is_said(room: FakeRoom, open_page: Opener) -> None:
    """Copied or typed: what the clocks skip, and when it begins instead."""
    room.zone = "Europe/Berlin"
    page = await list_of(room, open_page, "2030-03-24T01:30:00Z", "Europe/Berlin")
    await page.get_by_role("button", name="Copy to next week").click()
    field = page.get_by_label("Begins at (your local time)")
    said = page.get_by_text("The clocks go forward that day and skip 02:30. It begins at 03:30.")
    await expect(field).to_have_value("2030-03-31T03:30")
    await expect(said).to_be_visible()
    await field.fill("2030-03-31T04:00")
    await expect(said).to_have_count(0)
    await field.fill("2030-03-31T02:30")
    await expect(said).to_be_visible()
