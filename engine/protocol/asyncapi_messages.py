"""The messages of the AsyncAPI document, each with its fields, who sends it and who gets it.

What comes in is described by the very types that validate it. What goes out is built without models, so its shapes stand
in ``live_models``, ``state_models`` and ``notice_models``; tests hold them against what is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import TypeAdapter

from engine.domain.commands import PERMITTED
from engine.domain.session import STAFF, Role
from engine.domain.webhooks import TEST
from engine.protocol.incoming import COMMANDS, Hello
from engine.protocol.live_models import NUMBERED, SESSION_UPDATES, UNNUMBERED
from engine.protocol.notice_models import NOTICES
from engine.protocol.platform_models import PlatformEvent
from engine.protocol.state_models import RoomState, Welcome

__all__ = ["messages_and_schemas"]

_REF = "#/components/schemas/{model}"

_STAFF = "staff: the instructor, a co-host, or the administrator"
_FROM: Mapping[frozenset[Role], str] = {
    STAFF: f"From {_STAFF}.",
    frozenset({Role.PARTICIPANT}): "From participants.",
    frozenset({Role.PARTICIPANT}) | STAFF: f"From participants, and from {_STAFF}.",
    frozenset(Role): "From everybody: participants, observers such as a screen on a wall, and staff.",
}
_TO_EVERYBODY = "To everybody in the room: participants, observers such as a screen on a wall, and staff."
_TO_STAFF = frozenset(
    {"technique_feedback", "session_feedback", "hand_raised", "need_to_stop", "seat_vouched"}
)
_BESIDE_CONTENT: Mapping[str, tuple[str, ...]] = {
    "heartbeat_ack": ("server_time", "seq"),
    "ack": ("seq", "reply_to", "accepted", "ignored", "repeated"),
    "message_sent": ("seq",),
    "error": ("code",),
}
"""What stands in a message's content and, the same, beside it."""
_TIMESTAMP = {
    "type": "string",
    "format": "date-time",
    "description": "When it happened, by the server's clock.",
}
_SESSION_ID = {"type": "string", "description": "The session."}


def messages_and_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Every message by its name in the document, and the schemas that they refer to."""
    schemas: dict[str, Any] = {}
    messages = {
        "hello": _command("hello", Hello, schemas),
        **{f"command_{name}": _command(name, kind, schemas) for name, kind in COMMANDS.items()},
        **{f"numbered_{name}": _numbered(name, content, schemas) for name, content in NUMBERED.items()},
        **{
            f"numbered_session_update_{update}": _numbered("session_update", content, schemas, update)
            for update, content in SESSION_UPDATES.items()
        },
        "message_welcome": _welcome(schemas),
        **{f"message_{name}": _unnumbered(name, content, schemas) for name, content in UNNUMBERED.items()},
        **_platform_events(schemas),
        **{
            f"notice_{name.replace('.', '_')}": _notice(name, *notice, schemas)
            for name, notice in NOTICES.items()
        },
    }
    return messages, schemas


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a type that checks messages; what it refers to goes into ``schemas``."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REF)
    schemas.update({name: _draft_07(each) for name, each in schema.pop("$defs", {}).items()})
    found: dict[str, Any] = _draft_07(schema)
    return found


def _draft_07(schema: Any) -> Any:
    """JSON Schema 2020-12 as AsyncAPI has it, draft 07: tuples are called otherwise, and docstrings become Markdown."""
    if isinstance(schema, list):
        return [_draft_07(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # Pydantic's discriminator is OpenAPI's; AsyncAPI's is another thing.
    renamed = {
        {"prefixItems": "items"}.get(name, name): _draft_07(each)
        for name, each in schema.items()
        if name != "discriminator"
    }
    # What stands beside a reference counts for nothing there.
    if "$ref" in renamed and len(renamed) > 1:
        renamed["allOf"] = [{"$ref": renamed.pop("$ref")}]
    if isinstance(renamed.get("description"), str):
        renamed["description"] = inspect.cleandoc(renamed["description"]).replace("``", "`")
    return renamed


def _command(name: str, kind: type, schemas: dict[str, Any]) -> dict[str, Any]:
    data = _schema(kind, schemas)
    kind_of_message = "chat" if name == "chat_switch" else name
    properties = {
        "type": _constant(kind_of_message),
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Asks for an `ack`; the same again happens once.",
        },
        "data": data,
    }
    if name == "hello":
        del properties["id"]
    summary = data["description"]
    data["description"] = "What the command says." if data.get("properties") else "Nothing: may be left out."
    required = ["type", "data"] if data.get("required") else ["type"]
    sent_by = _FROM[PERMITTED.get(kind, frozenset(Role))]
    return _message(
        kind_of_message,
        summary,
        sent_by,
        properties,
        required,
        title="chat: switch" if name == "chat_switch" else name,
    )


def _numbered(kind: str, content: type, schemas: dict[str, Any], update: str | None = None) -> dict[str, Any]:
    schema = _schema(content, schemas)
    properties: dict[str, Any] = {
        "type": _constant(kind),
        "session_id": _SESSION_ID,
        "seq": {
            "type": "integer",
            "minimum": 1,
            "description": "One more than the numbered message before.",
        },
        "epoch": {
            "type": "string",
            "description": "The history that `seq` counts in; another one is another history.",
        },
        "timestamp": _TIMESTAMP,
        "content": schema,
    }
    if update is not None:
        properties["update_type"] = {"const": update, "description": "What the update is about."}
    summary = _summary_of(schema, schemas)
    title = kind if update is None else f"{kind}: {update}"
    return _message(kind, summary, _TO_EVERYBODY, properties, list(properties), title=title)


def _welcome(schemas: dict[str, Any]) -> dict[str, Any]:
    # All of it stands at the top level, the details of the room too.
    welcome, room = _schema(Welcome, schemas), _schema(RoomState, schemas)
    properties = {"type": _constant("welcome"), **welcome["properties"], **room["properties"]}
    required = ["type", *welcome["required"], *room["required"]]
    return _message(
        "welcome", welcome["description"], "To whoever connects, as the first message.", properties, required
    )


def _unnumbered(kind: str, content: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(content, schemas)
    summary = _summary_of(schema, schemas)
    properties: dict[str, Any] = {
        "type": _constant(kind),
        # An error before any session is known has none.
        "session_id": {**_SESSION_ID, "type": ["string", "null"]} if kind == "error" else _SESSION_ID,
        "timestamp": _TIMESTAMP,
        "content": schema,
    }
    required = list(properties)
    for name in _BESIDE_CONTENT.get(kind, ()):
        properties[name] = {**schema["properties"][name], "description": f"The same as `content.{name}`."}
        if name in schema["required"]:
            required.append(name)
    if kind in ("error", "heartbeat_ack"):
        properties["reply_to"] = {
            "type": "string",
            "description": "The `id` of the message that this answers.",
        }
    if kind in ("technique_feedback", "session_feedback"):
        properties["client_id"] = {"type": "string", "description": "Who rated."}
        required.append("client_id")
    if kind in _TO_STAFF:
        to = f"To {_STAFF}; to nobody else."
    elif kind == "metrics_update":
        to = f"{_TO_EVERYBODY} At most one a second; only the newest matters."
    else:
        to = "To you alone."
    return _message(kind, summary, to, properties, required)


def _platform_events(schemas: dict[str, Any]) -> dict[str, Any]:
    union = get_args(PlatformEvent)[0]
    described = {}
    for kind in get_args(union):
        schema = _schema(kind, schemas)
        name = schema["properties"]["type"]["const"]
        described[f"event_{name.replace('.', '_')}"] = {
            "name": name,
            "title": name,
            "summary": schema.pop("description"),
            "description": "From a platform that has rooms of its own.",
            "payload": schema,
        }
    return described


def _notice(name: str, summary: str, data: type, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(data, schemas)
    if name != TEST:
        schema["properties"] = {
            "session_id": _SESSION_ID,
            **schema["properties"],
            "url": {"type": "string", "description": "The session's page."},
        }
        schema["required"] = ["session_id", *schema["required"], "url"]
    properties = {
        "type": _constant(name),
        "timestamp": {**_TIMESTAMP, "description": "When it happened."},
        "data": schema,
    }
    to = "To a webhook that is tested." if name == TEST else "To every webhook that asked for it."
    return _message(name, summary, to, properties, list(properties))


def _summary_of(schema: dict[str, Any], schemas: Mapping[str, Any]) -> str:
    """The description of a schema, as the summary of its message; the schema gets another."""
    kinds = [schemas[each["$ref"].rsplit("/", 1)[-1]] for each in schema.get("anyOf", ())] or [schema]
    summary = " Or: ".join(kind["description"] for kind in kinds)
    schema["description"] = "What the message says."
    return summary


def _constant(value: str) -> dict[str, Any]:
    return {"const": value, "description": "The kind of message."}


def _message(
    name: str,
    summary: str,
    who: str,
    properties: Mapping[str, Any],
    required: Iterable[str],
    *,
    title: str | None = None,
) -> dict[str, Any]:
    payload = {"type": "object", "required": list(required), "properties": dict(properties)}
    return {
        "name": name,
        "title": title or name,
        "summary": summary,
        "description": who,
        "payload": payload,
    }
