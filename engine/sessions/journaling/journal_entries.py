"""Journal entries: the records of one turn of a session, and the rows that go with them in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydantic import TypeAdapter

from engine.domain import events as e
from engine.domain.session import Session
from engine.domain.session_snapshot import make_snapshot
from engine.sessions.journaling.feedback import quotes_of
from engine.sessions.journaling.notices import notices_of
from engine.sessions.journaling.room_row import room_row
from engine.storage.journal import Append, DeletedMessages, Record, StateSnapshot
from engine.storage.outbox import schedule_row, story
from engine.storage.rows import OutboxRow, PersonChange, PersonRow, SnapshotRow

__all__ = ["STATE", "JournalEntries", "queues_publication"]

STATE: TypeAdapter[Session] = TypeAdapter(Session)
"""A state as the journal's snapshots keep it."""
STATE_EVERY = 500
"""Events between two snapshots of the state, so that a start need not replay hours."""

_SCHEDULE = frozenset(
    {e.SessionCreated, e.DetailsChanged, e.SessionCancelled, e.SessionStarted, e.SessionEnded}
)
_STORY = frozenset({e.SessionEnded, e.StoryRecomputed})
_ASKING = _SCHEDULE | _STORY
_ROOM = _SCHEDULE | {
    e.EpochBegun,
    e.RoomOpened,
    e.RoomClosed,
    e.ChatSwitched,
    e.SessionEnding,
    e.SessionPublished,
}
_REDACTING = frozenset({e.PersonWithdrew, e.MessagesDeleted})
_TOUCHING: frozenset[type] = _ROOM | _STORY | _REDACTING
"""Events that change more than the journal; the others are by far the most."""


def _takes_back(event: e.Event) -> bool:
    """Whether somebody withdraws, or their consent to be counted."""
    match event:
        case e.PersonWithdrew():
            return True
        case e.ConsentChanged():
            return not (event.heart_rate and event.group)
        case _:
            return False


def queues_publication(events: Iterable[e.Event]) -> bool:
    """Whether these events leave work in the outbox."""
    return not _ASKING.isdisjoint(map(type, events))


class JournalEntries:
    """Makes the journal entries of one session."""

    __slots__ = ("_channels", "_new_id", "_session_id", "_stored_at", "_term")

    def __init__(
        self,
        session_id: str,
        channels: tuple[str, ...],
        new_id: Callable[[], str],
        stored_at: int,
        term: int = 0,
    ) -> None:
        """``stored_at``: the position of the newest snapshot of the state. ``term``: as ``Append`` says."""
        self._term = term
        self._session_id = session_id
        self._channels = channels
        self._new_id = new_id
        self._stored_at = stored_at

    def entry(
        self,
        state: Session,
        expected: int,
        records: Sequence[Record],
        events: Sequence[e.Event],
        *,
        people: Iterable[PersonRow],
        changes: Sequence[PersonChange],
        event_id: str | None,
        made_by: str | None = None,
    ) -> Append:
        """The entry of one turn; ``people`` are all of the session, ``changes`` what this turn changed.

        ``made_by``: the key that makes the session by it.
        """
        kinds = _TOUCHING.intersection(map(type, events))
        snapshot, jobs = self._story(state, kinds, people) if kinds else (None, ())
        stored = None
        if (
            state.position - self._stored_at >= STATE_EVERY
            or (events and state.phase.is_over)
            or (self._stored_at and not kinds.isdisjoint(_REDACTING))
            or (state.shares_withdrawn and any(map(_takes_back, events)))
        ):
            # A snapshot from before a withdrawal or a deletion would keep what was taken back.
            self._stored_at = state.position
            stored = StateSnapshot(state.position, STATE.dump_json(state))
        return Append(
            session_id=self._session_id,
            expected=expected,
            records=records,
            people=changes,
            room=room_row(state) if kinds & _ROOM else None,
            snapshot=snapshot,
            outbox=jobs,
            state=stored,
            event_ids=() if event_id is None else (event_id,),
            notices=() if kinds.isdisjoint(_SCHEDULE) else notices_of(state, events),
            made_by=made_by,
            term=self._term,
            deleted=tuple(
                DeletedMessages(event.seq, event.client_id)
                for event in events
                if isinstance(event, e.MessagesDeleted)
            )
            if e.MessagesDeleted in kinds
            else (),
        )

    def _story(
        self, state: Session, kinds: frozenset[type], people: Iterable[PersonRow]
    ) -> tuple[SnapshotRow | None, tuple[OutboxRow, ...]]:
        jobs: tuple[OutboxRow, ...] = ()
        # A story that stands below a summary's is recomputed without a job for the publisher; what that keeps of somebody
        # who withdrew has to go all the same.
        if not kinds.isdisjoint(_SCHEDULE) or kinds >= {e.PersonWithdrew, e.StoryRecomputed}:
            jobs = (schedule_row(self._session_id, state.position, state.updated_at),)
        if kinds.isdisjoint(_STORY):
            return None, jobs
        made = make_snapshot(state, content_id=self._new_id(), quotes=quotes_of(people))
        if made is None:  # Nobody came: ended, and nothing to publish.
            return None, jobs
        snapshot, work = story(made, self._channels, state.updated_at)
        return snapshot, (*work, *jobs)
