"""Who comes to a session and who goes: admission, recovery of what was missed, departure.

A joining client is registered and its replay read in one turn, so that there is no gap to buffer for.
What the ring no longer holds is read from the journal once for all who wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.decide import decide
from engine.domain.instant import MINUTE, Millis
from engine.domain.rejection import Forbidden, Rejected
from engine.domain.session import RESUME_WITHIN, Presence, Role, Session
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.sessions.messages import Attach, Detach, MissedRecords, SeatClaim
from engine.sessions.ports import RoomPort, SeatPort
from engine.sessions.recovery import MOST_RECOVERED, Position, position_of
from engine.sessions.replies import sender_reply
from engine.sessions.welcome import welcome
from engine.storage.journal import Journal, JournalFailed, Record

__all__ = ["Arrivals", "sender_of"]

_REMEMBER: Millis = 10 * MINUTE
_MOST_READ = 2 * MOST_RECOVERED
"""Records read at a time: the newest, so that what is written meanwhile must not push out what was missed."""

log = structlog.get_logger()


class SessionPort(Protocol):
    """The session that people come to."""

    @property
    def state(self) -> Session | None:
        """What has been decided, durable or not."""
        ...

    @property
    def names(self) -> Mapping[str, str]:
        """The names of those who gave one."""
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

    def metrics(self, state: Session, at: Millis) -> Mapping[str, Any]:
        """The group's figures for somebody who comes."""
        ...

    def enqueue(self, message: MissedRecords) -> None:
        """Put a message into the session's mailbox."""

    def seated(self, state: Session, returning: bool, recovered: bool) -> None:
        """Somebody has their seat."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    attach: Attach
    position: Position | None
    replay_until: int
    """The newest ``seq`` at the time of arrival, the arrival itself included."""
    state: Session


def sender_of(event: e.Event) -> str | None:
    """Who does not get a message of their own: they know already."""
    return event.client_id if isinstance(event, (e.MemberJoined, e.ChatMessageSent)) else None


class Arrivals:
    """The comings and goings of one session."""

    __slots__ = (
        "_host",
        "_joining",
        "_journal",
        "_last_handed",
        "_now",
        "_outdated",
        "_reading",
        "_room",
        "_seats_of",
        "_session_id",
        "_session_over",
        "_waiting",
    )

    def __init__(
        self,
        session_id: str,
        host: SessionPort,
        room: RoomPort[Any],
        journal: Journal,
        now: Callable[[], Millis],
    ) -> None:
        self._session_id = session_id
        self._host = host
        self._room = room
        self._journal = journal
        self._now = now
        self._last_handed: dict[str, tuple[int, Millis]] = {}
        self._waiting: list[_Arrival] = []
        self._joining: dict[str, SeatPort] = {}
        """The newest connection of each client that has come and is not seated yet."""
        self._reading: asyncio.Task[None] | None = None
        self._outdated = False
        """What is being read may hold words that were taken back meanwhile."""
        self._session_over = False
        self._seats_of: dict[str, int] = {}
        """How many participants came from each address that is counted, those who left included."""

    @property
    def busy(self) -> bool:
        """Somebody waits for their seat, or may yet return to where they stood: that is known here alone."""
        state, at = self._host.state, self._now()
        if self._waiting or state is None or state.phase.is_over:
            return bool(self._waiting)
        return any(at - gone_at <= RESUME_WITHIN for _, gone_at in self._last_handed.values())

    def stop(self) -> None:
        """Whoever still waits comes back later."""
        if self._reading is not None:
            self._reading.cancel()
        for arrival in self._waiting:
            arrival.attach.seat.close(CloseCode.MOVED)
        self._waiting.clear()

    # -- coming -------------------------------------------------------------------------------

    def attach(self, message: Attach) -> None:
        """Let somebody in, or tell them why not."""
        seat, join = message.seat, message.join
        at = self._now()
        before = self._host.state
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
            claim = self._claim_of(message, before, at)
            self._host.run(
                join,
                c.Sender(join.role, join.client_id),
                then=arrived,
                failed=lambda refusal: self.refuse(message, refusal),
            )
        except Rejected as refusal:
            self.refuse(message, refusal)
            if older is not None:
                self._joining[join.client_id] = older
        else:
            if claim is not None:
                self._seats_of[claim.address] = self._seats_of.get(claim.address, 0) + 1
            if older is not None:
                # Before it is seated: it must not take the place of the newer one later.
                older.close(CloseCode.REPLACED, "a newer connection has taken this place")

    def _claim_of(self, message: Attach, before: Session | None, at: Millis) -> SeatClaim | None:
        """The claim that a new participant's seat is counted under; None where none is needed.

        Raises:
            Rejected: the address has all the seats it may have.
        """
        claim, join = message.claim, message.join
        if claim is None or before is None or join.role is not Role.PARTICIPANT:
            return None
        known = before.members.get(join.client_id)
        if known is not None and known.owned:
            return None
        if self._seats_of.get(claim.address, 0) >= claim.most:
            # Whatever else keeps them out comes first: a stranger must not learn of a private session by this.
            decide(before, join, sender=c.Sender(join.role, join.client_id), at=at)
            raise Forbidden(
                "too_many_from_here",
                f"{claim.most} people of this network address are or were in this session: that is all it may have.",
            )
        return claim

    def refuse(self, attach: Attach, refusal: Rejected) -> None:
        """Say why somebody is not let in, and close."""
        seat = attach.seat
        self._stop_joining(seat)
        top: dict[str, Any] = {}
        if "opens_at" in refusal.details:
            # Who waits for it counts down by this clock, which runs faster in a demonstration.
            top = {"opens_at": refusal.details["opens_at"], "clock_rate": attach.top.get("clock_rate", 1.0)}
        seat.write(outgoing.frame(outgoing.error(self._session_id, self._now(), refusal, **top)))
        seat.close(close_code_of(refusal.code), refusal.code)

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
        at = self._now()
        payload = welcome(
            arrival.state,
            attach,
            self._host.names,
            metrics=self._host.metrics(arrival.state, at),
            seq=seq,
            recovered=recovered,
            at=at,
        )
        self._room.admit(
            attach.seat, outgoing.frame(payload) + older, handed, arrival.replay_until if recovered else 0
        )
        self._stop_joining(attach.seat)
        self._last_handed.pop(attach.seat.client_id, None)
        self._host.seated(arrival.state, attach.join.proved or attach.after is not None, recovered)

    # -- what the ring no longer holds ----------------------------------------------------------

    def _read_missed(self) -> None:
        if self._reading is not None:
            return
        after = min(a.position.missed_from for a in self._waiting if a.position is not None)
        self._reading = asyncio.get_running_loop().create_task(self._read(after))

    async def _read(self, after: int) -> None:
        records: Sequence[Record] = ()
        try:
            records = await self._journal.read_numbered(self._session_id, after, _MOST_READ)
        except JournalFailed as failed:
            log.error("journal unreadable", session_id=self._session_id, reason=failed.reason)
        self._host.enqueue(MissedRecords(after, records))

    def hand_out_missed(self, message: MissedRecords) -> None:
        """Hand out what was read: all that somebody missed, or nothing of it."""
        self._reading = None
        outdated, self._outdated = self._outdated, False
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
        frames = [entry for entry in self._frames(message.records) if entry[0] <= newest]
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
                missed = [entry for entry in frames if missed_from < entry[0] <= upto]
                if len(missed) == upto - missed_from:
                    older = b"".join(entry[1] for entry in missed)
                    self._seat(arrival, recovered=True, handed=upto, older=older)
                else:
                    self._seat(arrival, recovered=False, handed=arrival.replay_until)
        if self._session_over:
            self.end()
        if self._waiting:
            self._read_missed()

    def _frames(self, records: Sequence[Record]) -> list[tuple[int, bytes, str | None, bytes]]:
        state, names = self._host.state, self._host.names
        assert state is not None
        frames: list[tuple[int, bytes, str | None, bytes]] = []
        for record in records:
            assert record.seq is not None
            event = e.decode(record.event)
            payload = outgoing.numbered(
                event,
                session_id=self._session_id,
                epoch=state.epoch,
                seq=record.seq,
                at=record.at,
                names=names,
            )
            reply = sender_reply(event, self._session_id, record.seq, record.at)
            frames.append((record.seq, outgoing.frame(payload), sender_of(event), reply))
        return frames

    # -- being asked to go, from one's seat or while one waits for it ---------------------------

    def end(self) -> None:
        """The session is over: everybody goes, those who still wait as soon as they have been sent the end."""
        self._session_over = True
        self._outdated = self._reading is not None
        self._room.close_all(CloseCode.DONE, "the session is over")

    def remove(self, client_id: str) -> None:
        """Somebody is to leave."""
        self._room.close(client_id, CloseCode.REMOVED, "the instructor asked this person to leave")
        for arrival in self._no_longer_waiting(client_id):
            self.refuse(
                arrival.attach, Forbidden("removed", "The instructor has asked this person to leave.")
            )

    def withdraw(self, client_id: str) -> None:
        """Somebody takes everything back: whoever comes later gets what the journal says now."""
        self._room.forget()
        self._outdated = self._reading is not None
        self._room.close(client_id, CloseCode.DONE, "everything was withdrawn")
        for arrival in self._no_longer_waiting(client_id):
            seat = arrival.attach.seat
            seat.close(CloseCode.DONE, "everything was withdrawn")
            self._stop_joining(seat)
            self._leave(seat, clean=True)

    def _no_longer_waiting(self, client_id: str) -> list[_Arrival]:
        going = [arrival for arrival in self._waiting if arrival.attach.join.client_id == client_id]
        self._waiting = [arrival for arrival in self._waiting if arrival.attach.join.client_id != client_id]
        return going

    # -- going --------------------------------------------------------------------------------

    def detach(self, message: Detach) -> None:
        """A socket is gone. One that was replaced, or was never let in, changes nothing."""
        seat = message.seat
        seat.closing = True
        if self._room.leave(seat):
            self._last_handed[seat.client_id] = (seat.cursor, self._now())
            self._leave(seat, clean=message.clean and not seat.may_reconnect)
            if not self._room.seats:
                self._forget()

    def _leave(self, seat: SeatPort, *, clean: bool) -> None:
        state = self._host.state
        member = None if state is None else state.members.get(seat.client_id)
        if member is None or member.presence is not Presence.PRESENT:
            return
        if seat.client_id in self._room.seats or seat.client_id in self._joining:
            return  # Here by another connection.
        gone: c.Command = c.Leave(seat.client_id) if clean else c.LoseConnection(seat.client_id)
        self._host.run(gone, c.Sender(Role.ADMIN))

    def _stop_joining(self, seat: SeatPort) -> None:
        if self._joining.get(seat.client_id) is seat:
            del self._joining[seat.client_id]

    def _forget(self) -> None:
        at = self._now()
        self._last_handed = {
            key: value for key, value in self._last_handed.items() if at - value[1] < _REMEMBER
        }
