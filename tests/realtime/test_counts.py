"""What is counted of the ends of sockets: each once, by the code of whoever closed it, limits by their names."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest
from prometheus_client import CollectorRegistry

from engine.domain.session import Role
from engine.protocol.close_codes import CloseCode
from engine.realtime import closing, room
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.room import Room
from engine.realtime.seat import UNSENT_LIMIT, Seat
from engine.realtime.tick import Tick
from tests.realtime.raw import Raw, frame
from tests.realtime.studio import KEY, Studio
from tests.realtime.wire import Wire, ticks


def ended(registry: CollectorRegistry) -> dict[str, float]:
    """How many sockets have ended, by code."""
    return {
        sample.labels["code"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "halcytone_disconnects_total"
    }


def limited(registry: CollectorRegistry, limit: str) -> float | None:
    return registry.get_sample_value("halcytone_limited_total", {"limit": limit})


async def test_whoever_is_not_let_in_is_counted_by_the_reason(studio: Studio) -> None:
    """Each once, whether it was the handshake that refused them or the room."""

    def refused(code: str) -> float | None:
        return studio.registry.get_sample_value("halcytone_refusals_total", {"code": code})

    await studio.turned_away(session_id="nowhere")
    await studio.create("small", max_participants=1)
    ada = await studio.join("ada", session_id="small")
    for _ in range(2):
        await studio.turned_away(session_id="small")
    await studio.turned_away("ada", session_id="small")
    assert [refused(code) for code in ("unknown_session", "full", "client_id_in_use")] == [1, 2, 1]
    await ada.leave()
    assert refused("full") == 2


@pytest.mark.parametrize("answer", [struct.pack("!H", 1000), b"", struct.pack("!H", 4999)])
async def test_a_socket_that_is_closed_here_is_counted_by_our_code(studio: Studio, answer: bytes) -> None:
    """Whatever its peer answers."""
    ada = await Raw.join(studio, "ada")
    await ada.message()
    studio.sockets.close_all(CloseCode.DRAINING, lambda: "restarting")
    assert await ada.close_code() == 4000
    ada.writer.write(frame(0x88, answer))
    await asyncio.wait_for(studio.sockets.wait_empty(), 5)
    assert ended(studio.registry) == {"4000": 1}
    ada.writer.close()


async def test_whoever_does_not_answer_a_close_is_counted_too(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off, by the code of the close; that it was silent is counted as a limit."""
    monkeypatch.setattr(closing, "_CLOSE_TIMEOUT", 0.05)
    ada = await Raw.join(studio, "ada")
    await ada.message()
    studio.clock.jump(76_000)
    studio.sockets.close_silent()
    studio.sockets.close_silent()
    await asyncio.wait_for(studio.sockets.wait_empty(), 5)
    assert ended(studio.registry) == {"4003": 1}
    assert limited(studio.registry, "silent") == 1
    ada.writer.close()


async def test_a_silent_platform_is_counted_as_a_limit(studio: Studio) -> None:
    """Its socket closes with 4003."""
    url = f"http://127.0.0.1:{studio.port}/ws/session/s/events"
    async with studio.http.ws_connect(url, headers={"Authorization": f"Bearer {KEY}"}) as ws:
        await ws.send_str('{"type": "session.started"}')
        await ws.receive(timeout=5)
        studio.clock.jump(76_000)
        studio.events.close_silent()
        await ws.receive(timeout=5)
        assert ws.close_code == 4003
    assert limited(studio.registry, "silent") == 1


async def test_a_broken_connection_is_counted_as_that(studio: Studio) -> None:
    """1006, and no limit."""
    ada = await studio.join("ada")
    await studio.lost(ada)
    assert ended(studio.registry) == {"1006": 1}
    assert limited(studio.registry, "silent") is None


async def test_a_message_that_is_too_long_is_counted_by_our_code(studio: Studio) -> None:
    """Also when it was not read to its end."""
    ada = await studio.join("ada")
    await ada.ws.send_str(json.dumps("x" * 1_000_000))
    await asyncio.wait_for(studio.sockets.wait_empty(), 5)
    assert ended(studio.registry) == {"4504": 1}


async def test_who_does_not_read_is_counted_as_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff who are closed at once, and whoever is given up later."""
    registry = CollectorRegistry()
    metrics = LiveMetrics(registry)
    here = Room(Tick(metrics))
    wires = [Wire(), Wire()]
    for wire, role in zip(wires, (Role.INSTRUCTOR, Role.PARTICIPANT), strict=True):
        here.admit(Seat(str(role), role, wire, metrics), b"", here.head)
        wire.unread = UNSENT_LIMIT + 1
    here.to_staff(b"hand")
    assert limited(registry, "too_slow") == 1
    monkeypatch.setattr(room, "_STALL_TIMEOUT", -1.0)
    here.publish(1, b"one")
    await ticks()
    assert limited(registry, "too_slow") == 2
    assert wires[1].broken
