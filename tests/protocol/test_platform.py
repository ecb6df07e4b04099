"""Platform events: each of the seven, as platforms send them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain.rejection import Invalid
from engine.protocol.platform import PlatformReport, read_event
from engine.protocol.platform_models import EVENT_TYPES

NOW = 1_711_015_200_000
FULL: list[tuple[dict[str, Any], PlatformReport]] = [
    (
        {
            "type": "session.started",
            "session_id": "morning-001",
            "timestamp": "2024-03-21T09:00:00Z",
            "data": {"title": "Morning", "instructor": "Sarah Chen", "scheduled_duration": 1800},
        },
        PlatformReport(
            c.ReportStarted("Morning", "Sarah Chen", 1800, at=1_711_011_600_000),
            key="said",
        ),
    ),
    (
        {"type": "participant.joined", "id": "e-2", "data": {"participant_id": "user-7", "name": "Alice"}},
        PlatformReport(c.ReportJoined("user-7", "Alice"), "e-2", key="e-2"),
    ),
    (
        {"type": "participant.left", "id": "e-3", "data": {"participant_id": "user-7", "name": "Alice"}},
        PlatformReport(c.ReportLeft("user-7"), "e-3", None, "e-3"),
    ),
    (
        {"type": "participant.left", "data": {"name": "Alice"}},
        PlatformReport(c.ReportLeft("p-3bc51062973c458d"), name="Alice"),
    ),
    (
        {
            "type": "technique.changed",
            "data": {"technique": "Box Breathing", "duration": 300, "instruction": "Breathe in for 4 counts"},
        },
        PlatformReport(c.ReportTechnique("Box Breathing", 300, "Breathe in for 4 counts")),
    ),
    (
        {"type": "hrv.milestone", "data": {"improvement": 15.5, "average_hrv": 12.5}},
        PlatformReport(c.ReportMilestone(15.5, 12.5)),
    ),
    (
        {
            "type": "achievement.unlocked",
            "data": {"title": "Together", "description": "In step", "badge_url": "https://example.org/b.png"},
        },
        PlatformReport(c.ReportAchievement("Together", "In step", "https://example.org/b.png")),
    ),
    (
        {
            "type": "session.ended",
            "data": {"duration": 1800, "total_participants": 25, "average_hrv_improvement": 12.5},
        },
        PlatformReport(c.ReportEnded(1800, 25, 12.5)),
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
    ({"type": "session.started", "timestamp": ""}, "timestamp"),
    ({"type": "session.started", "timestamp": True}, "timestamp"),
    ({"type": "session.started", "timestamp": {}}, "timestamp"),
    ({"type": "session.started", "timestamp": float("nan")}, "timestamp"),
    ({"type": "session.started", "timestamp": float("inf")}, "timestamp"),
    ({"type": "session.started", "timestamp": 10**400}, "timestamp"),
    ({"type": "session.started", "timestamp": 0}, "timestamp"),
    ({"type": "session.started", "timestamp": NOW * 1000}, "timestamp"),
    ({"type": "session.started", "timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
    ({"type": "session.started", "timestamp": NOW + 300_001}, "timestamp"),
    ({"type": "session.started", "data": {"instructor": "x" * 101}}, "data.instructor"),
    ({"type": "session.started", "data": {"scheduled_duration": "1800"}}, "data.scheduled_duration"),
    ({"type": "participant.joined", "data": {}}, "data"),
    ({"type": "participant.joined"}, "data"),
    ({"type": "participant.left", "data": {}}, "data"),
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
def test_each_event_with_all_it_can_say(event: dict[str, Any], reported: PlatformReport) -> None:
    """Taken as stated."""
    read = read_event(event, "morning-001", NOW)
    if reported.key == "said":
        assert read.key is not None
        assert read.key.startswith("said:")
        reported = replace(reported, key=read.key)
    assert read == reported


@pytest.mark.parametrize("event", SHORTEST)
def test_each_event_with_what_it_must_say(event: dict[str, Any]) -> None:
    """Only technique, improvement, and one of participant_id and name are required."""
    assert read_event(event, "s", NOW).id is None


@pytest.mark.parametrize(("event", "field"), WRONG)
def test_each_mistake_names_its_field(event: Any, field: str) -> None:
    """In a refusal that a platform can act on."""
    with pytest.raises(Invalid) as refusal:
        read_event(event, "s", NOW)
    assert field in refusal.value.details, refusal.value.details


def test_every_mistake_is_told_at_once() -> None:
    """Not one at a time."""
    with pytest.raises(Invalid) as refusal:
        read_event({"type": "session.ended", "data": {"duration": -1, "total_participants": "7"}}, "s", NOW)
    assert refusal.value.details.keys() == {"data.duration", "data.total_participants"}
    with pytest.raises(Invalid) as refusal:
        read_event(
            {"type": "session.ended", "session_id": "other", "when": 1, "data": {"duration": -1}}, "s", NOW
        )
    assert refusal.value.details.keys() == {"session_id", "when", "data.duration"}
    with pytest.raises(Invalid) as refusal:
        read_event({"type": "session.paused", "session_id": "other"}, "s", NOW)
    assert refusal.value.details.keys() == {"session_id", "type"}


def test_a_name_never_becomes_an_id() -> None:
    """Ids are seen by others and stay when names go; the same name is the same person."""
    first = read_event({"type": "participant.joined", "data": {"name": "Alice"}}, "s", NOW)
    again = read_event({"type": "participant.joined", "data": {"name": "Alice"}}, "s", NOW)
    other = read_event({"type": "participant.joined", "data": {"name": "Bob"}}, "s", NOW)
    assert first.command == again.command != other.command
    assert isinstance(first.command, c.ReportJoined)
    assert "alice" not in first.command.client_id.lower()


def test_an_id_that_no_socket_could_have_gets_one() -> None:
    """Platforms number people as they like."""
    joined = read_event(
        {"type": "participant.joined", "data": {"participant_id": "user 7/ä"}}, "s", NOW
    ).command
    assert isinstance(joined, c.ReportJoined)
    assert joined.client_id.startswith("p-")


def test_an_achievement_without_title_is_called_by_its_description() -> None:
    """By the first line of it, else by the word itself."""
    received = read_event(
        {"type": "achievement.unlocked", "data": {"description": "In step\nfor long"}}, "s", NOW
    )
    assert received.command == c.ReportAchievement("In step", "In step\nfor long")
    assert read_event({"type": "achievement.unlocked"}, "s", NOW).command == c.ReportAchievement(
        "Achievement"
    )


@pytest.mark.parametrize(
    "timestamp",
    [
        "2024-03-21T09:00:00Z",
        "2024-03-21T10:00:00.000+01:00",
        "2024-03-21T09:00:00",
        " 2024-03-21 09:00:00Z ",
        1_711_011_600,
        1_711_011_600.0,
        1_711_011_600_000,
        1_711_011_600_000.0,
    ],
)
def test_an_instant_is_iso_or_unix_time_in_seconds_or_milliseconds(timestamp: Any) -> None:
    """All of them the same instant, and the same event; without a zone it is UTC."""
    given = {"type": "hrv.milestone", "data": {"improvement": 10}}
    read = read_event({**given, "timestamp": timestamp}, "s", NOW)
    assert read.command.at == 1_711_011_600_000
    assert read.key == read_event({**given, "timestamp": 1_711_011_600}, "s", NOW).key


def test_a_platforms_clock_may_be_five_minutes_ahead() -> None:
    """As it may with whatever else comes in; parts of seconds count."""
    ahead = {"type": "session.started", "timestamp": (NOW + 300_000) / 1000}
    assert read_event(ahead, "s", NOW).command.at == NOW + 300_000
    assert read_event({**ahead, "timestamp": 1_711_011_600.25}, "s", NOW).command.at == 1_711_011_600_250


def test_the_same_event_is_known_without_an_id() -> None:
    """By type, instant and data; another of these is another event, and without an instant each is its own."""
    base = {"type": "hrv.milestone", "timestamp": 1_711_011_600, "data": {"improvement": 10}}
    others = [
        {**base, "timestamp": 1_711_011_601},
        {**base, "data": {"improvement": 11}},
        {**base, "data": {"improvement": 10, "average_hrv": 1}},
        {"type": "technique.changed", "timestamp": 1_711_011_600, "data": {"technique": "10"}},
    ]
    keys = [read_event(event, "s", NOW).key for event in (base, *others)]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert read_event({**base, "data": {"improvement": 10.0}}, "s", NOW).key == keys[0]
    assert read_event({**base, "id": "e-1"}, "s", NOW).key == "e-1"
    assert read_event({"type": "session.started"}, "s", NOW).key is None


@pytest.mark.parametrize("kind", ["session.paused", "x" * 5000, "\ud800", ["session.started"], 7])
def test_an_unknown_type_is_refused_by_its_name(kind: Any) -> None:
    """In a message that can be sent back, whatever was sent."""
    with pytest.raises(Invalid) as refusal:
        read_event({"type": kind}, "s", NOW)
    assert refusal.value.code == "unknown_event"
    named = str(kind)[:100].encode("utf-8", "replace").decode()
    assert named in refusal.value.message
    assert named in refusal.value.details["type"]
    assert len(refusal.value.message) < 400
    refusal.value.message.encode()


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
        reported: PlatformReport | None = read_event({"type": kind, "data": data, **outer}, "s", NOW)
    except Invalid:
        reported = None
    assert reported is None or isinstance(reported.command, c.Report.__args__)
