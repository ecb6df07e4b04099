"""The directory: finds the actor of a session, loads it into memory on demand, and unloads it when it is idle.

There is one way to load a session, and it is to replay its journal (``loading``): for one that was unloaded, for one whose
actor failed, and after a crash. One module, although a long one: every method looks at the same table of actors, and
what is in it between two awaits is the invariant.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pykka
import structlog

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.deadlines import next_deadline
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.rejection import Conflict, Moved, NotFound, Rejected, Unavailable
from engine.domain.session import Details, Phase, Role, Session
from engine.protocol.close_codes import CloseCode
from engine.protocol.outgoing import Message
from engine.runtime.mailbox import MailboxFull
from engine.runtime.supervised import supervised
from engine.sessions.figures.telemetry import HeartCounts
from engine.sessions.id_reservations import IdReservations
from engine.sessions.journaling.loading import SessionLoader
from engine.sessions.messages import (
    Execute,
    ForgetPeople,
    GetOwnFigures,
    GetView,
    HandOver,
    UnloadIfIdle,
    View,
)
from engine.sessions.ports import Ownership, RoomPort
from engine.sessions.recent_messages import recent_messages
from engine.sessions.session_actor import LoadedSession, SessionActor
from engine.sessions.timing.deadline_queue import DeadlineQueue
from engine.storage.journal import Journal, NotOwner
from engine.storage.rooms import RoomCatalogue

if TYPE_CHECKING:
    from engine.domain.heart.marks import Mark

__all__ = ["Counts", "Directory"]

UNLOADED_AFTER: Millis = MINUTE
_SWEEP_INTERVAL_S = 15.0
_LOADED_AT_ONCE = 50
_LOADED_AGAIN_AFTER: Millis = 5 * SECOND

log = structlog.get_logger()


class Counts(HeartCounts, Protocol):
    """Metrics of sessions."""

    def recovered(self, outcome: bool) -> None:
        """Somebody reconnected, with or without everything missed."""

    def loaded(self, sessions: int) -> None:
        """The number of actors in memory."""

    def died(self) -> None:
        """An actor failed."""


class Directory:
    """All sessions of this server. One per process; used on its loop only."""

    def __init__(
        self,
        *,
        journal: Journal,
        rooms: RoomCatalogue,
        clock: Clock,
        make_room: Callable[[], RoomPort[Any]],
        counts: Counts,
        new_id: Callable[[], str],
        publication_queued: Callable[[str], None],
        channels: tuple[str, ...],
        marks: Sequence[Mark] | None = None,
        ownership: Ownership | None = None,
    ) -> None:
        """``ownership``: where several servers share the sessions; without it all are this server's."""
        self._journal = journal
        self._ownership = ownership
        self._handing_over = False
        self._closed = False
        self._loader = SessionLoader(journal)
        self._rooms = rooms
        self._clock = clock
        self._make_room = make_room
        self._counts = counts
        self._new_id = new_id
        self._on_publication_queued = publication_queued
        self._channels = channels
        self._marks = marks
        self._actors: dict[str, pykka.ActorRef[SessionActor]] = {}
        self._starting: dict[str, asyncio.Future[pykka.ActorRef[SessionActor]]] = {}
        self._ids = IdReservations(rooms)
        self._failed: set[str] = set()
        self._durable: dict[str, Session] = {}
        self._last_used: dict[str, Millis] = {}
        self._epochs_before: dict[str, str] = {}
        """Of sessions whose newest records may be lost, until another epoch is durable."""
        self._people_forgotten_before: Millis = 0
        """The people of sessions that ended before this instant are not kept, even if their rows were read meanwhile."""
        self._deadlines = DeadlineQueue(clock, self._on_deadlines)
        clock.on_set(self._clock_was_set)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def handing_over(self) -> bool:
        """Whether the sessions are, or are about to be, other servers'."""
        return self._handing_over

    # -- queries and commands --------------------------------------------------------------------

    async def find(self, session_id: str) -> pykka.ActorRef[SessionActor]:
        """The actor of a session, loaded if it is not in memory.

        Raises:
            NotFound: nobody created this session.
            Unavailable: its journal cannot be read.
        """
        ref = self._actors.get(session_id)
        if ref is not None and ref.is_alive():
            self._last_used[session_id] = self._clock.elapsed()
            return ref
        self._refuse_if_closed()
        starting = self._starting.get(session_id)
        if starting is None:
            starting = asyncio.ensure_future(self._load(session_id))
            self._starting[session_id] = starting
            starting.add_done_callback(lambda _: self._starting.pop(session_id, None))
        # Shielded: whoever gives up waiting must not stop the start for the others.
        return await asyncio.shield(starting)

    async def create(self, session_id: str, details: Details, made_by: str | None = None) -> View:
        """Create a session, which the key ``made_by`` leads; returns when both are durable.

        Raises:
            Conflict: the id is taken, or differs from one that is by case alone.
        """
        async with self._ids.reserved(session_id):
            try:
                ref = await self.find(session_id)
            except NotFound:
                ref = self._start(LoadedSession(session_id, term=await self._claimed(session_id, new=True)))
            except Moved as moved:
                raise Conflict("session_exists", f"There is already a session {session_id}.") from moved
            command = c.Create(session_id, self._new_id(), details, made_by)
            return await self._answer(ref, Execute(command, c.Sender(Role.ADMIN)))

    async def ask(
        self,
        session_id: str,
        command: c.Command,
        sender: c.Sender,
        *,
        event_id: str | None = None,
    ) -> View:
        """Carry a command out; returns when it is durable.

        Raises:
            Rejected: it is refused; nothing changed.
        """
        ref = await self.find(session_id)
        return await self._answer(ref, Execute(command, sender, event_id))

    async def withdraw(self, session_id: str, client_id: str) -> None:
        """Delete a person: their row, name and consents; what is published is made anew without them."""
        await self.ask(session_id, c.Withdraw(client_id), c.Sender(Role.ADMIN))

    async def replay(self, session_id: str, limit: int) -> list[Message]:
        """The newest numbered messages in order, as clients got them, names as they are known now."""
        return await recent_messages(self, self._journal, session_id, limit)

    async def view(self, session_id: str) -> View | None:
        """What is durable of a session of any phase; None for one that nobody created."""
        try:
            ref = await self.find(session_id)
        except NotFound:
            return None
        try:
            view: View | None = await ref.ask(GetView(), block=False)
        except pykka.ActorDeadError:
            raise Unavailable("unavailable", "The session is being moved; try again.") from None
        except MailboxFull:
            raise _busy() from None
        return view

    async def own_figures(self, session_id: str, client_id: str) -> Message | None:
        """One person's own figures of this moment, as their socket gets them; to be shown to nobody else."""
        ref = self._actors.get(session_id)
        if ref is None:
            return None
        try:
            figures: Message | None = await ref.ask(GetOwnFigures(client_id), block=False)
        except pykka.ActorDeadError:
            return None
        except MailboxFull:
            raise _busy() from None
        return figures

    def loaded(self) -> Iterable[View]:
        """The durable states of the sessions in memory, without their people."""
        return [View(state, {}) for state in self._durable.values()]

    def actors(self) -> Iterable[pykka.ActorRef[SessionActor]]:
        """The actors in memory."""
        return self._actors.values()

    # -- life -------------------------------------------------------------------------------------

    async def open(self) -> int:
        """Call it once after the start: queue all deadlines, and load the sessions that were under way.

        Returns how many are loaded; that happens in small groups, and at once when somebody asks.
        """
        unfinished = await self._rooms.unfinished()
        running = []
        for row in unfinished:
            if row.next_deadline is not None:
                self._deadlines.add(row.next_deadline, row.session_id)
            if row.phase in ("live", "waiting", "ending"):
                running.append(row.session_id)
        self._spawn(self._load_all(running))
        self._sweeper = supervised("unloading of idle sessions", self._unload_idle)
        return len(running)

    async def close(self) -> None:
        """Stop every actor and start none any more; what they know is in the journal, or on its way to it."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._deadlines.stop()
        under_way = [*self._tasks, *self._starting.values()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for ref in list(self._actors.values()):
            if ref.is_alive():
                await ref.stop(block=False)
        self._actors.clear()

    async def take_over(self, session_ids: Sequence[str]) -> None:
        """Load sessions that have no owner, unless another server is faster."""
        await self._load_all(session_ids)

    def let_go(self) -> None:
        """Close every socket and drop every actor, at once: this server is cut off, or its sessions are others' now."""
        for session_id, ref in list(self._actors.items()):
            with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
                ref.tell(NotOwner(session_id))

    async def yield_idle(self, session_id: str, to: str) -> bool:
        """Give a session in which nobody is to the server ``to``, where somebody comes; returns whether it is given up."""
        if (
            self._ownership is None
            or self._ownership.term(session_id) is None
            or session_id in self._starting
        ):
            return False
        ref = self._actors.get(session_id)
        if ref is not None and ref.is_alive():
            if not await self._ask(ref, UnloadIfIdle()):
                return False
            self._unload(session_id)
        await self._loader.writes_settled()
        # Somebody may have asked for it here meanwhile.
        if session_id in self._actors or session_id in self._starting:
            return False
        return await self._ownership.give(session_id, to)

    async def hand_over(self) -> None:
        """Give every session up to other servers, each once all of it is durable; none is loaded any more.

        Its clients are told to come back when another server can have it.
        """
        self._handing_over = True
        loaded = list(self._actors)
        # All at once: those of a second group would wait for the people of the first, who come back meanwhile.
        _, *rooms = await asyncio.gather(self._release_unloaded(), *map(self._stopped, loaded))
        await self._release_unloaded()
        for room in rooms:
            if room is not None:
                room.close_all(CloseCode.MOVED, "the session goes on on another server")

    async def _release_unloaded(self) -> None:
        if self._ownership is None:
            return
        unloaded = [session_id for session_id in self._ownership.owned() if session_id not in self._actors]
        await self._loader.writes_settled()
        await self._ownership.release(unloaded)

    async def _stopped(self, session_id: str) -> RoomPort[Any] | None:
        ref = self._actors.get(session_id)
        if ref is None:
            return None
        try:
            durable: asyncio.Future[RoomPort[Any]] = await ref.ask(HandOver(), block=False)
            return await durable
        except (pykka.ActorDeadError, MailboxFull, Unavailable):
            return None
        finally:
            self._unload(session_id)

    async def _load_all(self, session_ids: Sequence[str]) -> None:
        for start in range(0, len(session_ids), _LOADED_AT_ONCE):
            group = session_ids[start : start + _LOADED_AT_ONCE]
            results = await asyncio.gather(*map(self.find, group), return_exceptions=True)
            if self._closed:
                return
            for session_id, result in zip(group, results, strict=True):
                if isinstance(result, Moved):
                    continue  # Its owner looks after it.
                if isinstance(result, BaseException):
                    log.error("session not rebuilt", session_id=session_id, reason=str(result))
                if isinstance(result, Unavailable):
                    # What is due stays due: a session must end also when its end came while the database was away.
                    self._deadlines.add(self._clock.now() + _LOADED_AGAIN_AFTER, session_id)

    async def _claimed(self, session_id: str, *, new: bool = False) -> int:
        if self._ownership is None:
            return 0
        if self._handing_over:
            raise _draining()
        return await self._ownership.claim(session_id, new=new)

    async def _load(self, session_id: str) -> pykka.ActorRef[SessionActor]:
        term = await self._claimed(session_id)
        if session_id in self._failed:
            await self._loader.writes_settled()
            self._failed.discard(session_id)
        state, loaded = await self._loader.load(session_id)
        if self._ownership is not None and (self._handing_over or self._ownership.term(session_id) != term):
            raise Unavailable("unavailable", "The session is being moved; try again.")
        tail_lost = self._ownership is not None and self._ownership.is_tail_lost(session_id)
        if tail_lost:
            if not state.phase.is_over:
                tell = log.error if state.phase is Phase.LIVE else log.warning
                tell("the newest records may be lost", session_id=session_id, position=loaded.latest)
            self._epochs_before[session_id] = state.epoch
        forgotten = self._people_are_forgotten(state)
        return self._start(
            LoadedSession(
                session_id,
                state,
                () if forgotten else loaded.people,
                loaded.event_ids,
                keeps_people=not forgotten,
                term=term,
                tail_lost=tail_lost,
            )
        )

    def _start(self, loaded: LoadedSession) -> pykka.ActorRef[SessionActor]:
        ref = self._actors.get(loaded.session_id)
        if ref is not None and ref.is_alive():
            return ref
        self._refuse_if_closed()
        ref = SessionActor.start(
            loaded,
            room=self._make_room(),
            journal=self._journal,
            clock=self._clock,
            listener=self,
            new_id=self._new_id,
            counts=self._counts,
            channels=self._channels,
            marks=self._marks,
        )
        self._actors[loaded.session_id] = ref
        self._last_used[loaded.session_id] = self._clock.elapsed()
        self._counts.loaded(len(self._actors))
        return ref

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise _draining()

    async def _answer(self, ref: pykka.ActorRef[SessionActor], message: Execute) -> View:
        try:
            durable: asyncio.Future[View] = await ref.ask(message, block=False)
            return await durable
        except pykka.ActorDeadError:
            raise Unavailable("unavailable", "The session is being moved; try again.") from None
        except MailboxFull:
            raise _busy() from None
        except Rejected:
            if isinstance(message.command, c.Create) and not self._durable.get(message.command.session_id):
                self._unload(message.command.session_id)
                if self._ownership is not None:
                    self._spawn(self._ownership.release([message.command.session_id]))
            raise

    async def _unload_idle(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL_S / self._clock.rate)
            await self.sweep()

    async def sweep(self) -> None:
        """Unload the actors with nobody in them and nothing to do; deadlines and joins load them again."""
        before = self._clock.elapsed() - UNLOADED_AFTER
        for session_id in [key for key, at in self._last_used.items() if at < before]:
            ref = self._actors.get(session_id)
            if ref is None or not ref.is_alive() or await self._ask(ref, UnloadIfIdle()):
                self._unload(session_id)

    async def forget_people(self, ended_before: Millis) -> None:
        """Keep and write no rows of people any more of sessions that ended before an instant.

        Call it before the rows go from the disk: on return all is there that was written of them.
        """
        self._people_forgotten_before = max(self._people_forgotten_before, ended_before)
        for session_id, state in list(self._durable.items()):
            ref = self._actors.get(session_id)
            if ref is not None and self._people_are_forgotten(state):
                await self._ask(ref, ForgetPeople())
                if await self._ask(ref, UnloadIfIdle()):
                    self._unload(session_id)
        await self._loader.writes_settled()

    def _people_are_forgotten(self, state: Session | None) -> bool:
        over_since = None if state is None else state.over_since()
        return over_since is not None and over_since < self._people_forgotten_before

    async def _ask(self, ref: pykka.ActorRef[SessionActor], message: ForgetPeople | UnloadIfIdle) -> bool:
        """Whether an actor did as asked, or has ended."""
        try:
            return bool(await ref.ask(message, block=False))
        except pykka.ActorDeadError:
            return True
        except (MailboxFull, Unavailable):
            return False

    def _unload(self, session_id: str) -> None:
        state = self._durable.pop(session_id, None)
        self._actors.pop(session_id, None)
        self._last_used.pop(session_id, None)
        self._epochs_before.pop(session_id, None)
        self._counts.loaded(len(self._actors))
        deadline = None if state is None else next_deadline(state)
        if deadline is not None:
            self._deadlines.add(deadline, session_id)

    def _on_deadlines(self, due: list[str]) -> None:
        # A loaded session has its own timer; finding another loads it, and its timer is due.
        self._spawn(self._load_all([key for key in due if key not in self._actors]))

    def _clock_was_set(self) -> None:
        # Their timers were set for durations; what waits for the date may be due, or far off again.
        for ref in self._actors.values():
            with contextlib.suppress(pykka.ActorDeadError, MailboxFull):
                ref.tell(Execute(c.Tick(), c.Sender(Role.ADMIN)))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- as the actors' listener -------------------------------------------------------------------

    def changed(self, state: Session) -> None:
        """A session's durable state is this one now."""
        self._durable[state.session_id] = state
        self._last_used[state.session_id] = self._clock.elapsed()
        if self._epochs_before and (before := self._epochs_before.get(state.session_id)) is not None:
            self._follow_epoch(state, before)

    def _follow_epoch(self, state: Session, before: str) -> None:
        if (state.epoch != before or state.phase.is_over) and self._ownership is not None:
            del self._epochs_before[state.session_id]
            self._spawn(self._ownership.tail_replaced(state.session_id))

    def publication_queued(self, session_id: str) -> None:
        """Rows for the publisher are committed."""
        self._on_publication_queued(session_id)

    def recovered(self, outcome: bool) -> None:
        """Somebody came back."""
        self._counts.recovered(outcome)

    def died(self, session_id: str, reason: BaseException | None) -> None:
        """An actor failed: it is rebuilt from its journal."""
        self._counts.died()
        if isinstance(reason, NotOwner) and self._ownership is not None:
            self._ownership.lose(session_id)
        self._failed.add(session_id)
        self._unload(session_id)


def _draining() -> Unavailable:
    return Unavailable("draining", "This server is about to stop; come back in a moment.")


def _busy() -> Unavailable:
    return Unavailable("unavailable", "This session is too busy just now; try again in a moment.")
