"""Makes calendar files: of the studio, of a series, of one session."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from icalendar import Calendar, Event

from engine.domain.instant import to_datetime
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import UpcomingRoom, cancelled_rooms, past_rooms, upcoming_rooms
from publisher.rendering.links import Links
from publisher.rendering.studio import Studio

__all__ = ["calendar_file", "calendar_of"]

_AT_MOST = 200


def calendar_of(catalogue: Catalogue, studio: Studio, links: Links, site_id: str) -> bytes:
    """The studio's calendar as an iCalendar document (RFC 5545): what is to come, what was, and what was cancelled."""
    rooms = (
        *upcoming_rooms(catalogue, limit=_AT_MOST),
        # Programs that subscribe to it forget what is not in it any more.
        *past_rooms(catalogue, limit=_AT_MOST),
        *cancelled_rooms(catalogue, limit=_AT_MOST),
    )
    return calendar_file(rooms, studio, links, site_id, name=studio.name, refreshed=True)


def calendar_file(
    rooms: Iterable[UpcomingRoom],
    studio: Studio,
    links: Links,
    site_id: str,
    *,
    name: str,
    refreshed: bool,
    time_zone: str | None = None,
) -> bytes:
    """The sessions as an iCalendar document; ``refreshed`` where programs subscribe to it, ``time_zone`` where it is not the studio's.

    A UID is made of session and site, so it stays; SEQUENCE is the room's; no present time is in it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Halcytone Live//Sessions//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", time_zone or studio.time_zone)
    if refreshed:
        calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", "PT1H")
    for room in rooms:
        calendar.add_component(_event(room, studio, links, site_id))
    return bytes(calendar.to_ical())


def _event(room: UpcomingRoom, studio: Studio, links: Links, site_id: str) -> Event:
    status = "CANCELLED" if room.cancelled else "CONFIRMED"
    page = links.absolute(f"sessions/{room.session_id}/")
    starts = to_datetime(room.starts).replace(microsecond=0)
    event = Event()
    event.add("uid", f"{room.session_id}@{site_id}")
    event.add("dtstamp", to_datetime(room.updated_at).replace(microsecond=0))
    event.add("created", to_datetime(room.created_at).replace(microsecond=0))
    event.add("last-modified", to_datetime(room.updated_at).replace(microsecond=0))
    event.add("sequence", room.sequence)
    event.add("dtstart", starts)
    event.add("dtend", starts + timedelta(seconds=room.length_s))
    event.add("summary", room.title)
    description = [room.description] if room.description else []
    event.add(
        "description", "\n\n".join([*description, studio.words("before.with", name=room.instructor), page])
    )
    event.add("url", page)
    event.add("location", studio.name if room.place in ("room", "both") else page)
    event.add("status", status)
    event.add("transp", "OPAQUE" if status == "CONFIRMED" else "TRANSPARENT")
    return event
