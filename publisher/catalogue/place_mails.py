"""Whether a mail about somebody's place is still to be sent, and to which address: asked when it is about to go out."""

from __future__ import annotations

from engine.domain.instant import Millis
from engine.domain.registrations import DAY_BEFORE, SOON_BEFORE, PlaceMail, PlaceState
from engine.storage.database import Connection
from engine.storage.places import Place, Places
from engine.storage.registrations import Registrations
from engine.storage.rows import RoomRow

__all__ = ["NOT_BEGUN", "OPEN", "PLACE_MAILS", "first_open", "has_address", "wanted_address"]

NOT_BEGUN = ("scheduled", "waiting")
OPEN = (*NOT_BEGUN, "live")
"""The phases of sessions that are not over."""
PLACE_MAILS = frozenset(map(str, PlaceMail))


def has_address(connection: Connection, registration: str) -> bool:
    """Whether a registration is there and has an address."""
    found = Registrations(connection).get(registration)
    return found is not None and found.address is not None


def first_open(places: Places, registration: str) -> tuple[Place, RoomRow] | None:
    """The first place of a registration in a session that is not over or cancelled, with that session."""
    for place in places.places_of(registration):
        room = places.room(place.session_id)
        if room is not None and not room.cancelled and room.phase in OPEN:
            return place, room
    return None


def wanted_address(
    connection: Connection, session_id: str, kind: str, registration: str, at: Millis
) -> str | None:
    """The address of a mail about a place, if it is still to be sent at ``at``; None where it is not any more."""
    registrations, places = Registrations(connection), Places(connection)
    if kind == PlaceMail.CONFIRM:
        # It is of the registration as a whole: one of its sessions that still comes is enough.
        owner = registrations.get(registration)
        wanted = owner is not None and owner.confirmed_at is None
        return owner.address if owner and wanted and first_open(places, registration) else None
    place = places.place(session_id, registration)
    room = places.room(session_id)
    if place is None or room is None or place.registration.address is None:
        return None
    owner = place.registration
    match PlaceMail(kind):
        case PlaceMail.CANCELLED:
            wanted = owner.confirmed_at is not None and room.cancelled
        case mail:
            wanted = owner.confirmed_at is not None and not room.cancelled and room.phase in OPEN
            if mail is PlaceMail.LETTER:
                wanted = wanted and place.state is PlaceState.COMING
            if mail in (PlaceMail.DAY, PlaceMail.SOON):
                # A reminder that comes after what it reminds of is none.
                until = room.scheduled_start - (SOON_BEFORE if mail is PlaceMail.DAY else 0)
                early = room.scheduled_start - (DAY_BEFORE if mail is PlaceMail.DAY else SOON_BEFORE)
                wanted = wanted and place.state is PlaceState.COMING and early <= at < until
    return owner.address if wanted else None
