"""No serious finding of axe on any page in any state, light and dark; and the keyboard leads all the way."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web import states
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom
from tests.web.screenshots import Walk

pytestmark = pytest.mark.long

AXE = "if (self === top) " + (files("axe_playwright_python") / "axe.min.js").read_text()
"""For pages, and not for the frames in them."""
# What steps back passes through half-transparent moments.
LOOK = f"""async (options) => {{
  await {states.AT_REST};
  return "axe" in window ? (await axe.run(document, options)).violations : null;
}}"""
"""What axe finds in a page at rest, in one round trip; null where it is not there yet."""
SERIOUS = {"serious", "critical"}
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules that colours alone decide, of those that axe looks at unasked."""
OF_PEOPLE: tuple[Walk, ...] = (states.participant_states, states.console_states)


async def findings(page: Page, *, of_colours: bool = False) -> list[str]:
    """Serious and critical findings in one state, or those of colours alone, each with the place where it was found."""
    options = {"resultTypes": ["violations"], **({"runOnly": OF_COLOURS} if of_colours else {})}
    violations: list[dict[str, Any]] | None = await page.evaluate(LOOK, options)
    if violations is None:
        await page.evaluate(AXE)
        violations = await page.evaluate(LOOK, options)
    assert violations is not None
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


async def walked(room: FakeRoom, open_page: Opener, walk: Walk) -> None:
    """Nothing serious in any state of a walk: names, roles, structure, and contrast in both colour schemes."""

    async def with_axe(url: str, *, script: str = "", **options: Any) -> Page:
        """Give it to the browser once for all pages of a tab: to hand it to each costs as much as to open it."""
        return await open_page(url, script=f"{script}\n{AXE}", **options)

    found: dict[tuple[str, str], list[str]] = {}
    async for name, page in walk(room, with_axe, color_scheme="light"):
        # As a phone does at nightfall; a state passes, so it is seen in both at once. They differ in colours alone.
        await page.emulate_media(color_scheme="dark")
        found[name, "dark"] = await findings(page)
        await page.emulate_media(color_scheme="light")
        found[name, "light"] = await findings(page, of_colours=True)
    assert len(found) >= 6
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("walk", OF_PEOPLE)
async def test_no_state_has_a_serious_finding(room: FakeRoom, open_page: Opener, walk: Walk) -> None:
    """Of somebody who takes part, and of somebody who leads."""
    await walked(room, open_page, walk)


async def test_the_keyboard_leads_from_the_link_to_the_close(room: FakeRoom, open_page: Opener) -> None:
    """Join, the drawer and its switch, stop and return: without a pointer, the focus never lost."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", phone=False)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await page.get_by_label("Your name, if you like").focus()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("until we begin")).to_be_visible()
    # The new screen's heading has the focus: a reader of the screen hears where they are.
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_focused()
    await room.change("Box Breathing", BOX)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="I need to stop")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="While you breathe")).to_be_focused()
    await expect(page.get_by_role("switch", name="Tone")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("switch", name="Tone")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="More")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await room.wait_for("need_to_stop")
    await page.keyboard.press("Escape")
    await expect(page.locator(".pacer")).not_to_have_attribute("data-step", "still")


async def test_what_the_circle_shows_is_said_once(room: FakeRoom, open_page: Opener) -> None:
    """A new technique and a rest are told to a screen reader, and gone when somebody looks around later."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", phone=False)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    await room.change("Box Breathing", BOX)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_focused()
    await room.change("Tide", [5, 0, 5, 0])
    said = page.locator("#said")
    await expect(said).to_have_text("Tide")
    await room.tell("session_update", {"resting": True}, update_type="resting")
    await expect(said).to_have_text("Rest")
    await expect(said).to_be_empty()
