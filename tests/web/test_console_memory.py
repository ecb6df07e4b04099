"""A console that is opened late or reloaded shows what one that stayed open shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
from playwright.async_api import Page, expect

from engine.app import RunningServer
from tests.journey.server import asked
from tests.web.conftest import Opener

SHOWN = """() => [...document.querySelectorAll('.room .card, .alerts, .thumb-bar')].map((part) => {
  const copy = part.cloneNode(true);
  const moving = '.pacer, .now-left, .now-next, .now-bar, .only-here, [hidden]';
  for (const element of copy.querySelectorAll(moving)) element.remove();
  const switches = [...copy.querySelectorAll('[role=switch]')].map((one) => one.getAttribute('aria-checked'));
  const ticked = [...part.querySelectorAll('input[type=checkbox]')].map((one) => one.checked);
  return [copy.textContent, copy.querySelector('[aria-current]')?.textContent ?? '', switches, ticked];
})"""
"""What stands on a console, but for what moves."""


async def entered(open_page: Opener, url: str, name: str) -> Page:
    """A participant in the room."""
    page = await open_page(f"{url}/sessions/join/memory")
    await page.get_by_label("Your name, if you like").fill(name)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".practice, .waiting")).to_be_visible()
    return page


async def test_a_console_opened_late_is_the_one_that_stayed(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """At the end of the plan, with chat, ratings, a raised hand, and one of two who stopped come back."""
    body = {
        "session_id": "memory",
        "title": "Morning Calm",
        "instructor": "Test instructor",
        "scheduled_start": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
        "techniques": ["Box Breathing", "Coherent Breathing"],
    }
    made = await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    stayed = await open_page(made["urls"]["console"])
    await stayed.get_by_role("button", name="Start the session").click()
    ada, ben, cleo = [await entered(open_page, unpublished.url, name) for name in ("Ada", "Ben", "Cleo")]
    await stayed.get_by_role("button", name="Next: Box Breathing").click()
    await expect(ada.get_by_role("heading", name="Box Breathing")).to_be_visible(timeout=10_000)
    await expect(stayed.locator(".pacer")).to_have_attribute("data-step", "inhale", timeout=15_000)
    await ada.get_by_role("button", name="More").click()
    await ada.get_by_role("switch", name="Raise a hand").click()
    await ada.get_by_label("Say something to the room").fill("Good morning")
    await ada.get_by_role("button", name="Send", exact=True).click()
    await expect(stayed.get_by_text("Good morning")).to_be_visible()
    await stayed.get_by_role("button", name="Rest", exact=True).click()
    await ben.get_by_role("button", name="4: good").click()
    await expect(stayed.get_by_text("4 of 5, 1 answer")).to_be_visible()
    await stayed.get_by_role("button", name="Next: Coherent Breathing").click()
    await expect(ben.get_by_role("heading", name="Coherent Breathing")).to_be_visible(timeout=20_000)
    await expect(stayed.locator("[aria-current]")).to_contain_text("Coherent Breathing")
    for person in (ben, cleo):
        await person.get_by_role("button", name="I need to stop").click()
        await expect(person.get_by_text("and nobody else")).to_be_visible()
    await expect(stayed.get_by_text("Ben needed to stop. Only you see this.")).to_be_visible()
    await ben.get_by_role("button", name="Come back in").click()
    await expect(stayed.get_by_text("Ben needed to stop. Only you see this.")).to_have_count(0)
    await expect(stayed.get_by_text("needed to stop", exact=True)).to_have_count(1)
    await stayed.get_by_label("Words for everybody").fill("Let the shoulders sink.")
    await stayed.get_by_role("button", name="Show it").click()
    await stayed.get_by_role("switch", name="Lock the door").click()
    await expect(ben.get_by_text("Let the shoulders sink.")).to_be_visible()
    await expect(stayed.locator(".thumb-bar .primary")).to_be_hidden()
    late = await open_page(made["urls"]["console"])
    await expect(late.get_by_text("Cleo needed to stop. Only you see this.")).to_be_visible()
    await expect(late.get_by_text("Good morning")).to_be_visible()
    await expect(late.locator(".thumb-bar .primary")).to_be_hidden()
    # The words that were sent from this console are noted beside their field there alone.
    await expect(stayed.locator(".only-here")).to_have_text(["Shown, quietly."])
    assert await late.evaluate(SHOWN) == await stayed.evaluate(SHOWN)
    before = await stayed.evaluate(SHOWN)
    await stayed.reload()
    await expect(stayed.get_by_text("Cleo needed to stop. Only you see this.")).to_be_visible()
    assert await stayed.evaluate(SHOWN) == before


async def test_somebody_who_reloads_has_the_words_and_their_stop(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """The words of the staff stand there again, and whoever had stopped has stopped still."""
    body = {
        "session_id": "memory",
        "title": "Morning Calm",
        "instructor": "Test instructor",
        "scheduled_start": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
    }
    made = await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    console = await open_page(made["urls"]["console"])
    await console.get_by_role("button", name="Start the session").click()
    ada = await entered(open_page, unpublished.url, "Ada")
    await console.get_by_label("Words for everybody").fill("Let the shoulders sink.")
    await console.get_by_role("button", name="Show it").click()
    await expect(ada.get_by_text("Let the shoulders sink.")).to_be_visible()
    await ada.get_by_role("button", name="I need to stop").click()
    await expect(ada.get_by_text("and nobody else")).to_be_visible()
    await ada.reload()
    await expect(ada.get_by_text("Test instructor knows, and nobody else.")).to_be_visible()
    await ada.get_by_role("button", name="Come back in").click()
    await expect(ada.get_by_text("Let the shoulders sink.")).to_be_visible()
    await expect(console.get_by_text("needed to stop", exact=True)).to_have_count(0)
    await ada.reload()
    await expect(ada.get_by_role("heading", name="Settle in")).to_be_visible()
    await expect(ada.locator(".stop-dialog")).to_be_hidden()
