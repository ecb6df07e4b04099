"""The state of one session: frozen values, and the questions asked of them.

A state is what ``evolve`` makes of the journal from its first record on; nothing else changes it. The names of the fields
are those of the stored states. One module, although a long one: the values make sense in the state that holds them alone.
What becomes due by time stands in ``deadlines``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from engine.domain.heart.shares import Part, Share
from engine.domain.instant import HOUR, MINUTE, SECOND, Millis
from engine.domain.labels import Place, SessionType, Visibility

__all__ = [
    "CHAT_KEPT",
    "EMPTY_ROOM_TIMEOUT",
    "GRACE",
    "LONGEST_SESSION",
    "OPEN_AFTER_END",
    "RESUME_WITHIN",
    "ROOM_OPENS_BEFORE",
    "STAFF",
    "WARNING_BEFORE_END",
    "Announcement",
    "ChatLine",
    "CurvePoint",
    "Details",
    "Member",
    "Phase",
    "Presence",
    "Role",
    "Session",
    "Span",
    "StatedFigures",
    "TechniquePlan",
]

GRACE: Millis = 20 * SECOND
"""How long a lost connection stays counted before its owner is announced as left."""
RESUME_WITHIN: Millis = 300 * SECOND
"""How long after a disconnection the missed messages are still handed out."""
OPEN_AFTER_END: Millis = 24 * HOUR
"""How long after the end people may still say something of themselves; taking back is always possible."""
ROOM_OPENS_BEFORE: Millis = 15 * MINUTE
LONGEST_SESSION: Millis = 2 * HOUR
WARNING_BEFORE_END: Millis = 10 * MINUTE
EMPTY_ROOM_TIMEOUT: Millis = 15 * MINUTE
CHAT_KEPT = 50
"""How many chat messages a state holds."""


class Phase(StrEnum):
    """The phases of a session, in order.

    A cancelled session never becomes live; one that waits and is moved to a later time is scheduled again.
    """

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    LIVE = "live"
    ENDING = "ending"
    ENDED = "ended"
    PUBLISHED = "published"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether people may be in the room."""
        return self in _OPEN

    @property
    def is_over(self) -> bool:
        """Whether the session has ended or was cancelled."""
        return self in _OVER


_OPEN = (Phase.WAITING, Phase.LIVE)
_OVER = (Phase.ENDING, Phase.ENDED, Phase.PUBLISHED, Phase.CANCELLED)


class Role(StrEnum):
    """What a connection may see and do."""

    # As it compares: the one of ``Enum`` is another number, and Python code that runs for every message of a socket.
    __hash__ = str.__hash__

    PARTICIPANT = "participant"
    OBSERVER = "observer"
    INSTRUCTOR = "instructor"
    ADMIN = "admin"


STAFF = frozenset({Role.INSTRUCTOR, Role.ADMIN})


class Presence(StrEnum):
    """Whether a member is connected. Present and away are counted; the others are not."""

    PRESENT = "present"
    AWAY = "away"
    """The connection was lost; the grace runs."""
    LOST = "lost"
    """Announced as left after the grace; may come back through a locked door."""
    LEFT = "left"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class TechniquePlan:
    """One technique of the plan; ``duration`` in seconds."""

    technique: str
    duration: int | None = None
    instruction: str | None = None
    pattern: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What the organiser decides about a session, and may still change before its end."""

    title: str
    instructor: str
    scheduled_start: Millis
    max_participants: int = 100
    session_type: SessionType = "live"
    techniques: tuple[TechniquePlan, ...] = ()
    description: str | None = None
    access: Literal["open", "invite"] = "open"
    visibility: Visibility = "public"
    place: Place = "online"
    listen_url: str | None = None
    chat: bool = True
    duration_minutes: int | None = None
    """How long it is meant to take; None where only the plan says so."""
    series_id: str | None = None
    occurrence: str | None = None
    """The local date of its series that the session stands for, ``2026-12-03``; moving it changes nothing of that."""
    changed_alone: bool = False
    """Whether it was changed by itself since its series made it: changes of the series leave it as it is."""

    @property
    def by_invitation(self) -> bool:
        """Whether a token is needed to join."""
        return self.access == "invite" or self.visibility == "private"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who came, of any role; only role participant is counted."""

    client_id: str
    role: Role
    joined_at: Millis
    presence: Presence
    since: Millis
    """When ``presence`` last changed."""
    present_ms: Millis = 0
    """Time present in the live session before ``since``."""
    external: bool = False
    """Reported by a platform; has no connection here."""
    owned: bool = False
    """Came over a connection of their own once: only its secret opens the seat again."""
    hand: bool = False
    vouched: bool = False
    resting: bool = False
    engaged: bool = False
    heart_rate: bool = False
    """Consent to use the strap's data."""
    group: bool = False
    """Consent to be counted in the group's figures."""
    opted_in: tuple[str, ...] = ()
    rating: int | None = None
    technique_ratings: Mapping[str, int] = field(default_factory=dict)
    """The newest rating of each technique, by its name."""
    withdrew: bool = False
    """Withdrew and has not come again since: nothing more may be kept of them."""
    withdrawn: int = 0
    """Position of their newest withdrawal, 0 without one: what they began to send before it is not kept either."""

    @property
    def is_here(self) -> bool:
        """Counted as in the room: connected, or within the grace of a lost connection."""
        return self.presence in (Presence.PRESENT, Presence.AWAY)

    def present_until(self, at: Millis, started_at: Millis) -> Millis:
        """Time present in the live session, up to ``at``."""
        if self.presence is not Presence.PRESENT:
            return self.present_ms
        return self.present_ms + max(0, at - max(self.since, started_at))


@dataclass(frozen=True, slots=True)
class Span:
    """A technique from ``started_at`` on, until the next one's start; ``stated``: a platform gave the instant."""

    technique: str
    started_at: Millis
    duration: int | None = None
    instruction: str | None = None
    pattern: tuple[float, float, float, float] | None = None
    stated: bool = False


@dataclass(frozen=True, slots=True)
class StatedFigures:
    """Figures that a platform stated; they take precedence over computed ones."""

    improvement: float | None = None
    average_hrv: float | None = None
    duration: int | None = None
    total_participants: int | None = None
    average_hrv_improvement: float | None = None
    started: bool = False
    """A platform leads this session: its people may all be elsewhere."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The group's figures at one moment (None under five people)."""

    at: Millis
    participants: int
    measured: int | None = None
    hrv_improvement: float | None = None
    coherence: float | None = None
    synchrony: float | None = None
    completion_rate: float | None = None
    engagement_rate: float | None = None
    shares: tuple[Share, ...] = ()
    """What each part of the group has in the figures: a withdrawal recomputes the figures from them. Never shown."""


@dataclass(frozen=True, slots=True)
class Badge:
    """An achievement of the group."""

    at: Millis
    title: str
    description: str = ""
    badge_url: str | None = None
    mark: str | None = None
    """What was computed to have been reached; None where somebody said so."""


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A chat message; ``seq`` is that of its numbered message."""

    seq: int
    client_id: str
    message: str
    by_staff: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the staff said to everybody at ``at``."""

    at: Millis
    title: str
    message: str
    action_url: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One session; ``position`` counts its events, ``seq`` its numbered messages."""

    session_id: str
    epoch: str
    details: Details
    created_at: Millis
    updated_at: Millis
    phase: Phase = Phase.SCHEDULED
    position: int = 0
    seq: int = 0
    sequence: int = 0
    """iCalendar SEQUENCE: rises with every change of the details."""
    started_at: Millis | None = None
    start_told_at: Millis | None = None
    """When it became live here: later than ``started_at`` where a platform reported it late."""
    ended_at: Millis | None = None
    end_told_at: Millis | None = None
    """When it was over here: later than ``ended_at`` where a platform reported it late."""
    end_reason: str | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    here: int = 0
    """How many participants are here; the events of coming and going say it, so that nobody counts anew."""
    spans: tuple[Span, ...] = ()
    resting: bool = False
    locked: bool = False
    warned: bool = False
    empty_since: Millis | None = None
    """When the last person left; None while somebody is here or nobody has come yet."""
    curves: tuple[CurvePoint, ...] = ()
    parts: Mapping[int, Part] = field(default_factory=dict)
    """The parts of the group whose shares stand in ``curves``, by their numbers; one goes when one of its people
    withdraws."""
    parts_formed: int = 0
    """The number of the newest part there ever was."""
    shares_withdrawn: bool = False
    """Figures were recomputed after a withdrawal: milestones and achievements have to be checked against them."""
    milestones: tuple[tuple[Millis, float], ...] = ()
    achievements: tuple[Badge, ...] = ()
    stated_milestones: tuple[tuple[Millis, float], ...] = ()
    """Those of the milestones that a platform stated."""
    stated: StatedFigures = StatedFigures()
    chat: tuple[ChatLine, ...] = ()
    """The newest ``CHAT_KEPT`` messages, oldest first, for staff who come later; empty once the session is over."""
    messages_deleted: int = 0
    """Position of the newest deletion of chat messages, 0 without one: what was read of the log before is out of date."""
    announcement: Announcement | None = None
    """The newest one."""
    epochs: int = 1
    """How many epochs there were, the present one included."""

    @property
    def opens_at(self) -> Millis:
        """When the waiting room opens."""
        return self.details.scheduled_start - ROOM_OPENS_BEFORE

    def participants(self) -> Iterator[Member]:
        """Everybody who ever came as a participant."""
        return (member for member in self.members.values() if member.role is Role.PARTICIPANT)

    def count(self) -> int:
        """How many participants are here, within the grace included."""
        return self.here

    def somebody_is_here(self) -> bool:
        """Whether anybody is here but observers, who are often a screen on a wall."""
        return any(
            member.is_here and not member.external and member.role is not Role.OBSERVER
            for member in self.members.values()
        )

    def technique_at(self, at: Millis) -> Span | None:
        """The technique under way."""
        return next((span for span in reversed(self.spans) if span.started_at <= at), None)

    def next_technique(self, at: Millis) -> Span | None:
        """The technique announced for a moment after ``at``."""
        last = self.spans[-1] if self.spans else None
        if last is None or last.started_at <= at:
            return None
        return next(span for span in self.spans if span.started_at > at)

    def over_since(self) -> Millis | None:
        """When it was over for those who were here; None while it is not."""
        return self.ended_at if self.end_told_at is None else self.end_told_at

    def took_place(self) -> bool:
        """It was started, or a platform said what was done in it: that is taken as stated, without a start as well."""
        stated = self.stated
        figures = (stated.duration, stated.total_participants, stated.average_hrv_improvement)
        done = self.spans or self.milestones or self.achievements
        return self.started_at is not None or bool(done) or any(figure is not None for figure in figures)

    def began_at(self, ended_at: Millis) -> Millis:
        """Its start; where nobody stated one, the first thing that was done in it, or else its end."""
        if self.started_at is not None:
            return self.started_at
        done = (
            *(span.started_at for span in self.spans),
            *(reached_at for reached_at, _ in self.milestones),
            *(badge.at for badge in self.achievements),
        )
        return min(done, default=ended_at)

    def completion_rate(self, at: Millis) -> float | None:
        """Share (0–1) of those who joined that were present for at least 80 % of the time since.

        "Since" is their joining, or the start for those who came before it. None before the start
        and when nobody joined.
        """
        if self.started_at is None:
            return None
        until = self.ended_at or at
        joined = [member for member in self.participants() if not member.external]
        if not joined:
            return None
        stayed = 0
        for member in joined:
            possible = until - max(member.joined_at, self.started_at)
            stayed += possible <= 0 or member.present_until(until, self.started_at) >= 0.8 * possible
        return stayed / len(joined)

    def engagement_rate(self) -> float | None:
        """Share (0–1) of those who joined that sent anything but ``heartbeat``."""
        joined = [member for member in self.participants() if not member.external]
        return sum(member.engaged for member in joined) / len(joined) if joined else None
