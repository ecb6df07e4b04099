"""Changing a session, and a series from its making to its end, in the console against a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from playwright.async_api import expect

from engine.app import RunningServer
from engine.domain.instant import HOUR, MINUTE, iso
from tests.journey.server import asked
from tests.web.conftest import Opener, signed_in, type_number
from tests.web.fake_room import FakeRoom, now


async def test_a_mistake_is_mended_while_people_wait(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Who waits sees it without a reload, with the sum of the plan; who leads the live session changes it from the room."""
    body = {
        "session_id": "morning",
        "title": "Mornig Calm",
        "instructor": "Mara",
        "scheduled_start": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
        "techniques": [{"technique": "Box Breathing", "duration": 240}],
    }
    await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    waiting = await open_page(f"{unpublished.url}/sessions/join/morning")
    await waiting.get_by_label("Your name, if you like").fill("Ada")
    await waiting.get_by_role("button", name="Join").click()
    await expect(waiting.get_by_text("4 minutes").first).to_be_visible()

    console = await signed_in(open_page, unpublished.url)
    card = console.get_by_role("article").filter(has_text="Mornig Calm")
    await card.get_by_role("button", name="Change", exact=True).click()
    dialog = console.get_by_role("dialog")
    await dialog.get_by_label("Title").fill("Morning Calm")
    await dialog.get_by_role("button", name="Add a technique").click()
    await dialog.get_by_label("Technique", exact=True).nth(1).fill("Resonance")
    await type_number(dialog.get_by_label("Minutes", exact=True).nth(1), "8")
    await expect(dialog.get_by_text("12 minutes")).to_be_visible()
    await dialog.get_by_text("More choices").click()
    await dialog.get_by_label("What it is about").fill("Come as you are.")
    await dialog.get_by_label("What kind of session it is").select_option("Workshop")
    await dialog.get_by_label("Everybody may write in the chat from the start").uncheck()
    await dialog.get_by_role("button", name="Save").click()
    await expect(console.get_by_role("article").filter(has_text="Morning Calm")).to_contain_text("12 minutes")
    changed = await asked(http, "GET", f"{unpublished.url}/api/v2/sessions/morning")
    assert (changed["session_type"], changed["chat"]) == ("workshop", False)
    await expect(waiting.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(waiting.get_by_text("Come as you are.")).to_be_visible()
    await expect(waiting.get_by_text("12 minutes")).to_be_visible()

    await console.get_by_role("article").get_by_role("button", name="Open the room").click()
    await console.get_by_role("button", name="Start the session").click()
    await expect(console.get_by_role("button", name="End", exact=False).last).to_be_visible()
    await console.get_by_role("button", name="Change", exact=True).click()
    for fixed in (
        "Begins at (your local time)",
        "What kind of session it is",
        "Everybody may write in the chat from the start",
    ):
        await expect(dialog.get_by_label(fixed)).to_be_hidden()
    await dialog.get_by_label("Title").fill("Morning Quiet")
    await dialog.get_by_role("button", name="Save").click()
    await expect(console.get_by_role("heading", name="Morning Quiet")).to_be_visible()


async def test_a_weekly_class_is_made_changed_and_ended(
    unpublished: RunningServer, open_page: Opener
) -> None:
    """One date by itself, then all that follow; the join link stays; one is cancelled; with the end nothing is to come."""
    console = await signed_in(open_page, unpublished.url, phone=False, timezone_id="Europe/Berlin")
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Evening breath")
    await console.get_by_label("Led by").fill("Mara")
    await console.get_by_label("Begins at (your local time)").fill("2030-03-21T18:30")
    await console.get_by_label("How often").select_option("Every week")
    await console.get_by_label("Until when").select_option("A number of times")
    await type_number(console.get_by_label("How many times"), "3")
    await expect(console.get_by_text("stays the same in Europe/Berlin")).to_be_visible()
    await console.get_by_role("button", name="Set it up").click()

    await expect(console.get_by_role("heading", name="Evening breath")).to_be_visible()
    await expect(console.get_by_text("Every week, 18:30 (Europe/Berlin)")).to_be_visible()
    dates = console.locator("[data-session]")
    # Over the end of winter time: the time of day is the same, the zone is another.
    await expect(dates).to_have_count(3)
    await expect(dates.nth(0)).to_contain_text("21 March")
    await expect(dates.nth(0)).to_contain_text("18:30 CET")
    await expect(dates.nth(2)).to_contain_text("18:30 CEST")
    await expect(dates.nth(1)).to_contain_text("not made yet")
    join = await console.get_by_label("To the session that is open or next").input_value()
    assert join.startswith(f"{unpublished.url}/series/evening-breath-")

    await dates.nth(0).get_by_role("button", name="Change").click()
    dialog = console.get_by_role("dialog")
    await dialog.get_by_label("This and all that follow").check()
    await dialog.get_by_label("Begins at (your local time)").fill("2030-03-21T20:00")
    await dialog.get_by_label("Title").fill("Night breath")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dates.nth(2)).to_contain_text("20:00 CEST")
    await expect(console.get_by_role("heading", name="Night breath")).to_be_visible()

    await console.get_by_role("button", name="Change the series").click()
    await type_number(dialog.get_by_label("How many times"), "2")
    await dialog.get_by_label("Thu", exact=True).check()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dates).to_have_count(2)

    await console.get_by_role("button", name="All sessions").click()
    await expect(console.get_by_role("article").filter(has_text="Every week · Thu, 20:00")).to_be_visible()
    card = console.get_by_role("article").filter(has_text="21 March")
    await card.get_by_role("button", name="Share").click()
    await expect(dialog.get_by_label("Words to paste into a chat")).to_have_value(
        "Night breath\nThursday 21 March, 20:00 CET · with Mara\n"
        + await dialog.get_by_label("Link for everybody who joins").input_value()
    )
    await dialog.get_by_role("button", name="Close").click()
    await console.get_by_role("button", name="Dates and changes").click()
    await dates.nth(0).get_by_role("button", name="Cancel Thursday").click()
    await dates.nth(0).get_by_role("button", name="Cancel this session").click()
    await expect(dates.nth(0)).to_contain_text("cancelled")
    await expect(dates.nth(0).get_by_role("button")).to_have_count(0)
    # Years ahead: made for it.
    await expect(dates.nth(1)).to_contain_text("28 March")
    await dates.nth(1).get_by_role("button", name="Cancel Thursday").click()
    await dates.nth(1).get_by_role("button", name="Cancel this session").click()
    await expect(dates.nth(1)).to_contain_text("cancelled")
    await console.get_by_role("button", name="End the series").click()
    await console.get_by_role("button", name="Yes, end it").click()
    await expect(console.get_by_text("This series has ended.")).to_be_visible()
    await expect(console.get_by_text("No date is to come.")).to_be_visible()


async def test_a_date_and_all_that_follow_are_changed(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """What is before it stays as it is; the date itself changes, though it was changed by itself before."""
    first = datetime.now(UTC).date() + timedelta(days=2)
    body = {
        "series_id": "evenings",
        "title": "Evening breath",
        "instructor": "Mara",
        "timezone": "UTC",
        "starts": f"{first}T18:30",
        "rule": "FREQ=DAILY;COUNT=3",
        "duration_minutes": 30,
    }
    made = await asked(http, "POST", f"{unpublished.url}/api/v2/series", 201, body)
    second = f"{unpublished.url}/api/v2/sessions/{made['sessions'][1]['session_id']}"
    await asked(http, "PATCH", second, 200, {"title": "Guest evening"})
    console = await signed_in(open_page, unpublished.url, timezone_id="UTC")
    await console.get_by_role("button", name="Dates and changes").click()
    dates, dialog = console.locator("[data-session]"), console.get_by_role("dialog")
    await dates.nth(1).get_by_role("button", name="Change").click()
    await dialog.get_by_label("This and all that follow").check()
    await expect(dialog.get_by_text("The dates before it then stay as they are")).to_be_visible()
    await dialog.get_by_label("Title").fill("Night breath")
    await dialog.get_by_label("Begins at (your local time)").fill(f"{first + timedelta(days=1)}T20:00")
    await dialog.get_by_role("button", name="Save").click()
    for number, time in enumerate(("18:30", "20:00", "20:00")):
        await expect(dates.nth(number)).to_contain_text(time)
    shown = [
        await asked(http, "GET", f"{unpublished.url}/api/v2/sessions/{each['session_id']}")
        for each in made["sessions"]
    ]
    assert [each["title"] for each in shown] == ["Evening breath", "Night breath", "Night breath"]


async def test_a_date_and_all_that_follow_move_to_another_day(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """What is before it stays on its day, and no date is lost; a series of every day has no other day."""
    first = datetime.now(UTC).date() + timedelta(days=2)
    for series_id, rule in (
        ("weekly", f"FREQ=WEEKLY;COUNT=3;BYDAY={first:%a}".upper()[:-1]),
        ("daily", "FREQ=DAILY;COUNT=25"),
        ("four-weekly", "FREQ=WEEKLY;INTERVAL=4;COUNT=6"),
    ):
        body = {
            "series_id": series_id,
            "title": series_id,
            "instructor": "Mara",
            "timezone": "UTC",
            "starts": f"{first}T18:30",
            "rule": rule,
            "duration_minutes": 30,
        }
        await asked(http, "POST", f"{unpublished.url}/api/v2/series", 201, body)
    console = await signed_in(open_page, unpublished.url, timezone_id="UTC")
    dates, dialog = console.locator("[data-session]"), console.get_by_role("dialog")
    moved = first + timedelta(days=8)
    await (
        console.get_by_role("article")
        .filter(has=console.get_by_role("heading", name="weekly", exact=True))
        .get_by_role("button", name="Dates")
        .click()
    )
    await expect(dates).to_have_count(3)
    await dates.nth(1).get_by_role("button", name="Change").click()
    await dialog.get_by_label("Begins at (your local time)").fill(f"{moved}T18:30")
    await expect(dialog.get_by_text("All from here on move to this day.")).to_have_count(0)
    await dialog.get_by_label("This and all that follow").check()
    await expect(dialog.get_by_text("All from here on move to this day.")).to_be_visible()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dates.nth(1)).to_contain_text(f"{moved.day} {moved:%B}")
    shown = await asked(http, "GET", f"{unpublished.url}/api/v2/series/weekly")
    days = [each["scheduled_start"][:10] for each in shown["occurrences"]]
    assert days == [str(first), str(moved), str(moved + timedelta(days=7))]

    await console.get_by_role("button", name="All sessions").click()
    await console.get_by_role("article").filter(has_text="daily").get_by_role("button", name="Dates").click()
    await expect(dates).to_have_count(20)
    await console.get_by_role("button", name="Show later dates").click()
    await expect(dates).to_have_count(25)
    await expect(dates.nth(20).locator("b")).to_be_focused()
    await expect(console.get_by_role("button", name="Show later dates")).to_have_count(0)
    await dates.nth(24).get_by_role("button", name="Change").click()
    await dialog.get_by_label("This and all that follow").check()
    last = first + timedelta(days=25)
    await dialog.get_by_label("Begins at (your local time)").fill(f"{last}T18:30")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("To move all of them to another day")
    await dialog.get_by_role("button", name="Never mind").click()

    # Dates before this one are not made yet, and could not stay as they are.
    await console.get_by_role("button", name="All sessions").click()
    article = console.get_by_role("article").filter(has_text="four-weekly")
    await article.get_by_role("button", name="Dates").click()
    await dates.nth(5).get_by_role("button", name="Change").click()
    await expect(dialog.get_by_label("Begins at (your local time)")).to_be_visible()
    await expect(dialog.get_by_label("This and all that follow")).to_have_count(0)


async def test_a_series_keeps_the_rule_that_nobody_changes(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """A program made it on last Fridays until an instant: the form has neither, and its first date is a fourth Friday too."""
    body = {
        "series_id": "fridays",
        "title": "Evening breath",
        "instructor": "Mara",
        "timezone": "UTC",
        "starts": "2030-02-22T18:30",
        "rule": "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20300601T180000Z",
        "duration_minutes": 30,
    }
    series = f"{unpublished.url}/api/v2/series/fridays"
    await asked(http, "POST", f"{unpublished.url}/api/v2/series", 201, body)
    console = await signed_in(open_page, unpublished.url, timezone_id="UTC")
    await console.get_by_role("button", name="Dates and changes").click()
    dialog = console.get_by_role("dialog")
    await console.get_by_role("button", name="Change the series").click()
    await dialog.get_by_label("Title").fill("Night breath")
    await dialog.get_by_role("button", name="Save").click()
    await expect(console.get_by_role("heading", name="Night breath")).to_be_visible()
    assert (await asked(http, "GET", series))["rule"] == body["rule"]
    await console.get_by_role("button", name="Change the series").click()
    await dialog.get_by_label("Until when").select_option("A number of times")
    await type_number(dialog.get_by_label("How many times"), "2")
    await dialog.get_by_role("button", name="Save").click()
    await expect(console.locator("[data-session]")).to_have_count(2)
    assert (await asked(http, "GET", series))["rule"] == "FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"


async def test_the_close_screen_names_what_comes_next(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The next session with its calendar file; nothing where there is none."""
    soon = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    for session_id, start in (("now", soon), ("later", "2030-05-01T17:00:00Z")):
        body = {
            "session_id": session_id,
            "title": f"The {session_id} one",
            "instructor": "Mara",
            "scheduled_start": start,
        }
        await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    page = await open_page(f"{unpublished.url}/sessions/join/now")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/now/start", 200, {})
    await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/now/end", 200, {})
    await expect(page.get_by_role("heading", name="What comes next")).to_be_visible()
    await expect(page.get_by_role("link", name="The later one")).to_be_visible()
    calendar = page.get_by_role("link", name="Put it into your calendar")
    await expect(calendar).to_have_attribute("href", f"{unpublished.url}/sessions/later/event.ics")


@pytest.mark.parametrize(("until_start", "offered"), [(3 * HOUR, True), (10 * MINUTE, False)])
async def test_who_comes_long_before_the_start_is_offered_the_calendar_file(
    room: FakeRoom, open_page: Opener, until_start: int, offered: bool
) -> None:
    """Of this one session; not shortly before, when nobody needs it any more."""
    room.state |= {"scheduled_start": iso(now() + until_start), "visibility": "public"}
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".waiting-count")).to_be_visible()
    link = page.get_by_role("link", name="Put it into your calendar")
    await expect(link).to_have_count(1 if offered else 0)
    if offered:
        await expect(link).to_have_attribute("href", f"/sessions/{room.session_id}/event.ics")
