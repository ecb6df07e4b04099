"""Every limit of a live socket, over the socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import WSMsgType

from engine.domain import commands as c
from tests.realtime.studio import Client, Studio, running


def limited(studio: Studio, limit: str) -> float | None:
    return studio.registry.get_sample_value("halcytone_limited_total", {"limit": limit})


async def errors(client: Client) -> list[str]:
    """The codes of all errors so far."""
    await client.settled()
    return [message["code"] for message in client.inbox if message["type"] == "error"]


async def test_what_is_wrong_is_an_error_and_the_socket_stays_usable(studio: Studio) -> None:
    """Binary frames, no JSON, no object, unknown types, wrong shapes, unknown fields."""
    ada = await studio.join("ada")
    await ada.ws.send_bytes(b'{"type": "heartbeat"}')
    for text in ("hello", "[]", "{}", '{"type": "fly"}', '{"type": "chat", "data": {"message": 7}}'):
        await ada.ws.send_str(text)
    await ada.send("chat", {"message": "hi"}, room="x")
    codes = await errors(ada)
    assert len(codes) == 7
    assert set(codes) == {"invalid_message", "unknown_type"}
    assert studio.registry.get_sample_value("halcytone_wrong_messages_total") == 7


async def test_twenty_wrong_messages_in_a_minute_close_for_good(studio: Studio) -> None:
    """4501; nineteen, and a pause, do not."""
    ada = await studio.join("ada")
    for _ in range(19):
        await ada.ws.send_str("?")
    assert len(await errors(ada)) == 19
    studio.clock.jump(61_000)
    for _ in range(20):
        await ada.ws.send_str("?")
    assert await ada.closed() == 4501


async def test_a_message_over_64_kib_closes_with_4504(studio: Studio) -> None:
    """Up to that it is read and judged."""
    ada = await studio.join("ada")
    right = json.dumps({"type": "heartbeat"})
    await ada.ws.send_str(right.ljust(64 * 1024))
    await ada.until("heartbeat_ack")
    await ada.ws.send_str(right.ljust(64 * 1024 + 1))
    assert await ada.closed() == 4504
    assert limited(studio, "too_large") == 1


async def test_a_message_far_over_the_limit_closes_with_4504_too(studio: Studio) -> None:
    """It is not read to its end."""
    ada = await studio.join("ada")
    await ada.ws.send_str("x" * 1_000_000)
    assert await ada.closed() == 4504
    assert [message["code"] for message in ada.inbox if message["type"] == "error"] == ["too_large"]
    assert limited(studio, "too_large") == 1


async def test_too_many_messages_are_refused_then_closed(studio: Studio) -> None:
    """Twenty at once are fine; more get rate_limited with a time to wait; who goes on gets 4004."""
    ada = await studio.join("ada")
    for _ in range(25):  # A slow machine refills one or two meanwhile.
        await ada.send("chat", {"message": "hi"})
    error = await ada.until("error")
    assert error["code"] == "rate_limited"
    assert int(error["content"]["details"]["retry_after"]) >= 1
    await ada.until("message_sent", 20)
    for _ in range(20):
        await ada.send("chat", {"message": "hi"})
    assert await ada.closed() == 4004
    assert limited(studio, "rate_limited") == 20


async def test_a_limit_refills_and_outlives_a_connection(studio: Studio) -> None:
    """Whoever reconnects has not got a new burst; whoever waits has."""
    ada = await studio.join("ada")
    for _ in range(20):
        await ada.send("raise_hand", {"raised": True})
    await ada.settled()
    back = await studio.join("ada", resume=ada.welcome["resume"])
    for _ in range(5):
        await back.send("raise_hand", {"raised": True})
    assert set(await errors(back)) == {"rate_limited"}
    studio.clock.jump(20_000)
    await back.send("raise_hand", {"raised": False}, id="1")
    await back.until("ack", reply_to="1")


async def test_nobody_takes_the_limit_of_the_staff_by_trying_their_client_id(tmp_path: Path) -> None:
    """What counts is the role in which somebody is here, not that of whoever asked for this client_id first."""
    async with running(tmp_path) as studio:
        await studio.create(max_participants=1)
        await studio.join("ada")
        assert (await studio.turned_away("lead")).error["code"] == "full"
        lead = await studio.join("lead", key=True, role="instructor")
        for number in range(60):
            await lead.send("announce", {"title": "t", "message": "m"}, id=str(number))
        await lead.until("ack", 60)
        assert await errors(lead) == []


async def test_straps_and_taps_have_limits_of_their_own(studio: Studio) -> None:
    """180 beats and 300 taps a minute beside the 20 messages."""
    ada = await studio.join("ada")
    await ada.send("consent", {"heart_rate": True, "group": False, "version": "1"})
    for _ in range(180):
        await ada.send("heart_rate", {"rr": [800.0]})
    for _ in range(300):
        await ada.send("breath_tap", {"phase": "inhale"})
    assert await errors(ada) == []
    for _ in range(15):
        await ada.send("heart_rate", {"rr": [800.0]})
    assert set(await errors(ada)) == {"rate_limited"}


async def test_silence_closes_with_4003(studio: Studio) -> None:
    """75 s without a word; whoever says anything stays."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    studio.clock.jump(50_000)
    await bob.settled()
    studio.clock.jump(26_000)
    studio.sockets.close_silent()
    assert await ada.closed() == 4003
    await bob.settled()
    assert bob.ws.close_code is None


async def test_a_ping_is_a_sign_of_life(studio: Studio) -> None:
    """Libraries keep a connection alive by pings alone; each is answered with its own words."""
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s"
    async with studio.http.ws_connect(url, autoping=False) as ws:
        assert json.loads((await ws.receive(timeout=5)).data)["type"] == "welcome"
        studio.clock.jump(50_000)
        await ws.ping(b"here")
        pong = await ws.receive(timeout=5)
        assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"here")
        studio.clock.jump(50_000)
        studio.sockets.close_silent()
        await ws.send_str('{"type": "heartbeat"}')
        assert json.loads((await ws.receive(timeout=5)).data)["type"] == "heartbeat_ack"


async def test_the_round_trip_is_measured_and_a_sign_of_life(studio: Studio) -> None:
    """The answer to our ping is a frame as any other; who gives none is silent."""
    ada = await studio.join("ada")
    studio.clock.jump(70_000)
    studio.sockets.ping_some()
    async with asyncio.timeout(5):
        while not studio.registry.get_sample_value("halcytone_socket_rtt_seconds_count"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    studio.clock.jump(70_000)
    studio.sockets.close_silent()
    await ada.settled()
    studio.clock.jump(76_000)
    studio.sockets.close_silent()
    assert await ada.closed() == 4003


async def test_more_than_a_thousand_missed_messages_are_no_partial_gap(studio: Studio) -> None:
    """The live replay keeps the newest thousand: beyond that one gets the state."""
    bob = await studio.join("bob")
    await studio.lost(bob)
    for number in range(1001):
        await studio.command(c.Announce(str(number), "x"))
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is False
    assert back.welcome["seq"] == (await studio.state()).seq
    await back.settled()
    assert back.numbers() == []
