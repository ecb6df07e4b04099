"""The actor of one session: it owns the participants, the group's figures, and the replay of messages.

Every turn is the same: decide, evolve, journal; and when the commit is there, publish. State evolves
at once; what leaves the actor waits until it is durable. A handler never blocks and never awaits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pykka
import structlog

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.channels import SESSION_END_CHANNELS
from engine.domain.decide import decide
from engine.domain.evolve import evolve
from engine.domain.instant import Millis
from engine.domain.rejection import Rejected, Unavailable
from engine.domain.session import Role, Session
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode
from engine.runtime.loop_actor import LoopActor
from engine.runtime.mailbox import MailboxFull
from engine.sessions.arrivals import Arrivals, sender_of
from engine.sessions.command_ids import CommandIds, command_key
from engine.sessions.deadline_timer import DeadlineTimer
from engine.sessions.feedback import row_after
from engine.sessions.journal_entries import JournalEntries, queues_publication
from engine.sessions.messages import (
    Attach,
    Detach,
    Execute,
    FiguresDue,
    ForgetPeople,
    FromSocket,
    GetOwnFigures,
    GetView,
    MissedRecords,
    Outcome,
    UnloadIfIdle,
    View,
)
from engine.sessions.ports import RoomPort, SessionListener
from engine.sessions.replies import answers, expects_answer, heartbeat_answer, sender_reply
from engine.sessions.telemetry import HeartCounts, SessionTelemetry
from engine.storage.journal import Journal, Record
from engine.storage.rows import PersonChange, PersonRow

if TYPE_CHECKING:
    from engine.domain.heart.marks import Mark

__all__ = ["SessionActor"]

_SYSTEM = c.Sender(Role.ADMIN)
_REPORTS = c.Report.__args__
_TELEMETRY = (c.HeartRate, c.BreathTap, c.HrvUpdate)

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Staged:
    """A turn on its way to the disk, and what to do when it is there."""

    state: Session
    events: Sequence[tuple[e.Event, int | None, Millis]]
    then: list[Callable[[], None]] = field(default_factory=list)
    failed: list[Callable[[Rejected], None]] = field(default_factory=list)

    @property
    def seq(self) -> int:
        """The number of its last numbered message, or the newest there was."""
        return next((seq for _, seq, _ in reversed(self.events) if seq is not None), self.state.seq)


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
        listener: SessionListener,
        new_id: Callable[[], str],
        counts: HeartCounts,
        channels: tuple[str, ...] = SESSION_END_CHANNELS,
        marks: Sequence[Mark] | None = None,
        keeps_people: bool = True,
    ) -> None:
        """``keeps_people``: False when the time is over for which people are known."""
        super().__init__()
        self._session_id = session_id
        self.state = state
        self._durable = state
        self._keeps_people = keeps_people
        self.people: dict[str, PersonRow] = {row.client_id: row for row in people}
        self.names: dict[str, str] = {row.client_id: row.name for row in people if row.name}
        # Keys alone: thousands of sessions are idle, and an empty set takes three times an empty dictionary.
        self._event_ids: dict[str, None] = {}
        self._event_ids.update(dict.fromkeys(event_ids))
        self._command_ids = CommandIds(event_ids)
        self._room = room
        self._journal = journal
        self._clock = clock
        self._listener = listener
        ref, due = self.actor_ref, FiguresDue()
        self._telemetry = SessionTelemetry(
            room, clock, counts, lambda: ref.tell(due) if ref.is_alive() else None, marks
        )
        self._arrivals = Arrivals(session_id, self, room, journal, clock.now)
        self._entries = JournalEntries(session_id, channels, new_id, 0 if state is None else state.position)
        # A list although it is a queue: it is short, and an empty deque takes ten times as much.
        self._pending: list[_Staged] = []
        self._deadline_timer = DeadlineTimer(clock, self._on_deadline)
        self._failure: BaseException | None = None
        """What ended this actor, while it has not ended yet."""

    # -- life ---------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Whoever was here lost the connection when the last process went."""
        if self.state is not None:
            self._telemetry.follow(self.state)
            self._listener.changed(self.state)
            self.run(c.Restart(), _SYSTEM)
        if self.state is not None:
            self._deadline_timer.follow(self.state)

    def on_stop(self) -> None:
        """Let go of timers and of whoever waits."""
        self._release(Unavailable("unavailable", "The session is being moved; try again."))

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """A bug or a lost journal: everybody is asked to come back, and finds the rebuilt session."""
        log.error("session failed", session_id=self._session_id, reason=str(exception_value))
        self._release(Unavailable("unavailable", "Something went wrong here; nothing was lost. Try again."))
        self._room.close_all(CloseCode.MOVED, "the session is being rebuilt")
        self._listener.died(self._session_id, exception_value)

    def _release(self, refusal: Rejected) -> None:
        self._deadline_timer.stop()
        self._telemetry.stop()
        self._arrivals.stop()
        while self._pending:
            for fail in self._pending.pop(0).failed:
                fail(refusal)
        # Nobody handles these any more, and who has come would wait for a welcome.
        for envelope in self._mailbox.waiting:
            if isinstance(envelope.message, Attach):
                self._arrivals.refuse(envelope.message, refusal)

    def on_receive(self, message: Any) -> Any:
        """One turn."""
        if self._failure is not None:
            # An exception ends an actor that was told something; who asks would only be handed it.
            if isinstance(message, Execute | ForgetPeople | GetView | GetOwnFigures | UnloadIfIdle):
                raise Unavailable("unavailable", "The session is being rebuilt; try again.")
            raise self._failure
        match message:
            case FromSocket():
                return self._from_socket(message)
            case Execute():
                return self._execute(message)
            case Attach():
                return self._arrivals.attach(message)
            case Detach():
                return self._arrivals.detach(message)
            case MissedRecords():
                return self._arrivals.hand_out_missed(message)
            case GetView():
                return self._view()
            case GetOwnFigures():
                return self._telemetry.own(message.client_id, self._clock.now())
            case FiguresDue():
                return self._figures_due()
            case ForgetPeople():
                return self._forget()
            case UnloadIfIdle():
                return self._sleep()
            case BaseException():
                raise message
            case _:
                return super().on_receive(message)

    def _fail_at_next_message(self, reason: BaseException) -> None:
        """End this actor at its next message, whatever that is: the state here is not to be trusted."""
        self._failure = reason
        with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
            self.actor_ref.tell(reason)  # A full mailbox has messages enough.

    def enqueue(self, message: MissedRecords) -> None:
        """Put a message into one's own mailbox."""
        if self.actor_ref.is_alive():
            self.actor_ref.tell(message)

    # -- decide, evolve, journal, publish --------------------------------------------------------

    def run(
        self,
        command: c.Command,
        sender: c.Sender,
        *,
        event_id: str | None = None,
        command_key: str | None = None,
        then: Callable[[Session | None], None] | None = None,
        failed: Callable[[Rejected], None] | None = None,
    ) -> _Staged | None:
        """Carry a command out; ``event_id`` and ``command_key`` are what a repetition of it is known by.

        ``then`` runs once all that has happened so far is durable, with the state as it is decided
        here; ``failed`` when it never will be.
        Returns what was staged, None when the command changed nothing.

        Raises:
            Rejected: it is refused; nothing happened.
        """
        at = self._clock.now()
        events = decide(self.state, command, sender=sender, at=at)
        own: Sequence[PersonRow] = ()
        if self.state is not None and e.SessionEnding in map(type, events):
            for last in self._telemetry.last(self.state, at):
                self.run(last, _SYSTEM)
            events = decide(self.state, command, sender=sender, at=at)
            # Raw beats go with the session: whoever left an address to get their figures has them written now.
            own = tuple(self._telemetry.own_summaries(self.people.values(), at))
        changes = self._learn(command, sender, own, at)
        staged: _Staged | None = None
        repeatable = event_id is not None or command_key is not None
        if events or (self.state is not None and (changes or repeatable)):
            staged = self._stage(events, at, changes, event_id, command_key)
            if failed is not None:
                staged.failed.append(failed)
        if then is not None:
            if staged is not None:
                staged.then.append(partial(then, self.state))
            else:
                self._once_durable(then, failed)
        return staged

    def _once_durable(
        self, then: Callable[[Session | None], None], failed: Callable[[Rejected], None] | None
    ) -> None:
        """Call ``then`` when all that has happened so far is durable, or ``failed`` when it never will be."""
        if not self._pending:
            then(self.state)
            return
        newest = self._pending[-1]
        newest.then.append(partial(then, self.state))
        if failed is not None:
            newest.failed.append(failed)

    def _stage(
        self,
        events: Sequence[e.Event],
        at: Millis,
        changes: Sequence[PersonChange],
        event_id: str | None,
        command_key: str | None,
    ) -> _Staged:
        state = self.state
        expected = 0 if state is None else state.position
        happened: list[tuple[e.Event, int | None, Millis]] = []
        records: list[Record] = []
        for event in events:
            state = evolve(state, event, at)
            seq = state.seq if e.is_numbered(event) else None
            happened.append((event, seq, at))
            records.append(Record(state.position, seq, at, e.encode(event)))
            self._telemetry.note(event, at)
        assert state is not None
        self.state = state
        if event_id is not None:
            self._event_ids[event_id] = None
        staged = _Staged(state, happened)
        self._pending.append(staged)
        if command_key is not None:
            event_id = self._command_ids.add(command_key, staged.seq)
        entry = self._entries.entry(
            state,
            expected,
            records,
            events,
            people=self.people.values(),
            changes=changes,
            event_id=event_id,
        )
        self._journal.append(entry, partial(self._committed, staged))
        self._deadline_timer.follow(state)
        return staged

    def _learn(
        self, command: c.Command, sender: c.Sender, own: Sequence[PersonRow], at: Millis
    ) -> Sequence[PersonChange]:
        """Make the rows that an accepted command changes: nobody else does, so nobody writes back what went."""
        if isinstance(command, c.Withdraw):
            self.people.pop(command.client_id, None)
            self.names.pop(command.client_id, None)
            return (PersonChange(command.client_id, None),)
        said = None
        if self.state is not None and self._keeps_people:
            said = row_after(command, sender, self.state, self.people, at)
        if said is None and not own:
            return ()
        changes: list[PersonChange] = []
        for row in own if said is None else (said, *own):
            self.people[row.client_id] = row
            if row.name:
                self.names[row.client_id] = row.name
            changes.append(PersonChange(row.client_id, row))
        return changes

    def _committed(self, staged: _Staged, error: BaseException | None) -> None:
        if not self._pending or self._pending[0] is not staged:
            return  # The actor ended while this was on its way.
        if error is not None:
            # Nobody saw these events, and the state is ahead of the log: it has to be rebuilt.
            self._fail_at_next_message(error)
            return
        self._pending.pop(0)
        was_over = self._durable is not None and self._durable.phase.is_over
        self._durable = state = staged.state
        for event, seq, at in staged.events:
            self._publish(state, event, seq, at)
        for then in staged.then:
            then()
        self._listener.changed(state)
        if queues_publication(event for event, _, _ in staged.events):
            self._listener.publication_queued(self._session_id)
        self._telemetry.run(state)
        if state.phase.is_over and not was_over:
            self._arrivals.end()

    def _publish(self, state: Session, event: e.Event, seq: int | None, at: Millis) -> None:
        if seq is not None:
            payload = outgoing.numbered(
                event, session_id=state.session_id, epoch=state.epoch, seq=seq, at=at, names=self.names
            )
            reply = sender_reply(event, state.session_id, seq, at)
            self._room.publish(seq, outgoing.frame(payload), sender_of(event), reply)
        else:
            private = outgoing.staff_message(event, session_id=state.session_id, at=at, names=self.names)
            if private is not None:
                self._room.to_staff(outgoing.frame(private))
        if isinstance(event, e.PersonWithdrew):
            self._arrivals.withdraw(event.client_id)
        if isinstance(event, e.MemberLeft) and event.reason == "removed":
            self._arrivals.remove(event.client_id)

    def _view(self, outcome: Outcome = "accepted") -> View | None:
        return None if self._durable is None else View(self._durable, self.people.copy(), outcome)

    # -- commands -----------------------------------------------------------------------------

    def _execute(self, message: Execute) -> asyncio.Future[View]:
        done: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        known = message.event_id is not None and message.event_id in self._event_ids
        reported = isinstance(message.command, _REPORTS)
        # Reports of a session that is over change nothing, and nothing of them is kept.
        passed = known or (reported and self.state is not None and self.state.phase.is_over)
        staged: _Staged | None = None

        def answer(_: Session | None) -> None:
            nothing = reported and (staged is None or not staged.events)
            view = self._view("repeated" if known else "ignored" if nothing else "accepted")
            if not done.done() and view is not None:
                done.set_result(view)

        def refuse(refusal: Rejected) -> None:
            if not done.done():
                done.set_exception(refusal)
                done.exception()  # Known: whoever asked may be gone by now.

        command = c.Engage(()) if passed else message.command
        try:
            staged = self.run(
                command,
                message.sender,
                event_id=None if passed else message.event_id,
                then=answer,
                failed=refuse,
            )
        except Rejected as refusal:
            # Raised here, an everyday refusal would be logged with a traceback.
            refuse(refusal)
        except Exception as bug:
            # Raised alone, it would be the asker's and leave this actor alive, half a turn ahead of its log.
            self._fail_at_next_message(bug)
            raise Unavailable(
                "unavailable", "Something went wrong here; nothing was lost. Try again."
            ) from bug
        if isinstance(command, c.Tick) and self.state is not None:
            self._deadline_timer.reset(self.state)
        return done

    def _from_socket(self, message: FromSocket) -> None:
        seat, inbound = message.seat, message.inbound
        if seat.closing or self._room.seats.get(seat.client_id) is not seat:
            return
        at = self._clock.now()
        assert self.state is not None
        command = inbound.command
        if isinstance(command, c.Heartbeat):
            # The newest number that it was handed, so that a slow reader does not take itself for cut off.
            payload = heartbeat_answer(inbound, self._session_id, seat.cursor, at)
            seat.write(outgoing.frame(payload))
            return
        self._telemetry.engaged(seat.client_id, self.state)
        key = None if inbound.id is None else command_key(seat.client_id, inbound)
        answered = None if key is None else self._command_ids.seq_of(key)
        staged: _Staged | None = None

        def answer(_: Session | None = None) -> None:
            seq = answered if answered is not None else self._seq() if staged is None else staged.seq
            for payload in answers(inbound, self._session_id, seq, self._clock.now()):
                self._room.answer(seat, outgoing.frame(payload))

        def refuse(refusal: Rejected) -> None:
            payload = outgoing.error(self._session_id, self._clock.now(), refusal, inbound.id)
            seat.write(outgoing.frame(payload))

        try:
            if answered is not None:
                self._once_durable(answer, refuse)
            elif isinstance(command, _TELEMETRY):
                own = self._telemetry.take(seat.client_id, command, at, self.state)
                if own is not None:
                    seat.write(outgoing.frame(own))
                if key is not None:
                    # Beats are in memory alone, and so is that they were counted.
                    self._command_ids.add(key, self._seq())
                    answer()
            else:
                staged = self.run(
                    command,
                    c.Sender(seat.role, seat.client_id),
                    command_key=key,
                    then=answer if expects_answer(inbound) else None,
                    failed=refuse,
                )
        except Rejected as refusal:
            refuse(refusal)

    def _seq(self) -> int:
        return 0 if self._durable is None else self._durable.seq

    def metrics(self, state: Session, at: Millis) -> Mapping[str, Any]:
        """The group's figures for somebody who comes."""
        return self._telemetry.newest(state, at)

    def seated(self, state: Session, returning: bool, recovered: bool) -> None:
        """Somebody has their seat."""
        if returning:
            self._listener.recovered(recovered)
        self._telemetry.seated(state)

    # -- time ---------------------------------------------------------------------------------

    def _figures_due(self) -> None:
        engaged = self._telemetry.unwritten()
        if engaged is not None:
            self.run(engaged, _SYSTEM)
        if self.state is not None:
            for command in self._telemetry.tick(self.state, self._clock.now()):
                self.run(command, _SYSTEM)
            self._telemetry.run(self.state)

    def _sleep(self) -> bool:
        """Leave memory when nobody is here and nothing is on its way."""
        state = self.state
        # Counted, or within their grace: those whom a platform reported have no socket here.
        here = (
            state is not None and not state.phase.is_over and any(m.is_here for m in state.members.values())
        )
        if self._room.seats or self._pending or self._arrivals.busy or self._mailbox.waiting or here:
            return False
        engaged = self._telemetry.unwritten()
        if engaged is not None:
            self.run(engaged, _SYSTEM)
            return False
        self.stop()
        return True

    def _forget(self) -> bool:
        self._keeps_people = False
        self.people.clear()
        self.names.clear()
        return True

    def _on_deadline(self) -> None:
        try:
            self.actor_ref.tell(Execute(c.Tick(), _SYSTEM))
        except pykka.ActorDeadError:
            return
        except MailboxFull:
            # Late is better than never: a session must not outlive its end.
            asyncio.get_running_loop().call_later(1, self._on_deadline)
