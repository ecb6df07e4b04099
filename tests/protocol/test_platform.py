"""Platform events: each of the six, as platforms send them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain.rejection import Invalid
from engine.protocol.platform import EVENT_TYPES, Reported, read_event

FULL: list[tuple[dict[str, Any], Reported]] = [
    (
        {
            "type": "session.started",
            "session_id": "morning-001",
            "timestamp": "2024-03-21T09:00:00Z",
            "data": {"title": "Morning", "instructor": "Sarah Chen", "scheduled_duration": 1800},
        },
        Reported(c.ReportStarted("Morning", "Sarah Chen", 1800)),
    ),
    (
        {"type": "participant.joined", "id": "e-2", "data": {"participant_id": "user-7", "name": "Alice"}},
        Reported(c.ReportJoined("user-7", "Alice"), "e-2"),
    ),
    (
        {
            "type": "technique.changed",
            "data": {"technique": "Box Breathing", "duration": 300, "instruction": "Breathe in for 4 counts"},
        },
        Reported(c.ReportTechnique("Box Breathing", 300, "Breathe in for 4 counts")),
    ),
    (
        {"type": "hrv.milestone", "data": {"improvement": 15.5, "average_hrv": 12.5}},
        Reported(c.ReportMilestone(15.5, 12.5)),
    ),
    (
        {
            "type": "achievement.unlocked",
            "data": {"title": "Together", "description": "In step", "badge_url": "https://example.org/b.png"},
        },
        Reported(c.ReportAchievement("Together", "In step", "https://example.org/b.png")),
    ),
    (
        {
            "type": "session.ended",
            "data": {"duration": 1800, "total_participants": 25, "average_hrv_improvement": 12.5},
        },
        Reported(c.ReportEnded(1800, 25, 12.5)),
    ),
]
SHORTEST: list[dict[str, Any]] = [
    {"type": "session.started", "data": {}},
    {"type": "session.started"},
    {"type": "participant.joined", "data": {"name": "Alice"}},
    {"type": "participant.joined", "data": {"participant_id": "user-7"}},
    {"type": "technique.changed", "data": {"technique": "Tide"}},
    {"type": "hrv.milestone", "data": {"improvement": 10}},
    {"type": "achievement.unlocked", "data": {}},
    {"type": "session.ended"},
]
WRONG: list[tuple[Any, str]] = [
    ([], "body"),
    ({}, "type"),
    ({"type": "session.paused"}, "type"),
    ({"type": ["session.started"]}, "type"),
    ({"type": "session.started", "session_id": "other"}, "session_id"),
    ({"type": "session.started", "when": "now"}, "when"),
    ({"type": "session.started", "timestamp": "yesterday"}, "timestamp"),
    ({"type": "session.started", "data": {"instructor": "x" * 101}}, "data.instructor"),
    ({"type": "session.started", "data": {"scheduled_duration": "1800"}}, "data.scheduled_duration"),
    ({"type": "participant.joined", "data": {}}, "data"),
    ({"type": "participant.joined"}, "data"),
    ({"type": "technique.changed", "data": {"technique": " "}}, "data.technique"),
    ({"type": "technique.changed", "data": {"technique": "x" * 101}}, "data.technique"),
    ({"type": "hrv.milestone", "data": {}}, "data.improvement"),
    ({"type": "hrv.milestone", "data": {"improvement": True}}, "data.improvement"),
    ({"type": "hrv.milestone", "data": {"improvement": 200.1}}, "data.improvement"),
    ({"type": "achievement.unlocked", "data": {"badge_url": "http://x.example/b"}}, "data.badge_url"),
    ({"type": "session.ended", "data": {"total_participants": -1}}, "data.total_participants"),
    (
        {"type": "session.ended", "data": {"average_hrv_improvement": float("nan")}},
        "data.average_hrv_improvement",
    ),
]


@pytest.mark.parametrize(("event", "reported"), FULL, ids=lambda value: getattr(value, "id", None) or "")
def test_each_event_with_all_it_can_say(event: dict[str, Any], reported: Reported) -> None:
    """Taken as stated."""
    assert read_event(event, "morning-001") == reported


@pytest.mark.parametrize("event", SHORTEST)
def test_each_event_with_what_it_must_say(event: dict[str, Any]) -> None:
    """Only technique, improvement, and one of participant_id and name are required."""
    assert read_event(event, "s").id is None


@pytest.mark.parametrize(("event", "field"), WRONG)
def test_each_mistake_names_its_field(event: Any, field: str) -> None:
    """In a refusal that a platform can act on."""
    with pytest.raises(Invalid) as refusal:
        read_event(event, "s")
    assert field in refusal.value.details, refusal.value.details


def test_every_mistake_is_told_at_once() -> None:
    """Not one at a time."""
    with pytest.raises(Invalid) as refusal:
        read_event({"type": "session.ended", "data": {"duration": -1, "total_participants": "7"}}, "s")
    assert refusal.value.details.keys() == {"data.duration", "data.total_participants"}
    with pytest.raises(Invalid) as refusal:
        read_event({"type": "session.ended", "session_id": "other", "when": 1, "data": {"duration": -1}}, "s")
    assert refusal.value.details.keys() == {"session_id", "when", "data.duration"}
    with pytest.raises(Invalid) as refusal:
        read_event({"type": "session.paused", "session_id": "other"}, "s")
    assert refusal.value.details.keys() == {"session_id", "type"}


def test_a_name_never_becomes_an_id() -> None:
    """Ids are seen by others and stay when names go; the same name is the same person."""
    first = read_event({"type": "participant.joined", "data": {"name": "Alice"}}, "s")
    again = read_event({"type": "participant.joined", "data": {"name": "Alice"}}, "s")
    other = read_event({"type": "participant.joined", "data": {"name": "Bob"}}, "s")
    assert first.command == again.command != other.command
    assert isinstance(first.command, c.ReportJoined)
    assert "alice" not in first.command.client_id.lower()


def test_an_id_that_no_socket_could_have_gets_one() -> None:
    """Platforms number people as they like."""
    joined = read_event({"type": "participant.joined", "data": {"participant_id": "user 7/ä"}}, "s").command
    assert isinstance(joined, c.ReportJoined)
    assert joined.client_id.startswith("p-")


def test_an_achievement_without_title_is_called_by_its_description() -> None:
    """By the first line of it, else by the word itself."""
    told = read_event({"type": "achievement.unlocked", "data": {"description": "In step\nfor long"}}, "s")
    assert told.command == c.ReportAchievement("In step", "In step\nfor long")
    assert read_event({"type": "achievement.unlocked"}, "s").command == c.ReportAchievement("Achievement")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["technique", "duration", "improvement", "average_hrv", "participant_id", "name", "title", "badge_url"]
)


@given(
    st.sampled_from(EVENT_TYPES) | json_values,
    st.dictionaries(names, json_values, max_size=4) | json_values,
    st.dictionaries(st.sampled_from(["id", "session_id", "timestamp", "x"]), json_values, max_size=2),
)
def test_nothing_but_invalid_comes_of_wrong_events(kind: Any, data: Any, outer: dict[str, Any]) -> None:
    """Whatever a platform sends becomes a report or a refusal."""
    try:
        reported: Reported | None = read_event({"type": kind, "data": data, **outer}, "s")
    except Invalid:
        reported = None
    assert reported is None or isinstance(reported.command, c.Report.__args__)
