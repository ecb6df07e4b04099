"""Platform events over a WebSocket: what the platform is answered, and what clients get."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
import uvloop
from aiohttp import WSMsgType

from engine.domain import commands as c
from engine.domain.session import Phase, Role
from engine.realtime import closing
from engine.storage.database import DatabaseLost
from tests.realtime.studio import KEY, Studio, running


class Platform:
    """A platform's socket: each event gets one answer."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    async def say(self, event: Any) -> dict[str, Any]:
        await self.ws.send_str(event if isinstance(event, str) else json.dumps(event))
        answer: dict[str, Any] = json.loads((await self.ws.receive(timeout=5)).data)
        return answer

    async def tell(self, kind: str, data: Any = None, **outer: Any) -> dict[str, Any]:
        answer = await self.say({"type": kind, "data": data or {}, **outer})
        assert answer["type"] == "ack", answer
        return answer


@asynccontextmanager
async def platform(studio: Studio, secret: str = KEY, session_id: str = "s") -> AsyncIterator[Platform]:
    url = f"http://127.0.0.1:{studio.port}/ws/session/{session_id}/events"
    async with studio.http.ws_connect(url, headers={"Authorization": f"Bearer {secret}"}) as ws:
        yield Platform(ws)


async def test_each_event_reaches_the_room(studio: Studio) -> None:
    """The six of them, with what clients need of each."""
    ada = await studio.join("ada")
    async with platform(studio) as here:
        await here.tell("session.started", {"title": "Dawn", "instructor": "Kai", "scheduled_duration": 1800})
        started = await ada.until("session_update", update_type="session_started")
        assert started["content"]["title"] == "Dawn"
        await here.tell("participant.joined", {"participant_id": "u-7", "name": "Alice"})
        assert (await ada.until("participant_joined"))["content"] == {
            "client_id": "u-7",
            "name": "Alice",
            "count": 2,
        }
        await here.tell(
            "technique.changed", {"technique": "Box Breathing", "duration": 300, "instruction": "In."}
        )
        technique = (await ada.until("technique_changed"))["content"]
        assert (technique["technique"], technique["duration"]) == ("Box Breathing", 300)
        assert technique["instruction"] == "In."
        assert technique["pattern"]["cycle_ms"] == 16_000
        assert technique["started_at"].endswith("Z")
        await here.tell("hrv.milestone", {"improvement": 15.5, "average_hrv": 12.5})
        assert (await ada.until("hrv_milestone"))["content"]["improvement"] == 15.5
        await here.tell("achievement.unlocked", {"title": "Together", "badge_url": "https://x.example/b.png"})
        badge = await ada.until("session_update", update_type="achievement_unlocked")
        assert badge["content"]["title"] == "Together"
        await here.tell("session.ended", {"duration": 1800, "total_participants": 25})
        ending = await ada.until("session_ending")
        assert ending["content"]["summary_available"] is True
        assert ending["content"]["duration"] == 1800
        assert await ada.closed() == 1000
        again = await here.tell("session.ended")
        assert (again["accepted"], again["ignored"]) == (True, True)


async def test_a_repeated_id_changes_nothing_even_after_a_restart(studio: Studio) -> None:
    """The repetition is acknowledged, and says that it was one."""
    ada = await studio.join("ada")
    event = {"participant_id": "u-7"}
    async with platform(studio) as here:
        first = await here.tell("participant.joined", event, id="e-1")
        assert (first["accepted"], first["reply_to"]) == (True, "e-1")
        assert "ignored" not in first
        again = await here.tell("participant.joined", event, id="e-1")
        assert (again["ignored"], again["repeated"], again["reply_to"]) == (True, True, "e-1")
        await ada.until("participant_joined")
    await studio.restart()
    async with platform(studio) as here:
        assert (await here.tell("hrv.milestone", {"improvement": 5}, id="e-1"))["ignored"] is True
    state = await studio.state()
    assert state.count() == 2
    assert state.milestones == ()


@pytest.mark.parametrize(
    "event",
    [
        "no json",
        "[]",
        {"type": "session.paused", "data": {}},
        {"type": "hrv.milestone", "data": {}},
        {"type": "session.started", "session_id": "other", "data": {}},
    ],
)
async def test_a_wrong_event_is_an_error_and_the_socket_stays_usable(studio: Studio, event: Any) -> None:
    """The answer says what is wrong."""
    async with platform(studio) as here:
        answer = await here.say(event)
        assert answer["type"] == "error"
        assert answer["content"]["message"]
        await here.tell("technique.changed", {"technique": "Tide"})


async def test_the_same_event_without_an_id_is_known_after_a_restart(studio: Studio) -> None:
    """By its type, instant and data."""
    event = {"data": {"improvement": 5}, "timestamp": studio.clock.now() // 1000}
    async with platform(studio) as here:
        assert "ignored" not in await here.tell("hrv.milestone", **event)
        assert (await here.tell("hrv.milestone", **event))["ignored"] is True
    await studio.restart()
    async with platform(studio) as here:
        assert (await here.tell("hrv.milestone", **event))["ignored"] is True
    assert len((await studio.state()).milestones) == 1


async def test_an_older_event_is_seen_in_the_record_alone(studio: Studio) -> None:
    """Everybody's pacer stays with what is under way, also of who comes or returns later."""
    ada = await studio.join("ada")
    now = studio.clock.now()
    async with platform(studio) as here:
        await here.tell("session.started", timestamp=now - 900_000)
        await here.tell("technique.changed", {"technique": "Coherent Breathing"}, timestamp=now, id="e4")
        late = {"technique": "Box Breathing"}
        ack = await here.tell("technique.changed", late, timestamp=now - 300_000, id="e3")
        assert "ignored" not in ack
        await here.tell("hrv.milestone", {"improvement": 5}, timestamp=now - 400_000)
        await here.tell("participant.left", {"participant_id": "u-7"}, timestamp=now - 400_000)
    await ada.settled()
    assert [message["type"] for message in ada.inbox if "seq" in message and "epoch" in message] == [
        "session_update",
        "technique_changed",
    ]
    assert ada.inbox[0]["content"]["started_at"].endswith("Z")
    bob = await studio.join("bob")
    assert bob.welcome["technique"]["technique"] == "Coherent Breathing"
    assert bob.welcome["seq"] == ada.inbox[-1]["seq"] + 1 == ack["seq"] + 1
    assert [span.technique for span in (await studio.state()).spans] == [
        "Box Breathing",
        "Coherent Breathing",
    ]
    await studio.restart()
    assert [span.technique for span in (await studio.state()).spans] == [
        "Box Breathing",
        "Coherent Breathing",
    ]


async def test_a_heartbeat_is_answered(studio: Studio) -> None:
    """With the server's time and the newest number, as on a live socket."""
    async with platform(studio) as here:
        await here.tell("session.started")
        answer = await here.say({"type": "heartbeat", "id": "h-1", "session_id": "s"})
        assert (answer["type"], answer["seq"], answer["reply_to"]) == ("heartbeat_ack", 1, "h-1")
        assert answer["server_time"].endswith("Z")
        assert (await here.say({"type": "heartbeat"}))["type"] == "heartbeat_ack"


@pytest.mark.parametrize("sign", ["heartbeat", "ping", "pong"])
async def test_any_frame_is_a_sign_of_life(studio: Studio, sign: str) -> None:
    """Whoever sends them is not silent; whoever sends nothing for 75 seconds is."""
    url = f"http://127.0.0.1:{studio.port}/ws/session/s/events?token={KEY}"
    async with studio.http.ws_connect(url, autoping=False) as here, platform(studio) as silent:
        await Platform(here).tell("session.started")
        await silent.tell("session.started")
        studio.clock.jump(50_000)
        match sign:
            case "ping":
                await here.ping(b"here")
            case "pong":
                await here.pong()
            case _:
                await here.send_str('{"type": "heartbeat"}')
        if sign != "pong":
            answer = await here.receive(timeout=5)
            assert sign != "ping" or (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"here")
        async with asyncio.timeout(5):  # Nothing answers a pong.
            while max(studio.events._heard_at.values()) < studio.clock.elapsed() - 40_000:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        studio.clock.jump(50_000)
        studio.events.close_silent()
        await silent.ws.receive(timeout=5)
        assert silent.ws.close_code == 4003
        await Platform(here).tell("session.started")


async def test_an_error_names_the_event_it_answers(studio: Studio) -> None:
    """By its id."""
    async with platform(studio) as here:
        answer = await here.say({"type": "hrv.milestone", "id": "e-9", "data": {}})
    assert answer["reply_to"] == "e-9"


async def test_binary_events_are_refused(studio: Studio) -> None:
    """Events are text."""
    async with platform(studio) as here:
        await here.ws.send_bytes(b"{}")
        assert json.loads((await here.ws.receive(timeout=5)).data)["type"] == "error"


async def test_an_event_of_64_kib_is_taken_and_a_longer_one_is_the_last(studio: Studio) -> None:
    """Like a message of a live socket: an error that says why, then 4504."""
    event = json.dumps({"type": "session.started", "data": {}})
    async with platform(studio) as here:
        assert (await here.say(event.ljust(64 * 1024)))["type"] == "ack"
        for longer in (event.ljust(64 * 1024 + 1), '"' + "é" * 32 * 1024, "x" * 1_000_000):
            async with platform(studio) as other:
                error = await other.say(longer)
                assert (error["code"], error["session_id"]) == ("too_large", "s")
                await other.ws.receive(timeout=5)
                assert other.ws.close_code == 4504
        assert (await here.say(event))["type"] == "ack"
    assert studio.registry.get_sample_value("halcytone_limited_total", {"limit": "too_large"}) == 3


@pytest.mark.parametrize("who", ["nobody", "participant", "other", "expired"])
async def test_events_need_the_key_or_the_instructors_token(studio: Studio, who: str) -> None:
    """Anything else is told why, and closed."""
    secret = {
        "nobody": "nonsense",
        "participant": studio.token("participant"),
        "other": studio.token("instructor", "another"),
        "expired": studio.token("instructor"),
    }[who]
    if who == "expired":
        studio.clock.jump(25 * 3_600_000)
    async with platform(studio, secret) as here:
        received = json.loads((await here.ws.receive(timeout=5)).data)
        assert received["type"] == "error"
        await here.ws.receive(timeout=5)
        assert here.ws.close_code == (4005 if who == "expired" else 4500)


async def test_the_instructors_token_is_enough(studio: Studio) -> None:
    """Of this session."""
    async with platform(studio, studio.token("instructor")) as here:
        await here.tell("session.started")


async def test_events_for_an_unknown_session_are_refused(studio: Studio) -> None:
    """4502, whoever asks."""
    async with platform(studio, session_id="nowhere") as here:
        assert json.loads((await here.ws.receive(timeout=5)).data)["code"] == "unknown_session"
        await here.ws.receive(timeout=5)
        assert here.ws.close_code == 4502


async def test_a_name_that_somebody_gave_is_not_overwritten(studio: Studio) -> None:
    """Nor are their consents; a platform's name is for those who gave none."""
    ada = await studio.join("ada", name="Ada")
    await ada.send("consent", {"heart_rate": True, "group": True, "version": "1"}, id="1")
    await ada.until("ack")
    await ada.leave()
    async with platform(studio) as here:
        await here.tell("participant.joined", {"participant_id": "ada", "name": "Somebody"})
        await here.tell("participant.joined", {"participant_id": "bob", "name": "Bob"})
    view = await studio.directory.view("s")
    assert view is not None
    assert view.names == {"ada": "Ada", "bob": "Bob"}
    assert json.loads(view.people["ada"].consents)["heart_rate"] is True


async def test_whoever_was_reported_and_then_comes_is_announced_once(studio: Studio) -> None:
    """By the name that the platform gave; they are counted once."""
    ada = await studio.join("ada")
    async with platform(studio) as here:
        await here.tell("participant.joined", {"participant_id": "x1", "name": "Alice"})
    assert (await ada.until("participant_joined"))["content"]["count"] == 2
    alice = await studio.join("x1")
    assert (alice.welcome["participant_count"], alice.welcome["name"]) == (2, "Alice")
    await ada.send("chat", {"message": "hi"})
    assert (await alice.until("chat_message"))["seq"] == alice.welcome["seq"] + 1
    await alice.leave()
    assert (await ada.until("participant_left"))["content"]["count"] == 1
    assert [message["type"] for message in ada.inbox].count("participant_joined") == 1


async def test_a_reported_seat_is_not_anybodys(studio: Studio) -> None:
    """Whoever was here over a connection of their own keeps their secret, whatever a platform says."""
    ada = await studio.join("ada")
    watching = await studio.join(role="observer")
    await ada.leave()
    await watching.until("participant_left")
    async with platform(studio) as here:
        await here.tell("participant.joined", {"participant_id": "ada"})
    assert (await studio.turned_away("ada")).error["code"] == "client_id_in_use"
    assert (await studio.join("ada", resume=ada.welcome["resume"])).welcome["participant_count"] == 1


async def test_a_platform_keeps_an_empty_room_alive(studio: Studio) -> None:
    """Its people are elsewhere: only its end, or two hours, end the session."""
    async with platform(studio) as here:
        await here.tell("session.started")
        await here.tell("participant.joined", {"name": "Alice"})
    studio.clock.jump(3_600_000)
    await studio.directory.ask("s", c.Tick(), c.Sender(Role.ADMIN))
    assert (await studio.state()).phase is Phase.LIVE
    studio.clock.jump(3_600_000)
    await studio.directory.ask("s", c.Tick(), c.Sender(Role.ADMIN))
    assert (await studio.state()).end_reason == "time_limit"


async def test_a_drain_asks_platforms_to_come_back(studio: Studio) -> None:
    """4000."""
    async with platform(studio) as here:
        await here.tell("session.started")
        studio.events.close_all()
        await here.ws.receive(timeout=5)
        assert here.ws.close_code == 4000
        await asyncio.wait_for(studio.events.wait_empty(), 5)


async def test_a_socket_that_is_closed_is_read_until_its_platform_answers(studio: Studio) -> None:
    """Cut while the platform sends, its connection would break, and it would not learn why it is closed."""
    url = f"http://127.0.0.1:{studio.port}/ws/session/s/events"
    async with studio.http.ws_connect(url, headers={"X-API-Key": KEY}, autoclose=False) as ws:
        here = Platform(ws)
        await here.tell("session.started")
        studio.events.close_all()
        goodbye = await ws.receive(timeout=5)
        assert (goodbye.type, goodbye.data, goodbye.extra) == (WSMsgType.CLOSE, 4000, "restarting")
        (held,) = studio.events._heard_at
        (at,) = studio.events._heard_at.values()
        studio.clock.jump(1000)
        await ws.send_json({"type": "session.ended", "data": {}})
        await until(lambda: studio.events._heard_at[held] > at)
        assert not held.transport.is_closing()
        await ws.close()
        await asyncio.wait_for(studio.events.wait_empty(), 5)
        assert (await studio.state()).phase is Phase.LIVE


async def test_strangers_learn_of_no_session(studio: Studio) -> None:
    """Without a credential that fits, a session that exists is refused as one that does not."""
    await studio.create("hidden", visibility="private")
    for secret in ("nonsense", studio.token("participant", "hidden"), studio.token("instructor", "s")):
        received = []
        for session_id in ("absent", "hidden"):
            url = f"http://127.0.0.1:{studio.port}/ws/session/{session_id}/events"
            async with studio.http.ws_connect(url, headers={"Authorization": f"Bearer {secret}"}) as ws:
                error = json.loads((await ws.receive(timeout=5)).data)
                await ws.receive(timeout=5)
                received.append(
                    (ws.close_code, error["code"], error["content"]["message"].replace(session_id, "it"))
                )
        assert received[0] == received[1]
        assert received[0][:2] == (4500, "bad_credential")


async def unread_platform(studio: Studio) -> tuple[socket.socket, asyncio.StreamWriter]:
    """A socket of events whose peer never reads, with as little room for answers as there can be."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", studio.port))
    # A limit of nothing: the stream stops reading the socket with the first answer.
    _, writer = await asyncio.open_connection(sock=end, limit=1)
    head = f"GET /ws/session/s/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nUpgrade: websocket\r\n"
    writer.write(f"{head}Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n".encode())
    writer.write(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    await until(lambda: len(studio.events._heard_at) == 1)
    return end, writer


async def until(condition: Callable[[], bool], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 — what is waited for is inside the server
            await asyncio.sleep(0.005)


async def test_a_platform_that_never_reads_is_cut_off(studio: Studio) -> None:
    """Its answers are kept up to 256 KiB; what waits for it then is nothing but its own socket."""
    _, writer = await unread_platform(studio)
    ping = bytes((0x89, 0x80 | 125)) + bytes(4 + 125)
    cut = studio.registry.get_sample_value
    while not cut("halcytone_limited_total", {"limit": "too_slow"}):
        writer.write(ping * 200)
        await asyncio.sleep(0.001)
    await until(lambda: not studio.events._heard_at)
    async with platform(studio) as other:
        await other.tell("session.started")
    writer.close()


def test_a_platform_that_never_reads_is_counted_once(tmp_path: Path) -> None:
    """On uvloop, which servers run on, a transport that was aborted keeps what it had not sent."""

    async def cut_off() -> float | None:
        async with running(tmp_path) as studio:
            await studio.create()
            _, writer = await unread_platform(studio)
            ping = bytes((0x89, 0x80 | 125)) + bytes(4 + 125)
            while studio.events._heard_at:
                writer.write(ping * 2000)
                await asyncio.sleep(0.001)
            writer.close()
            return studio.registry.get_sample_value("halcytone_limited_total", {"limit": "too_slow"})

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(cut_off()) == 1


async def test_a_platform_whose_key_cannot_be_looked_up_comes_back(studio: Studio) -> None:
    """While the database is away nobody knows what a host's key leads: an error that says so, and a code that asks to return."""
    studio.authorization._leads = AsyncMock(side_effect=DatabaseLost("away"))
    secret = studio.keys.create("host", 1)
    for path in ("session/s/events", "live-updates?session_id=s&role=instructor"):
        url = f"http://127.0.0.1:{studio.port}/ws/{path}"
        async with studio.http.ws_connect(url, headers={"Authorization": f"Bearer {secret}"}) as ws:
            assert json.loads((await ws.receive(timeout=5)).data)["code"] == "storage_failed"
            await ws.receive(timeout=5)
            assert ws.close_code == 4006


async def test_a_silent_platform_that_never_reads_delays_nobody(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its close frame cannot leave: the line is cut, and the round that closes the silent goes on."""
    monkeypatch.setattr(closing, "_CLOSE_TIMEOUT", 0.1)
    _, writer = await unread_platform(studio)
    (held,) = studio.events._heard_at
    ping = bytes((0x89, 0x80 | 125)) + bytes(4 + 125)
    while held.transport.get_write_buffer_size() < 100_000:
        writer.write(ping * 50)
        await asyncio.sleep(0.001)
    studio.clock.jump(76_000)
    studio.events.close_silent()
    await until(held.transport.is_closing)
    assert held.transport.get_write_buffer_size() == 0
    writer.close()
