"""Slow, stalled and vanished readers: a constant each, and no delay for anybody."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from websockets.frames import Frame
from websockets.protocol import CLIENT, Protocol

from engine.domain import commands as c
from engine.domain.session import Role
from engine.realtime import room as rooms
from engine.realtime.room import RING, Room
from engine.realtime.seat import UNSENT_LIMIT, Seat
from engine.realtime.tick import Tick
from tests.realtime.studio import Refused, Studio
from tests.realtime.wire import Silence, Wire, seated, ticks

LONG = "🜁" * 2000


class LazyReader:
    """A live socket over plain TCP whose owner reads when it pleases."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.protocol = Protocol(CLIENT, max_size=None)

    async def connect(self, client_id: str, query: str = "") -> dict[str, Any]:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.studio.port))
        self.reader, self.writer = await asyncio.open_connection(sock=raw, limit=4096)
        self.writer.write(
            f"GET /ws/live-updates?session_id=s&client_id={client_id}{query} HTTP/1.1\r\nHost: x\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"\r\n\r\n")
        welcome: dict[str, Any] = json.loads(bytes((await self.frames())[0].data))
        return welcome

    async def frames(self) -> list[Frame]:
        while not (events := self.protocol.events_received()):
            data = await asyncio.wait_for(self.reader.read(1 << 20), 5)
            assert data, "the connection ended"
            self.protocol.receive_data(data)
        return [event for event in events if isinstance(event, Frame)]

    async def rest(self) -> tuple[list[int], int | None]:
        """Read to the end: the numbers that came, and the close code."""
        numbers: list[int] = []
        while self.protocol.close_rcvd is None:
            try:
                frames = await self.frames()
            except (ConnectionError, AssertionError):
                return numbers, None
            numbers += [json.loads(bytes(frame.data))["seq"] for frame in frames if frame.opcode == 1]
        self.writer.close()
        return numbers, self.protocol.close_rcvd.code


async def test_a_slow_reader_falls_out_of_the_ring_and_delays_nobody(studio: Studio) -> None:
    """It gets a part without a hole, then 4001; the others have everything long before; it recovers."""
    bob = await studio.join("bob")
    lazy = LazyReader(studio)
    welcome = await lazy.connect("ada")
    for number in range(1300):
        await studio.command(c.Announce(str(number), LONG))
    await bob.until("session_update", 1300)
    numbers, code = await lazy.rest()
    assert code == 4001
    assert numbers == list(range(welcome["seq"] + 1, welcome["seq"] + 1 + len(numbers)))
    assert len(numbers) < 1300
    last = welcome["seq"] + len(numbers)
    back = await studio.join("ada", resume=welcome["resume"], epoch=welcome["epoch"], after=last)
    assert back.welcome["recovered"] is True
    await back.until("session_update", 1300 - len(numbers))
    assert back.numbers() == list(range(last + 1, welcome["seq"] + 1301))


async def test_a_reader_that_never_reads_again_is_cut_off(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for: neither its buffer nor its goodbye."""
    monkeypatch.setattr(rooms, "_STALL_TIMEOUT", 0.0)
    bob = await studio.join("bob")
    lazy = LazyReader(studio)
    await lazy.connect("ada")
    for number in range(1300):
        await studio.command(c.Announce(str(number), LONG))
        if len(studio.sockets) == 1:
            break
    assert len(studio.sockets) == 1
    await studio.command(c.Announce("after", "x"))
    await bob.until("session_update", title="after")
    lazy.writer.transport.abort()


async def test_a_reader_that_catches_up_in_time_misses_nothing() -> None:
    """While its transport is full it is skipped; when it drains it goes on where it was."""
    room = Room(Tick(Silence()))
    _, slow = seated(room, "ada")
    _, quick = seated(room, "bob")
    slow.reads = False
    frames = [b"%d." % number + b"x" * 1000 for number in range(1, RING)]
    for seq, frame in enumerate(frames, 1):
        room.publish(seq, frame)
        await ticks(2)
    assert quick.sent == b"".join(frames)
    assert len(slow.sent) <= UNSENT_LIMIT + 2 * len(frames[-1])
    slow.reads, slow.unread = True, 0
    room.publish(RING, b"last")
    await ticks()
    assert slow.sent == b"".join(frames) + b"last"


async def test_a_connection_that_breaks_takes_nobody_with_it() -> None:
    """Until it is detached nothing is written to it, and it stands where it stood."""
    room = Room(Tick(Silence()))
    seats = [seated(room, name) for name in ("ada", "bob", "cyd")]
    room.publish(1, b"one,")
    await ticks()
    seats[1][1].broken = True
    room.publish(2, b"two,")
    await ticks()
    assert [wire.sent for _, wire in seats] == [b"one,two,", b"one,", b"one,two,"]
    assert [seat.cursor for seat, _ in seats] == [2, 1, 2]
    assert room.leave(seats[1][0])
    assert seats[1][0].cursor == 1


async def test_a_rebuilt_room_goes_on_where_its_people_are() -> None:
    """Its ring is empty then, and says nothing of how far the session is."""
    room = Room(Tick(Silence()))
    wires = [Wire(), Wire()]
    seats = [Seat(name, Role.PARTICIPANT, wire, Silence()) for name, wire in zip("ab", wires, strict=True)]
    for seat in seats:
        room.admit(seat, b"", 57)
    await ticks()
    assert [seat.cursor for seat in seats] == [57, 57]
    room.publish(58, b"next")
    await ticks()
    assert [(wire.sent, seat.cursor) for wire, seat in zip(wires, seats, strict=True)] == [(b"next", 58)] * 2


async def test_who_cannot_take_figures_for_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who drains in time gets the newest, however long ago they stalled before."""
    room = Room(Tick(Silence()))
    seat, wire = seated(room, "ada")
    await ticks()
    wire.unread = UNSENT_LIMIT + 1
    room.figures(b"lost,", b"")
    await ticks()
    wire.unread = 0
    room.figures(b"new,", b"")
    await ticks()
    assert (wire.sent, seat.stalled_at, seat.closing) == (b"new,", None, False)
    monkeypatch.setattr(rooms, "_STALL_TIMEOUT", 0.0)
    wire.unread = UNSENT_LIMIT + 1
    for _ in range(3):
        room.figures(b"lost,", b"")
        await ticks()
    assert (wire.sent, seat.closing, wire.broken) == (b"new,", True, True)


async def test_a_seat_behind_the_ring_is_not_given_a_part() -> None:
    """Whoever is seated where the ring no longer reaches comes back: they never get a log with a hole."""
    room = Room(Tick(Silence()))
    for seq in range(1, RING + 11):
        room.publish(seq, b"frame")
    await ticks()
    wire = Wire()
    seat = Seat("ada", Role.PARTICIPANT, wire, Silence())
    room.admit(seat, b"welcome", 5)
    await ticks()
    assert seat.closing
    assert b"frame" not in wire.sent


async def test_only_the_newest_figures_reach_a_slow_reader() -> None:
    """Figures are conflated: what is old by the time somebody can read is never sent."""
    room = Room(Tick(Silence()))
    _, slow = seated(room, "ada")
    _, quick = seated(room, "ivy", Role.INSTRUCTOR)
    slow.unread = UNSENT_LIMIT + 1
    for number in range(3):
        room.figures(b"all%d," % number, b"staff%d," % number)
        await ticks()
    assert quick.sent == b"staff0,staff1,staff2,"
    assert slow.sent == b""
    slow.unread = 0
    room.publish(1, b"one,")
    await ticks()
    assert slow.sent == b"one,all2,"


async def test_figures_of_one_tick_are_one_message() -> None:
    """And are not repeated with what follows."""
    room = Room(Tick(Silence()))
    _, wire = seated(room, "ada")
    room.figures(b"old,", b"")
    room.figures(b"new,", b"")
    await ticks()
    room.publish(1, b"one,")
    await ticks()
    assert wire.sent == b"new,one,"


async def test_staff_who_do_not_keep_up_are_asked_to_come_back() -> None:
    """What is for staff alone has no number to recover by, and must not pile up."""
    room = Room(Tick(Silence()))
    seat, wire = seated(room, "ivy", Role.INSTRUCTOR)
    room.to_staff(b"hand,")
    wire.unread = UNSENT_LIMIT + 1
    room.to_staff(b"lost,")
    assert seat.closing
    assert wire.sent.startswith(b"hand,\x88")
    assert (4001).to_bytes(2, "big") in wire.sent


async def test_exactly_so_many_fit(studio: Studio) -> None:
    """Sixty come at once for ten places: ten are in, fifty are told that it is full, and counts agree."""
    await studio.create("small", max_participants=10)
    attempts = [studio.join(f"p{number}", session_id="small") for number in range(60)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 50
    assert {refusal.code for refusal in refused} == {4503}
    assert (await studio.state("small")).count() == 10
    counts = [
        result.welcome["participant_count"] for result in results if not isinstance(result, BaseException)
    ]
    assert sorted(counts) == list(range(1, 11))


async def test_an_announcement_does_not_wait_for_the_figures_of_a_thousand() -> None:
    """Figures go out in slices; what is numbered overtakes them, and everybody has the newest in the end."""
    room = Room(Tick(Silence()))
    wires = [seated(room, f"c{number}")[1] for number in range(500)]
    await ticks()
    room.figures(b"[figures]", b"[figures]")
    await asyncio.sleep(0)
    received = sum(b"[figures]" in wire.sent for wire in wires)
    assert 0 < received < 500
    room.publish(1, b"[one]")
    await ticks(20)
    assert all(wire.sent.count(b"[one]") == wire.sent.count(b"[figures]") == 1 for wire in wires)
    overtaken = sum(wire.sent.index(b"[one]") < wire.sent.index(b"[figures]") for wire in wires)
    assert overtaken > 200
