"""Connections that come and go: admission, recovery of missed messages, departure.

A joining client is registered and its replay read in one turn, so that there is no gap to buffer for.
Messages that the room's ring no longer holds are read from the journal, once for all who wait for them (``missed_reader``).
A little long: each step looks at who is joining, waiting and seated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from engine.domain import commands as c
from engine.domain.instant import MINUTE, Millis
from engine.domain.rejection import Forbidden, Rejected
from engine.domain.session import RESUME_WITHIN, Presence, Role, Session
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode
from engine.protocol.outgoing import Message
from engine.sessions.arrival.address_seats import AddressSeats
from engine.sessions.arrival.missed_reader import MissedReader
from engine.sessions.arrival.recovery import Position, position_of
from engine.sessions.messages import Attach, Detach, MissedRecords
from engine.sessions.numbered_frames import NumberedFrame
from engine.sessions.ports import RoomPort, SeatPort
from engine.storage.journal import Journal, Record

__all__ = ["Arrivals", "SessionPort"]

_REMEMBER: Millis = 10 * MINUTE


class SessionPort(Protocol):
    """What is needed of the session that people come to."""

    @property
    def state(self) -> Session | None:
        """The newest state, durable or not."""
        ...

    def run(
        self,
        command: c.Command,
        sender: c.Sender,
        *,
        then: Callable[[Session | None], None] | None = None,
        failed: Callable[[Rejected], None] | None = None,
    ) -> object:
        """Carry out a command; ``then`` once all that has happened is durable, ``failed`` if it never is.

        ``then`` gets the state as it was decided, whatever has been decided since.
        """
        ...

    def refuse_when_durable(self, refusal: Rejected, refuse: Callable[[Rejected], None]) -> None:
        """Call ``refuse`` once all that has happened is durable, with another refusal if it never is.

        What somebody is refused for, the end of the session for example, may not be so in the end.
        """
        ...

    def welcome(self, state: Session, attach: Attach, *, seq: int, recovered: bool, at: Millis) -> Message:
        """The welcome of somebody who comes, with ``state`` as it was decided at their arrival."""
        ...

    def frame(self, record: Record) -> NumberedFrame:
        """The frame of a numbered record from the journal."""
        ...

    def seated(self, state: Session, returning: bool, recovered: bool) -> None:
        """Somebody was seated; ``recovered``: with everything they missed."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    attach: Attach
    position: Position | None
    replay_until: int
    """The newest ``seq`` at the time of arrival, the arrival itself included."""
    state: Session


class Arrivals:
    """The connections of one session, from their arrival to their departure."""

    __slots__ = (
        "_address_seats",
        "_joining",
        "_last_handed",
        "_missed",
        "_now",
        "_room",
        "_session",
        "_session_id",
        "_session_over",
        "_waiting",
    )

    def __init__(
        self,
        session_id: str,
        session: SessionPort,
        room: RoomPort[Any],
        journal: Journal,
        now: Callable[[], Millis],
        enqueue: Callable[[MissedRecords], None],
    ) -> None:
        """``enqueue`` puts what was read from the journal into the session's mailbox."""
        self._session_id = session_id
        self._session = session
        self._room = room
        self._now = now
        self._last_handed: dict[str, tuple[int, Millis]] = {}
        self._waiting: list[_Arrival] = []
        self._joining: dict[str, SeatPort] = {}
        """The newest connection of each client that has come and is not seated yet."""
        self._missed = MissedReader(session_id, journal, enqueue)
        self._session_over = False
        self._address_seats = AddressSeats()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for their seat, or may yet return to their position, which is known here alone."""
        state, at = self._session.state, self._now()
        if self._waiting or state is None or state.phase.is_over:
            return bool(self._waiting)
        return any(at - left_at <= RESUME_WITHIN for _, left_at in self._last_handed.values())

    def stop(self) -> None:
        """Close the sockets of those who still wait: they reconnect."""
        self._missed.cancel()
        for arrival in self._waiting:
            arrival.attach.seat.close(CloseCode.MOVED)
        self._waiting.clear()

    # -- coming -------------------------------------------------------------------------------

    def attach(self, message: Attach) -> None:
        """Seat somebody once their join is durable, or refuse them."""
        seat, join = message.seat, message.join
        at = self._now()
        before = self._session.state
        position: Position | None = None
        if before is not None:
            older = self._room.seats.get(join.client_id)
            handed = self._last_handed.get(join.client_id)
            if older is not None and join.proved:
                handed = (older.cursor, at)
            position = position_of(
                before, join, after=message.after, epoch=message.epoch, handed=handed, at=at
            )

        def arrived(state: Session | None) -> None:
            assert state is not None
            within_reach = position is not None and position.is_within_reach(state.seq)
            self._joined(_Arrival(message, position if within_reach else None, state.seq, state))

        older = self._joining.get(join.client_id)
        self._joining[join.client_id] = seat
        try:
            claim = self._address_seats.claim(message, before, at)
            self._session.run(
                join,
                c.Sender(join.role, join.client_id),
                then=arrived,
                failed=lambda refusal: self.refuse(message, refusal),
            )
        except Rejected as refusal:
            self._session.refuse_when_durable(refusal, partial(self.refuse, message))
            if older is not None:
                self._joining[join.client_id] = older
        else:
            if claim is not None:
                self._address_seats.take(claim)
            if older is not None:
                # Before it is seated: it must not take the place of the newer one later.
                older.close(CloseCode.REPLACED, "a newer connection has taken this place")

    def refuse(self, attach: Attach, refusal: Rejected) -> None:
        """Send somebody the reason why they are not let in, and close their socket."""
        seat = attach.seat
        self._stop_joining(seat)
        top: dict[str, Any] = {}
        if "opens_at" in refusal.details:
            # Who waits for it counts down by this clock, which runs faster in a demonstration.
            top = {"opens_at": refusal.details["opens_at"], "clock_rate": attach.top.get("clock_rate", 1.0)}
        seat.write(outgoing.frame(outgoing.error(self._session_id, self._now(), refusal, **top)))
        seat.refuse(refusal.code)

    def _joined(self, arrival: _Arrival) -> None:
        seat = arrival.attach.seat
        if seat.closing:
            self._stop_joining(seat)
            self._leave(seat, clean=False)
            return
        position = arrival.position
        if position is None:
            self._seat(arrival, recovered=False, handed=arrival.replay_until)
        elif self._room.reaches_back_to(position.missed_from, arrival.replay_until):
            self._seat(arrival, recovered=True, handed=position.missed_from)
        else:
            self._waiting.append(arrival)
            self._read_missed()

    def _seat(self, arrival: _Arrival, *, recovered: bool, handed: int, older: bytes = b"") -> None:
        """Seat somebody: the welcome, what they missed (``older``, up to ``handed``), then the room."""
        attach = arrival.attach
        seq = arrival.replay_until
        if recovered and arrival.position is not None:
            seq = arrival.position.missed_from
        payload = self._session.welcome(arrival.state, attach, seq=seq, recovered=recovered, at=self._now())
        self._room.admit(
            attach.seat, outgoing.frame(payload) + older, handed, arrival.replay_until if recovered else 0
        )
        self._stop_joining(attach.seat)
        self._last_handed.pop(attach.seat.client_id, None)
        self._session.seated(arrival.state, attach.join.proved or attach.after is not None, recovered)

    # -- what the ring no longer holds ----------------------------------------------------------

    def _read_missed(self) -> None:
        self._missed.read(min(a.position.missed_from for a in self._waiting if a.position is not None))

    def hand_out_missed(self, message: MissedRecords) -> None:
        """Seat those who waited for what was read: with all that they missed, or with nothing of it."""
        outdated = self._missed.finish()
        if not self._waiting:
            return
        if outdated:
            self._read_missed()
            return
        tail = self._room.tail
        # A record may be on the disk before the room has published it: the room will.
        newest = max(*(arrival.replay_until for arrival in self._waiting), 0 if tail is None else tail - 1)
        if self._session_over:
            newest = max(newest, self._room.head)
        frames = [frame for frame in map(self._session.frame, message.records) if frame[0] <= newest]
        if frames and (tail is None or frames[-1][0] >= tail - 1):
            self._room.restore(frames)
        waiting, self._waiting = self._waiting, []
        for arrival in waiting:
            assert arrival.position is not None
            missed_from = arrival.position.missed_from
            if arrival.attach.seat.closing:
                self._stop_joining(arrival.attach.seat)
                self._leave(arrival.attach.seat, clean=False)
            elif missed_from < message.after:
                self._waiting.append(arrival)
            elif not self._session_over and self._room.reaches_back_to(missed_from, arrival.replay_until):
                self._seat(arrival, recovered=True, handed=missed_from)
            else:
                upto = arrival.replay_until if self._room.tail is None else self._room.tail - 1
                if self._session_over:  # All of it at once: nobody goes before they have been sent the end.
                    upto = newest
                missed = [frame for frame in frames if missed_from < frame[0] <= upto]
                if len(missed) == upto - missed_from:
                    older = b"".join(frame[1] for frame in missed)
                    self._seat(arrival, recovered=True, handed=upto, older=older)
                else:
                    self._seat(arrival, recovered=False, handed=arrival.replay_until)
        if self._session_over:
            self.end()
        if self._waiting:
            self._read_missed()

    # -- closing the sockets of those seated and of those who still wait ---------------------------

    def end(self) -> None:
        """The session is over: everybody goes, those who still wait as soon as they have been sent the end."""
        self._session_over = True
        self._missed.invalidate()
        self._room.close_all(CloseCode.DONE, "the session is over")

    def remove(self, client_id: str) -> None:
        """Staff removed somebody: close their socket."""
        self._room.close(client_id, CloseCode.REMOVED, "the instructor asked this person to leave")
        for arrival in self._stop_waiting(client_id):
            self.refuse(
                arrival.attach, Forbidden("removed", "The instructor has asked this person to leave.")
            )

    def forget_frames(self) -> None:
        """Words were taken out of the log: whoever comes back gets what it says now."""
        self._room.forget()
        self._missed.invalidate()

    def withdraw(self, client_id: str) -> None:
        """Somebody withdrew: close their socket, and drop all frames that name them."""
        self.forget_frames()
        self._room.close(client_id, CloseCode.DONE, "everything was withdrawn")
        for arrival in self._stop_waiting(client_id):
            seat = arrival.attach.seat
            seat.close(CloseCode.DONE, "everything was withdrawn")
            self._stop_joining(seat)
            self._leave(seat, clean=True)

    def _stop_waiting(self, client_id: str) -> list[_Arrival]:
        going = [arrival for arrival in self._waiting if arrival.attach.join.client_id == client_id]
        self._waiting = [arrival for arrival in self._waiting if arrival.attach.join.client_id != client_id]
        return going

    def shift(self, by: Millis) -> None:
        """The date leapt forwards by ``by``: nobody has been away any longer for it."""
        self._last_handed = {key: (seq, at + by) for key, (seq, at) in self._last_handed.items()}

    # -- going --------------------------------------------------------------------------------

    def detach(self, message: Detach) -> None:
        """A socket was closed. One that was replaced, or was never let in, changes nothing."""
        seat = message.seat
        seat.closing = True
        if self._room.leave(seat):
            self._last_handed[seat.client_id] = (seat.cursor, self._now())
            self._leave(seat, clean=message.clean and not seat.may_reconnect)
            if not self._room.seats:
                self._forget()

    def _leave(self, seat: SeatPort, *, clean: bool) -> None:
        state = self._session.state
        member = None if state is None else state.members.get(seat.client_id)
        if member is None or member.presence is not Presence.PRESENT:
            return
        if seat.client_id in self._room.seats or seat.client_id in self._joining:
            return  # Here by another connection.
        leaving: c.Command = c.Leave(seat.client_id) if clean else c.LoseConnection(seat.client_id)
        self._session.run(leaving, c.Sender(Role.ADMIN))

    def _stop_joining(self, seat: SeatPort) -> None:
        if self._joining.get(seat.client_id) is seat:
            del self._joining[seat.client_id]

    def _forget(self) -> None:
        at = self._now()
        self._last_handed = {
            key: value for key, value in self._last_handed.items() if at - value[1] < _REMEMBER
        }
