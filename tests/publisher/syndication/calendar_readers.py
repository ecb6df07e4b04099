"""Reads calendar files with two parsers that have nothing in common: icalendar, which writes ours, and vobject."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import icalendar
import vobject

__all__ = ["ReadEvent", "by_icalendar", "by_vobject", "events_of"]


class ReadEvent(NamedTuple):
    """An event as calendars show it."""

    session_id: str
    starts: datetime
    ends: datetime
    title: str
    status: str
    sequence: int


def events_of(file: bytes) -> list[ReadEvent]:
    """The events of a calendar file, in its order, which both parsers read alike."""
    found = by_icalendar(file)
    assert by_vobject(file) == found
    return found


def by_icalendar(file: bytes) -> list[ReadEvent]:
    """As icalendar reads them."""
    found: list[dict[str, Any]] = [dict(event) for event in icalendar.Calendar.from_ical(file).walk("VEVENT")]
    return [
        ReadEvent(
            str(event["UID"]).partition("@")[0],
            event["DTSTART"].dt,
            event["DTEND"].dt,
            str(event["SUMMARY"]),
            str(event["STATUS"]),
            int(event["SEQUENCE"]),
        )
        for event in found
    ]


def by_vobject(file: bytes) -> list[ReadEvent]:
    """As vobject reads them."""
    calendar = vobject.readOne(file.decode("utf-8"))
    return [
        ReadEvent(
            event.uid.value.partition("@")[0],
            event.dtstart.value,
            event.dtend.value,
            event.summary.value,
            event.status.value,
            int(event.sequence.value),
        )
        for event in calendar.contents.get("vevent", [])
    ]
