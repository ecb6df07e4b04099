"""Following a session: in order, once each, over lost connections; and when not to come again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import pytest
import pytest_asyncio

from halcytone.client import LiveClient, Refused
from halcytone.following import follow
from tests.api.conftest import Server, moment, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server for all tests of this module."""
    async with running(tmp_path_factory.mktemp("following"), rate_requests_per_minute=0) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_events_come_in_order_over_a_lost_connection(
    shared: Server, http: aiohttp.ClientSession
) -> None:
    """What happened while the line was down follows the second welcome, and the end of the session ends the loop.

    The address is as the server prints it, with a slash at its end.
    """
    await shared.create("calm", scheduled_start=moment(minutes=1))
    client = LiveClient(http, f"{shared.url}/", "calm", name="Ada")
    pauses: list[float] = []

    async def while_away(seconds: float) -> None:
        pauses.append(seconds)
        await shared.event("technique.changed", "calm", technique="Box Breathing")
        await shared.event("hrv.milestone", "calm", improvement=10)

    seen, welcomes = [], []
    async with aclosing(follow(client, pause=while_away)) as events:
        async for event in events:
            if event.type == "welcome":
                welcomes.append(event)
                if len(welcomes) == 1:
                    await shared.event("session.started", "calm")
                continue
            if event.seq is not None and event.epoch is not None:
                seen.append((event.seq, event.update or event.type))
            if event.update == "session_started":
                await client.drop()
            if event.type == "hrv_milestone":
                await shared.event("session.ended", "calm")
    assert [welcome.recovered for welcome in welcomes] == [False, True]
    assert len(pauses) == 1
    numbers = [seq for seq, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    kinds = [kind for _, kind in seen]
    for one, next_ in zip(
        ("session_started", "technique_changed", "hrv_milestone"),
        ("technique_changed", "hrv_milestone", "session_ending"),
        strict=True,
    ):
        assert kinds.index(one) < kinds.index(next_)


async def test_who_was_away_at_the_end_learns_that_it_is_over(
    shared: Server, http: aiohttp.ClientSession
) -> None:
    """The return is refused, ``over`` is set; and a line that is gone is lost a second time without harm."""
    await shared.create("missed", scheduled_start=moment(minutes=1))
    client = LiveClient(http, shared.url, "missed", name="Ada")
    await client.connect()
    await shared.event("session.started", "missed")
    await client.drop()
    await shared.event("session.ended", "missed")
    with pytest.raises(Refused) as refused:
        await client.connect()
    assert refused.value.args[0]["code"] == "session_over"
    assert client.over.is_set()
    await client.closed()
    await client.drop()


async def test_a_session_that_does_not_exist_is_asked_for_once(
    shared: Server, http: aiohttp.ClientSession
) -> None:
    """The error's code says why; nobody waits."""
    client = LiveClient(http, shared.url, "nowhere")
    with pytest.raises(Refused) as refused:
        await anext(follow(client, pause=never))
    assert refused.value.args[0]["code"] == "unknown_session"


@pytest.mark.parametrize("wrong", ["/nowhere", "http:/", "//"])
async def test_a_wrong_address_is_said_at_once(
    shared: Server, http: aiohttp.ClientSession, wrong: str
) -> None:
    """It names the address, and what is the matter with it; nobody waits."""
    url = f"{shared.url}{wrong}" if wrong == "/nowhere" else wrong
    with pytest.raises(Refused, match=r"404|no address of a server"):
        await anext(follow(LiveClient(http, url, "calm"), pause=never))


async def never(_: float) -> None:
    raise AssertionError("there was nothing to wait for")


async def test_a_room_that_opens_later_is_waited_for(shared: Server, http: aiohttp.ClientSession) -> None:
    """The client asks again after a quarter of a minute, and is in once the room is open."""
    await shared.create("later", scheduled_start=moment(hours=5))
    client = LiveClient(http, shared.url, "later")

    async def until_it_opens(seconds: float) -> None:
        assert seconds >= 15
        changed = await shared.client.patch(
            "/api/v2/sessions/later", json={"scheduled_start": moment(minutes=5)}
        )
        assert changed.status_code == 200

    async with aclosing(follow(client, pause=until_it_opens)) as events:
        assert (await anext(events)).type == "welcome"
    await client.close()


async def test_secrets_are_in_no_address(shared: Server, http: aiohttp.ClientSession) -> None:
    """Token and resume go into the first frame; with them a client comes back as who it was."""
    room = await shared.create("led", scheduled_start=moment(minutes=1))
    leader = LiveClient(http, shared.url, "led", role="instructor", token=room["tokens"]["instructor"])
    first = await leader.connect()
    await leader.drop()
    second = await leader.connect()
    assert (second["client_id"], second["role"]) == (first["client_id"], "instructor")
    assert "token" not in leader.query
    assert "resume" not in leader.query
    await leader.close()
