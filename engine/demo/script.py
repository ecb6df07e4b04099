"""The script of the demonstration: its people, techniques and texts, and when what happens.

Instants are milliseconds of the demonstration's clock since its start.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.instant import MINUTE, SECOND, Millis

__all__ = [
    "ANNOUNCEMENT",
    "BACK",
    "CONSENT_VERSION",
    "DESCRIPTION",
    "DROPPED",
    "END",
    "FEEDBACK",
    "FEEDBACK_AT",
    "HEARTBEAT",
    "INSTRUCTOR",
    "LAST_JOIN",
    "LENGTH",
    "NAMES",
    "PLAN",
    "RATE",
    "START",
    "TITLE",
    "Feedback",
    "Practice",
]

RATE = 10.0
"""Seconds of the demonstration's clock in a real one."""

TITLE = "A breath together, played back"
DESCRIPTION = (
    "This session is a demonstration. The people in it are played; their heartbeats are recordings of real ones,"
    " sent over real connections at the pace at which they beat. The stretches were chosen so that there is"
    " something to see; they prove nothing about breathing."
)
INSTRUCTOR = "Willow"
NAMES = (
    "Alder", "Apple", "Ash", "Aspen", "Bay", "Beech", "Birch", "Cedar", "Cherry", "Cypress", "Elder", "Elm", "Fig",
    "Fir", "Hawthorn", "Hazel", "Juniper", "Larch", "Laurel", "Linden", "Maple", "Oak", "Olive", "Pine", "Rowan",
)  # fmt: skip
CONSENT_VERSION = "2026-11"


@dataclass(frozen=True, slots=True)
class Practice:
    """A technique of the plan: from ``at`` on, for ``duration`` seconds."""

    at: Millis
    technique: str
    duration: int
    instruction: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """A participant's feedback at the end; a ``quotable`` comment may be published."""

    participant: int
    rating: int
    comment: str | None = None
    quotable: bool = False


HEARTBEAT: Millis = 25 * SECOND
LAST_JOIN: Millis = 50 * SECOND
START: Millis = 60 * SECOND
# Two and a half quiet minutes come first, to measure each person's baseline.
PLAN = (
    Practice(210 * SECOND, "Coherent Breathing", 170, "In for five and a half, out for five and a half"),
    Practice(380 * SECOND, "Box Breathing", 120, "Four in, four held, four out, four held"),
    Practice(500 * SECOND, "Extended Exhale", 110, "Let the breath out twice as long as it came in"),
)
ANNOUNCEMENT = (195 * SECOND, "Settle in", "Sit as you like. We begin with an even breath.")
DROPPED: Millis = 430 * SECOND
BACK: Millis = 442 * SECOND
FEEDBACK_AT: Millis = 615 * SECOND
END: Millis = 650 * SECOND
LENGTH: Millis = 11 * MINUTE

FEEDBACK = (
    Feedback(2, 5, "My shoulders came down by themselves.", quotable=True),
    Feedback(5, 5),
    Feedback(7, 4, "The long exhale was my favourite."),
    Feedback(11, 5, "I lost the connection in the lift, and was back within a breath.", quotable=True),
    Feedback(14, 4),
    Feedback(16, 3, "The hold was a little long for me."),
    Feedback(20, 5),
    Feedback(23, 5, "Quieter than I was before.", quotable=True),
)
