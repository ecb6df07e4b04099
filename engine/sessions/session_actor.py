"""The actor of one session: it owns the state, the participants, and the order of messages.

Every turn is the same: decide, evolve, journal; and once the commit is there, publish. State evolves at once; what leaves the
actor waits until it is durable. A handler never blocks and never awaits. One module, although a long one: that order is
the invariant, and every way into it stands here. What waits for commits, people, connections and telemetry are parts
of their own (``commit_queue``, ``people``, ``arrivals``, ``telemetry``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from engine.domain.session import Phase, Role, Session
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode
from engine.protocol.outgoing import Message
from engine.runtime.loop_actor import LoopActor
from engine.runtime.mailbox import MailboxFull
from engine.sessions.arrival.arrivals import Arrivals
from engine.sessions.arrival.welcome import welcome
from engine.sessions.command_ids import CommandIds, command_key
from engine.sessions.figures.telemetry import HeartCounts, SessionTelemetry
from engine.sessions.journaling.commit_queue import CommitQueue, Turn
from engine.sessions.journaling.journal_entries import JournalEntries, queues_publication
from engine.sessions.journaling.people import People
from engine.sessions.messages import (
    Attach,
    Detach,
    Execute,
    FiguresDue,
    ForgetPeople,
    FromSocket,
    GetOwnFigures,
    GetView,
    HandOver,
    MissedRecords,
    Outcome,
    UnloadIfIdle,
    View,
)
from engine.sessions.numbered_frames import NumberedFrame, numbered_frame
from engine.sessions.operator_log import log_turn
from engine.sessions.ports import RoomPort, SessionListener
from engine.sessions.replies import answers, expects_answer, heartbeat_answer
from engine.sessions.timing.deadline_timer import DeadlineTimer
from engine.sessions.timing.session_clock import SessionClock
from engine.storage.journal import Journal, Record
from engine.storage.rows import PersonChange, PersonRow

if TYPE_CHECKING:
    from engine.domain.heart.marks import Mark

__all__ = ["LoadedSession", "SessionActor"]

_SYSTEM = c.Sender(Role.ADMIN)
_REPORTS = c.Report.__args__
_TIMED = (Phase.WAITING, Phase.LIVE)
"""The phases in which durations count, and a date that is set back is not followed."""
_TELEMETRY = (c.HeartRate, c.BreathTap, c.HrvUpdate)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """What the actor of a session begins with: what its log says, or nothing for a session that is about to be created."""

    session_id: str
    state: Session | None = None
    people: Sequence[PersonRow] = ()
    event_ids: frozenset[str] = frozenset()
    keeps_people: bool = True
    """False once the time is over for which rows of people are kept."""
    term: int = 0
    """Of its ownership; 0 where there is one server."""
    tail_lost: bool = False
    """The newest records of the log may be lost, so that another epoch begins."""


class SessionActor(LoopActor):
    """One session. Start it with the state that its journal gives (``directory.py``)."""

    def __init__(
        self,
        loaded: LoadedSession,
        *,
        room: RoomPort[Any],
        journal: Journal,
        clock: Clock,
        listener: SessionListener,
        new_id: Callable[[], str],
        counts: HeartCounts,
        channels: tuple[str, ...] = SESSION_END_CHANNELS,
        marks: Sequence[Mark] | None = None,
    ) -> None:
        super().__init__()
        state, position = loaded.state, 0 if loaded.state is None else loaded.state.position
        self._session_id = loaded.session_id
        self.state = state
        self._durable = state
        self._people = People(loaded.people, keeps_rows=loaded.keeps_people)
        # Keys alone: thousands of sessions are idle, and an empty set takes three times an empty dictionary.
        self._event_ids: dict[str, None] = {}
        self._event_ids.update(dict.fromkeys(loaded.event_ids))
        self._command_ids = CommandIds(loaded.event_ids)
        self._room = room
        self._journal = journal
        self._clock = clock
        self._session_clock = SessionClock(clock, 0 if state is None else state.updated_at)
        self._listener = listener
        ref, due = self.actor_ref, FiguresDue()
        self._telemetry = SessionTelemetry(
            room, clock, counts, lambda: ref.tell(due) if ref.is_alive() else None, marks
        )
        self._arrivals = Arrivals(loaded.session_id, self, room, journal, self._instant, self.enqueue)
        self._entries = JournalEntries(loaded.session_id, channels, new_id, position, loaded.term)
        self._commits = CommitQueue()
        self._deadline_timer = DeadlineTimer(clock, self._instant, self._on_deadline)
        self._new_epoch = new_id() if loaded.tail_lost else None
        self._failure: BaseException | None = None
        """What ended this actor, while it has not ended yet."""

    # -- life ---------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Take over a loaded state: whoever was here lost the connection when it was unloaded."""
        if self.state is not None:
            self._telemetry.follow(self.state)
            self._listener.changed(self.state)
            self.run(c.Restart(self._new_epoch), _SYSTEM)
        if self.state is not None:
            self._deadline_timer.follow(self.state)

    def on_stop(self) -> None:
        """Hand the journal what it does not have yet, stop the timers, and refuse whoever waits."""
        if self._failure is None:
            self._write_engaged()
        self._release(Unavailable("unavailable", "The session is being moved; try again."))

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """A bug or a lost journal: everybody's socket is closed with ``MOVED``; they reconnect to the rebuilt session."""
        log.error("session failed", session_id=self._session_id, reason=str(exception_value))
        self._release(Unavailable("unavailable", "Something went wrong here; nothing was lost. Try again."))
        self._room.close_all(CloseCode.MOVED, "the session is being rebuilt")
        self._listener.died(self._session_id, exception_value)

    def _release(self, refusal: Rejected) -> None:
        self._deadline_timer.stop()
        self._telemetry.stop()
        self._arrivals.stop()
        self._commits.fail(refusal)
        # Nobody handles these any more, and who has come would wait for a welcome.
        for envelope in self._mailbox.waiting:
            if isinstance(envelope.message, Attach):
                self._arrivals.refuse(envelope.message, refusal)

    def on_receive(self, message: Any) -> Any:
        """Handle one message: one turn."""
        if self._failure is not None:
            # An exception ends an actor that was told something; who asks would only be handed it.
            if isinstance(
                message, Execute | ForgetPeople | GetView | GetOwnFigures | HandOver | UnloadIfIdle
            ):
                raise Unavailable("unavailable", "The session is being rebuilt; try again.")
            raise self._failure
        match message:
            case FromSocket():
                return self._from_socket(message)
            case Execute():
                return self._execute(message)
            case Attach():
                self._follow_clock()
                return self._arrivals.attach(message)
            case Detach():
                return self._arrivals.detach(message)
            case MissedRecords():
                return self._arrivals.hand_out_missed(message)
            case GetView():
                return self._view()
            case GetOwnFigures():
                return self._telemetry.own(message.client_id, self._instant())
            case FiguresDue():
                return self._figures_due()
            case ForgetPeople():
                return self._forget_people()
            case UnloadIfIdle():
                return self._unload_if_idle()
            case HandOver():
                return self._hand_over()
            case BaseException():
                raise message
            case _:
                return super().on_receive(message)

    def _fail_at_next_message(self, reason: BaseException) -> None:
        """End this actor at its next message, whatever that is: its state may be ahead of its journal."""
        self._failure = reason
        with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
            self.actor_ref.tell(reason)  # A full mailbox has messages enough.

    def enqueue(self, message: MissedRecords) -> None:
        """Put a message into this actor's own mailbox, unless it has ended."""
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
    ) -> Turn | None:
        """Carry a command out; ``event_id`` and ``command_key`` are what a repetition of it is known by.

        ``then`` runs once all that has happened so far is durable, with the state as it is decided
        here; ``failed`` when it never will be.
        Returns what was staged, None when the command changed nothing.

        Raises:
            Rejected: it is refused; nothing happened.
        """
        at = self._follow_clock()
        events = decide(self.state, command, sender=sender, at=at)
        own: Sequence[PersonRow] = ()
        if self.state is not None and e.SessionEnding in map(type, events):
            for last in self._telemetry.last(self.state, at):
                self.run(last, _SYSTEM)
            events = decide(self.state, command, sender=sender, at=at)
            # Raw beats go with the session: whoever left an address to get their figures has them written now.
            own = tuple(self._telemetry.own_summaries(self._people.rows.values(), at))
        changes = self._people.change(command, sender, self.state, own, at)
        staged: Turn | None = None
        repeatable = event_id is not None or command_key is not None
        if events or (self.state is not None and (changes or repeatable)):
            made_by = command.made_by if isinstance(command, c.Create) else None
            staged = self._stage(events, at, changes, event_id, command_key, made_by)
            if failed is not None:
                staged.failed.append(failed)
        if then is not None:
            if staged is not None:
                staged.then.append(partial(then, self.state))
            else:
                self._commits.when_durable(self.state, then, failed)
        return staged

    def _instant(self) -> Millis:
        """The instant at which something is decided now."""
        if self.state is None or self.state.phase not in _TIMED:
            # What has not begun waits for the date, wherever it was set; its records do not run back all the same.
            return self._clock.now()
        return self._session_clock.now()

    def _follow_clock(self) -> Millis:
        """Take it into the record when the date has leapt forwards: no session ends because a clock was set.

        Returns the instant at which something is decided now.
        """
        recorded_at = self._session_clock.now()
        if self.state is None or self.state.phase not in _TIMED:
            self._session_clock.skipped = 0
            return self._clock.now()
        by = self._session_clock.skipped
        if not by:
            return recorded_at
        self._session_clock.skipped = 0
        if not self.state.stated.started:
            log.warning("the clock was set during a session", session_id=self._session_id, by_s=by / 1000)
            self._arrivals.shift(by)
            staged = self._stage([e.ClockSet(by)], recorded_at, (), None, None)
            # Their pacers run from the starts that they were told; the welcome tells them anew.
            staged.then.append(partial(self._room.close_all, CloseCode.MOVED, "the clock was set"))
        return self._session_clock.now()

    def _stage(
        self,
        events: Sequence[e.Event],
        at: Millis,
        changes: Sequence[PersonChange],
        event_id: str | None,
        command_key: str | None,
        made_by: str | None = None,
    ) -> Turn:
        state = self.state
        expected = 0 if state is None else state.position
        if state is not None:
            at = max(at, state.updated_at)
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
        staged = Turn(state, happened)
        self._commits.add(staged)
        if command_key is not None:
            event_id = self._command_ids.add(command_key, staged.seq)
        entry = self._entries.entry(
            state,
            expected,
            records,
            events,
            people=self._people.rows.values(),
            changes=changes,
            event_id=event_id,
            made_by=made_by,
        )
        self._journal.append(entry, partial(self._committed, staged))
        self._deadline_timer.follow(state)
        return staged

    def _committed(self, staged: Turn, error: BaseException | None) -> None:
        if not self._commits.is_next(staged):
            return  # The actor ended while this was on its way.
        if error is not None:
            # Nobody saw these events, and the state is ahead of the log: it has to be rebuilt.
            self._fail_at_next_message(error)
            return
        self._commits.remove_next()
        was_over = self._durable is not None and self._durable.phase.is_over
        self._durable = state = staged.state
        for event, seq, at in staged.events:
            self._publish(state, event, seq, at)
        events = [event for event, _, _ in staged.events]
        log_turn(state, events)
        for then in staged.then:
            then()
        self._listener.changed(state)
        if queues_publication(events):
            self._listener.publication_queued(self._session_id)
        self._telemetry.run(state)
        if state.phase.is_over and not was_over:
            self._arrivals.end()

    def _publish(self, state: Session, event: e.Event, seq: int | None, at: Millis) -> None:
        if seq is not None:
            self._room.publish(*self._numbered_frame(event, state.epoch, seq, at))
        else:
            private = outgoing.staff_message(
                event, session_id=state.session_id, at=at, names=self._people.names
            )
            if private is not None:
                self._room.to_staff(outgoing.frame(private))
        if isinstance(event, e.PersonWithdrew):
            self._arrivals.withdraw(event.client_id)
        if isinstance(event, e.MessagesDeleted):
            self._arrivals.forget_frames()
        if isinstance(event, e.MemberLeft) and event.reason == "removed":
            self._arrivals.remove(event.client_id)

    def _view(self, outcome: Outcome = "accepted") -> View | None:
        return None if self._durable is None else View(self._durable, self._people.rows.copy(), outcome)

    # -- commands -----------------------------------------------------------------------------

    def _execute(self, message: Execute) -> asyncio.Future[View]:
        done: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        known = message.event_id is not None and message.event_id in self._event_ids
        reported = isinstance(message.command, _REPORTS)
        # Reports of a session that is over change nothing, and nothing of them is kept.
        passed = known or (reported and self.state is not None and self.state.phase.is_over)
        staged: Turn | None = None

        def answer(_: Session | None) -> None:
            nothing = reported and (staged is None or not staged.events)
            view = self._view("repeated" if known else "ignored" if nothing else "accepted")
            if not done.done() and view is not None:
                done.set_result(view)

        def refuse(refusal: Rejected) -> None:
            if not done.done():
                done.set_exception(refusal)
                done.exception()  # Known: whoever asked may be gone by now.

        command = c.MarkEngaged(()) if passed else message.command
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
            self.refuse_when_durable(refusal, refuse)
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
        assert self.state is not None
        command = inbound.command
        if isinstance(command, c.Heartbeat):
            # The newest number that it was handed, so that a slow reader does not take itself for cut off.
            payload = heartbeat_answer(inbound, self._session_id, seat.cursor, self._instant())
            seat.write(outgoing.frame(payload))
            return
        self._telemetry.engaged(seat.client_id, self.state)
        key = None if inbound.id is None else command_key(seat.client_id, inbound)
        answered = None if key is None else self._command_ids.seq_of(key)
        staged: Turn | None = None

        def answer(_: Session | None = None) -> None:
            seq = answered if answered is not None else self._seq() if staged is None else staged.seq
            for payload in answers(inbound, self._session_id, seq, self._instant()):
                self._room.answer(seat, outgoing.frame(payload))

        def refuse(refusal: Rejected) -> None:
            payload = outgoing.error(self._session_id, self._instant(), refusal, inbound.id)
            seat.write(outgoing.frame(payload))

        try:
            if answered is not None:
                self._commits.when_durable(self.state, answer, refuse)
            elif isinstance(command, _TELEMETRY):
                own = self._telemetry.take(seat.client_id, command, self._instant(), self.state)
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
            self.refuse_when_durable(refusal, refuse)

    def _seq(self) -> int:
        return 0 if self._durable is None else self._durable.seq

    def refuse_when_durable(self, refusal: Rejected, refuse: Callable[[Rejected], None]) -> None:
        """As the port says."""
        self._commits.when_durable(self.state, lambda _: refuse(refusal), refuse)

    def welcome(self, state: Session, attach: Attach, *, seq: int, recovered: bool, at: Millis) -> Message:
        """The welcome of somebody who comes."""
        metrics = self._telemetry.newest(state, at)
        return welcome(
            state, attach, self._people.names, metrics=metrics, seq=seq, recovered=recovered, at=at
        )

    def frame(self, record: Record) -> NumberedFrame:
        """The frame of a numbered record, with names as they are known now."""
        assert self.state is not None
        assert record.seq is not None
        return self._numbered_frame(e.decode(record.event), self.state.epoch, record.seq, record.at)

    def _numbered_frame(self, event: e.Event, epoch: str, seq: int, at: Millis) -> NumberedFrame:
        return numbered_frame(
            event,
            session_id=self._session_id,
            epoch=epoch,
            seq=seq,
            at=at,
            names=self._people.names,
            instructor=None if self.state is None else self.state.details.instructor,
        )

    def seated(self, state: Session, returning: bool, recovered: bool) -> None:
        """Somebody was seated."""
        if returning:
            self._listener.recovered(recovered)
        self._telemetry.seated(state)

    # -- time ---------------------------------------------------------------------------------

    def _figures_due(self) -> None:
        self._write_engaged()
        if self.state is not None:
            for command in self._telemetry.tick(self.state, self._instant()):
                self.run(command, _SYSTEM)
            self._telemetry.run(self.state)

    def _write_engaged(self) -> bool:
        """Write who took part since the last time; returns whether anybody did."""
        engaged = self._telemetry.unwritten()
        if engaged is not None:
            self.run(engaged, _SYSTEM)
        return engaged is not None

    def _unload_if_idle(self) -> bool:
        """Stop when nobody is here and nothing is under way; the journal has all that is known."""
        state = self.state
        # Counted, or within their grace: those whom a platform reported have no socket here.
        here = (
            state is not None and not state.phase.is_over and any(m.is_here for m in state.members.values())
        )
        if self._room.seats or self._commits or self._arrivals.busy or self._mailbox.waiting or here:
            return False
        if self._write_engaged():
            return False
        self.stop()
        return True

    def _hand_over(self) -> asyncio.Future[RoomPort[Any]]:
        durable: asyncio.Future[RoomPort[Any]] = asyncio.get_running_loop().create_future()
        self._write_engaged()

        def stop(_: object) -> None:
            self.stop()
            if not durable.done():
                durable.set_result(self._room)

        self._commits.when_durable(self.state, stop, stop)
        return durable

    def _forget_people(self) -> bool:
        self._people.forget()
        return True

    def _on_deadline(self) -> None:
        try:
            self.actor_ref.tell(Execute(c.Tick(), _SYSTEM))
        except pykka.ActorDeadError:
            return
        except MailboxFull:
            # Late is better than never: a session must not outlive its end.
            asyncio.get_running_loop().call_later(1, self._on_deadline)
