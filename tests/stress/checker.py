"""After the end: the journal in the database, and every client's log held against it.

What must be: positions and numbers without hole or double; every message that anybody got is the one of
the journal, byte for byte; every acknowledged command is in the journal, once, under the number that its
sender was told; each stored state, catalogue row and story is the fold of the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.domain import events as e
from engine.domain.evolve import evolve
from engine.domain.instant import Millis
from engine.domain.session import Session
from engine.domain.session_snapshot import make_snapshot
from engine.protocol import outgoing
from engine.sessions.journaling.journal_entries import STATE
from engine.storage.database import Connection, Database
from engine.storage.story_reader import StoryReader
from tests.stress.client import Client
from tests.stress.logs import Faults, RoomLog

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was held against the journal."""

    events: int
    numbered: int
    acknowledged: int
    logs: int
    handed: int
    """Numbered messages, counted once for each client that got them."""
    states: int
    stories: int


@dataclass(frozen=True, slots=True)
class _Journal:
    """One session's log, decoded and folded."""

    events: Sequence[tuple[int, int | None, Millis, e.Event]]
    """Position, ``seq``, instant, event."""
    states: Sequence[Session]
    """After each event."""

    @property
    def by_seq(self) -> dict[int, tuple[Millis, e.Event]]:
        return {seq: (at, event) for _, seq, at, event in self.events if seq is not None}


def check(
    database: Database, clients: Mapping[str, Sequence[Client]], logs: Mapping[str, RoomLog], faults: Faults
) -> Checked:
    """Hold the logs of each session's clients against the database of servers that have ended."""
    for wrong in database.problems():
        faults.add("database", wrong)
    totals: Counter[str] = Counter()
    with database.connect() as connection:
        for session_id, log in logs.items():
            journal = _read(connection, session_id, faults)
            names = _names(connection, session_id)
            _hold(log, journal, names, faults)
            _keep_promises(log, journal, faults)
            for client in clients[session_id]:
                totals["handed"] += _follow(client, session_id, journal, faults)
            totals["events"] += len(journal.events)
            totals["numbered"] += len(journal.by_seq)
            totals["acknowledged"] += len(log.acknowledged) + len(log.reported)
            totals["logs"] += len(clients[session_id])
            totals["states"] += _stored_state(connection, session_id, journal, faults)
            totals["stories"] += _story(connection, session_id, journal, faults)
    return Checked(**totals)


def _read(connection: Connection, session_id: str, faults: Faults) -> _Journal:
    rows = connection.rows(
        "SELECT position, seq, at, event FROM journal WHERE session_id = :id ORDER BY position", id=session_id
    )
    events = [(row["position"], row["seq"], row["at"], e.decode(row["event"])) for row in rows]
    positions = [position for position, _, _, _ in events]
    if positions != list(range(1, len(events) + 1)):
        faults.add("journal", f"{session_id}: the positions have a hole")
    numbers = [seq for _, seq, _, _ in events if seq is not None]
    if numbers != list(range(1, len(numbers) + 1)):
        faults.add("journal", f"{session_id}: the numbers have a hole or a double")
    states: list[Session] = []
    state: Session | None = None
    for position, seq, at, event in events:
        state = evolve(state, event, at)
        states.append(state)
        if state.position != position or (seq is not None and state.seq != seq):
            faults.add("journal", f"{session_id}: position {position} folds to {state.position}, {state.seq}")
    return _Journal(events, states)


def _names(connection: Connection, session_id: str) -> dict[str, str]:
    rows = connection.rows(
        "SELECT client_id, name FROM people WHERE session_id = :id AND name IS NOT NULL", id=session_id
    )
    return {row["client_id"]: row["name"] for row in rows}


def _hold(log: RoomLog, journal: _Journal, names: Mapping[str, str], faults: Faults) -> None:
    """What anybody was told under a number is what the journal has there."""
    by_seq, epoch = journal.by_seq, journal.states[-1].epoch
    for seq, payload in log.by_seq.items():
        if seq not in by_seq:
            faults.add(
                "lost", f"{log.session_id} {seq} was told and is not in the journal: {payload[:120]!r}"
            )
            continue
        at, event = by_seq[seq]
        reply = outgoing.numbered(event, session_id=log.session_id, epoch=epoch, seq=seq, at=at, names=names)
        if outgoing.text(reply).encode() != payload:
            faults.add("changed", f"{log.session_id} {seq}: told {payload[:200]!r}, journal {reply}")


def _keep_promises(log: RoomLog, journal: _Journal, faults: Faults) -> None:
    """Every acknowledged command is there under its number, and no command is there twice."""
    by_seq = journal.by_seq
    for marker, (kind, seq) in log.acknowledged.items():
        event = by_seq[seq][1] if seq in by_seq else None
        if not _is(event, kind, marker):
            faults.add(
                "acknowledged and lost", f"{log.session_id}: {kind} {marker} as {seq}, which is {event}"
            )
    said = Counter(marker for marker in map(_marker, (event for _, event in by_seq.values())) if marker)
    for marker in log.reported - said.keys():
        faults.add("acknowledged and lost", f"{log.session_id}: event {marker}")
    for marker, times in said.items():
        if times > 1:
            faults.add("carried out twice", f"{log.session_id}: {marker}, {times} times")


def _is(event: e.Event | None, kind: str, marker: str) -> bool:
    match event:
        case e.Announced():
            return kind == "announce" and event.title == marker
        case e.ChatMessageSent():
            return kind == "chat" and event.message == marker
        case e.SessionEnding():
            return kind == "end"
        case e.SessionStarted():
            return kind == "start"
        case _:
            return False


def _marker(event: e.Event) -> str | None:
    match event:
        case e.Announced():
            return event.title
        case e.ChatMessageSent():
            return event.message
        case e.AchievementUnlocked():
            return event.title
        case _:
            return None


def _follow(client: Client, session_id: str, journal: _Journal, faults: Faults) -> int:
    """One client's segments are of the journal, and what it takes for its own chats is that. Returns their length."""
    by_seq, newest = journal.by_seq, journal.states[-1].seq
    for after, last in client.segments:
        if not 0 <= after <= last <= newest:
            faults.add(
                "lost", f"{session_id}/{client.name}: was told {after}..{last}, the journal ends at {newest}"
            )
    for seq in client.own:
        event = by_seq[seq][1] if seq in by_seq else None
        if not isinstance(event, e.ChatMessageSent) or event.client_id != client.client_id:
            faults.add("acknowledged and lost", f"{session_id}/{client.name}: message_sent {seq} is {event}")
    return sum(last - after for after, last in client.segments)


def _stored_state(connection: Connection, session_id: str, journal: _Journal, faults: Faults) -> int:
    """The state that a start would begin from, and the catalogue's row; returns how many states there were."""
    final = journal.states[-1]
    room = connection.row("SELECT phase, epoch FROM rooms WHERE session_id = :id", id=session_id)
    assert room is not None
    if (room["phase"], room["epoch"]) != (str(final.phase), final.epoch):
        faults.add("catalogue", f"{session_id}: {dict(room)}, the journal says {final.phase}")
    row = connection.row("SELECT position, state FROM state_snapshots WHERE session_id = :id", id=session_id)
    if row is None:
        return 0
    if STATE.validate_json(row["state"]) != journal.states[row["position"] - 1]:
        faults.add(
            "snapshot", f"{session_id}: the state stored at {row['position']} is not the journal's fold"
        )
    return 1


def _story(connection: Connection, session_id: str, journal: _Journal, faults: Faults) -> int:
    """The story that was handed to the publisher; returns how many there were."""
    reply = StoryReader(connection).snapshot(session_id)
    ended = _first(i for i, (*_, event) in enumerate(journal.events) if isinstance(event, e.SessionEnded))
    if ended is None:
        if reply is not None:
            faults.add("snapshot", f"{session_id}: a story of a session that has not ended")
        return 0
    state = journal.states[ended]
    if reply is None:
        if make_snapshot(state, content_id="-") is not None:
            faults.add("snapshot", f"{session_id}: ended, and no story was stored")
        return 0
    if reply != make_snapshot(state, content_id=reply.content_id, version=reply.version):
        faults.add("snapshot", f"{session_id}: the story is not that of the journal")
    return 1


def _first(numbers: Iterable[int]) -> int | None:
    return next(iter(numbers), None)
