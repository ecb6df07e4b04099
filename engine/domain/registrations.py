"""The rules of registrations: places and the waiting list, reminders, and how many there may be of one network or mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from engine.domain.instant import HOUR, MINUTE, Millis

__all__ = [
    "DAY_BEFORE",
    "MAILS_PER_MAILBOX",
    "MAILS_PER_NETWORK",
    "MAILS_WITHIN",
    "PLACES_PER_NETWORK",
    "PLACE_HELD",
    "REGISTRATION_PREFIX",
    "SERIES_GATHERED",
    "SOON_BEFORE",
    "UNCONFIRMED_KEPT",
    "PlaceMail",
    "PlaceState",
    "Reminder",
    "come_up",
    "is_held",
    "reminders",
]

REGISTRATION_PREFIX = "reg_"
"""With which the id of a registration begins, which is the ``client_id`` of its owner too."""
PLACE_HELD: Millis = 5 * MINUTE
"""How long after the start a registration holds its place."""
DAY_BEFORE: Millis = 24 * HOUR
SOON_BEFORE: Millis = 15 * MINUTE
_FAR_AHEAD: Millis = 36 * HOUR
"""Whoever confirms nearer to the start than this needs no reminder a day before it."""

MAILS_PER_NETWORK = 10
MAILS_WITHIN: Millis = HOUR
"""So many registrations with an address may come from one network address within this time."""
PLACES_PER_NETWORK = (20, HOUR)
"""So many registrations, with an address or without, may come from one network address within that time."""
MAILS_PER_MAILBOX = (5, 24 * HOUR)
"""So many mails that ask to confirm go to one mailbox within that time, whoever asks for them."""

SERIES_GATHERED: Millis = MINUTE
"""How long what is to be told of one session of a series waits for what is to be told of the others, so that one mail tells it all."""

UNCONFIRMED_KEPT: Millis = 72 * HOUR
"""How long an address is kept that nobody confirms."""

_Registration = TypeVar("_Registration")


class PlaceState(StrEnum):
    """Whether somebody has a place."""

    COMING = "coming"
    WAITING = "waiting"
    LEFT = "left"
    """Of a series' registration: not this time."""


class PlaceMail(StrEnum):
    """The mails of a registration, by what they are about."""

    CONFIRM = "place_confirm"
    CAME_UP = "place_came_up"
    DAY = "place_day"
    SOON = "place_soon"
    MOVED = "place_moved"
    CANCELLED = "place_cancelled"
    LETTER = "place_letter"
    """What whoever leads the session wrote to those who come."""


class Reminder(NamedTuple):
    """A mail that reminds of a session, and when it goes out."""

    mail: PlaceMail
    due_at: Millis


def come_up(most: int, coming: int, waiting: Sequence[_Registration]) -> Sequence[_Registration]:
    """Those of the waiting, in their order, who have a place now that ``coming`` of ``most`` places are taken.

    Nobody who has a place loses it, also where there are fewer places than before.
    """
    return waiting[: max(0, most - coming)]


def is_held(started_at: Millis | None, at: Millis) -> bool:
    """Whether registrations hold their places: until five minutes after the session has started."""
    return started_at is None or at < started_at + PLACE_HELD


def reminders(start: Millis, known_at: Millis) -> tuple[Reminder, ...]:
    """The reminders of a session that starts at ``start``, for somebody who is sure of it since ``known_at``.

    That is when they confirmed, or when they were told that it was moved. One a day before, if the start was more than 36
    hours away, and one 15 minutes before.
    """
    due = []
    if start - known_at > _FAR_AHEAD:
        due.append(Reminder(PlaceMail.DAY, start - DAY_BEFORE))
    if start - known_at > SOON_BEFORE:
        due.append(Reminder(PlaceMail.SOON, start - SOON_BEFORE))
    return tuple(due)
