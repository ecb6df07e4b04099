"""How many participants of one network address a session takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime.studio import Studio, running


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Studio]:
    """A studio in which an address has three seats in each session."""
    async with running(tmp_path, seats=3) as here:
        await here.create()
        yield here


async def test_beyond_its_seats_an_address_is_told_so(three: Studio) -> None:
    """4504, for good; other addresses and other sessions have seats of their own."""
    await three.create("t")
    for client_id in ("ada", "bob", "cyd"):
        await three.join(client_id)
    refused = await three.turned_away("dan")
    assert (refused.code, refused.error["code"]) == (4504, "too_many_from_here")
    assert "3 people" in refused.error["content"]["message"]
    assert (await three.join("dan", address="there")).welcome["participant_count"] == 4
    assert (await three.join("dan", session_id="t")).welcome["participant_count"] == 1
    assert (await three.state()).count() == 4


async def test_those_who_left_keep_their_seats(three: Studio) -> None:
    """The story counts them: coming and going makes no more of them. Who was here returns, from anywhere."""
    ada = await three.join("ada")
    await three.join("bob")
    cyd = await three.join("cyd")
    await ada.leave()
    await cyd.until("participant_left", client_id="ada")
    assert (await three.turned_away("dan")).error["code"] == "too_many_from_here"
    back = await three.join("ada", resume=ada.welcome["resume"])
    assert back.welcome["participant_count"] == 3
    await three.lost(back)
    assert (await three.join("ada", resume=ada.welcome["resume"], address="there")).welcome["recovered"]
    for client_id in ("eve", "fay", "gus"):
        await three.join(client_id, address="there")
    assert (await three.turned_away("hal", address="there")).error["code"] == "too_many_from_here"


async def test_only_participants_take_seats(three: Studio) -> None:
    """Whoever watches, or leads, is not counted; whoever was refused neither."""
    for _ in range(5):
        await three.join(role="observer")
        await three.join(role="instructor", key=True)
    await three.create("later", scheduled_start=three.clock.now() + 3_600_000)
    for _ in range(5):
        assert (await three.turned_away(session_id="later")).error["code"] == "not_open_yet"
    three.clock.jump(3_600_000)
    for _ in range(3):
        await three.join(session_id="later")
    assert (await three.turned_away(session_id="later")).error["code"] == "too_many_from_here"


async def test_no_limit_is_none(studio: Studio) -> None:
    """Zero, and the addresses that are not counted."""
    for _ in range(10):
        await studio.join()
    assert (await studio.state()).count() == 10


async def test_a_private_session_is_not_told_by_its_seats(three: Studio) -> None:
    """Where all seats of an address are taken, a stranger hears what they hear of any session that is none."""
    await three.create("hidden", access="invite", visibility="private")
    token = three.token("participant", "hidden")
    for _ in range(3):
        await three.join(session_id="hidden", token=token)
    assert (await three.turned_away(session_id="hidden", token=token)).error["code"] == "too_many_from_here"
    assert (await three.turned_away(session_id="hidden")).error["code"] == "unknown_session"
