"""The places that registrations hold in each session, and the waiting list.

The transaction of a registration locks its session's places, so that the last one is given once.
A little long: whatever counts or lists places does it under that lock.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.domain.registrations import PlaceState, come_up
from engine.domain.series import is_hidden_alone
from engine.storage.database import Connection, Row, one_of
from engine.storage.notices import Notice, queue_notice
from engine.storage.registrations import Registration, Registrations, read_registration
from engine.storage.rows import ROOMS, RoomRow

__all__ = ["Place", "Places"]

_JOINED = (
    "SELECT r.registration, r.session_id AS own_session, r.series_id, r.name, r.address, r.token, r.created_at,"
    " r.confirmed_at, p.session_id, p.number, p.state, p.told_start FROM places p"
    " JOIN registrations r ON r.registration = p.registration"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A registration's place in one session."""

    registration: Registration
    session_id: str
    number: int
    """Counts up within a session: who came first."""
    state: PlaceState
    told_start: Millis
    """The start that its owner knows of."""
    position: int | None = None
    """In the waiting list, 1 first."""


class Places:
    """The table over one connection. Blocking; what writes is part of its caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def counts_of(self, session_ids: Collection[str]) -> dict[str, tuple[int, int]]:
        """How many come and how many wait, of several sessions, some hundreds at most; those without any are left out."""
        if not session_ids:
            return {}
        among, values = one_of("id", session_ids)
        rows = self._connection.rows(
            "SELECT session_id, sum(CASE WHEN state = 'coming' THEN 1 ELSE 0 END) AS coming,"
            " sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END) AS waiting FROM places"
            f" WHERE session_id IN {among} GROUP BY session_id",
            **values,
        )
        return {row["session_id"]: (int(row["coming"]), int(row["waiting"])) for row in rows}

    def room(self, session_id: str) -> RoomRow | None:
        """The row of a session."""
        row = self._connection.row("SELECT * FROM rooms WHERE session_id = :id", id=session_id)
        return None if row is None else ROOMS.read(row)

    def rooms_of_series(self, series_id: str) -> list[RoomRow]:
        """The sessions of a series that have not begun and were not closed alone, by their start."""
        rows = self._connection.rows(
            "SELECT * FROM rooms WHERE series_id = :id AND cancelled = 0 AND phase IN ('scheduled', 'waiting')"
            " ORDER BY scheduled_start, session_id",
            id=series_id,
        )
        rooms = [ROOMS.read(row) for row in rows]
        return [room for room in rooms if not self.is_closed_alone(room)]

    def is_closed_alone(self, room: RoomRow) -> bool:
        """Whether a session is more hidden than its series, or by invitation where that is not.

        Who comes to the series does not come to that one for it.
        """
        return self._closed_alone(room)[0]

    def stays_closed_alone(self, room: RoomRow) -> bool:
        """The same, while no change of the series is on its way to its sessions: opened, it is so before they are."""
        closed, series_changes = self._closed_alone(room)
        return closed and not series_changes

    def places(self, session_id: str) -> list[Place]:
        """The registered and those who wait, in the order of registration, with their positions."""
        rows = self._connection.rows(
            f"{_JOINED} WHERE p.session_id = :id AND p.state <> 'left' ORDER BY p.number", id=session_id
        )
        places, position = [], 0
        for row in rows:
            position += row["state"] == PlaceState.WAITING
            places.append(_place(row, position))
        return places

    def place(self, session_id: str, registration: str) -> Place | None:
        """One of them, or None; of a series' registration also where the session was closed alone."""
        place = self._place(session_id, registration)
        if place is not None and place.registration.series_id is not None:
            room = self.room(session_id)
            if room is not None and self.stays_closed_alone(room):
                return None
        return place

    def is_held(self, place: Place) -> bool:
        """Whether a place was not given up since it was read."""
        return self._place(place.session_id, place.registration.registration) is not None

    def counts(self, session_id: str) -> tuple[int, int]:
        """How many come, and how many wait."""
        return self._coming(session_id), len(self._waiting(session_id))

    def holders_of(self, session_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """The registrations that hold a place, of several sessions, some hundreds at most; those without any are left out."""
        among, values = one_of("id", session_ids)
        rows = self._connection.rows(
            f"SELECT session_id, registration FROM places WHERE session_id IN {among} AND state = 'coming'",
            **values,
        )
        holders: dict[str, set[str]] = {}
        for row in rows:
            holders.setdefault(row["session_id"], set()).add(row["registration"])
        return {session_id: frozenset(found) for session_id, found in holders.items()}

    def has_places(self, session_id: str) -> bool:
        """Whether anybody ever said that they come to a session."""
        return (
            self._connection.row("SELECT 1 FROM places WHERE session_id = :id LIMIT 1", id=session_id)
            is not None
        )

    def with_another_start(self, session_id: str, start: Millis) -> list[Place]:
        """The places whose owners know of another start."""
        rows = self._connection.rows(
            f"{_JOINED} WHERE p.session_id = :id AND p.state <> 'left' AND p.told_start <> :start"
            " ORDER BY p.number",
            id=session_id,
            start=start,
        )
        return [_place(row, 0) for row in rows]

    def places_of(self, registration: str) -> list[Place]:
        """Every place of a registration that it has not given up, by the sessions' starts."""
        rows = self._connection.rows(
            "SELECT p.session_id FROM places p JOIN rooms m ON m.session_id = p.session_id"
            " WHERE p.registration = :id AND p.state <> 'left' ORDER BY m.scheduled_start, m.session_id",
            id=registration,
        )
        found = (self.place(row["session_id"], registration) for row in rows)
        return [place for place in found if place is not None]

    def seat(self, room: RoomRow, registration: Registration, at: Millis) -> Place:
        """Give a registration a place in a session, or the last position in its waiting list; webhooks are told."""
        number = self._connection.value(
            # Whoever comes at the same moment waits here until the other's transaction is over.
            "INSERT INTO place_numbers (session_id, last) VALUES (:id, 1)"
            " ON CONFLICT (session_id) DO UPDATE SET last = place_numbers.last + 1 RETURNING last",
            id=room.session_id,
        )
        has_place = room.max_participants > self._coming(room.session_id)
        state = PlaceState.COMING if has_place and not self._waiting(room.session_id) else PlaceState.WAITING
        self._connection.execute(
            "INSERT INTO places (session_id, registration, number, state, told_start)"
            " VALUES (:session_id, :registration, :number, :state, :start)",
            session_id=room.session_id,
            registration=registration.registration,
            number=number,
            state=state,
            start=room.scheduled_start,
        )
        place = self._place(room.session_id, registration.registration)
        assert place is not None
        self._tell("registration.created", place, at)
        return place

    def lock(self, session_id: str) -> None:
        """Let nobody else change the places of a session until the transaction is over."""
        self._connection.execute(
            "INSERT INTO place_numbers (session_id, last) VALUES (:id, 0)"
            " ON CONFLICT (session_id) DO UPDATE SET last = place_numbers.last",
            id=session_id,
        )

    def come_up(self, room: RoomRow) -> list[Place]:
        """Let the first who wait come up where there are places; returns those who have one now."""
        waiting = self._waiting(room.session_id)
        up = come_up(room.max_participants, self._coming(room.session_id), waiting)
        self._connection.many(
            "UPDATE places SET state = 'coming' WHERE session_id = :session_id AND registration = :registration",
            [{"session_id": room.session_id, "registration": each} for each in up],
        )
        found = (self.place(room.session_id, each) for each in up)
        return [place for place in found if place is not None]

    def seat_those_of_series(self, room: RoomRow, at: Millis) -> list[Place]:
        """Give a place in a session to everybody who comes to its whole series and has none there yet.

        Nobody gets one where it was closed alone.
        """
        if self.is_closed_alone(room):
            return []
        rows = self._connection.rows(
            "SELECT * FROM registrations r WHERE r.series_id = :series AND NOT EXISTS (SELECT 1 FROM places p"
            " WHERE p.session_id = :id AND p.registration = r.registration) ORDER BY r.created_at, r.registration",
            series=room.series_id,
            id=room.session_id,
        )
        return [self.seat(room, read_registration(row), at) for row in rows]

    def unseat_those_of_series(self, room: RoomRow, at: Millis) -> list[Place]:
        """Take the places of those who come to the whole series from a session that was closed alone; webhooks are told.

        They get one again when it is opened. While a change of the series is on its way to its sessions nobody loses one.
        """
        if not self.stays_closed_alone(room):
            return []
        found = [each for each in self.places(room.session_id) if each.registration.series_id is not None]
        for place in found:
            self._tell("registration.cancelled", place, at)
        self._connection.many(
            "DELETE FROM places WHERE session_id = :session_id AND registration = :registration",
            [
                {"session_id": room.session_id, "registration": place.registration.registration}
                for place in found
            ],
        )
        return found

    def leave(self, place: Place, at: Millis) -> None:
        """Give up a place; of a series' registration this once, another one goes as a whole. Webhooks are told."""
        self._tell("registration.cancelled", place, at)
        registration = place.registration
        if registration.series_id is None:
            Registrations(self._connection).remove(registration.registration)
        else:
            self._connection.execute(
                "UPDATE places SET state = 'left' WHERE session_id = :session_id AND registration = :id",
                session_id=place.session_id,
                id=registration.registration,
            )

    def note_start(self, place: Place, start: Millis) -> None:
        """Note which start the owner of a place knows of."""
        self._connection.execute(
            "UPDATE places SET told_start = :start WHERE session_id = :session_id AND registration = :id",
            start=start,
            session_id=place.session_id,
            id=place.registration.registration,
        )

    # -- inner parts -------------------------------------------------------------------------------

    def _closed_alone(self, room: RoomRow) -> tuple[bool, bool]:
        """Whether a session is more closed than its series, and whether a change of that is on its way to its sessions."""
        if room.series_id is None or (room.visibility == "public" and room.access == "open"):
            return False, False
        document = self._connection.value(
            "SELECT document FROM series WHERE series_id = :id", id=room.series_id
        )
        series = json.loads(document) if document is not None else {}
        details = series.get("details", {})
        visibility, access = details.get("visibility", "public"), details.get("access", "open")
        closed = is_hidden_alone(room.visibility, visibility) or (
            room.access == "invite" and access == "open"
        )
        return closed, bool(series.get("unapplied"))

    def _place(self, session_id: str, registration: str) -> Place | None:
        row = self._connection.row(
            f"{_JOINED} WHERE p.session_id = :id AND p.registration = :registration AND p.state <> 'left'",
            id=session_id,
            registration=registration,
        )
        if row is None:
            return None
        ahead = self._connection.value(
            "SELECT count(*) FROM places WHERE session_id = :id AND state = 'waiting' AND number <= :number",
            id=session_id,
            number=row["number"],
        )
        return _place(row, int(ahead))

    def _coming(self, session_id: str) -> int:
        return int(
            self._connection.value(
                "SELECT count(*) FROM places WHERE session_id = :id AND state = 'coming'", id=session_id
            )
        )

    def _waiting(self, session_id: str) -> Sequence[str]:
        rows = self._connection.rows(
            "SELECT registration FROM places WHERE session_id = :id AND state = 'waiting' ORDER BY number",
            id=session_id,
        )
        return [row["registration"] for row in rows]

    def _tell(self, event: str, place: Place, at: Millis) -> None:
        registration = place.registration
        data = {
            "registration": registration.registration,
            "series_id": registration.series_id,
            "name": registration.name,
            "state": "cancelled" if event == "registration.cancelled" else str(place.state),
        }
        queue_notice(self._connection, Notice(event, place.session_id, data, at, registration.registration))


def _place(row: Row, position: int) -> Place:
    registration = Registration(
        row["registration"],
        row["own_session"],
        row["series_id"],
        row["name"],
        row["address"],
        row["token"],
        row["created_at"],
        row["confirmed_at"],
    )
    state = PlaceState(row["state"])
    return Place(
        registration,
        row["session_id"],
        row["number"],
        state,
        row["told_start"],
        position if state is PlaceState.WAITING else None,
    )
