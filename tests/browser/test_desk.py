"""The draft desk, as an instructor finds it who has nothing but the session's own link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Opener
from tests.journey.server import Server, asked


@pytest_asyncio.fixture(loop_scope="session")
async def evening(server: Server, http: aiohttp.ClientSession) -> dict[str, Any]:
    """A session that has begun, with its links and tokens."""
    body = {
        "session_id": "evening",
        "title": "Evening Calm",
        "instructor": "Test instructor",
        "scheduled_start": datetime.now(UTC).isoformat(),
    }
    created = await asked(http, "POST", f"{server.url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{server.url}/api/v2/sessions/evening/start")
    return created


async def test_a_session_link_shows_where_each_channel_stands_and_keeps_what_is_written(
    server: Server, http: aiohttp.ClientSession, open_page: Opener, evening: dict[str, Any]
) -> None:
    """Progress without a key; what is approved is what stands there; other drafts keep unsaved words."""
    guest = await open_page(evening["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    desk = await open_page(evening["urls"]["console"])
    await expect(desk.get_by_text("1 person is here")).to_be_visible()
    await asked(http, "POST", f"{server.url}/api/v2/sessions/evening/end")
    await expect(desk.get_by_text("Page, archive and feed")).to_be_visible(timeout=20_000)
    web = desk.locator(".channels li").filter(has_text="Page, archive and feed")
    await expect(web).to_have_attribute("data-state", "done", timeout=20_000)
    await expect(desk.get_by_text("1 person took part.")).to_be_visible()
    await desk.get_by_label("Text for LinkedIn").fill("Not finished yet")
    mail = desk.locator("[data-draft=email]")
    await mail.get_by_label("Subject").fill("How we breathed")
    await mail.get_by_role("button", name="Approve").click()
    await expect(mail).to_have_attribute("data-state", "approved")
    await expect(mail.get_by_label("Subject")).to_have_value("How we breathed")
    await expect(mail.get_by_role("heading", name="Newsletter")).to_be_focused()
    told = await asked(http, "GET", f"{server.url}/api/v2/sessions/evening/drafts")
    kept = next(draft for draft in told["drafts"] if draft["channel"] == "email")
    assert (kept["subject"], kept["state"]) == ("How we breathed", "approved")
    await expect(desk.get_by_label("Text for LinkedIn")).to_have_value("Not finished yet")


async def test_a_session_that_nobody_came_to_says_so(
    server: Server, http: aiohttp.ClientSession, open_page: Opener, evening: dict[str, Any]
) -> None:
    """There is no story to wait for."""
    desk = await open_page(evening["urls"]["console"])
    await expect(desk.get_by_role("button", name="End the session")).to_be_visible()
    await asked(http, "POST", f"{server.url}/api/v2/sessions/evening/end")
    await expect(desk.get_by_text("Nothing was published: nobody took part")).to_be_visible()


async def test_the_page_of_a_private_session_opens_for_those_who_were_there(
    server: Server, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """A link carries no credential; the close and the desk bring it, and show the page."""
    body = {
        "session_id": "circle",
        "title": "Closed Circle",
        "instructor": "Test instructor",
        "scheduled_start": datetime.now(UTC).isoformat(),
        "access": "invite",
        "visibility": "private",
    }
    room = await asked(http, "POST", f"{server.url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{server.url}/api/v2/sessions/circle/start")
    guest = await open_page(room["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    desk = await open_page(room["urls"]["console"])
    await expect(desk.get_by_text("1 person is here")).to_be_visible()
    await asked(http, "POST", f"{server.url}/api/v2/sessions/circle/end")
    await desk.get_by_role("button", name="Open the page").click(timeout=30_000)
    await expect(desk.get_by_role("heading", name="Closed Circle")).to_be_visible()
    await expect(desk.get_by_text("Drafts", exact=True)).to_have_count(0)
    await guest.get_by_role("button", name="The page of this session").click()
    await expect(guest.get_by_role("heading", name="Closed Circle")).to_be_visible()
    await expect(guest.get_by_text("How was it for you?")).to_have_count(0)
