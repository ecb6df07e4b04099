"""The shapes of what only staff get: who does what, ratings, and what the console shows of a room."""

from __future__ import annotations

from typing import Literal, NotRequired

from engine.domain.session import Presence
from engine.protocol.shape import Shape

__all__ = [
    "ChatLine",
    "HandRaisedContent",
    "Seat",
    "SeatVouchedContent",
    "SessionRatingContent",
    "StopNeededContent",
    "TechniqueRating",
    "TechniqueRatingContent",
]


class TechniqueRatingContent(Shape):
    """Somebody rated a technique; who it was stands beside `content`, in `client_id`."""

    technique: str
    """The technique's name."""
    rating: int
    """How good it was, from 1 to 5."""
    difficulty: NotRequired[int]
    """How hard it was, from 1 to 5, where they said so."""


class SessionRatingContent(Shape):
    """Somebody rated the whole session; who it was stands beside `content`, in `client_id`."""

    rating: int
    """How good it was, from 1 to 5. The comment is not sent."""


class HandRaisedContent(Shape):
    """Somebody raised a hand, or lowered it."""

    client_id: str
    """Who it is."""
    name: str
    """What they are called: their name, or a pseudonym."""
    raised: bool
    """True: the hand is up. False: it is down again."""


class StopNeededContent(Shape):
    """Somebody needs to stop, or breathes along again. Nobody but staff and that person learns of it."""

    client_id: str
    """Who it is."""
    name: str
    """What they are called: their name, or a pseudonym."""
    stopped: bool
    """True: they need to stop. False: they breathe along again."""


class SeatVouchedContent(Shape):
    """An instructor said whether a participant is a person known to them: the group's figures count only those."""

    client_id: str
    """Who it is."""
    vouched: bool
    """True: known, and counted. False: taken back."""


class Seat(Shape):
    """One participant, as the console lists them."""

    client_id: str
    """Who it is, in this session."""
    name: str
    """What they are called: their name, or a pseudonym."""
    present: bool
    """Whether they count as here; so does whoever lost the connection a moment ago."""
    presence: Presence
    """Whether they are connected: `away` lost the connection a moment ago, `lost` longer ago; `removed` was sent out."""
    vouched: bool
    """Whether an instructor said that this is a person known to them."""
    hand: bool
    """Whether their hand is up."""
    stopped: bool
    """Whether they needed to stop and have not come back to the practice."""


class ChatLine(Shape):
    """One line of the chat so far."""

    seq: int
    """The number of its message."""
    client_id: str
    """Who wrote it."""
    name: str
    """What they are called: their name, or a pseudonym."""
    message: str
    """What they wrote."""
    by_staff: NotRequired[Literal[True]]
    """It was the instructor or a co-host."""


class TechniqueRating(Shape):
    """One person's newest rating of one technique."""

    client_id: str
    """Who rated."""
    technique: str
    """The technique's name."""
    rating: int
    """How good it was, from 1 to 5."""
