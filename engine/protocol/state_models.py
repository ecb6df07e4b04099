"""The shapes of a session's state: its techniques, its plan, its details, and the whole of it in a welcome."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from engine.domain.labels import Place, Visibility
from engine.domain.session import Phase, Role
from engine.domain.techniques.breathing import Group, StepName
from engine.protocol.figures_models import CurvePointShape, GroupFigures
from engine.protocol.shape import Moment, Shape
from engine.protocol.staff_models import ChatLine, Seat, TechniqueRating

__all__ = ["RoomState", "TechniqueState", "Welcome"]

# ``from`` is a word of Python's, so this one cannot be a class.
BreathStep = TypedDict(
    "BreathStep",
    {
        "name": Annotated[
            StepName,
            Field(description="A `sip` is a second inhale on a full one, a `rest` a hold with empty lungs."),
        ],
        "ms": Annotated[int, Field(description="How long it lasts, in milliseconds.")],
        "from": Annotated[float, Field(description="How full the lungs are when it begins, from 0 to 1.")],
        "to": Annotated[float, Field(description="How full the lungs are when it ends, from 0 to 1.")],
    },
)


class BreathPattern(Shape):
    """One breath, repeated without a seam."""

    cycle_ms: int
    """How long one cycle lasts, in milliseconds."""
    hz: float | None
    """Breaths a second; null where a cycle holds more than one."""
    steps: list[BreathStep]
    """The steps of the cycle, in order."""


class GentleTechnique(Shape):
    """What whoever did not agree to a technique of a group breathes in its place."""

    technique: str
    """Its name."""
    instruction: str
    """How it is breathed."""
    pattern: BreathPattern | None
    """Its breath; null where it has no fixed one."""


class TechniqueState(Shape):
    """A technique that everybody breathes from `started_at` on."""

    technique: str
    """Its name, the same in every language."""
    duration: int | None
    """How long it is meant to last, in seconds."""
    instruction: str | None
    """The instructor's words on it."""
    pattern: BreathPattern | None
    """Its breath, for a pacer; null where it has no fixed one."""
    started_at: Moment
    """When its first breath begins: a moment ahead, or in the past."""
    opt_in: NotRequired[Group]
    """The group of techniques that each person is asked about first; missing where it is open to everybody."""
    gentle: NotRequired[GentleTechnique]
    """What whoever did not agree breathes meanwhile."""


class PlannedTechnique(Shape):
    """A technique of the plan, as somebody reads it before joining."""

    technique: str
    """Its name, the same in every language."""
    slug: str
    """Its address on the site: `/techniques/SLUG/`."""
    duration: int | None
    """How long it is meant to last, in seconds."""
    instruction: str | None
    """The instructor's words on it."""
    pattern: BreathPattern | None
    """Its breath; null where it has no fixed one."""
    summary: str
    """What it is, in a sentence."""
    cautions: list[str]
    """For whom it is not, or when to stop."""
    opt_in: Group | None
    """The group of techniques that each person is asked about first; null where it is open to everybody."""
    gentle: NotRequired[GentleTechnique]
    """What whoever did not agree breathes meanwhile."""


class RoomState(Shape):
    """The details of the session, as everybody in it may see them."""

    title: str
    """What it is called."""
    instructor: str
    """Who leads it."""
    scheduled_start: Moment
    """When it is meant to begin."""
    description: str | None
    """What it is about."""
    place: Place
    """Where people are: together in one `room`, `online`, or `both`."""
    listen_url: str | None
    """Where to hear the instructor: the link of a call."""
    visibility: Visibility
    """`public` is listed, `unlisted` is reached by its link alone, `private` needs a token."""
    chat: bool
    """Whether participants may write."""
    max_participants: int
    """How many participants it has room for."""
    access: Literal["open", "invite"]
    """Whether anybody may join, or only with an invitation."""
    plan: list[PlannedTechnique]
    """The planned techniques, in order."""


class AnnouncementShape(Shape):
    """Words of the staff for everybody's screen."""

    title: str
    """Their heading."""
    message: str
    """What they say."""
    action_url: NotRequired[str]
    """A link beneath them: a path of this host, or an https address."""


class Consents(Shape):
    """What a participant agreed to."""

    heart_rate: bool
    """Their heart rate may be used."""
    group: bool
    """It may count in the group's figures."""


class Welcome(Shape):
    """Who you are, your position, and the state of the session; the details of the room stand among its fields."""

    session_id: str
    """The session that you are in."""
    role: Role
    """What you may see and do."""
    client_id: str
    """Who you are in this session; others may see it."""
    name: str
    """What others call you: your name, or a pseudonym."""
    resume: str
    """The secret that proves who you are when you come back. Keep it to yourself."""
    epoch: str
    """The history that the numbers belong to; another one is another history."""
    seq: int
    """Your position: the next numbered message is one more."""
    recovered: bool
    """True: what you missed follows. False: take the state from here."""
    server_time: Moment
    """The server's clock."""
    timestamp: Moment
    """When the message was made."""
    heartbeat_interval: int
    """Send a `heartbeat` when you heard nothing for that many seconds."""
    clock_rate: float
    """How many seconds pass on the server's clock in one second: 1 but in a demonstration."""
    page_url: str
    """Where the session's story will stand."""
    emergency: str | None
    """The studio's words for an emergency."""
    phase: Phase
    """Where the session is between its making and its story."""
    participant_count: int
    """How many participants are here."""
    started_at: Moment | None
    """When it began; null before."""
    opens_at: Moment
    """When its room opens."""
    technique: TechniqueState | None
    """The technique under way; null before the first."""
    next_technique: TechniqueState | None
    """The technique that is announced and has not begun."""
    resting: bool
    """Everybody breathes as they like."""
    locked: bool
    """Nobody new is let in."""
    announcement: AnnouncementShape | None
    """What the staff said since the technique under way began."""
    metrics: GroupFigures
    """The group's figures."""
    consents: NotRequired[Consents]
    """What you agreed to. For participants."""
    opted_in: NotRequired[list[str]]
    """The techniques that you agreed to, of those that each person is asked about. For participants."""
    hand: NotRequired[bool]
    """Whether your hand is up. For participants."""
    stopped: NotRequired[bool]
    """Whether you needed to stop and have not come back to the practice. For participants."""
    practised: NotRequired[list[str]]
    """The techniques so far. For staff."""
    curves: NotRequired[list[CurvePointShape]]
    """The group's figures so far. For staff."""
    participants: NotRequired[list[Seat]]
    """Everybody who came. For staff."""
    chat_log: NotRequired[list[ChatLine]]
    """The newest lines of the chat. For staff."""
    technique_ratings: NotRequired[list[TechniqueRating]]
    """How each person rated each technique. For staff."""
