"""What leaves the server: a message for every event that everybody sees, and for none that they do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.domain import events as e
from engine.domain.rejection import Rejected
from engine.domain.session import Details, Role, TechniquePlan
from engine.domain.techniques.lookup import find
from engine.protocol.outgoing import error, frame, message, name_of, numbered, plan_of, staff_message, text

NOON = 1_750_000_000_000
DETAILS = Details(
    "Morning", "Ivy", NOON, techniques=(TechniquePlan("Box Breathing", 300), TechniquePlan("Wim Hof"))
)
TOLD: list[tuple[e.Event, str, str | None, dict[str, Any]]] = [
    (e.MemberJoined("ada", Role.PARTICIPANT, 2), "participant_joined", None, {"name": "Ada", "count": 2}),
    (
        e.MemberLeft("ada", Role.PARTICIPANT, 1),
        "participant_left",
        None,
        {"client_id": "ada", "name": "Ada", "count": 1},
    ),
    (
        e.TechniqueChanged("Box Breathing", NOON, 300, "In"),
        "technique_changed",
        None,
        {"duration": 300, "started_at": "2025-06-15T15:06:40.000Z"},
    ),
    (e.HrvMilestoneReached(12.5, 40.0), "hrv_milestone", None, {"improvement": 12.5, "average_hrv": 40.0}),
    (
        e.ChatMessageSent("ada", "hi"),
        "chat_message",
        None,
        {"client_id": "ada", "name": "Ada", "message": "hi"},
    ),
    (
        e.ChatMessageSent("ivy", "hi", by_staff=True),
        "chat_message",
        None,
        {"client_id": "ivy", "name": "Sarah", "message": "hi", "by_staff": True},
    ),
    (e.MessagesDeleted(seq=7), "session_update", "messages_deleted", {"seq": 7}),
    (e.MessagesDeleted(client_id="ada"), "session_update", "messages_deleted", {"client_id": "ada"}),
    (e.SessionEnding(90, True, "ended"), "session_ending", None, {"summary_available": True, "duration": 90}),
    (
        e.SessionStarted("Morning", "Ivy", 1800),
        "session_update",
        "session_started",
        {"title": "Morning", "phase": "live"},
    ),
    (
        e.AchievementUnlocked("A", "B", "/b.png"),
        "session_update",
        "achievement_unlocked",
        {"title": "A", "badge_url": "/b.png"},
    ),
    (
        e.Announced("A", "B", "/x", "tip"),
        "session_update",
        "announcement",
        {"title": "A", "message": "B", "action_url": "/x"},
    ),
    (e.PracticeRested(), "session_update", "resting", {"resting": True}),
    (e.PracticeResumed(), "session_update", "practice_resumed", {"resting": False}),
    (e.ChatSwitched(False), "session_update", "chat_switched", {"chat": False}),
    (e.DoorLocked(True), "session_update", "locked", {"locked": True}),
    (e.DetailsChanged(DETAILS), "session_update", "room_changed", {"title": "Morning", "chat": True}),
    (e.SessionCancelled(), "session_update", "session_cancelled", {"cancelled": True}),
    (e.EndAnnounced(10), "session_update", "ending_soon", {"minutes": 10}),
]
FOR_STAFF: list[tuple[e.Event, str]] = [
    (e.TechniqueRated("ada", "Tide", 4, 2), "technique_feedback"),
    (e.HandRaised("ada", True), "hand_raised"),
    (e.StopNeeded("ada"), "need_to_stop"),
    (e.StopNeeded("ada", stopped=False), "need_to_stop"),
    (e.SessionRated("ada", 5), "session_feedback"),
    (e.SeatVouched("ada", True), "seat_vouched"),
]


def message_of(event: e.Event) -> dict[str, Any]:
    return numbered(
        event, session_id="s", epoch="e", seq=7, at=NOON, names={"ada": "Ada"}, instructor="Sarah"
    )


@pytest.mark.parametrize(
    ("event", "kind", "update", "content"), TOLD, ids=lambda value: getattr(value, "type", "")
)
def test_each_numbered_event_is_a_message(
    event: e.Event, kind: str, update: str | None, content: dict[str, Any]
) -> None:
    """With its place in the order, the same on the wire for everybody."""
    out = message_of(event)
    assert e.is_numbered(event)
    assert (out["type"], out.get("update_type")) == (kind, update)
    assert (out["session_id"], out["seq"], out["epoch"]) == ("s", 7, "e")
    assert out["timestamp"] == "2025-06-15T15:06:40.000Z"
    assert content.items() <= out["content"].items()
    assert json.loads(text(out)) == out
    assert frame(out).endswith(text(out).encode())


def test_every_kind_of_event_is_numbered_here_or_not_at_all() -> None:
    """None that everybody sees was forgotten above."""
    assert {type(event) for event, *_ in TOLD} == e.NUMBERED | {e.MemberJoined, e.MemberLeft}


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.INSTRUCTOR, Role.ADMIN])
def test_only_participants_are_announced(role: Role) -> None:
    """Watchers and staff come and go in silence."""
    assert not e.is_numbered(e.MemberJoined("x", role, 1))
    assert not e.is_numbered(e.MemberLeft("x", role, 1))


@pytest.mark.parametrize(("event", "kind"), FOR_STAFF, ids=lambda value: getattr(value, "type", ""))
def test_some_events_are_for_staff(event: e.Event, kind: str) -> None:
    """Unnumbered, and with whom they are about."""
    out = staff_message(event, session_id="s", at=NOON, names={})
    assert out is not None
    assert out["type"] == kind
    assert "seq" not in out
    assert not e.is_numbered(event)
    assert "ada" in (out.get("client_id"), out["content"].get("client_id"))


def test_other_events_are_nobodys_business() -> None:
    """Consents least of all."""
    assert staff_message(e.ConsentChanged("ada", True, True, "1"), session_id="s", at=NOON, names={}) is None
    with pytest.raises(AssertionError):
        message_of(e.ConsentChanged("ada", True, True, "1"))


def test_who_withdrew_a_name_is_called_otherwise() -> None:
    """In every message made from then on."""
    event = e.ChatMessageSent("ada", "hi")
    assert message_of(event)["content"]["name"] == "Ada"
    later = numbered(event, session_id="s", epoch="e", seq=7, at=NOON, names={})
    assert later["content"]["name"] == name_of("ada", {}) != "Ada"


def test_a_technique_comes_with_what_a_pacer_needs() -> None:
    """Its steps in milliseconds; None for what has no pattern; and an own one as it was given."""
    box = message_of(e.TechniqueChanged("box breathing", NOON))["content"]
    assert box["technique"] == "Box Breathing"
    assert [step["ms"] for step in box["pattern"]["steps"]] == [4000, 4000, 4000, 4000]
    assert message_of(e.TechniqueChanged("Silence", NOON))["content"]["pattern"] is None
    own = message_of(e.TechniqueChanged("Mine", NOON, pattern=(5.0, 0.0, 5.0, 0.0)))["content"]
    assert own["pattern"]["cycle_ms"] == 10_000


def test_a_plan_says_what_one_should_know_before() -> None:
    """Cautions, who is asked, and the gentle way for whoever says no."""
    box, strong = plan_of(DETAILS.techniques)
    known = find("Wim Hof")
    assert known is not None
    assert (box["slug"], box["duration"], box["opt_in"]) == ("box-breathing", 300, None)
    assert strong["opt_in"] == known.group
    assert strong["cautions"]
    assert strong["gentle"]["technique"] == known.gentle


def test_what_is_for_one_client_stands_at_the_top() -> None:
    """Beside the content."""
    assert message("ack", "s", NOON, {"x": 1}, reply_to="7") == {
        "type": "ack",
        "session_id": "s",
        "timestamp": "2025-06-15T15:06:40.000Z",
        "content": {"x": 1},
        "reply_to": "7",
    }
    assert error("s", NOON, Rejected("not_open_yet", "Later."), opens_at="x")["opens_at"] == "x"
