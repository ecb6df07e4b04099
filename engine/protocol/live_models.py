"""The content of the messages of a live socket, each by its type; what only staff get is in ``staff_models``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from engine.protocol.figures_models import ClientComputedFigures, GroupFigures, OwnFiguresShape
from engine.protocol.shape import Moment, Shape
from engine.protocol.staff_models import (
    HandRaisedContent,
    SeatVouchedContent,
    SessionRatingContent,
    StopNeededContent,
    TechniqueRatingContent,
)
from engine.protocol.state_models import RoomState, TechniqueState

__all__ = ["NUMBERED", "SESSION_UPDATES", "UNNUMBERED"]


class ChatMessageContent(Shape):
    """Somebody wrote to everybody. Its writer gets `message_sent` in its place."""

    client_id: str
    """Who wrote it."""
    name: str
    """What they are called: their name, or a pseudonym."""
    message: str
    """What they wrote; `…` where it was withdrawn or deleted since."""
    by_staff: NotRequired[Literal[True]]
    """It was the instructor or a co-host; `name` is the instructor's where they gave none."""


class JoinedContent(Shape):
    """Somebody joined as a participant. They themselves get the welcome in its place."""

    client_id: str
    """Who it is."""
    name: str
    """What they are called: their name, or a pseudonym."""
    count: int
    """How many participants are here now."""


class LeftContent(Shape):
    """A participant left, or lost the connection and did not come back within 20 seconds."""

    client_id: str
    """Who it is."""
    name: str
    """What they are called: their name, or a pseudonym."""
    count: int
    """How many participants are here now."""


class MilestoneContent(Shape):
    """The group's HRV rose, and the rise lasted."""

    improvement: float
    """How far it rose, in percent."""
    average_hrv: NotRequired[float]
    """The average that a platform stated."""


class EndingContent(Shape):
    """The session ends; the socket is closed with 1000 or 4505 afterwards."""

    summary_available: bool
    """Whether a story of it will be published."""
    duration: int
    """How long it lasted, in seconds."""
    reason: str
    """Why: `ended` by somebody, `time_limit`, `empty` when everybody had left, `nobody_came`."""
    participants: NotRequired[int]
    """How many people took part in all; missing in sessions that an older version held."""


class AnnouncementContent(Shape):
    """The staff said something to everybody."""

    title: str
    """The heading of the words."""
    message: str
    """What they say."""
    action_url: NotRequired[str]
    """A link beneath them: a path of this host, or an https address."""
    announcement_type: NotRequired[str]
    """What its sender calls this kind of announcement."""


class StartedContent(Shape):
    """The session began."""

    title: str
    """What it is called."""
    instructor: str
    """Who leads it."""
    phase: Literal["live"]
    """The session's phase from now on."""
    scheduled_duration: NotRequired[int]
    """How long it is meant to last, in seconds, where a platform said so."""
    started_at: NotRequired[Moment]
    """When it began, where a platform said so; otherwise it is `timestamp`."""


class AchievementContent(Shape):
    """The group reached something together."""

    title: str
    """What it is called."""
    description: str
    """What it is for; may be empty."""
    badge_url: NotRequired[str]
    """Its picture, where a platform gave one."""


class RestingContent(Shape):
    """The instructor lets everybody breathe as they like."""

    resting: Literal[True]
    """Says the same for programs."""


class ResumedContent(Shape):
    """Everybody breathes together again."""

    resting: Literal[False]
    """Says the same for programs."""


class MessagesDeletedContent(Shape):
    """The instructor deleted chat messages: take them from the screen. Either of the two fields is there."""

    seq: NotRequired[int]
    """The number of the one message."""
    client_id: NotRequired[str]
    """Whose messages so far are all deleted."""


class ChatSwitchedContent(Shape):
    """The staff switched the chat on or off."""

    chat: bool
    """Whether participants may write."""


class LockedContent(Shape):
    """The staff locked the door, or opened it."""

    locked: bool
    """True: nobody new is let in. Whoever lost the connection may come back."""


class CancelledContent(Shape):
    """The session was cancelled."""

    phase: Literal["cancelled"]
    """The session's phase from now on."""
    cancelled: Literal[True]
    """Says the same for programs."""


class EndingSoonContent(Shape):
    """The session's longest time is nearly over."""

    minutes: int
    """How many minutes are left."""


class HeartbeatContent(Shape):
    """The answer to a `heartbeat`: behind the `seq` in it you have missed something."""

    server_time: Moment
    """The server's clock."""
    seq: int
    """The newest numbered message that you were handed."""


class AckContent(Shape):
    """A command with an `id`, or a platform's event, is durable."""

    seq: int
    """The number that it got; without one of its own, the newest there is."""
    reply_to: NotRequired[str]
    """The `id` of the command or event; missing where an event had none."""
    accepted: NotRequired[Literal[True]]
    """A platform's event was taken."""
    ignored: NotRequired[Literal[True]]
    """A platform's event changed nothing."""
    repeated: NotRequired[Literal[True]]
    """A platform's event was known already."""


class SentContent(Shape):
    """Your chat message is durable. You get this in place of the `chat_message` that everybody else gets."""

    seq: int
    """The number of your message, which counts in your line of numbers."""


class RatingKeptContent(Shape):
    """Your rating is kept."""

    rating: int
    """What you gave, from 1 to 5."""
    technique: NotRequired[str]
    """The technique that you rated; missing where you rated the session."""


class RefusalContent(Shape):
    """A command was refused, or the connection is."""

    code: str
    """The reason, for programs: stays the same in every version."""
    message: str
    """The reason, a sentence for people."""
    details: NotRequired[dict[str, str]]
    """More for programs: mostly the fields that are wrong, each with its reason."""


NUMBERED: Mapping[str, type] = {
    "participant_joined": JoinedContent,
    "participant_left": LeftContent,
    "technique_changed": TechniqueState,
    "hrv_milestone": MilestoneContent,
    "chat_message": ChatMessageContent,
    "session_ending": EndingContent,
}
"""Messages to everybody in the room, which have a ``seq`` and an ``epoch``, but for the updates."""
SESSION_UPDATES: Mapping[str, type] = {
    "announcement": AnnouncementContent,
    "session_started": StartedContent,
    "achievement_unlocked": AchievementContent,
    "resting": RestingContent,
    "practice_resumed": ResumedContent,
    "chat_switched": ChatSwitchedContent,
    "messages_deleted": MessagesDeletedContent,
    "locked": LockedContent,
    "room_changed": RoomState,
    "session_cancelled": CancelledContent,
    "ending_soon": EndingSoonContent,
}
"""Numbered messages of type ``session_update``, each by its ``update_type``."""
UNNUMBERED: Mapping[str, Any] = {
    "heartbeat_ack": HeartbeatContent,
    "ack": AckContent,
    "message_sent": SentContent,
    "feedback_received": RatingKeptContent,
    "error": RefusalContent,
    "metrics_update": GroupFigures,
    "own_metrics": OwnFiguresShape | ClientComputedFigures,
    "technique_feedback": TechniqueRatingContent,
    "session_feedback": SessionRatingContent,
    "hand_raised": HandRaisedContent,
    "need_to_stop": StopNeededContent,
    "seat_vouched": SeatVouchedContent,
}
"""Messages to one client or to staff, without a number of their own."""
