"""A session, its room and its journal in memory, for tests of arrivals alone: commits come when the test says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from engine.domain import commands as c
from engine.domain.decide import decide
from engine.domain.evolve import evolve
from engine.domain.instant import Millis
from engine.domain.rejection import Rejected
from engine.domain.session import Details, Role, Session
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.outgoing import Message
from engine.sessions.messages import Attach
from engine.sessions.numbered_frames import NumberedFrame
from engine.storage.journal import Record

__all__ = ["NOON", "FakeJournal", "FakeRoom", "FakeSeat", "FakeSession", "frame_of"]

NOON: Millis = 1_700_000_000_000


def frame_of(seq: int) -> bytes:
    """The frame that the fakes make of a numbered record."""
    return f"<{seq}>".encode()


class FakeSeat:
    """A socket that keeps what was written to it and how it was closed."""

    def __init__(self, client_id: str, role: Role = Role.PARTICIPANT) -> None:
        self.client_id = client_id
        self.role = role
        self.closing = False
        self.may_reconnect = False
        self.cursor = 0
        self.written: list[bytes] = []
        self.closed: CloseCode | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self, code: CloseCode, reason: str = "") -> None:
        self.closing = True
        self.closed = code

    def refuse(self, code: str) -> None:
        self.close(close_code_of(code), code)

    @property
    def first(self) -> dict[str, Any]:
        """The first message that was written, without what follows it."""
        text = self.written[0].decode(errors="replace")
        message: dict[str, Any]
        message, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
        return message


class FakeRoom:
    """What arrivals use of a room: seats, and a ring that holds what ``published`` put into it from ``tail`` on."""

    def __init__(self) -> None:
        self.seats: dict[str, FakeSeat] = {}
        self.head = 0
        self.tail: int | None = None

    def published(self, *, tail: int, head: int) -> None:
        """Let the ring hold the frames from ``tail`` up to ``head``."""
        self.tail, self.head = tail, head

    def reaches_back_to(self, seq: int, head: int) -> bool:
        return seq >= head or (self.tail is not None and self.tail <= seq + 1)

    def admit(self, seat: FakeSeat, first: bytes, cursor: int, replay_until: int = 0) -> FakeSeat | None:
        replaced = self.seats.get(seat.client_id)
        self.seats[seat.client_id] = seat
        seat.write(first)
        seat.cursor = cursor
        return replaced

    def leave(self, seat: FakeSeat) -> bool:
        if self.seats.get(seat.client_id) is not seat:
            return False
        del self.seats[seat.client_id]
        return True

    def restore(self, frames: Sequence[NumberedFrame]) -> None:
        self.tail = frames[0][0]

    def forget(self) -> None:
        self.tail = self.head + 1

    def close(self, client_id: str, code: CloseCode, reason: str = "") -> None:
        if client_id in self.seats:
            self.seats[client_id].close(code, reason)

    def close_all(self, code: CloseCode, reason: str = "") -> None:
        for seat in self.seats.values():
            seat.close(code, reason)


class FakeSession:
    """A live session that decides at once and is durable when ``commit`` is called."""

    def __init__(self) -> None:
        self.state: Session | None = None
        self.now = NOON
        self.commands: list[c.Command] = []
        self.seats_taken: list[tuple[bool, bool]] = []
        self._waiting: list[Callable[[], None]] = []
        staff = c.Sender(Role.ADMIN)
        self.run(c.Create("s", "epoch", Details("Morning", "Ivy", NOON)), staff)
        self.run(c.Start(), staff)
        self.commit()
        self.commands.clear()

    def run(
        self,
        command: c.Command,
        sender: c.Sender,
        *,
        then: Callable[[Session | None], None] | None = None,
        failed: Callable[[Rejected], None] | None = None,
    ) -> object:
        for event in decide(self.state, command, sender=sender, at=self.now):
            self.state = evolve(self.state, event, self.now)
        self.commands.append(command)
        state = self.state
        if then is not None:
            self._waiting.append(lambda: then(state))
        return None

    def refuse_when_durable(self, refusal: Rejected, refuse: Callable[[Rejected], None]) -> None:
        if self._waiting:
            self._waiting.append(lambda: refuse(refusal))
        else:
            refuse(refusal)

    def commit(self) -> None:
        """Everything that was decided so far is durable."""
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def announce(self, times: int) -> None:
        """Number so many further messages."""
        for number in range(times):
            self.run(c.Announce(str(number), "Hello"), c.Sender(Role.ADMIN))

    def welcome(self, state: Session, attach: Attach, *, seq: int, recovered: bool, at: Millis) -> Message:
        return {"type": "welcome", "seq": seq, "recovered": recovered}

    def frame(self, record: Record) -> NumberedFrame:
        assert record.seq is not None
        return record.seq, frame_of(record.seq), None, b""

    def seated(self, state: Session, returning: bool, recovered: bool) -> None:
        self.seats_taken.append((returning, recovered))


class FakeJournal:
    """Numbered records of one session, read as often as ``reads`` tells."""

    def __init__(self, session: FakeSession) -> None:
        self._session = session
        self.reads: list[int] = []

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        self.reads.append(after_seq)
        assert self._session.state is not None
        return [Record(seq, seq, NOON, b"") for seq in range(after_seq + 1, self._session.state.seq + 1)][
            -limit:
        ]
