"""A whole session with a real server: an instructor, three participants, a wall; then the drafts and the page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.journey.cable import Cable
from tests.journey.server import KEY, Server
from tests.web.conftest import Opener

pytestmark = pytest.mark.long


@pytest_asyncio.fixture(loop_scope="session")
async def line(server: Server) -> AsyncIterator[Cable]:
    """The line between the server and the one who loses the network."""
    cable = Cable(server.url)
    await cable.plug_in()
    yield cable
    await cable.cut()


async def schedule(console: Page) -> str:
    """Set up a session with two techniques in the console, the first with a short breath; returns the link to join."""
    await console.get_by_label("Key or session link").fill(KEY)
    await console.get_by_role("button", name="Sign in").click()
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Evening Calm")
    await console.get_by_label("Led by").fill("Test instructor")
    for number, technique in enumerate(("Equal Breathing", "Coherent Breathing")):
        await console.get_by_role("button", name="Add a technique").click()
        await console.get_by_label("Technique", exact=True).nth(number).fill(technique)
    await console.get_by_role("button", name="Set it up").click()
    await expect(console.get_by_role("button", name="Start the session")).to_be_visible()
    await console.get_by_role("button", name="Share").click()
    link = await console.get_by_label("Link for everybody who joins").input_value()
    await console.get_by_role("button", name="Close").click()
    return link


async def join(open_page: Opener, link: str, name: str, **options: object) -> Page:
    """One tap."""
    page = await open_page(link, **options)
    await page.get_by_label("Your name, if you like").fill(name)
    await page.get_by_role("button", name="Join").click()
    return page


async def downloaded(page: Page, button: str) -> str:
    """Press a button and return the name of the file that it saves.

    Firefox's driver reports no downloads; there the name is that of the link which the page clicks.
    """
    pressed = page.get_by_role("button", name=button)
    browser = page.context.browser
    if browser is not None and browser.browser_type.name == "firefox":
        await page.evaluate(
            """() => {
              const click = HTMLAnchorElement.prototype.click;
              HTMLAnchorElement.prototype.click = function () { window.saved = this.download; click.call(this); };
            }"""
        )
        await pressed.click()
        return str(await (await page.wait_for_function("() => window.saved")).json_value())
    async with page.expect_download() as download:
        await pressed.click()
    return (await download.value).suggested_filename


@pytest.mark.timeout(300)
async def test_a_whole_session_in_five_browsers(server: Server, line: Cable, open_page: Opener) -> None:
    """From the console's sign-in to the published page; every step as a person would see it."""
    console = await open_page(f"{server.url}/console")
    link = await schedule(console)
    wall = await open_page(link.replace("/sessions/join/", "/wall/"), phone=False)
    await expect(wall.get_by_role("heading", name="Evening Calm")).to_be_visible()

    # Two come early, one of them on a phone without motion.
    ada = await join(open_page, link, "Ada")
    assert link.startswith(server.url)
    ben = await join(open_page, link.replace(server.url, line.url), "Ben", reduced_motion="reduce")
    await expect(ada.get_by_text("What to expect")).to_be_visible()
    await expect(ada.get_by_text("2 people are here")).to_be_visible()
    await expect(console.get_by_text("2 people are here")).to_be_visible()

    # It goes live without a reload.
    await console.get_by_role("button", name="Start the session").click()
    await expect(ada.get_by_role("heading", name="Settle in")).to_be_visible()
    await console.get_by_role("button", name="Next: Equal Breathing").click()
    await expect(ada.get_by_role("heading", name="Equal Breathing")).to_be_visible(timeout=10_000)
    await expect(ada.locator(".pacer-word")).to_have_text("In", timeout=10_000)
    calm = await ben.evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
    await expect(ben.locator(".pacer-bar")).to_be_visible(visible=calm)
    await expect(wall.get_by_role("heading", name="Equal Breathing")).to_be_visible(timeout=10_000)
    await expect(console.get_by_text(re.compile(r"\d:\d\d left"))).to_be_visible(timeout=10_000)

    # One comes late, and breathes within seconds.
    cleo = await join(open_page, link, "Cleo")
    await expect(cleo.get_by_role("heading", name="Equal Breathing")).to_be_visible(timeout=10_000)
    await expect(ada.get_by_text("2 others breathe along")).to_be_visible()
    await expect(console.get_by_text("Cleo", exact=True).first).to_be_visible()

    # One loses the network, keeps breathing, and is told what happened and what was written meanwhile. The line is held as
    # well: what arrives at a Chromium that is told to have no network keeps a whole processor busy until it has one.
    line.hold()
    await ben.context.set_offline(True)
    await expect(ben.locator("#line")).to_contain_text("Keep breathing")
    await cleo.get_by_role("button", name="More").click()
    await cleo.get_by_role("switch", name="Raise a hand").click()
    await expect(console.get_by_text("hand raised")).to_be_visible()
    await console.get_by_role("switch", name="Chat").click()
    await cleo.get_by_label("Say something to the room").fill("Good evening, all")
    await cleo.get_by_role("button", name="Send", exact=True).click()
    await expect(console.get_by_text("Cleo Good evening, all")).to_be_visible()
    await console.get_by_label("Answer in the chat").fill("Welcome, Cleo")
    await console.get_by_role("button", name="Send", exact=True).click()
    await expect(cleo.get_by_text("Test instructor (leads) Welcome, Cleo")).to_be_visible()
    await cleo.get_by_role("button", name="Back to the breath").click()
    await console.get_by_role("button", name="Next: Coherent Breathing").click()
    await expect(console.get_by_text("at the end of the breath")).to_be_visible()
    step = await ben.locator(".pacer").get_attribute("data-step")
    await expect(ben.locator(".pacer")).not_to_have_attribute("data-step", step or "", timeout=8_000)
    await expect(ada.locator(".pacer")).to_have_attribute("data-step", "exhale", timeout=20_000)
    await expect(ada.get_by_role("heading", name="Coherent Breathing")).to_be_visible(timeout=25_000)
    await ben.context.set_offline(False)
    line.let_go()
    await expect(ben.get_by_role("heading", name="Coherent Breathing")).to_be_visible(timeout=20_000)
    await expect(ben.locator("#line")).to_be_empty()
    await ben.get_by_role("button", name="More").click()
    await expect(ben.get_by_text("Cleo Good evening, all")).to_be_visible()
    await expect(ben.get_by_text("Test instructor (leads) Welcome, Cleo")).to_be_visible()
    await ben.get_by_role("button", name="Back to the breath").click()

    # Somebody needs to stop; only the staff learn of it.
    await ada.get_by_role("button", name="I need to stop").click()
    await expect(ada.get_by_text("Test instructor knows, and nobody else.")).to_be_visible()
    await expect(console.get_by_text("Ada needed to stop. Only you see this.")).to_be_visible()
    await ada.get_by_role("button", name="Come back in").click()

    # A rest, with a question; the answer reaches the console.
    await console.get_by_role("button", name="Rest").click()
    await expect(ada.get_by_role("heading", name="Rest")).to_be_visible()
    await ada.get_by_role("button", name="5: lovely").click()
    await expect(console.get_by_text("5 of 5, 1 answer")).to_be_visible()
    await console.get_by_role("button", name="Resume").click()
    await expect(ada.get_by_role("heading", name="Coherent Breathing")).to_be_visible()

    # The end takes two deliberate steps.
    await console.get_by_role("button", name="End the session").click()
    await expect(console.get_by_role("button", name="End it for everybody")).to_be_disabled()
    await console.get_by_label("Yes, we are done").check()
    await console.get_by_role("button", name="End it for everybody").click()
    for person in (ada, ben, cleo):
        await expect(person.get_by_role("heading", name="You breathed with 2 people")).to_be_visible()
    await expect(wall.get_by_role("heading", name="Thank you for breathing together")).to_be_visible()
    await ada.get_by_role("button", name="5: lovely").click()
    await ada.get_by_label("A few words, if you like").fill("Quiet at last")
    await ada.get_by_label("These words may stand on the page").check()
    await ada.get_by_role("button", name="Send", exact=True).click()
    await expect(ada.get_by_text("You can change this for a day.")).to_be_visible()

    await ada.get_by_label("My own summary by mail").fill("ada@example.org")
    await ada.get_by_role("button", name="Send it to me").click()
    await expect(ada.get_by_text("We send it once")).to_be_visible()

    # One takes the own data along, and then withdraws everything.
    await ben.get_by_text("My data").click()
    assert await downloaded(ben, "Download") == "my-session.json"
    await ben.get_by_role("button", name="Delete everything about me").click()
    await ben.get_by_role("button", name="Yes, delete everything").click()
    await expect(ben.get_by_text("Nothing here points to you any more.")).to_be_visible()

    # The desk: channels done, a draft changed and approved, the page opened.
    await expect(console.locator('[data-state="done"]')).to_have_count(4, timeout=60_000)
    draft = console.locator('[data-draft="twitter"]')
    await expect(draft).to_be_visible(timeout=20_000)
    await draft.get_by_role("textbox").fill("Three people breathed together tonight.")
    await draft.get_by_role("button", name="Save").click()
    await expect(console.locator('[data-draft="twitter"]').get_by_text("changed")).to_be_visible()
    await console.locator('[data-draft="twitter"]').get_by_role("button", name="Approve").click()
    await expect(console.locator('[data-draft="twitter"]')).to_have_attribute("data-state", "approved")
    await console.locator('[data-draft="email"]').get_by_role("button", name="Approve").click()
    await expect(console.locator('[data-draft="email"]')).to_have_attribute("data-state", "approved")
    assert await downloaded(console, "Download the mail") == "newsletter.eml"
    quote = console.locator('[data-draft^="quote-"]')
    await expect(quote.get_by_role("textbox")).to_have_value("Quiet at last")
    await quote.get_by_role("button", name="Approve").click()
    await expect(console.locator('[data-draft^="quote-"]')).to_have_attribute("data-state", "approved")
    async with console.expect_popup() as opened:
        await console.get_by_role("link", name="Open the page").click()
    page = await opened.value
    await expect(page.get_by_role("heading", name="Evening Calm")).to_be_visible()
    await expect(page.get_by_text("Equal Breathing").first).to_be_visible()


@pytest.mark.timeout(300)
async def test_survives_the_death_of_the_server(server: Server, open_page: Opener) -> None:
    """The server is killed and started again: everybody is back, in the same session, without a reload."""
    console = await open_page(f"{server.url}/console")
    link = await schedule(console)
    ada = await join(open_page, link, "Ada")
    await expect(ada.get_by_text("What to expect")).to_be_visible()
    await console.get_by_role("button", name="Start the session").click()
    await console.get_by_role("button", name="Next: Equal Breathing").click()
    await expect(ada.get_by_role("heading", name="Equal Breathing")).to_be_visible(timeout=10_000)
    await server.kill()
    await expect(ada.locator("#line")).to_contain_text("Keep breathing")
    step = await ada.locator(".pacer").get_attribute("data-step")
    await expect(ada.locator(".pacer")).not_to_have_attribute("data-step", step or "", timeout=8_000)
    await server.start()
    await expect(ada.locator("#line")).to_be_empty(timeout=30_000)
    await expect(ada.get_by_role("heading", name="Equal Breathing")).to_be_visible()
    await expect(console.get_by_text("reconnecting")).to_be_hidden(timeout=30_000)
    await console.get_by_role("button", name="Rest").click()
    await expect(ada.get_by_role("heading", name="Rest")).to_be_visible(timeout=20_000)
    await expect(console.get_by_text("1 person is here")).to_be_visible()
