"""Events: what happened in a session, in the past tense. They are the journal. A vocabulary, and so a long module.

No event carries a name, an address or one person's heart figure: those live in the table of people,
whose rows can go. ``NUMBERED`` events are the messages that everybody in the room sees in one order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from engine.domain.heart.shares import Part
from engine.domain.instant import Millis
from engine.domain.session import CurvePoint, Details, Role

__all__ = [
    "NUMBERED",
    "AchievementUnlocked",
    "Announced",
    "AttendanceEvent",
    "ChatMessageSent",
    "ChatSwitched",
    "ClockSet",
    "ConnectionLost",
    "ConsentChanged",
    "DetailsChanged",
    "DoorLocked",
    "EndAnnounced",
    "Engaged",
    "EpochBegun",
    "Event",
    "HandRaised",
    "HrvMilestoneReached",
    "LifecycleEvent",
    "MemberBarred",
    "MemberJoined",
    "MemberLeft",
    "MemberReturned",
    "MessagesDeleted",
    "MetricsRecorded",
    "NumberedEvent",
    "OptedIn",
    "PartsFormed",
    "PersonWithdrew",
    "PersonalEvent",
    "PracticeEvent",
    "PracticeRested",
    "PracticeResumed",
    "ReportedLate",
    "RoomClosed",
    "RoomOpened",
    "SeatVouched",
    "ServerRestarted",
    "SessionCancelled",
    "SessionCreated",
    "SessionEnded",
    "SessionEnding",
    "SessionPublished",
    "SessionRated",
    "SessionStarted",
    "SessionUpdate",
    "SpokenEvent",
    "StopNeeded",
    "StoryRecomputed",
    "TechniqueChanged",
    "TechniqueRated",
    "decode",
    "encode",
    "is_numbered",
]


@dataclass(frozen=True, slots=True)
class SessionCreated:
    session_id: str
    epoch: str
    details: Details
    type: Literal["session_created"] = "session_created"


@dataclass(frozen=True, slots=True)
class EpochBegun:
    """The newest records may be lost: what clients know of them is of another epoch than what follows."""

    epoch: str
    type: Literal["epoch_begun"] = "epoch_begun"


@dataclass(frozen=True, slots=True)
class RoomOpened:
    type: Literal["room_opened"] = "room_opened"


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """The doors close until a later opening; whoever is inside stays."""

    type: Literal["room_closed"] = "room_closed"


@dataclass(frozen=True, slots=True)
class DetailsChanged:
    details: Details
    type: Literal["details_changed"] = "details_changed"


@dataclass(frozen=True, slots=True)
class SessionCancelled:
    type: Literal["session_cancelled"] = "session_cancelled"


@dataclass(frozen=True, slots=True)
class SessionStarted:
    title: str
    instructor: str
    scheduled_duration: int | None = None
    by_platform: bool = False
    started_at: Millis | None = None
    """As a platform stated it; None where it started when it was reported."""
    type: Literal["session_started"] = "session_started"


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """Somebody joined. ``count`` is how many participants are here with this one; ``joined_at`` as a platform stated it."""

    client_id: str
    role: Role
    count: int
    external: bool = False
    joined_at: Millis | None = None
    type: Literal["member_joined"] = "member_joined"


@dataclass(frozen=True, slots=True)
class MemberReturned:
    """Somebody who was counted before has a connection of their own again: within the grace of a lost one, or as a platform reported.

    A loss was not announced yet, or the arrival was already: this is announced to nobody.
    """

    client_id: str
    type: Literal["member_returned"] = "member_returned"


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    client_id: str
    type: Literal["connection_lost"] = "connection_lost"


@dataclass(frozen=True, slots=True)
class ServerRestarted:
    """Every connection was lost at once; the graces run from here."""

    type: Literal["server_restarted"] = "server_restarted"


@dataclass(frozen=True, slots=True)
class MemberBarred:
    """Somebody who is not here was removed: they are refused from now on, and nobody in the room is informed."""

    client_id: str
    type: Literal["member_barred"] = "member_barred"


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """Somebody left. ``left_at`` as a platform stated it."""

    client_id: str
    role: Role
    count: int
    reason: Literal["left", "lost", "removed"] = "left"
    left_at: Millis | None = None
    type: Literal["member_left"] = "member_left"


@dataclass(frozen=True, slots=True)
class TechniqueChanged:
    """The technique changes at ``started_at``, some seconds ahead: a change lands at the end of a breath.

    ``stated``: a platform gave the instant.
    """

    technique: str
    started_at: Millis
    duration: int | None = None
    instruction: str | None = None
    pattern: tuple[float, float, float, float] | None = None
    stated: bool = False
    type: Literal["technique_changed"] = "technique_changed"


@dataclass(frozen=True, slots=True)
class PracticeRested:
    type: Literal["practice_rested"] = "practice_rested"


@dataclass(frozen=True, slots=True)
class PracticeResumed:
    type: Literal["practice_resumed"] = "practice_resumed"


@dataclass(frozen=True, slots=True)
class HrvMilestoneReached:
    """The group reached an HRV milestone. ``improvement`` in percent; ``average_hrv`` and ``reached_at`` as a platform stated them."""

    improvement: float
    average_hrv: float | None = None
    stated: bool = False
    reached_at: Millis | None = None
    type: Literal["hrv_milestone_reached"] = "hrv_milestone_reached"


@dataclass(frozen=True, slots=True)
class AchievementUnlocked:
    title: str
    description: str = ""
    badge_url: str | None = None
    mark: str | None = None
    """The key of the computed mark that was reached; None where somebody unlocked it."""
    unlocked_at: Millis | None = None
    """As a platform stated it."""
    type: Literal["achievement_unlocked"] = "achievement_unlocked"


@dataclass(frozen=True, slots=True)
class ReportedLate:
    """A platform reported something older than what is under way: it goes into the record, and no screen changes."""

    event: Annotated[
        TechniqueChanged | HrvMilestoneReached | AchievementUnlocked | MemberJoined | MemberLeft,
        Field(discriminator="type"),
    ]
    type: Literal["told_late"] = "told_late"


@dataclass(frozen=True, slots=True)
class Announced:
    title: str
    message: str
    action_url: str | None = None
    kind: str | None = None
    type: Literal["announced"] = "announced"


@dataclass(frozen=True, slots=True)
class ChatMessageSent:
    client_id: str
    message: str
    by_staff: bool = False
    type: Literal["chat_message_sent"] = "chat_message_sent"


@dataclass(frozen=True, slots=True)
class MessagesDeleted:
    """Chat messages were deleted: the one of ``seq``, or all that ``client_id`` wrote; the other is None.

    What they said goes from the log with this event.
    """

    seq: int | None = None
    client_id: str | None = None
    type: Literal["messages_deleted"] = "messages_deleted"


@dataclass(frozen=True, slots=True)
class ChatSwitched:
    enabled: bool
    type: Literal["chat_switched"] = "chat_switched"


@dataclass(frozen=True, slots=True)
class DoorLocked:
    locked: bool
    type: Literal["door_locked"] = "door_locked"


@dataclass(frozen=True, slots=True)
class HandRaised:
    client_id: str
    raised: bool
    type: Literal["hand_raised"] = "hand_raised"


@dataclass(frozen=True, slots=True)
class StopNeeded:
    """Somebody needed to stop; ``stopped`` False: they breathe along again."""

    client_id: str
    stopped: bool = True
    type: Literal["stop_needed"] = "stop_needed"


@dataclass(frozen=True, slots=True)
class TechniqueRated:
    client_id: str
    technique: str
    rating: int
    difficulty: int | None = None
    type: Literal["technique_rated"] = "technique_rated"


@dataclass(frozen=True, slots=True)
class SessionRated:
    """1–5; a later rating of the same person replaces the earlier."""

    client_id: str
    rating: int
    type: Literal["session_rated"] = "session_rated"


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    client_id: str
    heart_rate: bool
    group: bool
    version: str
    type: Literal["consent_changed"] = "consent_changed"


@dataclass(frozen=True, slots=True)
class OptedIn:
    client_id: str
    technique: str
    accepted: bool
    type: Literal["opted_in"] = "opted_in"


@dataclass(frozen=True, slots=True)
class SeatVouched:
    client_id: str
    vouched: bool
    type: Literal["seat_vouched"] = "seat_vouched"


@dataclass(frozen=True, slots=True)
class Engaged:
    """These people sent something for the first time."""

    client_ids: tuple[str, ...]
    type: Literal["engaged"] = "engaged"


@dataclass(frozen=True, slots=True)
class PartsFormed:
    """Parts were formed: groups of people whose mean is kept in a figure's shares."""

    parts: tuple[Part, ...]
    type: Literal["parts_formed"] = "parts_formed"


@dataclass(frozen=True, slots=True)
class MetricsRecorded:
    point: CurvePoint
    type: Literal["metrics_recorded"] = "metrics_recorded"


@dataclass(frozen=True, slots=True)
class EndAnnounced:
    minutes: int
    type: Literal["end_announced"] = "end_announced"


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The server's date leapt forwards by ``by`` while the session was under way: that much time did not pass in it."""

    by: Millis
    type: Literal["clock_set"] = "clock_set"


@dataclass(frozen=True, slots=True)
class SessionEnding:
    """The session ends. ``duration`` in seconds. The stated figures are a platform's, where it gave them."""

    duration: int
    summary_available: bool
    reason: str
    total_participants: int | None = None
    average_hrv_improvement: float | None = None
    stated_duration: int | None = None
    ended_at: Millis | None = None
    """As a platform stated it; None where it ended when it was reported."""
    participants: int | None = None
    """How many people took part in all, as the story says it; None in records of older versions."""
    type: Literal["session_ending"] = "session_ending"


@dataclass(frozen=True, slots=True)
class SessionEnded:
    type: Literal["session_ended"] = "session_ended"


@dataclass(frozen=True, slots=True)
class PersonWithdrew:
    """Somebody withdrew: their consents end, and their row in the table of people is deleted with this event."""

    client_id: str
    type: Literal["person_withdrew"] = "person_withdrew"


@dataclass(frozen=True, slots=True)
class StoryRecomputed:
    """Something that the snapshot shows has changed after the end: a new version is made."""

    type: Literal["story_retold"] = "story_retold"


@dataclass(frozen=True, slots=True)
class SessionPublished:
    type: Literal["session_published"] = "session_published"


LifecycleEvent: TypeAlias = (
    RoomOpened
    | RoomClosed
    | DetailsChanged
    | ChatSwitched
    | DoorLocked
    | SessionCancelled
    | SessionStarted
    | EndAnnounced
    | ClockSet
    | EpochBegun
    | SessionEnding
    | SessionEnded
    | SessionPublished
)
"""The session's phase and what its organiser decides about it."""
AttendanceEvent: TypeAlias = (
    MemberJoined | MemberReturned | MemberBarred | ConnectionLost | ServerRestarted | MemberLeft
)
"""Arrivals and departures."""
PracticeEvent: TypeAlias = (
    TechniqueChanged
    | PracticeRested
    | PracticeResumed
    | HrvMilestoneReached
    | AchievementUnlocked
    | MetricsRecorded
    | PartsFormed
)
"""What is practised, and what the group reaches."""
PersonalEvent: TypeAlias = (
    HandRaised
    | StopNeeded
    | TechniqueRated
    | SessionRated
    | ConsentChanged
    | OptedIn
    | SeatVouched
    | Engaged
    | PersonWithdrew
)
"""What is known of single members."""
SpokenEvent: TypeAlias = Announced | ChatMessageSent | MessagesDeleted
"""What is said to the room."""
Event: TypeAlias = (
    SessionCreated
    | LifecycleEvent
    | AttendanceEvent
    | PracticeEvent
    | PersonalEvent
    | SpokenEvent
    | StoryRecomputed
    | ReportedLate
)

SessionUpdate: TypeAlias = (
    SessionStarted
    | AchievementUnlocked
    | Announced
    | PracticeRested
    | PracticeResumed
    | ChatSwitched
    | MessagesDeleted
    | DoorLocked
    | DetailsChanged
    | SessionCancelled
    | EndAnnounced
)
"""Numbered events that clients get as a ``session_update``."""
NumberedEvent: TypeAlias = (
    MemberJoined
    | MemberLeft
    | TechniqueChanged
    | HrvMilestoneReached
    | ChatMessageSent
    | SessionEnding
    | SessionUpdate
)
"""Events that are sent to everybody in the room; of arrivals and departures only those of participants (``is_numbered``)."""
NUMBERED: frozenset[type] = frozenset(NumberedEvent.__args__) - {MemberJoined, MemberLeft}


def is_numbered(event: Event) -> bool:
    """Whether an event is sent to everybody in the room, with a ``seq``: of arrivals and departures only participants'."""
    if type(event) in NUMBERED:
        return True
    return isinstance(event, MemberJoined | MemberLeft) and event.role is Role.PARTICIPANT


_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
_to_json = _ADAPTER.serializer.to_json


def encode(event: Event) -> bytes:
    """One event as JSON, as the journal keeps it."""
    return _to_json(event)


def decode(data: bytes) -> Event:
    """The event of a journal record.

    Raises:
        pydantic.ValidationError: the record is not one of ours.
    """
    return _ADAPTER.validate_json(data)
