"""Ways that people and devices take and nobody plans: a second tab, the button Back, wider letters, a locked phone."""

from __future__ import annotations

from datetime import datetime

import aiohttp
import pytest
from playwright.async_api import Page, expect

from engine.app import RunningServer
from engine.domain.instant import HOUR, from_datetime
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom
from tests.web.sound_phase import KEPT
from tests.web.test_hours import CAN_SLEEP, phase_of
from tests.web.test_other_device import practising, said
from tests.web.test_sound import in_phase

#: What WCAG 1.4.12 lets every reader set.
SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""
#: Texts and controls that reach out of the window or out of themselves, and how far the word is from the orb's middle.
OUTSIDE = """() => {
  const shown = [...document.querySelectorAll('.practice-bottom button, .time-left, .pacer-word, .pacer-hint, h1')];
  const middle = (name) => { const box = document.querySelector(name).getBoundingClientRect(); return (box.top + box.bottom) / 2; };
  return {
    outside: shown.filter((one) => {
      const box = one.getBoundingClientRect();
      return box.left < 0 || box.right > innerWidth || box.bottom > innerHeight || one.scrollWidth > one.clientWidth + 1;
    }).map((one) => one.textContent),
    apart: Math.abs(middle('.pacer-word') - middle('.pacer-guide')),
  };
}"""


async def joined(room: FakeRoom, page: Page, join: str = "Join") -> None:
    """Into the practice."""
    await page.get_by_role("button", name=join).click()
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "inhale")


@pytest.mark.parametrize(("language", "join"), [("en-GB", "Join"), ("de-DE", "Dabei sein")])
async def test_wider_text_cuts_nothing_off(
    room: FakeRoom, open_page: Opener, language: str, join: str
) -> None:
    """With a reader's own spacing the practice still fits, the word stays on the orb, and sheet and dialog can be read."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", locale=language)
    await joined(room, page, join)
    await page.evaluate(SPACING)
    found = await page.evaluate(OUTSIDE)
    assert found["outside"] == []
    assert found["apart"] < 12
    for opener, dialog in ((".more", ".sheet"), (".stop", ".stop-dialog")):
        await page.locator(opener).click()
        await expect(page.locator(dialog)).to_be_visible()
        wide = f"(([...document.querySelectorAll('{dialog} *')]).filter((one) => one.offsetParent && one.clientWidth && one.scrollWidth > one.clientWidth + 1)).map((one) => one.className)"
        assert await page.evaluate(wide) == []
        await page.keyboard.press("Escape")


async def test_sheet_and_dialog_are_as_dark_as_the_practice(room: FakeRoom, open_page: Opener) -> None:
    """For somebody whose device is light: nothing glares; with the light screen they are light."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", color_scheme="light")
    await joined(room, page)
    brightness = "(name) => getComputedStyle(document.querySelector(name)).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    for name in ("dialog.sheet", "dialog.stop-dialog"):
        assert max(await page.evaluate(brightness, name)) < 80
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("switch", name="Light screen").click()
    for name in ("dialog.sheet", "dialog.stop-dialog"):
        assert min(await page.evaluate(brightness, name)) > 200


async def test_a_second_tab_takes_the_place_and_the_first_says_so(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """One person still; the first tab does not take the place back by itself, and does when it is asked."""
    first = await practising(http, unpublished, open_page, None)
    second = await first.context.new_page()
    await second.goto(f"{unpublished.url}/sessions/join/two")
    await expect(second.get_by_role("heading", name="Settle in")).to_be_visible()
    await expect(first.get_by_role("heading", name="You are here in another window")).to_be_visible()
    assert (await said(http, unpublished))[:2] == (1, ["Ada"])
    await first.get_by_role("button", name="Go on here").click()
    await expect(first.get_by_role("heading", name="Settle in")).to_be_visible()
    await expect(second.get_by_role("heading", name="You are here in another window")).to_be_visible()


async def test_back_leads_to_where_somebody_was(room: FakeRoom, open_page: Opener) -> None:
    """From another page, with a new load: as the same person, in the practice, without a question."""
    await room.change("Box Breathing", BOX)
    base = await room.start()
    page = await open_page(f"{base}/sessions/join/{room.session_id}")
    await joined(room, page)
    await page.goto(f"{base}/wall/{room.session_id}")
    await page.go_back()
    await expect(page.locator(".pacer")).to_be_visible()
    assert room.addresses[-1]["resume"] == "secret"


@pytest.mark.parametrize(
    "address", ["/sessions/join/morning", "/wall/morning", "/console#session=morning&token=t"]
)
async def test_a_page_that_is_kept_for_back_gives_up_its_line_and_takes_one_when_shown(
    room: FakeRoom, open_page: Opener, address: str
) -> None:
    """Browsers keep no page with an open line; shown again it has what it missed, without a reload, on one line."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}{address}")
    if "join" in address:
        await joined(room, page)
    await expect(page.get_by_text("Box Breathing").first).to_be_visible()
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    await room.wait_for_goodbyes(1)
    assert room.goodbyes == [4003]
    room.sockets.clear()
    await room.change("Tide", [5, 0, 5, 0])
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(page.get_by_text("Tide").first).to_be_visible()
    await room.wait_for("heartbeat", len(room.of("heartbeat")) + 2)
    assert [asked.get("after") for asked in room.addresses] == [None, "4"]


async def test_a_join_page_that_was_kept_for_back_says_what_became_of_the_session(
    room: FakeRoom, open_page: Opener
) -> None:
    """It was withdrawn meanwhile."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    room.state |= {"phase": "cancelled"}
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(page.get_by_role("heading", name="This session is cancelled")).to_be_visible()


async def test_a_page_that_browsers_kept_for_back_goes_on(room: FakeRoom, open_page: Opener) -> None:
    """Its line was closed when it was put away; shown again, it takes a new one and moves with the room."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=CAN_SLEEP)
    await joined(room, page)
    await room.drop()
    room.clock_error += HOUR
    await page.evaluate(
        """(missed) => {
          window.missed = {date: missed, local: 0};
          window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}));
        }""",
        HOUR,
    )
    await room.wait_for_lines(2)
    await room.change("Tide", [5, 0, 5, 0])
    await expect(page.get_by_role("heading", name="Tide")).to_be_visible()


@pytest.mark.chromium
async def test_a_phone_that_slept_for_an_hour_breathes_and_sounds_with_the_room(
    room: FakeRoom, open_page: Opener
) -> None:
    """Circle and tone are in phase again within seconds, without a reload."""
    await room.change("Box Breathing", BOX)
    address = f"{await room.start()}/sessions/join/{room.session_id}"
    page = await open_page(address, script=KEPT + CAN_SLEEP)
    await joined(room, page)
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("switch", name="Tone").click()
    await page.wait_for_function("() => window.sounds[0].duration > 60 && window.sounds[0].currentTime > 0")
    # Not whole cycles: a page that believed its own clock would be out of phase.
    slept = HOUR + 5_000
    room.clock_error += slept
    await page.evaluate("(missed) => (window.missed = {date: missed, local: 0})", slept)
    started = from_datetime(datetime.fromisoformat(room.state["technique"]["started_at"]))
    await in_phase(room, page, started, 16)
    shown, right = await phase_of(page, room)
    assert shown == right
