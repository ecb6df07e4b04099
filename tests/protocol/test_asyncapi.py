"""The AsyncAPI document: complete, valid by AsyncAPI's schema, and true of what is sent and taken."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.domain import events as e
from engine.domain.rejection import Rejected
from engine.domain.webhooks import EVENTS, TEST
from engine.protocol import outgoing
from engine.protocol.asyncapi import document
from engine.protocol.close_codes import CloseCode
from engine.protocol.incoming import COMMANDS, parse
from engine.protocol.live_models import NUMBERED, SESSION_UPDATES
from engine.protocol.platform_models import EVENT_TYPES
from tests.domain.sessions import NOON
from tests.protocol.described import DOCUMENT, check_described
from tests.protocol.numbered_events import ONE_OF_EACH

SCHEMA = Path(__file__).parents[1] / "data" / "asyncapi-3.0.0.json.gz"
"""AsyncAPI's JSON Schema, from its package @asyncapi/specs (Apache-2.0)."""


def payload(name: str) -> dict[str, Any]:
    """A message's schema, with what it refers to."""
    return {**DOCUMENT["components"]["messages"][name]["payload"], "components": DOCUMENT["components"]}


def test_it_is_valid_by_asyncapis_schema() -> None:
    """Version 3.0.0, and every reference leads somewhere."""
    jsonschema.Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes()))).validate(DOCUMENT)
    for reference in references(DOCUMENT):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/")]
        assert place


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if isinstance(value, dict):
        inner = [found for each in value.values() for found in references(each)]
        return [value["$ref"], *inner] if isinstance(value.get("$ref"), str) else inner
    return []


def test_the_server_is_where_people_reach_it() -> None:
    """Encrypted where the pages are, and below the same path."""
    assert DOCUMENT["servers"]["this"] == {
        "host": "breathe.example",
        "protocol": "wss",
        "pathname": "/studio",
    }
    assert document(version="1", server="http://a:8000")["servers"]["this"] == {
        "host": "a:8000",
        "protocol": "ws",
    }


def test_every_command_event_and_notice_is_told() -> None:
    """Whatever the server takes or sends to webhooks has its message."""
    names = DOCUMENT["components"]["messages"].keys()
    assert {f"command_{name}" for name in COMMANDS} <= names
    assert {f"event_{name.replace('.', '_')}" for name in EVENT_TYPES} <= names
    assert {f"notice_{name.replace('.', '_')}" for name in (*EVENTS, TEST)} <= names


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_every_message_and_field_is_described(name: str) -> None:
    """What it is, who sends or gets it, and each field however deep, in sentences."""
    message = DOCUMENT["components"]["messages"][name]
    for text in (message["summary"], message["description"], *fields(message["payload"]).values()):
        assert re.fullmatch(r"[A-Z`].{3,}\.", text, re.S), text
        assert "``" not in text


def fields(schema: dict[str, Any], within: str = "") -> dict[str, str]:
    """The description of each field in a schema, by its path; empty where there is none."""
    found: dict[str, str] = {}
    if "$ref" in schema:
        found |= fields(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], within)
    for name, field in schema.get("properties", {}).items():
        found[f"{within}.{name}"] = field.get("description", "")
        found |= fields(field, f"{within}.{name}")
    inner = [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    for each in [*inner, *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]:
        found |= fields(each, within)
    return found


def test_fields_are_found_however_deep() -> None:
    """In lists, behind references, and where there may be none."""
    welcome = fields(DOCUMENT["components"]["messages"]["message_welcome"]["payload"])
    assert {".plan.pattern.steps.from", ".technique.gentle.technique", ".participants.hand"} <= welcome.keys()
    assert fields({"properties": {"a": {"properties": {"b": {}}}}}) == {".a": "", ".a.b": ""}


def test_it_says_who_sends_and_gets_what_is_for_staff() -> None:
    """Commands of the instructor and co-hosts, and what they alone get; the wall gets what everybody gets."""
    messages = DOCUMENT["components"]["messages"]
    for name in ("command_start", "command_chat_switch", "message_hand_raised", "message_need_to_stop"):
        assert "co-host" in messages[name]["description"]
    assert "wall" in messages["numbered_technique_changed"]["description"]
    assert messages["command_raise_hand"]["description"] == "From participants."
    assert messages["command_chat"]["description"].startswith("From participants, and from staff")


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_numbered_messages_are_as_they_are_told(event: e.Event) -> None:
    """One of each that everybody gets."""
    message = outgoing.numbered(event, session_id="s", epoch="e", seq=1, at=NOON, names={})
    assert check_described(json.loads(outgoing.text(message))).startswith("numbered_")


def test_one_of_each_is_all_there_are() -> None:
    """Kinds and updates that are sent are those that are told."""
    sent = [
        outgoing.numbered(event, session_id="s", epoch="e", seq=1, at=NOON, names={}) for event in ONE_OF_EACH
    ]
    assert {message["type"] for message in sent} == {*NUMBERED, "session_update"}
    assert {message["update_type"] for message in sent if "update_type" in message} == SESSION_UPDATES.keys()


def test_refusals_are_as_they_are_told() -> None:
    """Also one before any session is known."""
    refusal = Rejected("full", "There is no seat left.", {"max_participants": "50"})
    for session_id in ("s", None):
        sent = json.loads(outgoing.text(outgoing.error(session_id, NOON, refusal, "7")))
        assert check_described(sent) == "message_error"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("chat", {"type": "chat", "id": "1", "data": {"message": "hello"}}),
        ("heart_rate", {"type": "heart_rate", "data": {"rr": [800, 812]}}),
        ("start", {"type": "start"}),
        (
            "change_technique",
            {"type": "change_technique", "data": {"technique": "Box Breathing", "duration": 60}},
        ),
    ],
)
def test_what_the_server_takes_is_valid(name: str, sent: dict[str, Any]) -> None:
    """The schema and the parser agree on these, and on the same with a field too many or one that is missing."""
    schema = jsonschema.Draft7Validator(payload(f"command_{name}"))
    assert parse(json.dumps(sent)).type == name
    schema.validate(sent)
    assert not schema.is_valid({**sent, "type": "another"})
    assert not schema.is_valid({**sent, "id": ""})


def test_the_channel_tells_the_rule_of_the_close_codes() -> None:
    """The classes that the document names are those of the codes that there are."""
    said = DOCUMENT["channels"]["liveUpdates"]["description"]
    assert "4000–4499" in said
    assert "4500–4999" in said
    assert all(code == 1000 or 4000 <= code < 5000 for code in CloseCode)
