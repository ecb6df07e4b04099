"""Registers people for sessions and gives them places, with the mails that follow, each in one transaction.

Nothing but the one mail that asks to confirm goes to an address that has not confirmed. Mails stand in ``deliveries``, one for
each registration, session and kind; those that tell of changes in several sessions of a series go out as one (``series_mails``).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.domain.registrations import (
    MAILS_PER_MAILBOX,
    MAILS_PER_NETWORK,
    MAILS_WITHIN,
    PLACES_PER_NETWORK,
    SERIES_GATHERED,
    PlaceMail,
    reminders,
)
from engine.storage.database import one_of
from engine.storage.places import Place, Places
from engine.storage.registrations import Registration, Registrations
from engine.storage.request_limits import RequestLimits
from engine.storage.rows import RoomRow
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.place_mails import NOT_BEGUN, OPEN, PLACE_MAILS
from publisher.catalogue.published import Catalogue
from publisher.catalogue.series_mails import GATHERED

__all__ = ["Registered", "Registrar", "TooManyRegistrations"]

_NOTHING_BEFORE = (PlaceMail.DAY, PlaceMail.SOON, PlaceMail.MOVED, PlaceMail.CAME_UP, PlaceMail.LETTER)
"""What is not sent any more of a session that is cancelled."""


class TooManyRegistrations(Exception):
    """A network address has registered as many as it may; ``wait`` is how long until the next (ms).

    ``addresses``: as many mail addresses, so that registrations without one are still taken.
    """

    def __init__(self, wait: Millis, *, addresses: bool) -> None:
        super().__init__()
        self.wait = wait
        self.addresses = addresses


@dataclass(frozen=True, slots=True)
class Registered:
    """A new registration and its places, by the sessions' starts."""

    registration: Registration
    places: list[Place]


class Registrar:
    """Registrations with their mails, over one connection. Blocking."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._connection = catalogue.connection
        self._deliveries = Deliveries(catalogue)
        self.registrations = Registrations(catalogue.connection)
        self.places = Places(catalogue.connection)
        self._limits = RequestLimits(catalogue.connection)

    def register(
        self,
        rooms: list[RoomRow],
        *,
        series_id: str | None,
        name: str | None,
        address: str | None,
        mailbox: str | None,
        network: str,
        at: Millis,
        counted: bool = True,
    ) -> Registered:
        """Register somebody for a session, or for a series and its sessions that are there.

        ``mailbox`` is whose an address that was given is, also where ``address`` is left out as nothing can be sent to it.
        ``counted``: the network address gets so many places within a time, whoever they are for.
        With an address one mail asks to confirm it, unless its mailbox was asked often enough today.

        Raises:
            TooManyRegistrations: nothing was stored.
        """
        with self._catalogue.transaction():
            wanted = False
            if counted:
                most, within = PLACES_PER_NETWORK
                wait = self._limits.count(f"places {network}", at, most=most, within=within)
                if wait:
                    raise TooManyRegistrations(wait, addresses=False)
            if mailbox is not None:
                wait = self._limits.count(
                    f"network {network}", at, most=MAILS_PER_NETWORK, within=MAILS_WITHIN
                )
                if wait:
                    raise TooManyRegistrations(wait, addresses=True)
                most, within = MAILS_PER_MAILBOX
                wanted = not self._limits.count(f"mailbox {mailbox}", at, most=most, within=within)
                # One that nobody can confirm is not kept.
                address = address if wanted else None
            registration = self.registrations.add(
                session_id=None if series_id else rooms[0].session_id,
                series_id=series_id,
                name=name,
                address=address,
                at=at,
            )
            for room in rooms:
                self._settle(room, at)
                if self.places.place(room.session_id, registration.registration) is None:
                    self.places.seat(room, registration, at)
            if wanted and address is not None:
                self._schedule(rooms[0].session_id, PlaceMail.CONFIRM, registration, at, at)
            places = self.places.places_of(registration.registration)
        return Registered(registration, places)

    def leave(self, place: Place, at: Millis) -> None:
        """Give up a place: the first who waits comes up, and is told. Repeating it does no harm."""
        with self._catalogue.transaction():
            self._leave(place, at)

    def leave_series(self, registration: Registration, at: Millis) -> None:
        """Give up every place of a series' registration in a session that has not begun, and come to no later one.

        Repeating it does no harm. The address is deleted. Places in sessions that have begun stay, and with them the name; without any the registration goes.
        """
        with self._catalogue.transaction():
            begun = False
            for place in self.places.places_of(registration.registration):
                room = self.places.room(place.session_id)
                if room is None or room.cancelled or room.phase in NOT_BEGUN:
                    self._leave(place, at)
                else:
                    begun = True
            if begun:
                self.registrations.leave_series(registration.registration)
            else:
                self.registrations.remove(registration.registration)
            self._drop(registration.registration)

    def confirm(self, registration: Registration, at: Millis) -> bool:
        """Note that an address confirmed, and plan its reminders; False where it was deleted. Repeating it does no harm."""
        with self._catalogue.transaction():
            if not self.registrations.confirm(registration.registration, at):
                known = self.registrations.get(registration.registration)
                return known is not None and known.confirmed_at is not None
            for place in self.places.places_of(registration.registration):
                room = self.places.room(place.session_id)
                if room is not None and room.phase in OPEN:
                    self.places.note_start(place, room.scheduled_start)
                    self._plan(room, place, at)
        return True

    def forget_address(self, registration: Registration) -> None:
        """Remove an address and the mails to it at once; the places stay."""
        with self._catalogue.transaction():
            self.registrations.forget_address(registration.registration)
            self._drop(registration.registration)

    def settle(self, session_id: str, at: Millis) -> None:
        """Bring the places of a session up to what its room and its series say now, and tell those whom that changes.

        Repeating it does no harm.
        """
        with self._catalogue.transaction():
            room = self.places.room(session_id)
            if room is not None:
                self._settle(room, at)

    def forget_mails(self) -> int:
        """Remove the mails of registrations that are not there any more; returns how many."""
        among, kinds = one_of("kind", PLACE_MAILS)
        rows = self._connection.rows(
            f"SELECT DISTINCT recipient FROM deliveries WHERE kind IN {among}", **kinds
        )
        if not rows:
            return 0
        present = self.registrations.with_addresses()
        return sum(
            self._connection.execute(
                f"DELETE FROM deliveries WHERE recipient = :recipient AND kind IN {among} AND state <> 'submitting'",
                recipient=row["recipient"],
                **kinds,
            )
            for row in rows
            if row["recipient"] not in present
        )

    # -- inner parts -------------------------------------------------------------------------------

    def _settle(self, room: RoomRow, at: Millis) -> None:
        if room.series_id is None and not self.places.has_places(room.session_id):
            return
        self.places.lock(room.session_id)
        if room.cancelled:
            for place in self.places.places(room.session_id):
                self._drop(place.registration.registration, room.session_id, *_NOTHING_BEFORE)
                if self._confirmed(place) and not self._was_scheduled(place, PlaceMail.CANCELLED):
                    self._schedule(room.session_id, PlaceMail.CANCELLED, place.registration, at, at)
            return
        if room.phase not in OPEN:
            return
        if room.phase in NOT_BEGUN:
            for place in self.places.unseat_those_of_series(room, at):
                self._drop(place.registration.registration, room.session_id, *_NOTHING_BEFORE)
        for place in self.places.come_up(room):
            if self._confirmed(place):
                self._schedule(room.session_id, PlaceMail.CAME_UP, place.registration, at, at)
                self._plan(room, place, at)
        if room.series_id is not None and room.phase != "live":
            for place in self.places.seat_those_of_series(room, at):
                if self._confirmed(place):
                    self._plan(room, place, at)
        for place in self.places.with_another_start(room.session_id, room.scheduled_start):
            self.places.note_start(place, room.scheduled_start)
            if self._confirmed(place):
                self._schedule(room.session_id, PlaceMail.MOVED, place.registration, at, at)
                self._plan(room, place, at)

    def _leave(self, place: Place, at: Millis) -> None:
        self.places.lock(place.session_id)
        if not self.places.is_held(place):
            # Asked twice at once: the other one has told everybody.
            return
        self.places.leave(place, at)
        # A series' registration is asked to confirm for its other sessions.
        kept = () if place.registration.series_id is None else (PlaceMail.CONFIRM,)
        self._drop(
            place.registration.registration,
            place.session_id,
            *(each for each in PlaceMail if each not in kept),
        )
        room = self.places.room(place.session_id)
        if room is not None:
            self._settle(room, at)

    def _plan(self, room: RoomRow, place: Place, at: Millis) -> None:
        """Plan the reminders of a place in the place of those that were planned before."""
        registration = place.registration
        self._drop(registration.registration, room.session_id, PlaceMail.DAY, PlaceMail.SOON)
        for reminder in reminders(room.scheduled_start, at):
            self._schedule(room.session_id, reminder.mail, registration, reminder.due_at, at)

    def _schedule(
        self, session_id: str, mail: PlaceMail, registration: Registration, due_at: Millis, at: Millis
    ) -> None:
        if registration.series_id is not None and mail in GATHERED:
            due_at += SERIES_GATHERED
        if registration.address is not None:
            self._deliveries.schedule_one(
                session_id, mail, registration.registration, registration.address, due_at, at
            )

    def _drop(self, registration: str, session_id: str | None = None, *mails: PlaceMail) -> None:
        self._deliveries.drop(registration, session_id, mails)

    def _confirmed(self, place: Place) -> bool:
        return place.registration.confirmed_at is not None and place.registration.address is not None

    def _was_scheduled(self, place: Place, mail: PlaceMail) -> bool:
        return self._deliveries.has(place.session_id, mail, place.registration.registration)
