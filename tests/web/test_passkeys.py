"""Passkeys in the console, with Chromium's virtual authenticator."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Page, expect

from tests.api.conftest import KEY as API_KEY
from tests.api.conftest import quick_server, settings
from tests.web.conftest import Opener
from tests.web.test_accessibility import findings

pytestmark = pytest.mark.chromium
"""Its virtual authenticator."""


@pytest_asyncio.fixture(loop_scope="session")
async def address(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[str]:
    """A server that is reached by a name: this machine's, which counts as safe without https."""
    url = f"http://localhost:{unused_tcp_port}"
    given = settings(tmp_path, port=unused_tcp_port, public_url=url)
    async with quick_server(given):
        yield url


async def with_authenticator(page: Page) -> tuple[CDPSession, str]:
    """A device that has a finger on it at once, for this page alone."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    made: dict[str, Any] = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devtools, str(made["authenticatorId"])


async def signed_in(open_page: Opener, address: str) -> Page:
    page = await open_page(f"{address}/console", phone=False, fresh=True)
    await page.get_by_label("Key or session link").fill(API_KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    return page


async def test_a_passkey_is_added_used_and_removed(address: str, open_page: Opener) -> None:
    """By what a person sees: added with a name, it opens the console in the place of the key, until it is removed."""
    page = await signed_in(open_page, address)
    devtools, device = await with_authenticator(page)
    await page.get_by_role("button", name="Team and programs").click()
    await expect(page.get_by_text("No passkey yet.")).to_be_visible()
    await page.get_by_label("What to call it").fill("My laptop")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("The passkey is added.")).to_be_visible()
    card = page.get_by_role("article").filter(has_text="My laptop")
    await expect(card).to_contain_text(re.compile("^My laptopadded "))
    assert await findings(page) == []

    await page.get_by_label("What to call it").fill("Again")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("This device has a passkey for your key already.")).to_be_visible()

    await page.evaluate("() => { sessionStorage.clear(); location.reload(); }")
    await expect(page.get_by_role("heading", name="Lead a session")).to_be_visible()
    assert await findings(page) == []
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await page.get_by_role("button", name="Team and programs").click()
    await expect(card).to_contain_text("last used")

    await card.get_by_role("button", name="Remove").click()
    await expect(card).to_contain_text("My laptop signs in no more")
    await card.get_by_role("button", name="Yes, remove it").click()
    # What it had opened is closed, this page among it.
    await expect(page.get_by_text("This sign-in is no longer valid here.")).to_be_visible()
    known = await devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})
    assert len(known["credentials"]) == 1
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_text("This passkey is not known here, or not any more.")).to_be_visible()


async def test_whoever_does_not_finish_is_told(address: str, open_page: Opener) -> None:
    """A finger that does not fit changes nothing, and can be tried again."""
    page = await signed_in(open_page, address)
    devtools, device = await with_authenticator(page)
    await devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    await page.get_by_role("button", name="Team and programs").click()
    await page.get_by_label("What to call it").fill("My phone")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("It was not finished.")).to_be_visible()
    await expect(page.get_by_label("What to call it")).to_have_value("My phone")
    await devtools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("The passkey is added.")).to_be_visible()
    await page.get_by_role("article").filter(has_text="My phone").get_by_role("button", name="Remove").click()
    await page.get_by_role("button", name="Yes, remove it").click()
    await expect(page.get_by_text("No passkey yet.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Passkeys")).to_be_focused()


async def test_without_a_name_nothing_of_passkeys_is_shown(tmp_path: Path, open_page: Opener) -> None:
    """No browser makes any for an IP address: neither at the sign-in nor under the keys."""
    async with quick_server(settings(tmp_path)) as server:
        page = await open_page(f"{server.url}/console", phone=False)
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        await expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
        await page.get_by_label("Key or session link").fill(API_KEY)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("button", name="Team and programs").click()
        await expect(page.get_by_role("button", name="Make the key")).to_be_visible()
        await expect(page.get_by_role("heading", name="Passkeys")).to_be_hidden()
