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
LED = (".now-name", ".now-left", ".lead-card .pacer-stage", ".thumb-bar .primary", ".plan-lead li")
HIDDEN = """(selectors) => selectors.filter((selector) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return !box.height || box.top < 0 || box.bottom > innerHeight || box.left < 0 || box.right > innerWidth;
})"""


async def leading(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """The console of a full room, in the first of five techniques."""
    room.state |= {"plan": PLAN, "participants": PEOPLE, "participant_count": len(PEOPLE)}
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/console#session=morning&token=t", phone=False, **options)
    await expect(page.get_by_role("button", name="Next: Coherent Breathing")).to_be_visible()
    return page


@pytest.mark.parametrize(("width", "height"), [(1000, 700), (1280, 800), (1400, 900), (1920, 1080)])
async def test_breath_and_next_stay_in_view(
    room: FakeRoom, open_page: Opener, width: int, height: int
) -> None:
    """At the top of the page and at its end, with somebody in need in sight; beside it stand people and words."""
    page = await leading(room, open_page, viewport={"width": width, "height": height})
    await room.whisper("need_to_stop", {"client_id": "c1", "name": "Person 1"})
    await expect(page.get_by_text("Person 1 needed to stop.")).to_be_visible()
    assert await page.evaluate(HIDDEN, LED) == []
    await page.get_by_role("button", name="End the session").scroll_into_view_if_needed()
    assert await page.evaluate("scrollY > 0")
    assert await page.evaluate(HIDDEN, [*LED, ".alert"]) == []
    columns = await page.evaluate(
        "new Set(['lead', 'people', 'talk'].map((part) => document.querySelector(`.room-${part}`).getBoundingClientRect().left)).size"
    )
    assert columns == (3 if width >= 1400 else 2)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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
