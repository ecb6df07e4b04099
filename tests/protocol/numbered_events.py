"""One event of each kind that everybody in a room gets."""

from __future__ import annotations

from typing import Final

from engine.domain import events as e
from engine.domain.session import Details, Role
from tests.domain.sessions import NOON

__all__ = ["ONE_OF_EACH"]

ONE_OF_EACH: Final[tuple[e.Event, ...]] = (
    e.MemberJoined("ada", Role.PARTICIPANT, 1),
    e.MemberLeft("ada", Role.PARTICIPANT, 0),
    e.TechniqueChanged("Box Breathing", NOON, 300),
    e.HrvMilestoneReached(10.0),
    e.ChatMessageSent("ada", "Hello"),
    e.SessionEnding(60, True, "instructor"),
    e.Announced("Welcome", "We begin soon."),
    e.SessionStarted("Morning", "Sarah"),
    e.AchievementUnlocked("Ten minutes"),
    e.PracticeRested(),
    e.PracticeResumed(),
    e.ChatSwitched(False),
    e.MessagesDeleted(seq=3),
    e.DoorLocked(True),
    e.DetailsChanged(Details("Morning", "Sarah", NOON)),
    e.SessionCancelled(),
    e.EndAnnounced(10),
)
