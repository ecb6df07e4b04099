"""The screens fit every window: phones either way round, low windows, desks, large text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom

SIZES = (
    (320, 480),
    (320, 568),
    (390, 844),
    (480, 320),
    (568, 320),
    (667, 375),
    (740, 360),
    (844, 390),
    (768, 1024),
    (1366, 600),
    (1920, 1080),
    (2560, 1440),
)
ZOOMED = (320, 256)
"""A desk's window of 1280 × 1024 at 400 %."""

CONTROLS = (".stop", ".more", ".time-left:not(:empty)", ".pacer-stage", ".practice-top h1")
OUTSIDE = """(selectors) => {
  const outside = selectors.filter((selector) => [...document.querySelectorAll(selector)].some((element) => {
    const box = element.getBoundingClientRect();
    return box.left < -0.5 || box.top < -0.5 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5 || !box.width;
  }));
  const page = document.documentElement;
  if (page.scrollHeight > innerHeight) outside.push(`the page is ${page.scrollHeight} high`);
  if (page.scrollWidth > innerWidth) outside.push(`the page is ${page.scrollWidth} wide`);
  return outside;
}"""
OVERLAPS = """() => {
  const boxes = [".stop", ".more", ".time-left", ".pacer-stage"].map((one) => document.querySelector(one).getBoundingClientRect());
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.some((one, index) => boxes.slice(index + 1).some((other) => meet(one, other)));
}"""


async def sized(page: Page, percent: int) -> None:
    """Set the text size that somebody has chosen in the browser's settings."""
    tools = await page.context.new_cdp_session(page)
    await tools.send("Page.enable")
    size = {"standard": 16 * percent // 100, "fixed": 16 * percent // 100}
    await tools.send("Page.setFontSizes", {"fontSizes": size})


async def practising(room: FakeRoom, open_page: Opener, **look: Any) -> Page:
    """Somebody who breathes along."""
    # In the middle of a long breath: the hint to join on the next inhale needs its place too, in every window.
    await room.change("Box Breathing", [10.0, 10.0, 10.0, 10.0], lead_ms=-5_000)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", fresh=True, **look)
    await page.locator(".entry button").click()
    await expect(page.locator(".time-left")).not_to_be_empty()
    return page


async def misfits(page: Page, percent: int) -> dict[tuple[int, int], Any]:
    """What is outside the window, or over something else, at each size."""
    await sized(page, percent)
    wrong = {}
    for width, height in (*SIZES, ZOOMED):
        await page.set_viewport_size({"width": width, "height": height})
        outside = await page.evaluate(OUTSIDE, CONTROLS)
        if outside or await page.evaluate(OVERLAPS):
            wrong[width, height] = outside or "overlaps"
    return wrong


COVERED = """() => [...document.querySelectorAll(".stop-dialog button")].filter((button) => {
  const box = button.getBoundingClientRect();
  const corners = [[box.left + 8, box.top + 8], [box.right - 8, box.bottom - 8]];
  return corners.some(([x, y]) => !button.contains(document.elementFromPoint(x, y)));
}).map((button) => button.textContent)"""


@pytest.mark.parametrize("locale", ["en-GB", "de-DE", "fr-FR", "es-ES"])
async def test_both_ways_on_after_a_stop_are_in_every_window(
    room: FakeRoom, open_page: Opener, locale: str
) -> None:
    """Coming back and leaving can be touched without scrolling, with large text too."""
    page = await practising(room, open_page, locale=locale)
    await page.locator(".stop").click()
    covered = {}
    for percent in (100, 200):
        await sized(page, percent)
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            if hidden := await page.evaluate(COVERED):
                covered[percent, width, height] = hidden
    assert covered == {}


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
async def test_practice_fits_every_window(room: FakeRoom, open_page: Opener, locale: str) -> None:
    """Stop, time left, "More", orb and name are inside the window, apart from each other; nothing scrolls."""
    room.state |= {"participant_count": 23}
    page = await practising(room, open_page, locale=locale)
    await expect(page.locator(".pacer-hint")).not_to_be_empty()
    hint = await page.locator(".pacer-hint").inner_text()
    assert {percent: await misfits(page, percent) for percent in (100, 200)} == {100: {}, 200: {}}
    assert await page.locator(".pacer-hint").inner_text() == hint


async def test_the_way_in_is_in_every_window(room: FakeRoom, open_page: Opener) -> None:
    """Whoever opens a link on a phone, either way round, taps "Join" without scrolling."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    below = {}
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        bottom = await page.locator(".entry button").evaluate("(join) => join.getBoundingClientRect().bottom")
        if bottom > height:
            below[width, height] = bottom
    assert below == {}


async def test_a_rest_fits_every_window(room: FakeRoom, open_page: Opener) -> None:
    """What a rest asks and tells scrolls in its own place: stop and "More" stay where they can be reached."""
    page = await practising(room, open_page)
    await room.tell("hrv_milestone", {"improvement": 15})
    await room.tell("session_update", {"resting": True}, update_type="resting")
    await expect(page.locator(".rating")).to_be_visible()
    assert {percent: await misfits(page, percent) for percent in (100, 200)} == {100: {}, 200: {}}


async def test_the_bar_of_reduced_motion_fits_every_window(room: FakeRoom, open_page: Opener) -> None:
    """In place of the orb: the bar, the word and the count."""
    page = await practising(room, open_page, reduced_motion="reduce")
    wrong = {}
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        outside = await page.evaluate(
            OUTSIDE, [".stop", ".more", ".pacer-bar", ".pacer-word", ".pacer-count"]
        )
        if outside:
            wrong[width, height] = outside
    assert wrong == {}


async def test_text_follows_the_size_set_in_the_browser(room: FakeRoom, open_page: Opener) -> None:
    """Twice the text for whoever has set it so, on every screen."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", fresh=True)
    size = "parseFloat(getComputedStyle(document.body).fontSize)"
    before = await page.evaluate(size)
    await sized(page, 200)
    assert before == 18
    assert await page.evaluate(size) == 36
