"""The actor of one session: it owns the participants, the group's figures, and the replay of messages.

Every turn is the same: decide, evolve, journal; and when the commit is there, publish. State evolves
at once; what leaves the actor waits until it is durable. A handler never blocks and never awaits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import structlog
from pydantic import TypeAdapter

from engine.actors.catalogue_row import room_row
from engine.actors.figures import Figures, HeartCounts
from engine.actors.loop_actor import LoopActor
from engine.actors.messages import Attach, Detach, Execute, FiguresDue, FromSocket, Heard, Look, Sleep, View
from engine.actors.opinions import consented, quotes_of, rated
from engine.actors.ports import RoomPort, SeatPort, Watcher
from engine.actors.recovery import MOST_RECOVERED, Position, position_of
from engine.actors.welcome import welcome
from engine.clock import Clock
from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.decide import decide
from engine.domain.evolve import evolve
from engine.domain.instant import MINUTE, Millis, iso
from engine.domain.rejection import Rejected, Unavailable
from engine.domain.session import Presence, Role, Session
from engine.domain.story import tell
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.incoming import Inbound
from engine.storage.journal import Append, Journal, JournalFailed, Record, StalePosition, StateSnapshot
from engine.storage.outbox import schedule_row, story
from engine.storage.rows import OutboxRow, PersonChange, PersonRow, SnapshotRow

__all__ = ["CHANNELS", "SessionActor"]

CHANNELS = ("web", "email", "social", "analytics")
"""What the end of a session sets in motion."""
STATE_EVERY = 500
"""Events between two snapshots of the state, so that a start need not replay hours."""
_SCHEDULE_CHANGES = (
    e.SessionCreated,
    e.DetailsChanged,
    e.SessionCancelled,
    e.SessionStarted,
    e.SessionEnded,
)
_SYSTEM = c.Sender(Role.ADMIN)
_STATE: TypeAdapter[Session] = TypeAdapter(Session)

log = structlog.get_logger()


@dataclass(slots=True)
class _Staged:
    """An append on its way to the disk, and what to do when it is there."""

    state: Session
    events: Sequence[tuple[e.Event, int | None, Millis]]
    then: list[Callable[[], None]]
    failed: list[Callable[[Rejected], None]]


@dataclass(frozen=True, slots=True)
class _Arrival:
    attach: Attach
    position: Position | None
    replay_until: int
    state: Session


class SessionActor(LoopActor):
    """One session. Start it with the state that its journal gives (``directory.py``)."""

    def __init__(
        self,
        *,
        state: Session | None,
        session_id: str,
        people: Sequence[PersonRow],
        event_ids: frozenset[str],
        room: RoomPort[Any],
        journal: Journal,
        clock: Clock,
        watcher: Watcher,
        new_id: Callable[[], str],
        counts: HeartCounts,
        channels: tuple[str, ...] = CHANNELS,
    ) -> None:
        super().__init__()
        self._session_id = session_id
        self._state = state
        self._visible = state
        self._people = {row.client_id: row for row in people}
        self._event_ids = set(event_ids)
        self._room = room
        self._journal = journal
        self._clock = clock
        self._watcher = watcher
        self._new_id = new_id
        ref = self.actor_ref
        due = FiguresDue()
        self._figures = Figures(room, clock, counts, lambda: ref.tell(due) if ref.is_alive() else None)
        self._channels = channels
        self._pending: list[_Staged] = []
        self._handed: dict[str, tuple[int, Millis]] = {}
        self._waiting: list[_Arrival] = []
        self._reading: asyncio.Task[None] | None = None
        self._alarm: tuple[Millis, asyncio.TimerHandle] | None = None
        self._row = None if state is None else room_row(state)
        self._state_stored = 0 if state is None else state.position

    # -- life ---------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Whoever was here lost the connection when the last process went."""
        if self._state is not None:
            self._figures.follow(self._state)
            self._run(c.Restart(), _SYSTEM)
            self._watcher.changed(self._state, self._state.next_deadline())
        self._set_alarm()

    def on_stop(self) -> None:
        """Let go of timers and of whoever waits."""
        self._let_go(Unavailable("unavailable", "The session is being moved; try again."))

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """A bug or a lost journal: everybody is asked to come back, and finds the rebuilt session."""
        log.error("session failed", session_id=self._session_id, reason=str(exception_value))
        self._let_go(Unavailable("unavailable", "Something went wrong here; nothing was lost. Try again."))
        self._room.close_all(CloseCode.MOVED, "the session is being rebuilt")
        self._watcher.died(self._session_id, exception_value)

    def _let_go(self, refusal: Rejected) -> None:
        if self._alarm is not None:
            self._alarm[1].cancel()
            self._alarm = None
        self._figures.stop()
        if self._reading is not None:
            self._reading.cancel()
        for arrival in self._waiting:
            arrival.attach.seat.close(CloseCode.MOVED)
        pending, self._pending = self._pending, []
        for staged in pending:
            for fail in staged.failed:
                fail(refusal)

    def on_receive(self, message: Any) -> Any:
        """One turn."""
        match message:
            case FromSocket():
                return self._from_socket(message)
            case Execute():
                return self._execute(message)
            case Attach():
                return self._attach(message)
            case Detach():
                return self._detach(message)
            case Heard():
                return self._heard(message)
            case Look():
                return self._view()
            case FiguresDue():
                return self._figures_due()
            case Sleep():
                return self._sleep()
            case JournalFailed() | StalePosition():
                raise message
            case _:
                return super().on_receive(message)

    # -- decide, evolve, journal ---------------------------------------------------------------

    def _run(
        self,
        command: c.Command,
        sender: c.Sender,
        *,
        people: Sequence[PersonRow] = (),
        event_id: str | None = None,
    ) -> _Staged | None:
        """Carry a command out; returns what was staged, None when it changed nothing.

        Raises:
            Rejected: it is refused.
        """
        at = self._clock.now()
        if isinstance(command, c.End | c.ReportEnded) and self._state is not None:
            for last in self._figures.last(self._state, at):
                self._run(last, _SYSTEM)
        events = decide(self._state, command, sender=sender, at=at)
        if not events and not people and event_id is None:
            return None
        expected = 0 if self._state is None else self._state.position
        happened: list[tuple[e.Event, int | None, Millis]] = []
        records: list[Record] = []
        state = self._state
        for event in events:
            state = evolve(state, event, at)
            seq = state.seq if e.is_numbered(event) else None
            happened.append((event, seq, at))
            records.append(Record(state.position, seq, at, e.encode(event)))
            self._figures.note(event)
        if state is None:
            return None
        self._state = state
        for row in people:
            self._people[row.client_id] = row
        changes = [PersonChange(row.client_id, row) for row in people]
        if isinstance(command, c.Withdraw):
            self._people.pop(command.client_id, None)
            changes.append(PersonChange(command.client_id, None))
        if event_id is not None:
            self._event_ids.add(event_id)
        staged = _Staged(state, happened, [], [])
        self._pending.append(staged)
        self._journal.append(
            self._entry(state, expected, records, changes, event_id, events),
            lambda error: self._committed(staged, error),
        )
        self._set_alarm()
        return staged

    def _entry(
        self,
        state: Session,
        expected: int,
        records: Sequence[Record],
        people: Sequence[PersonChange],
        event_id: str | None,
        events: Sequence[e.Event],
    ) -> Append:
        row = room_row(state)
        known = self._row
        # The row says when a sleeping session wakes; graces pass while it is awake.
        same = (
            known is not None
            and replace(row, updated_at=known.updated_at, next_deadline=known.next_deadline) == known
        )
        self._row = known if same else row
        snapshot, jobs = self._story(state, events)
        stored = None
        if state.position - self._state_stored >= STATE_EVERY or state.phase.is_over:
            self._state_stored = state.position
            stored = StateSnapshot(state.position, _STATE.dump_json(state))
        return Append(
            session_id=self._session_id,
            expected=expected,
            records=records,
            people=people,
            room=None if same else row,
            snapshot=snapshot,
            outbox=jobs,
            state=stored,
            event_ids=() if event_id is None else (event_id,),
        )

    def _story(
        self, state: Session, events: Sequence[e.Event]
    ) -> tuple[SnapshotRow | None, tuple[OutboxRow, ...]]:
        jobs: tuple[OutboxRow, ...] = ()
        if any(isinstance(event, _SCHEDULE_CHANGES) for event in events):
            jobs = (schedule_row(self._session_id, state.position, state.updated_at),)
        if not any(isinstance(event, e.SessionEnded | e.StoryRetold) for event in events):
            return None, jobs
        told = tell(state, content_id=self._new_id(), quotes=quotes_of(self._people.values()))
        if told is None:
            return None, jobs
        assert state.ended_at is not None
        snapshot, work = story(told, self._channels, state.updated_at)
        return snapshot, (*work, *jobs)

    def _committed(self, staged: _Staged, error: BaseException | None) -> None:
        """Journal first: a crash may lose an echo, never a vote."""
        if staged not in self._pending:
            return  # The actor ended while this was on its way.
        if error is not None:
            # Nobody saw these events, and the state is ahead of the log: it has to be rebuilt.
            if self.actor_ref.is_alive():
                self.actor_ref.tell(error)
            return
        self._pending.remove(staged)
        before = self._visible
        self._visible = staged.state
        names = self._names
        for event, seq, at in staged.events:
            self._publish(staged.state, event, seq, at, names)
        for then in staged.then:
            then()
        self._watcher.changed(staged.state, staged.state.next_deadline())
        if any(isinstance(event, (*_SCHEDULE_CHANGES, e.StoryRetold)) for event, _, _ in staged.events):
            self._watcher.story_told(self._session_id)
        self._figures.run(staged.state)
        if staged.state.phase.is_over and (before is None or not before.phase.is_over):
            self._room.close_all(CloseCode.DONE, "the session is over")

    def _publish(
        self, state: Session, event: e.Event, seq: int | None, at: Millis, names: dict[str, str]
    ) -> None:
        if seq is not None:
            told = outgoing.numbered(
                event, session_id=state.session_id, epoch=state.epoch, seq=seq, at=at, names=names
            )
            self._room.publish(seq, outgoing.frame(told), _skips(event))
        else:
            private = outgoing.staff_message(event, session_id=state.session_id, at=at, names=names)
            if private is not None:
                self._room.to_staff(outgoing.frame(private))
        if isinstance(event, e.PersonWithdrew):
            self._room.close(event.client_id, CloseCode.DONE, "everything was withdrawn")
        if isinstance(event, e.MemberLeft) and event.reason == "removed":
            self._room.close(event.client_id, CloseCode.REMOVED, "the instructor asked this person to leave")

    def _after_commit(self, staged: _Staged | None, then: Callable[[], None]) -> None:
        """Do something once all that has happened so far is durable."""
        waits_for = staged or (self._pending[-1] if self._pending else None)
        if waits_for is None:
            then()
        else:
            waits_for.then.append(then)

    @property
    def _names(self) -> dict[str, str]:
        return {key: row.name for key, row in self._people.items() if row.name}

    def _view(self, accepted: bool = True) -> View | None:
        return None if self._visible is None else View(self._visible, self._people.copy(), accepted)

    # -- commands -----------------------------------------------------------------------------

    def _execute(self, message: Execute) -> asyncio.Future[View]:
        done: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        if message.event_id is not None and message.event_id in self._event_ids:
            self._after_commit(None, lambda: _resolve(done, self._view(accepted=False)))
            return done
        staged = self._run(message.command, message.sender, people=message.people, event_id=message.event_id)
        if staged is not None:
            staged.failed.append(lambda refusal: _refuse(done, refusal))
        self._after_commit(staged, lambda: _resolve(done, self._view()))
        return done

    def _from_socket(self, message: FromSocket) -> None:
        seat, inbound = message.seat, message.inbound
        if seat.closing or self._room.seats.get(seat.client_id) is not seat:
            return
        at = self._clock.now()
        assert self._state is not None
        if not isinstance(inbound.command, c.Heartbeat):
            self._figures.engaged(seat.client_id, self._state)
        try:
            match inbound.command:
                case c.Heartbeat():
                    told = {"server_time": iso(at), "seq": self._visible_seq()}
                    answer = outgoing.message("heartbeat_ack", self._session_id, at, told, **told)
                    if inbound.id is not None:
                        answer["reply_to"] = inbound.id
                    seat.write(outgoing.frame(answer))
                    return
                case c.HeartRate() | c.BreathTap() | c.HrvUpdate():
                    own = self._figures.take(seat.client_id, inbound.command, at, self._state)
                    if own is not None:
                        seat.write(outgoing.frame(own))
                    staged = None
                case command:
                    people = self._person_changes(seat.client_id, command, at)
                    staged = self._run(command, c.Sender(seat.role, seat.client_id), people=people)
        except Rejected as refusal:
            told_back = outgoing.error(self._session_id, at, refusal, inbound.id)
            seat.write(outgoing.frame(told_back))
            return
        if staged is not None:
            staged.failed.append(
                lambda refusal: seat.write(
                    outgoing.frame(outgoing.error(self._session_id, at, refusal, inbound.id))
                )
            )
        if inbound.id is not None or isinstance(inbound.command, c.Chat | c.RateTechnique | c.RateSession):
            self._after_commit(staged, lambda: self._acknowledge(seat, inbound, staged))

    def _acknowledge(self, seat: SeatPort, inbound: Inbound, staged: _Staged | None) -> None:
        at = self._clock.now()
        numbers = [seq for _, seq, _ in staged.events if seq is not None] if staged else []
        seq = numbers[-1] if numbers else self._visible_seq()
        answers: list[outgoing.Message] = []
        if isinstance(inbound.command, c.Chat):
            answers.append(outgoing.message("message_sent", self._session_id, at, {"seq": seq}, seq=seq))
        elif isinstance(inbound.command, c.RateTechnique | c.RateSession):
            content = {"rating": inbound.command.rating}
            answers.append(outgoing.message("feedback_received", self._session_id, at, content))
        if inbound.id is not None:
            told = {"reply_to": inbound.id, "seq": seq}
            answers.append(outgoing.message("ack", self._session_id, at, told, **told))
        for answer in answers:
            seat.write(outgoing.frame(answer))

    def _person_changes(self, client_id: str, command: c.Command, at: Millis) -> tuple[PersonRow, ...]:
        """What a participant's command changes in the table of people."""
        known = self._people.get(client_id) or PersonRow(self._session_id, client_id, at)
        match command:
            case c.RateSession():
                return (rated(known, command, at),)
            case c.Consent():
                return (consented(known, command, at),)
            case _:
                return ()

    def _visible_seq(self) -> int:
        return 0 if self._visible is None else self._visible.seq

    # -- presence -----------------------------------------------------------------------------

    def _attach(self, message: Attach) -> None:
        seat, join = message.seat, message.join
        at = self._clock.now()
        before = self._state
        position: Position | None = None
        if before is not None:
            older = self._room.seats.get(join.client_id)
            handed = self._handed.get(join.client_id)
            if older is not None and join.proved:
                handed = (older.cursor, at)
            position = position_of(
                before, join, after=message.after, epoch=message.epoch, handed=handed, at=at
            )
        people: tuple[PersonRow, ...] = ()
        if join.name is not None and join.client_id not in self._people:
            people = (PersonRow(self._session_id, join.client_id, at, name=join.name),)
        try:
            staged = self._run(join, c.Sender(join.role, join.client_id), people=people)
        except Rejected as refusal:
            self._turn_away(seat, refusal, at)
            return
        assert self._state is not None
        arrival = _Arrival(message, position, self._state.seq, self._state)
        if staged is not None:
            staged.failed.append(lambda refusal: self._turn_away(seat, refusal, at))
        self._after_commit(staged, lambda: self._arrived(arrival))

    def _turn_away(self, seat: SeatPort, refusal: Rejected, at: Millis) -> None:
        details = {"opens_at": refusal.details["opens_at"]} if "opens_at" in refusal.details else {}
        seat.write(outgoing.frame(outgoing.error(self._session_id, at, refusal, **details)))
        seat.close(close_code_of(refusal.code), refusal.code)

    def _arrived(self, arrival: _Arrival) -> None:
        """Registered and read in one turn, so that there is no gap to buffer for."""
        seat = arrival.attach.seat
        if seat.closing:
            # Gone before it was let in; its handler's Detach came or comes.
            return
        position = arrival.position
        if position is None:
            self._welcome(arrival, recovered=False, handed=arrival.replay_until)
        elif self._room.reaches_back_to(position.missed_from, arrival.replay_until):
            self._welcome(arrival, recovered=True, handed=position.missed_from)
        else:
            self._waiting.append(arrival)
            self._read_missed()

    def _welcome(self, arrival: _Arrival, *, recovered: bool, handed: int, older: bytes = b"") -> None:
        """Seat somebody: the welcome, what they missed (``older`` up to ``handed``), then the room."""
        attach, state = arrival.attach, arrival.state
        seq = arrival.replay_until
        if recovered and arrival.position is not None:
            seq = arrival.position.missed_from
        told = welcome(state, attach, self._people, seq=seq, recovered=recovered, at=self._clock.now())
        self._room.admit(
            attach.seat, outgoing.frame(told) + older, handed, arrival.replay_until if recovered else 0
        )
        self._handed.pop(attach.seat.client_id, None)
        if attach.join.proved or attach.after is not None:
            self._watcher.recovered(recovered)
        self._figures.run(state)

    def _detach(self, message: Detach) -> None:
        seat = message.seat
        self._waiting = [arrival for arrival in self._waiting if arrival.attach.seat is not seat]
        if seat.client_id in self._room.seats and not self._room.leave(seat):
            return  # Replaced: the newer connection is the person's now.
        if self._state is None:
            return
        at = self._clock.now()
        self._handed[seat.client_id] = (seat.cursor, at)
        member = self._state.members.get(seat.client_id)
        if member is None or member.presence is not Presence.PRESENT:
            return
        gone: c.Command = c.Leave(seat.client_id) if message.clean else c.LoseConnection(seat.client_id)
        self._run(gone, _SYSTEM)
        if not self._room.seats:
            self._figures.stop()
            self._forget_positions(at)

    def _forget_positions(self, at: Millis) -> None:
        self._handed = {key: value for key, value in self._handed.items() if at - value[1] < 10 * MINUTE}

    # -- recovery beyond the ring --------------------------------------------------------------

    def _read_missed(self) -> None:
        """One read serves all who wait: a storm of returning clients asks the journal once."""
        if self._reading is not None and not self._reading.done():
            return
        after = min(a.position.missed_from for a in self._waiting if a.position is not None)
        ref = self.actor_ref

        async def read() -> None:
            try:
                records = await self._journal.read_numbered(self._session_id, after, MOST_RECOVERED)
            except JournalFailed as failed:
                log.error("journal unreadable", session_id=self._session_id, reason=failed.reason)
                records = []
            if ref.is_alive():
                ref.tell(Heard(after, records))

        self._reading = asyncio.get_running_loop().create_task(read())

    def _heard(self, message: Heard) -> None:
        self._reading = None
        assert self._state is not None
        names = self._names
        frames: list[tuple[int, bytes, str | None]] = []
        for record in message.records:
            assert record.seq is not None
            event = e.decode(record.event)
            told = outgoing.numbered(
                event,
                session_id=self._session_id,
                epoch=self._state.epoch,
                seq=record.seq,
                at=record.at,
                names=names,
            )
            frames.append((record.seq, outgoing.frame(told), _skips(event)))
        tail = self._room.tail
        if frames and (tail is None or frames[-1][0] >= tail - 1):
            self._room.restore(frames)
        waiting, self._waiting = self._waiting, []
        for arrival in waiting:
            assert arrival.position is not None
            missed_from = arrival.position.missed_from
            if missed_from < message.after:
                self._waiting.append(arrival)
            elif self._room.reaches_back_to(missed_from, arrival.replay_until):
                self._welcome(arrival, recovered=True, handed=missed_from)
            else:
                upto = arrival.replay_until if self._room.tail is None else self._room.tail - 1
                missed = [entry for entry in frames if missed_from < entry[0] <= upto]
                if len(missed) == upto - missed_from:
                    older = b"".join(entry[1] for entry in missed)
                    self._welcome(arrival, recovered=True, handed=upto, older=older)
                else:  # All or nothing: never a partial gap.
                    self._welcome(arrival, recovered=False, handed=arrival.replay_until)
        if self._waiting:
            self._read_missed()

    # -- time ---------------------------------------------------------------------------------

    def _figures_due(self) -> None:
        state = self._state
        if state is None:
            return
        for command in self._figures.tick(state, self._clock.now()):
            self._run(command, _SYSTEM)
        self._figures.run(self._state or state)

    def _sleep(self) -> bool:
        """Leave memory when nobody is here and nothing is on its way."""
        busy = self._room.seats or self._pending or self._waiting or self._mailbox.waiting
        away = self._state is not None and any(
            member.presence is Presence.AWAY for member in self._state.members.values()
        )
        if busy or away:
            return False
        self.stop()
        return True

    def _set_alarm(self) -> None:
        """Wake at the next instant at which time alone changes this session."""
        deadline = None if self._state is None else self._state.next_deadline()
        if self._alarm is not None:
            if self._alarm[0] == deadline:
                return
            self._alarm[1].cancel()
            self._alarm = None
        if deadline is not None:
            tick = Execute(c.Tick(), _SYSTEM)
            ref = self.actor_ref
            handle = self._clock.call_at(deadline, lambda: ref.tell(tick) if ref.is_alive() else None)
            self._alarm = (deadline, handle)


def _skips(event: e.Event) -> str | None:
    """Who does not get a message of their own: they know already."""
    return event.client_id if isinstance(event, e.MemberJoined | e.ChatMessageSent) else None


def _resolve(done: asyncio.Future[View], view: View | None) -> None:
    if not done.done() and view is not None:
        done.set_result(view)


def _refuse(done: asyncio.Future[View], refusal: Rejected) -> None:
    if not done.done():
        done.set_exception(refusal)
