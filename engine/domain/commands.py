"""Commands: requests to change a session, in the imperative. A vocabulary, and so a long module.

The same classes are the data of a socket message, the mailbox message, and the argument of
``decide``. Who sent it stands in the envelope (``Sender``), so that a client cannot forge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, StrictBool, StrictFloat

from engine.domain.heart.shares import Part
from engine.domain.instant import Millis
from engine.domain.labels import Place, SessionType, Visibility
from engine.domain.session import STAFF, CurvePoint, Details, Role, TechniquePlan
from engine.domain.text import ClientId, Name, Paragraphs, WholeNumber
from engine.domain.values import Breath, Instant, Link, Percent, Rating, Seconds, TechniqueName

__all__ = [
    "PERMITTED",
    "Announce",
    "BreathTap",
    "Cancel",
    "ChangeDetails",
    "ChangeTechnique",
    "Chat",
    "Command",
    "Consent",
    "Create",
    "DeleteMessage",
    "End",
    "HeartRate",
    "Heartbeat",
    "HrvUpdate",
    "Join",
    "Leave",
    "LeaveAddress",
    "Lock",
    "LoseConnection",
    "MarkEngaged",
    "MarkPublished",
    "NeedToStop",
    "OptIn",
    "RaiseHand",
    "RateSession",
    "RateTechnique",
    "ReachAchievement",
    "ReachMilestone",
    "RecordMetrics",
    "RemoveParticipant",
    "ReportAchievement",
    "ReportEnded",
    "ReportJoined",
    "ReportLeft",
    "ReportMilestone",
    "ReportStarted",
    "ReportTechnique",
    "Rest",
    "Restart",
    "ResumePractice",
    "Sender",
    "Start",
    "SwitchChat",
    "Tick",
    "UnlockAchievement",
    "Vouch",
    "Withdraw",
]

_WIRE = ConfigDict(extra="forbid")

# The fastest rate known of a heart, in beats a minute.
HIGHEST_BPM = 300.0


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a command is from: a connection of a role, or the server itself.

    ``seen`` is the position of the state in which its sender was let in, where that was some time before: a person who
    withdrew in between did not mean it any more. None for who speaks at this moment.
    """

    role: Role
    client_id: str | None = None
    seen: int | None = None


# -- staff ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Begin the session. It has no technique yet: `change_technique` says the first."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE


@dataclass(frozen=True, slots=True)
class ChangeTechnique:
    """Begin a technique: at `at`, or without it at the end of the breath, at least 3 seconds ahead."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    technique: Annotated[TechniqueName, Field(description="The name of the technique.")]
    duration: Annotated[Seconds | None, Field(description="How long it is meant to last, in seconds.")] = None
    instruction: Annotated[Paragraphs | None, Field(description="Words on it, for everybody.")] = None
    pattern: Annotated[
        tuple[Breath, Breath, Breath, Breath] | None,
        Field(description="A breath of your own, in seconds: inhale, hold, exhale, hold with empty lungs."),
    ] = None
    at: Annotated[
        Instant | None,
        Field(description="When it begins: at most 10 minutes ahead; what is past begins at once."),
    ] = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Let everybody breathe as they like; the technique stays."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE


@dataclass(frozen=True, slots=True)
class ResumePractice:
    """Let everybody breathe together again."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE


@dataclass(frozen=True, slots=True)
class Announce:
    """Put words on everybody's screen."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    title: Annotated[Name, Field(description="Their heading.")]
    message: Annotated[Paragraphs, Field(description="What they say.")]
    action_url: Annotated[
        Link | None, Field(description="A link beneath them: a path of this host, or an https address.")
    ] = None
    type: Annotated[
        Annotated[Name, Field(max_length=100)] | None,
        Field(description="What you call this kind of announcement."),
    ] = None


@dataclass(frozen=True, slots=True)
class UnlockAchievement:
    """Say that the group reached something together."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    title: Annotated[Name, Field(description="What it is called.")]
    description: Annotated[Paragraphs | None, Field(description="What it is for.")] = None


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    """Send a participant out, who cannot come back."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    client_id: Annotated[ClientId, Field(description="Who it is.")]
    delete_messages: Annotated[
        StrictBool, Field(description="Whether their chat messages are deleted too.")
    ] = False


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Delete a chat message: from every screen, from what is replayed, and from the log. Only its number stays."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    seq: Annotated[Annotated[WholeNumber, Field(ge=1)], Field(description="The number of its message.")]


@dataclass(frozen=True, slots=True)
class Vouch:
    """Say that a participant is a person known to you, or take that back: group figures count only those."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    client_id: Annotated[ClientId, Field(description="Who it is.")]
    vouched: Annotated[StrictBool, Field(description="True: known. False: taken back.")]


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock the door, or open it. Whoever lost the connection may come back through a locked one."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    locked: Annotated[StrictBool, Field(description="True: nobody new is let in.")]


@dataclass(frozen=True, slots=True)
class SwitchChat:
    """Switch the chat on or off."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    enabled: Annotated[StrictBool, Field(description="Whether participants may write.")]


@dataclass(frozen=True, slots=True)
class End:
    """End the session; its story is published where there is something to tell."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE


@dataclass(frozen=True, slots=True)
class Create:
    session_id: str
    epoch: str
    details: Details
    made_by: str | None = None
    """The key that leads the session from its beginning; kept beside its events, not in them."""


@dataclass(frozen=True, slots=True)
class ChangeDetails:
    """Change the details that are not None, and empty those in ``cleared``. ``by_series``: as a change of a whole series."""

    title: str | None = None
    instructor: str | None = None
    description: str | None = None
    scheduled_start: Millis | None = None
    max_participants: int | None = None
    techniques: tuple[TechniquePlan, ...] | None = None
    access: Literal["open", "invite"] | None = None
    visibility: Visibility | None = None
    place: Place | None = None
    listen_url: str | None = None
    chat: bool | None = None
    session_type: SessionType | None = None
    duration_minutes: int | None = None
    cleared: tuple[str, ...] = ()
    by_series: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a session; ``by_series``: because its date left the series, unless it was changed alone."""

    by_series: bool = False


# -- participants -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chat:
    """Write to everybody."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    message: Annotated[Paragraphs, Field(description="What you write.")]


@dataclass(frozen=True, slots=True)
class RateTechnique:
    """Rate a technique."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    technique: Annotated[TechniqueName, Field(description="The name of the technique.")]
    rating: Annotated[Rating, Field(description="How good it was, from 1 to 5.")]
    difficulty: Annotated[Rating | None, Field(description="How hard it was, from 1 to 5.")] = None


@dataclass(frozen=True, slots=True)
class RateSession:
    """Rate the session, also within 24 hours after its end. The comment and permissions are kept apart from what happened in it."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    rating: Annotated[Rating, Field(description="How good it was, from 1 to 5.")]
    comment: Annotated[Paragraphs | None, Field(description="Words on it.")] = None
    publish_quote: Annotated[StrictBool, Field(description="Whether the comment may stand in the story.")] = (
        False
    )
    publish_name: Annotated[StrictBool, Field(description="Whether your name may stand beside it.")] = False
    version: Annotated[
        Annotated[Name, Field(max_length=40)] | None,
        Field(description="The version of the words that asked you for these permissions."),
    ] = None


@dataclass(frozen=True, slots=True)
class RaiseHand:
    """Raise a hand, or lower it. Only staff see it."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    raised: Annotated[StrictBool, Field(description="True: up. False: down.")]


@dataclass(frozen=True, slots=True)
class NeedToStop:
    """Say that you need to stop, or that you breathe along again. Only staff learn of it."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    stopped: Annotated[StrictBool, Field(description="True: you stop. False: you breathe along again.")] = (
        True
    )


@dataclass(frozen=True, slots=True)
class Consent:
    """Say what your heart rate may be used for, or take that back. Without it heart rates are refused."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    heart_rate: Annotated[StrictBool, Field(description="It may be used for your own figures.")]
    group: Annotated[StrictBool, Field(description="It may count in the group's figures.")]
    version: Annotated[
        Annotated[Name, Field(max_length=40)], Field(description="The version of the words that asked you.")
    ]


@dataclass(frozen=True, slots=True)
class OptIn:
    """Agree to a technique of the plan that each person is asked about, or not."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    technique: Annotated[TechniqueName, Field(description="The name of the technique.")]
    accepted: Annotated[StrictBool, Field(description="Whether you agree.")]


@dataclass(frozen=True, slots=True)
class LeaveAddress:
    """Leave an address for one's own summary. It goes to the table of people alone; the journal has nothing of it."""

    address: str


# -- telemetry: kept in memory, folded into the group's figures, never journalled --------------


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Say that the connection lives; answered by `heartbeat_ack`. Send it when you heard nothing for 25 seconds."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE


@dataclass(frozen=True, slots=True)
class HeartRate:
    """RR intervals of a strap. Impossible ones are left out and counted; the message is not refused.

    Sensors that are not worn send a rate of 0, whatever they say of their contact.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    rr: Annotated[
        Annotated[tuple[Annotated[StrictFloat, Field(allow_inf_nan=False)], ...], Field(max_length=64)],
        Field(description="The intervals between heartbeats in milliseconds, oldest first."),
    ]
    bpm: Annotated[
        Annotated[StrictFloat, Field(allow_inf_nan=False)] | None,
        Field(description="Beats a minute, as the strap says it."),
    ] = None
    contact: Annotated[
        StrictBool | None, Field(description="Whether the strap touches the skin, where it can tell.")
    ] = None

    @property
    def is_possible(self) -> bool:
        """Whether a heart can have this rate; a sensor's glitch is 65535."""
        return self.bpm is None or 0 <= self.bpm <= HIGHEST_BPM

    @property
    def is_worn(self) -> bool | None:
        """Whether the sensor touches the skin; None where it cannot tell."""
        return False if self.bpm == 0 else self.contact


@dataclass(frozen=True, slots=True)
class HrvUpdate:
    """HRV that your own program computed: sent back to you, never counted in the group."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    hrv_value: Annotated[
        Annotated[StrictFloat, Field(ge=0, le=1000, allow_inf_nan=False)], Field(description="Your HRV.")
    ]
    improvement: Annotated[Percent | None, Field(description="How far it rose, in percent.")] = None


@dataclass(frozen=True, slots=True)
class BreathTap:
    """Say how you breathe now."""

    __pydantic_config__: ClassVar[ConfigDict] = _WIRE
    phase: Annotated[Literal["inhale", "exhale"], Field(description="What you began to do.")]


# -- platforms --------------------------------------------------------------------------------


# ``at`` is when it happened, where the platform says so; without it, it happens as it is received.


@dataclass(frozen=True, slots=True)
class ReportStarted:
    title: str | None = None
    instructor: str | None = None
    scheduled_duration: int | None = None
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportJoined:
    """Somebody came. ``name`` goes to the table of people, where that person gave none of their own."""

    client_id: str
    name: str | None = None
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportLeft:
    client_id: str
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportTechnique:
    technique: str
    duration: int | None = None
    instruction: str | None = None
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportMilestone:
    improvement: float
    average_hrv: float | None = None
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportAchievement:
    title: str
    description: str = ""
    badge_url: str | None = None
    at: Millis | None = None


@dataclass(frozen=True, slots=True)
class ReportEnded:
    duration: int | None = None
    total_participants: int | None = None
    average_hrv_improvement: float | None = None
    at: Millis | None = None


# -- the server itself ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    """Connect. ``proved``: the resume secret fits ``client_id``; ``admitted``: a token or key opens the door.

    ``held`` are the ``client_id``s for which registrations hold a place.
    """

    client_id: str
    role: Role
    proved: bool = False
    admitted: bool = False
    name: str | None = None
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Leave:
    client_id: str


@dataclass(frozen=True, slots=True)
class LoseConnection:
    client_id: str


@dataclass(frozen=True, slots=True)
class MarkEngaged:
    """Record that these people sent something, for the engagement rate."""

    client_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordMetrics:
    """Record a point of the group's curve. ``formed``: the parts of the group that are new in the point's shares, or will be in later ones."""

    point: CurvePoint
    formed: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class ReachAchievement:
    """Unlock a computed achievement. ``mark``: the key of the mark that was reached."""

    title: str
    description: str
    mark: str


@dataclass(frozen=True, slots=True)
class ReachMilestone:
    improvement: float


@dataclass(frozen=True, slots=True)
class Restart:
    """Whoever was here lost the connection. ``epoch``: begin this one, since the newest records of the log may be lost."""

    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Carry out what is due by now."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Delete all that a person gave."""

    client_id: str


@dataclass(frozen=True, slots=True)
class MarkPublished:
    pass


StaffCommand: TypeAlias = (
    Start
    | ChangeTechnique
    | Rest
    | ResumePractice
    | Announce
    | UnlockAchievement
    | RemoveParticipant
    | DeleteMessage
    | Vouch
    | Lock
    | SwitchChat
    | End
)
ParticipantCommand: TypeAlias = (
    Chat | RateTechnique | RateSession | RaiseHand | NeedToStop | Consent | OptIn | LeaveAddress
)
Telemetry: TypeAlias = HeartRate | HrvUpdate | BreathTap
Report: TypeAlias = (
    ReportStarted
    | ReportJoined
    | ReportLeft
    | ReportTechnique
    | ReportMilestone
    | ReportAchievement
    | ReportEnded
)
LeadingCommand: TypeAlias = StaffCommand | ChangeDetails | Cancel
"""What staff do: over a socket, or by the API alone."""
ConnectionCommand: TypeAlias = Join | Leave | LoseConnection | Restart
ServerCommand: TypeAlias = (
    MarkEngaged | RecordMetrics | ReachMilestone | ReachAchievement | Tick | Withdraw | MarkPublished
)
Command: TypeAlias = Create | LeadingCommand | ParticipantCommand | ConnectionCommand | Report | ServerCommand

_PARTICIPANT = frozenset({Role.PARTICIPANT})
PERMITTED: Mapping[type, frozenset[Role]] = {
    **dict.fromkeys(StaffCommand.__args__, STAFF),
    **dict.fromkeys((*ParticipantCommand.__args__, *Telemetry.__args__), _PARTICIPANT),
    Chat: _PARTICIPANT | STAFF,
    Heartbeat: frozenset(Role),
}
"""Which roles may send a command over a socket; what is not named here comes from the server itself."""
