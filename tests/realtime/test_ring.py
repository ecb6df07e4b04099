"""The ring under any order of publishing, stalling, draining, joining and forgetting."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.session import Role
from engine.realtime.room import RING, Room
from engine.realtime.seat import UNSENT_LIMIT, Seat
from engine.realtime.tick import Tick
from tests.realtime.wire import Silence, Wire, ticks

names = st.sampled_from(["ada", "bob"])
doings = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.none() | names),
        st.tuples(st.just("many"), st.integers(1, 400)),
        st.tuples(st.just("stall"), names),
        st.tuples(st.just("drain"), names),
        st.tuples(st.just("break"), names),
        st.tuples(st.just("ask"), names),
        st.tuples(st.just("come"), names),
        st.tuples(st.just("return"), names),
        st.tuples(st.just("figures"), st.none()),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("restore"), st.integers(1, RING + 1)),
    ),
    min_size=20,
    max_size=60,
)


class Reader:
    """A seat, and what it ought to have been sent."""

    def __init__(self, room: Room, name: str, since: int) -> None:
        self.wire = Wire()
        self.seat = Seat(name, Role.PARTICIPANT, self.wire, Silence())
        self.since, self.recovers = since, room.head if since < room.head else 0
        room.admit(self.seat, b"", since, self.recovers)

    def owed(self, published: list[tuple[bytes, str | None]]) -> bytes:
        return b"".join(
            b"(own)" if skip == self.seat.client_id and seq > self.recovers else frame
            for seq, (frame, skip) in enumerate(published, 1)
            if seq > self.since
        )


async def play(doings: list[tuple[str, str | int | None]]) -> None:
    room = Room(Tick(Silence()))
    readers = {name: Reader(room, name, 0) for name in ("ada", "bob")}
    published: list[tuple[bytes, str | None]] = []

    def publish(skip: str | None = None) -> None:
        frame = b"<%d>" % (len(published) + 1)
        published.append((frame, skip))
        room.publish(len(published), frame, skip, b"(own)" if skip else b"")

    for kind, about in doings:
        reader = readers["bob" if about == "bob" else "ada"]
        if kind == "publish":
            publish(None if about is None else str(about))
        elif kind == "many" and isinstance(about, int):
            for number in range(about):
                publish()
                await ticks(1 if number % 50 == 0 else 0)
        elif kind == "forget":
            room.forget()
        elif kind == "restore" and isinstance(about, int) and room.tail is not None:
            before = list(enumerate(published, 1))[: room.tail - 1]
            room.restore([(seq, frame, skip, b"(own)") for seq, (frame, skip) in before[-about:]])
        elif kind == "figures":
            room.figures(b"", b"")
        elif kind == "come":
            readers[str(about)] = Reader(room, str(about), room.head)
        elif kind == "return" and not reader.seat.closing:
            readers[str(about)] = Reader(room, str(about), reader.seat.cursor)
        elif kind == "break":
            reader.wire.broken = True
        elif kind == "ask":
            room.answer(reader.seat, b"")
        elif kind in ("stall", "drain"):
            reader.wire.reads = kind == "drain"
            reader.wire.unread = 0 if kind == "drain" else UNSENT_LIMIT + 1
        await ticks(1)
    for reader in readers.values():
        reader.wire.reads, reader.wire.unread = True, 0
    for _ in range(1 + RING // 16):
        room.figures(b"", b"")  # Any writing gives who fell behind another turn.
        await ticks(2)
    for reader in readers.values():
        owed = reader.owed(published)
        if b"\x88" in reader.wire.sent:  # Too slow: a part without a hole, then the goodbye.
            part, _, rest = reader.wire.sent.rpartition(b"\x88")
            assert rest[1:3] == (4001).to_bytes(2, "big")
            assert owed.startswith(part)
        elif reader.wire.broken:  # Where it says that it stands, whoever comes back goes on.
            assert reader.wire.sent == reader.owed(published[: reader.seat.cursor])
        else:
            assert reader.wire.sent == owed
            assert reader.seat.cursor == room.head


@settings(max_examples=100)
@given(doings)
def test_everybody_gets_everything_once_and_in_order(doings: list[tuple[str, str | int | None]]) -> None:
    """From where they came in, or a part without a hole and a goodbye."""
    asyncio.run(play(doings))
