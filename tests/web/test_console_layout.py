"""The console on a desk and on a phone: what is led stays in view, and keys lead too."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from engine.domain.instant import iso
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom, now

PLAN = [
    {"technique": name, "duration": 300, "pattern": BOX, "cautions": []}
    for name in ("Box Breathing", "Coherent Breathing", "Equal Breathing", "Tide", "Sama Vritti")
]
PEOPLE = [
    {"client_id": f"c{number}", "name": f"Person {number}", "present": True, "vouched": False, "hand": False}
    for number in range(40)
]
PRESENT = ".plan-lead li[aria-current]"
LED = (
    ".now-name", ".now-left", ".lead-card .pacer-stage", ".thumb-bar .primary", PRESENT, f"{PRESENT} + li",
)  # fmt: skip
#: What is not wholly in view: outside the window, cut off by something around it that clips or scrolls, or under the buttons.
HIDDEN = """(selectors) => selectors.filter((selector) => {
  const element = document.querySelector(selector);
  const box = element.getBoundingClientRect();
  let view = { top: 0, left: 0, bottom: innerHeight, right: innerWidth };
  for (let around = element.parentElement; around; around = around.parentElement) {
    if (around === document.body || getComputedStyle(around).overflowY === "visible") continue;
    const clip = around.getBoundingClientRect();
    view = {
      top: Math.max(view.top, clip.top), left: Math.max(view.left, clip.left),
      bottom: Math.min(view.bottom, clip.bottom), right: Math.min(view.right, clip.right),
    };
  }
  const under = element.matches(".pacer-stage")
    && document.querySelector(".thumb-bar").getBoundingClientRect().top < box.bottom;
  const slack = 0.5;
  return !box.height || under || box.top < view.top - slack || box.bottom > view.bottom + slack
    || box.left < view.left - slack || box.right > view.right + slack;
})"""
SIZES = [(1000, 700), (1280, 720), (1280, 800), (1366, 600), (1366, 768), (1400, 900), (1920, 1080)]


async def leading(room: FakeRoom, open_page: Opener, technique: int = 0, **options: Any) -> Page:
    """The console of a full room, in one of five techniques: the first, unless another is asked for."""
    room.state |= {"plan": PLAN, "participants": PEOPLE, "participant_count": len(PEOPLE)}
    await room.change(str(PLAN[technique]["technique"]), BOX)
    page = await open_page(f"{await room.start()}/console#session=morning&token=t", phone=False, **options)
    following = PLAN[technique + 1]["technique"]
    await expect(page.get_by_role("button", name=f"Next: {following}")).to_be_visible()
    return page


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_breath_and_next_stay_in_view(
    room: FakeRoom, open_page: Opener, width: int, height: int
) -> None:
    """At the top of the page and at its end, with and without an alert; beside it stand people and words."""
    page = await leading(room, open_page, technique=2, viewport={"width": width, "height": height})
    assert await page.evaluate(HIDDEN, LED) == []
    await room.whisper("need_to_stop", {"client_id": "c1", "name": "Person 1"})
    await expect(page.get_by_text("Person 1 needed to stop.")).to_be_visible()
    assert await page.evaluate(HIDDEN, LED) == []
    await page.get_by_role("button", name="End the session").scroll_into_view_if_needed()
    assert await page.evaluate("scrollY > 0")
    assert await page.evaluate(HIDDEN, [*LED, ".alert"]) == []
    await page.evaluate("scrollTo(0, 0)")
    await room.change("Tide", BOX)
    await expect(page.locator(PRESENT)).to_contain_text("Tide")
    assert await page.evaluate(HIDDEN, LED) == []
    columns = await page.evaluate(
        "new Set(['lead', 'people', 'talk'].map((part) => document.querySelector(`.room-${part}`).getBoundingClientRect().left)).size"
    )
    assert columns == (3 if width >= 1400 else 2)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1366, 600), (1400, 900)])
async def test_many_alerts_leave_room_for_what_is_led(
    room: FakeRoom, open_page: Opener, width: int, height: int
) -> None:
    """Ten people stopped: the last one stands on top, wherever the page has been scrolled to."""
    page = await leading(room, open_page, technique=2, viewport={"width": width, "height": height})
    for number in range(10):
        await room.whisper("need_to_stop", {"client_id": f"c{number}", "name": f"Person {number}"})
    await expect(page.locator(".alert")).to_have_count(10)
    await expect(page.locator(".alert").first).to_contain_text("Person 9")
    await page.get_by_role("button", name="End the session").scroll_into_view_if_needed()
    assert await page.evaluate(HIDDEN, [*LED, ".alert"]) == []
    await page.evaluate("scrollTo(0, 0)")
    assert await page.evaluate(HIDDEN, [".thumb-bar .primary", ".alert"]) == []


async def test_an_alert_leaves_the_plan_under_the_hand(room: FakeRoom, open_page: Opener) -> None:
    """Whoever is about to begin a later row still finds it there when the card gets lower."""
    page = await leading(room, open_page, viewport={"width": 1280, "height": 800})
    last = page.locator(".plan-lead li").last
    await last.get_by_role("button").focus()
    before = await page.evaluate("document.querySelector('.plan-part').scrollTop")
    await room.whisper("need_to_stop", {"client_id": "c1", "name": "Person 1"})
    await expect(page.get_by_text("Person 1 needed to stop.")).to_be_visible()
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert await page.evaluate("document.querySelector('.plan-part').scrollTop") == before


async def test_on_a_phone_the_next_step_is_under_the_thumb(room: FakeRoom, open_page: Opener) -> None:
    """Wherever the page has been scrolled to."""
    page = await leading(room, open_page, viewport={"width": 390, "height": 844})
    await page.get_by_role("button", name="End the session").scroll_into_view_if_needed()
    box = await page.get_by_role("button", name="Next: Coherent Breathing").bounding_box()
    assert box is not None
    assert 844 * 2 / 3 < box["y"] < 844 - box["height"]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_before_the_start_the_plan_and_the_people_stand_there(
    room: FakeRoom, open_page: Opener
) -> None:
    """How long it is until then; no track that is empty."""
    room.state |= {"plan": PLAN, "participants": PEOPLE[:2], "scheduled_start": iso(now() + 300_000)}
    page = await open_page(f"{await room.start()}/console#session=morning&token=t", phone=False)
    await expect(page.get_by_text("Begins in 4:")).to_be_visible()
    await expect(page.locator(".person", has_text="Person 1")).to_be_visible()
    await expect(page.locator(".plan-lead")).to_contain_text("Sama Vritti")
    await expect(page.locator(".now-bar")).to_be_hidden()


async def test_keys_lead_and_can_be_switched_off(room: FakeRoom, open_page: Opener) -> None:
    """They are shown; a letter in a field is a letter; off stays off after a reload."""
    page = await leading(room, open_page)
    await expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    await page.keyboard.press("w")
    await expect(page.get_by_label("Words for everybody")).to_be_focused()
    await page.keyboard.type("rn")
    await page.keyboard.press("Control+Enter")
    assert (await room.wait_for("announce"))["data"]["message"] == "rn"
    await expect(page.get_by_text("Shown, quietly.")).to_be_visible()
    await page.get_by_role("heading", name="40 people are here").click()
    await page.keyboard.press("r")
    await room.wait_for("rest")
    await page.keyboard.press("n")
    assert (await room.wait_for("change_technique"))["data"]["technique"] == "Coherent Breathing"
    await page.get_by_role("switch", name="Use these keys").click()
    await page.keyboard.press("n")
    await page.reload()
    await expect(page.get_by_role("switch", name="Use these keys")).to_have_attribute("aria-checked", "false")
    await page.keyboard.press("r")
    await page.get_by_role("switch", name="Lock the door").click()
    await room.wait_for("lock")
    assert len(room.of("change_technique")) == 1
    assert len(room.of("rest")) == 1
