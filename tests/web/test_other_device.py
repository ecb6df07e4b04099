"""One person on two devices: a link hands the place over, and nobody counts twice."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from engine.app import RunningServer
from tests.journey.server import asked
from tests.journey.session import created
from tests.web.conftest import NO_STORAGE, Opener
from tests.web.fake_room import FakeRoom


async def practising(
    http: aiohttp.ClientSession, server: RunningServer, open_page: Opener, script: str | None
) -> Page:
    """Ada on her phone, in a live session that is by invitation."""
    room = await created(http, server.url, "two", access="invite", visibility="private")
    link = f"{server.url}/sessions/join/two#token={room['tokens']['participant']}"
    phone = await open_page(link, script=script)
    await phone.get_by_label("Your name, if you like").fill("Ada")
    await phone.get_by_role("button", name="Join").click()
    await expect(phone.get_by_text("We begin any moment now.")).to_be_visible()
    await asked(http, "POST", f"{server.url}/api/v2/sessions/two/start")
    await expect(phone.get_by_role("heading", name="Settle in")).to_be_visible()
    return phone


async def said(http: aiohttp.ClientSession, server: RunningServer) -> tuple[int, list[str], list[str]]:
    """How many are here, their names, and which arrivals and departures were announced."""
    path = f"{server.url}/api/v2/session/two/content?include_replay=true"
    content = await asked(http, "GET", path)
    info: dict[str, Any] = content["session_info"]
    kinds = [message["type"] for message in content["replay"]["messages"]]
    moves = [kind for kind in kinds if kind.startswith("participant_")]
    return info["participant_count"], [person["name"] for person in info["participants"]], moves


@pytest.mark.timeout(60)
@pytest.mark.parametrize("script", [None, NO_STORAGE], ids=["storage", "no storage"])
async def test_a_person_goes_on_on_another_device(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener, script: str | None
) -> None:
    """The link from the phone opens the same place elsewhere: the phone lets go, the count and the room stay.

    So it is where browsers keep nothing of a page.
    """
    phone = await practising(http, unpublished, open_page, script)
    before = await said(http, unpublished)
    assert before == (1, ["Ada"], ["participant_joined"])

    await phone.get_by_role("button", name="More").click()
    await phone.get_by_role("button", name="Go on on another device").click()
    link = await phone.get_by_label("Your own link").input_value()
    assert "#resume=" in link

    tablet = await open_page(link, phone=False, script=script)
    await expect(tablet.get_by_role("heading", name="Go on here?")).to_be_visible()
    # The secret stands in no address any more, and nothing has moved yet.
    assert await tablet.evaluate("location.hash") == ""
    await expect(phone.get_by_role("button", name="Back to the breath").last).to_be_visible()

    await tablet.get_by_role("button", name="Go on here").click()
    await expect(tablet.get_by_role("heading", name="Settle in")).to_be_visible()
    await expect(phone.get_by_role("heading", name="You are here in another window")).to_be_visible()
    assert await said(http, unpublished) == before

    # It stays hers over a reload, and goes back with one tap.
    await tablet.reload()
    await expect(tablet.get_by_role("heading", name="Settle in")).to_be_visible()
    await phone.get_by_role("button", name="Go on here").click()
    await expect(phone.get_by_role("heading", name="Settle in")).to_be_visible()
    await expect(tablet.get_by_role("heading", name="You are here in another window")).to_be_visible()
    assert await said(http, unpublished) == before


@pytest.mark.timeout(60)
async def test_a_wrong_link_makes_nobody_new(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """A link that is nobody's leads to the entry, which asks."""
    await created(http, unpublished.url, "two")
    page = await open_page(f"{unpublished.url}/sessions/join/two#resume=r1.nobody.nothing")
    await page.get_by_role("button", name="Go on here").click()
    await expect(page.get_by_label("Your name, if you like")).to_be_visible()
    assert (await said(http, unpublished))[0] == 0


async def test_whoever_gave_a_name_on_saying_that_they_come_finds_it_in_the_field(
    room: FakeRoom, open_page: Opener
) -> None:
    """They may change it, which is kept when the same link is opened again; it stays out of the address."""
    link = f"{await room.start()}/sessions/join/{room.session_id}#come=hers&name=Anna+%22A%22+%C3%96z"
    page = await open_page(link)
    name = page.get_by_label("Your name, if you like")
    await expect(name).to_have_value('Anna "A" Öz')
    assert await page.evaluate("location.hash") == ""
    await page.reload()
    await expect(name).to_have_value('Anna "A" Öz')
    await name.fill("Annie")
    await page.get_by_role("button", name="Join").click()
    await room.wait_for_lines(1)
    assert (room.addresses[0]["resume"], room.addresses[0]["name"]) == ("hers", "Annie")
    async with page.expect_event("load"):
        await page.evaluate("location.hash = 'come=hers&name=Anna'")
    await room.wait_for_lines(2)
    assert room.addresses[1]["name"] == "Annie"


@pytest.mark.timeout(60)
async def test_whoever_has_said_that_they_come_is_known_without_storage(
    room: FakeRoom, open_page: Opener
) -> None:
    """Their own link proves who they are, also after another link was pasted into the same tab; nobody else is."""
    link = f"{await room.start()}/sessions/join/{room.session_id}"
    page = await open_page(f"{link}#come=hers", script=NO_STORAGE)
    await page.get_by_role("button", name="Join").click()
    await room.wait_for_lines(1)
    assert room.addresses[0]["resume"] == "hers"
    await expect(page.get_by_text("4 people are here")).to_be_visible()
    async with page.expect_event("load"):
        await page.evaluate("location.hash = 'token=another'")
    await room.wait_for_lines(2)
    assert room.addresses[1]["resume"] == "secret"
    assert await page.evaluate("location.hash") == ""
