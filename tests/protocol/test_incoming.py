"""What comes in over a live socket: commands, or ``Invalid`` and never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain.rejection import Invalid
from engine.domain.session import Role
from engine.protocol.incoming import COMMANDS, Hello, Inbound, parse, parse_hello
from engine.protocol.outgoing import error, frame

RIGHT: dict[str, tuple[dict[str, Any], object]] = {
    "heartbeat": ({}, c.Heartbeat()),
    "technique_feedback": (
        {"technique": "Box Breathing", "rating": 4, "difficulty": 2},
        c.RateTechnique("Box Breathing", 4, 2),
    ),
    "chat": ({"message": " Good\r\nmorning "}, c.Chat("Good\nmorning")),
    "heart_rate": ({"rr": [812.5, 900], "bpm": 71, "contact": True}, c.HeartRate((812.5, 900), 71, True)),
    "hrv_update": ({"hrv_value": 42.0, "improvement": -3.5}, c.HrvUpdate(42.0, -3.5)),
    "breath_tap": ({"phase": "inhale"}, c.BreathTap("inhale")),
    "consent": ({"heart_rate": True, "group": False, "version": "1"}, c.Consent(True, False, "1")),
    "opt_in": ({"technique": "Wim Hof", "accepted": True}, c.OptIn("Wim Hof", True)),
    "raise_hand": ({"raised": True}, c.RaiseHand(True)),
    "need_to_stop": ({}, c.NeedToStop()),
    "session_feedback": ({"rating": 5, "comment": "Calm"}, c.RateSession(5, "Calm")),
    "start": ({}, c.Start()),
    "change_technique": ({"technique": "Tide", "duration": 300}, c.ChangeTechnique("Tide", 300)),
    "rest": ({}, c.Rest()),
    "resume_practice": ({}, c.ResumePractice()),
    "announce": ({"title": "Soon", "message": "Sit well."}, c.Announce("Soon", "Sit well.")),
    "unlock_achievement": ({"title": "Together"}, c.UnlockAchievement("Together")),
    "remove_participant": ({"client_id": "bob"}, c.RemoveParticipant("bob")),
    "delete_message": ({"seq": 7}, c.DeleteMessage(7)),
    "vouch": ({"client_id": "bob", "vouched": True}, c.Vouch("bob", True)),
    "lock": ({"locked": True}, c.Lock(True)),
    "chat_switch": ({"enabled": False}, c.SwitchChat(False)),
    "end": ({}, c.End()),
}
WRONG: list[tuple[str, Any, str]] = [
    ("technique_feedback", {"technique": "Box", "rating": 6}, "data.rating"),
    ("technique_feedback", {"technique": "Box", "rating": True}, "data.rating"),
    ("technique_feedback", {"technique": "Box", "rating": "4"}, "data.rating"),
    ("technique_feedback", {"rating": 4}, "data.technique"),
    ("chat", {"message": "   "}, "data.message"),
    ("chat", {"message": "x" * 2001}, "data.message"),
    ("chat", {"message": "bell\u0007"}, "data.message"),
    ("chat", {"message": "hi", "from": "bob"}, "data.from"),
    ("heart_rate", {"rr": ["812"]}, "data.rr.0"),
    ("heart_rate", {"rr": [800.0] * 65}, "data.rr"),
    ("hrv_update", {"hrv_value": -1.0}, "data.hrv_value"),
    ("breath_tap", {"phase": "hold"}, "data.phase"),
    ("consent", {"heart_rate": 1, "group": False, "version": "1"}, "data.heart_rate"),
    ("change_technique", {"technique": "Tide", "duration": 7201}, "data.duration"),
    ("change_technique", {"technique": "Tide", "at": "soon"}, "data.at"),
    ("announce", {"title": "a\nb", "message": "x"}, "data.title"),
    ("announce", {"title": "a", "message": "x", "action_url": "javascript:alert(1)"}, "data.action_url"),
    ("announce", {"title": "a", "message": "x", "action_url": "//evil.example"}, "data.action_url"),
    ("remove_participant", {"client_id": "no spaces"}, "data.client_id"),
    ("remove_participant", {"client_id": "bob", "delete_messages": 1}, "data.delete_messages"),
    ("delete_message", {"seq": 0}, "data.seq"),
    ("delete_message", {"seq": "7"}, "data.seq"),
    ("heartbeat", {"x": 1}, "data.x"),
    ("heartbeat", [], "data"),
]


def said(kind: Any, data: Any, **outer: Any) -> str:
    return json.dumps({"type": kind, "data": data, **outer})


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_each_message_is_its_command(kind: str) -> None:
    """Every message of the protocol, as a client sends it."""
    data, command = RIGHT[kind]
    wire = "chat" if kind == "chat_switch" else kind
    inbound = parse(said(wire, data, id="7"))
    assert inbound.command == command
    assert inbound.id == "7"
    assert inbound.type == kind


@pytest.mark.parametrize(("kind", "data", "field"), WRONG)
def test_each_mistake_names_its_field(kind: str, data: Any, field: str) -> None:
    """And never repeats what was sent."""
    with pytest.raises(Invalid) as refusal:
        parse(said(kind, data))
    assert field in refusal.value.details
    assert "alert(1)" not in str(refusal.value.details)


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "7", "null", '"chat"', "{", '{"type": "chat"', "[" * 100_000, '{"type": NaN}'],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    """Half a message, another kind of JSON, no JSON at all, or one that would bury the parser."""
    with pytest.raises(Invalid):
        parse(text)


@pytest.mark.parametrize(
    "outer",
    [{}, {"type": 7}, {"type": "heartbeat", "id": 7}, {"type": "heartbeat", "id": ""}, {"type": "fly"}],
)
def test_the_envelope_is_checked(outer: dict[str, Any]) -> None:
    """A type that is known, an id that is a text."""
    with pytest.raises(Invalid):
        parse(json.dumps(outer))


def test_numbers_that_json_does_not_have_are_refused() -> None:
    """NaN, Infinity, and what is too large to be finite."""
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        with pytest.raises(Invalid):
            parse('{"type": "heart_rate", "data": {"rr": [' + number + "]}}")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON has one kind of number."""
    assert parse(said("technique_feedback", {"technique": "Tide", "rating": 4.0})).command == c.RateTechnique(
        "Tide", 4
    )


def test_an_instant_is_iso_8601() -> None:
    """With a zone, or taken as UTC."""
    for text in ("2025-06-15T15:06:40Z", "2025-06-15T15:06:40", "2025-06-15T17:06:40+02:00"):
        command = parse(said("change_technique", {"technique": "Tide", "at": text})).command
        assert command == c.ChangeTechnique("Tide", at=1_750_000_000_000)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(
    sorted({name for data, _ in RIGHT.values() for name in data} | {"__class__", "self"})
)
datas = st.dictionaries(fields, json_values, max_size=5) | json_values


def taken(text: str) -> Inbound | Invalid:
    """What comes of a frame; anything raised but ``Invalid`` fails the test."""
    try:
        return parse(text)
    except Invalid as refusal:
        return refusal


@given(st.sampled_from(sorted(COMMANDS)) | st.text(max_size=10), datas, json_values)
def test_nothing_but_invalid_comes_of_wrong_messages(kind: str, data: Any, message_id: Any) -> None:
    """Whatever is sent becomes a command or a refusal that can be told to its sender."""
    outcome = taken(said(kind, data, id=message_id))
    if isinstance(outcome, Invalid):
        assert frame(error("s", 0, outcome))
    else:
        assert type(outcome.command) is COMMANDS[outcome.type]


@given(st.text(max_size=80))
@example('{"type": "\\ud800"}')
@example('{"type": "heartbeat", "id": "\\ud800"}')
@example('{"type": "heartbeat", "\\ud800": 1}')
@example('{"type": "heartbeat", "type": "end"}')
def test_nothing_but_invalid_comes_of_any_text(text: str) -> None:
    """Neither from noise nor from texts that are no characters."""
    outcome = taken(text)
    if isinstance(outcome, Invalid):
        assert frame(error("s", 0, outcome))
    else:
        assert frame(error("s", 0, Invalid("x", "y"), outcome.id))


def test_a_hello_brings_secrets() -> None:
    """Both, one, or none of them."""
    assert parse_hello('{"type": "hello", "data": {"token": "t", "resume": "r"}}') == Hello("t", "r")
    assert parse_hello('{"type": "hello"}') == Hello()


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "heartbeat"}',
        '{"type": "hello", "data": []}',
        '{"type": "hello", "data": {"token": 7}}',
        '{"type": "hello", "data": {"key": "x"}}',
        "hello",
        '{"type": "hello", "data": {"token": "\\ud800"}}',
    ],
)
def test_what_is_no_hello_is_refused(text: str) -> None:
    """The first frame is a hello and nothing else."""
    with pytest.raises(Invalid):
        parse_hello(text)


def test_roles_may_send_what_the_protocol_gives_them() -> None:
    """Observers only listen; participants do not lead; staff take no part, but answer in the chat."""
    for kind, command in COMMANDS.items():
        roles = c.PERMITTED[command]
        if kind == "heartbeat":
            assert roles == set(Role)
            continue
        assert Role.OBSERVER not in roles
        both = Role.PARTICIPANT in roles and Role.INSTRUCTOR in roles
        assert both == (kind == "chat")
        assert (Role.INSTRUCTOR in roles) == (Role.ADMIN in roles)
