"""The AsyncAPI document: complete, valid by AsyncAPI's schema, and true of what is sent and taken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.domain import events as e
from engine.domain.rejection import Rejected
from engine.domain.webhooks import EVENTS, TEST
from engine.protocol import outgoing
from engine.protocol.asyncapi import NUMBERED, SESSION_UPDATES, UNNUMBERED, document
from engine.protocol.close_codes import CloseCode
from engine.protocol.incoming import COMMANDS, parse
from engine.protocol.platform_models import EVENT_TYPES
from tests.domain.sessions import NOON
from tests.protocol.numbered_events import ONE_OF_EACH

DOCUMENT = document(version="1", server="https://breathe.example/studio")
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


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_numbered_messages_are_as_they_are_told(event: e.Event) -> None:
    """One of each that everybody gets."""
    message = outgoing.numbered(event, session_id="s", epoch="e", seq=1, at=NOON, names={})
    sent = json.loads(outgoing.text(message))
    jsonschema.Draft7Validator(payload(f"numbered_{sent['type']}")).validate(sent)


def test_one_of_each_is_all_there_are() -> None:
    """Kinds and updates that are sent are those that are told."""
    sent = [
        outgoing.numbered(event, session_id="s", epoch="e", seq=1, at=NOON, names={}) for event in ONE_OF_EACH
    ]
    assert {message["type"] for message in sent} == NUMBERED.keys()
    assert {message["update_type"] for message in sent if "update_type" in message} == set(SESSION_UPDATES)


def test_refusals_are_as_they_are_told() -> None:
    """Also one before any session is known."""
    refusal = Rejected("full", "There is no seat left.", {"max_participants": "50"})
    for session_id in ("s", None):
        sent = json.loads(outgoing.text(outgoing.error(session_id, NOON, refusal, "7")))
        jsonschema.Draft7Validator(payload("message_error")).validate(sent)
    assert "error" in UNNUMBERED


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
