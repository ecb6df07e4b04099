"""A technique of the studio's own in a real browser: written in the console, tried on its page, planned, and breathed."""

from __future__ import annotations

import re

import aiohttp
from playwright.async_api import expect

from engine.app import RunningServer
from tests.journey.server import asked
from tests.web.conftest import Opener, signed_in
from tests.web.test_accessibility import findings
from tests.web.test_team import first_site


async def test_a_technique_is_written_tried_planned_and_breathed(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Its page has a pacer; a plan takes its pattern, words and length; who joins reads its cautions and sees its circle."""
    await first_site(publishing.url, http)
    console = await signed_in(open_page, publishing.url, phone=False)
    await console.get_by_role("button", name="Techniques", exact=True).click()
    await expect(console.get_by_role("heading", name="A technique of your own")).to_be_visible()
    await console.get_by_label("Name", exact=True).fill("Box Breathing")
    await console.get_by_role("button", name="Save").click()
    await expect(console.get_by_role("alert")).to_contain_text("There is a technique with this name already.")
    await console.get_by_label("Name", exact=True).fill("Evening Tide")
    await console.get_by_label("In", exact=True).fill("5")
    await console.get_by_label("Out", exact=True).fill("7")
    await console.get_by_label("Usual").fill("20")
    await console.get_by_label("What it is, in a sentence").fill("A long breath out.")
    await console.get_by_label("Your words for it, at most a sentence").fill("Let the wave go.")
    await console.get_by_label("What to take care of, one thing a line").fill(
        "Leave it out with a cold.\nSit down."
    )
    await console.get_by_role("button", name="Save").click()
    await expect(console.get_by_text("Evening Tide is saved.")).to_be_visible()
    await expect(console.get_by_text("in 5, out 7")).to_be_visible()
    assert await findings(console) == []

    site = f"{publishing.url}/techniques/evening-tide/"
    for _ in range(100):
        async with http.get(site) as answer:
            if answer.status == 200:
                break
        await console.wait_for_timeout(100)
    page = await open_page(f"{publishing.url}/")
    await page.get_by_role("link", name="Evening Tide").click()
    await expect(page.get_by_role("heading", name="Evening Tide")).to_be_visible()
    await expect(page.locator(".player")).to_be_visible()
    await page.locator(".player button").first.click()
    await expect(page.locator(".player-word")).to_contain_text("Breathe")
    assert await findings(page) == []
    # It would draw sixty frames a second to the end of the test.
    await page.close()

    await console.get_by_role("button", name="Sessions", exact=True).click()
    await console.get_by_role("button", name="New session").click()
    await console.get_by_role("button", name="Add a technique").click()
    await console.get_by_label("Technique", exact=True).fill("evening tide")
    await expect(console.get_by_label("Minutes", exact=True)).to_have_value("4")
    await expect(console.get_by_label("Your words for it, at most a sentence")).to_have_value(
        "Let the wave go."
    )
    await console.get_by_label("Title").fill("Evening")
    await console.get_by_label("Led by").fill("Mara")
    await console.get_by_role("button", name="Set it up").click()
    await expect(console.get_by_role("button", name="Start the session")).to_be_visible()
    planned = await asked(http, "GET", f"{publishing.url}/api/v2/sessions?phase=scheduled,waiting")
    session_id = planned["sessions"][0]["session_id"]

    ada = await open_page(f"{publishing.url}/sessions/join/{session_id}")
    await ada.get_by_role("button", name="Join").click()
    await expect(ada.get_by_text("A long breath out.")).to_be_visible()
    await ada.get_by_text("Before you try this").click()
    await expect(ada.get_by_text("Leave it out with a cold.")).to_be_visible()
    await console.get_by_role("button", name="Start the session").click()
    await console.get_by_role("button", name="Next: evening tide").click()
    await expect(ada.get_by_role("heading", name="evening tide")).to_be_visible(timeout=10_000)
    await expect(ada.get_by_text("Let the wave go.")).to_be_visible()
    await expect(ada.locator(".pacer-word")).to_have_text(re.compile("In|Out"), timeout=15_000)


async def test_a_technique_is_changed_and_removed(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The form takes what is there; removing asks first, and the focus goes on."""
    body = {"name": "Tide", "breath": [5, 0, 7, 0], "cautions": ["Sit down."]}
    await asked(http, "POST", f"{unpublished.url}/api/v2/techniques", 201, body)
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="Techniques", exact=True).click()
    card = console.get_by_role("article").filter(has_text="Tide")
    await card.get_by_role("button", name="Change").click()
    await expect(console.get_by_label("Name", exact=True)).to_be_focused()
    await expect(console.get_by_label("What to take care of, one thing a line")).to_have_value("Sit down.")
    await console.get_by_label("Hold", exact=True).fill("2")
    await console.get_by_role("button", name="Save").click()
    await expect(card).to_contain_text("in 5, hold 2, out 7")
    await card.get_by_role("button", name="Remove", exact=True).click()
    await card.get_by_role("button", name="Remove it").click()
    await expect(card).to_have_count(0)
    await expect(console.get_by_label("Name", exact=True)).to_be_focused()
