"""The AsyncAPI 3 document: the live socket, the platform's event socket and webhooks, from the models that check messages.

What comes in is described by the very types that validate it. What goes out is built without models, so its shapes stand
here; tests hold them against what is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from engine.domain.session import Role
from engine.domain.webhooks import EVENTS, TEST
from engine.protocol.incoming import COMMANDS, Hello
from engine.protocol.platform_models import PlatformEvent

__all__ = ["NUMBERED", "SESSION_UPDATES", "UNNUMBERED", "document"]

_REF = "#/components/schemas/{model}"

NUMBERED: Mapping[str, str] = {
    "participant_joined": "Somebody joined; `count` is how many participants are here now.",
    "participant_left": "Somebody left; `count` is how many participants are here now.",
    "technique_changed": "A technique begins at `started_at`, with its pattern in milliseconds.",
    "hrv_milestone": "The group's HRV rose by `improvement` percent, and the rise lasted.",
    "chat_message": "Somebody wrote to everybody.",
    "session_update": "What `update_type` names has changed.",
    "session_ending": "The session ends; the socket is closed with 1000 or 4505 afterwards.",
}
"""Messages to everybody in the room, which have a ``seq`` and an ``epoch``."""
SESSION_UPDATES = (
    "announcement",
    "session_started",
    "achievement_unlocked",
    "resting",
    "practice_resumed",
    "chat_switched",
    "locked",
    "room_changed",
    "session_cancelled",
    "ending_soon",
)
"""The values of ``update_type``."""
UNNUMBERED: Mapping[str, str] = {
    "welcome": "The first message: who you are, your position (`epoch`, `seq`), whether what you missed follows (`recovered`), and the state.",
    "heartbeat_ack": "The server's clock, and the newest `seq` that you were handed: behind it you have missed something.",
    "ack": "The command with this `reply_to` is durable.",
    "message_sent": "Your chat message has this `seq`.",
    "feedback_received": "Your rating is kept.",
    "error": "A command was refused, or the connection is: a code for programs, a sentence for people.",
    "metrics_update": "The group's figures, of five people or more.",
    "own_metrics": "Your own figures, shown to nobody else.",
    "technique_feedback": "Somebody rated a technique. For staff.",
    "session_feedback": "Somebody rated the session. For staff.",
    "hand_raised": "Somebody raised a hand, or lowered it. For staff.",
    "need_to_stop": "Somebody needs to stop. For staff.",
    "seat_vouched": "A seat was confirmed. For staff.",
}
"""Messages to one client or to staff, without a number of their own."""

_TIMESTAMP = {"type": "string", "format": "date-time"}
_STAFF_COMMANDS = frozenset(
    {
        "start",
        "change_technique",
        "rest",
        "resume_practice",
        "announce",
        "unlock_achievement",
        "remove_participant",
        "vouch",
        "lock",
        "chat_switch",
        "end",
    }
)


def document(*, version: str, server: str) -> dict[str, Any]:
    """Build the document; equal arguments give an equal one. ``server`` is the base URL, which may have a path."""
    schemas: dict[str, Any] = {}
    messages = {
        "hello": _command("hello", Hello, schemas),
        **{f"command_{name}": _command(name, kind, schemas) for name, kind in COMMANDS.items()},
        **{f"numbered_{name}": _numbered(name, text) for name, text in NUMBERED.items()},
        **{f"message_{name}": _unnumbered(name, text) for name, text in UNNUMBERED.items()},
        **_platform_events(schemas),
        **{f"notice_{name.replace('.', '_')}": _notice(name) for name in (*EVENTS, TEST)},
    }

    def names(*beginnings: str) -> list[str]:
        return [name for name in messages if name.startswith(beginnings)]

    live_in, live_out = ["hello", *names("command_")], names("numbered_", "message_")
    events_in = [*names("event_"), "command_heartbeat"]
    events_out = ["message_ack", "message_error", "message_heartbeat_ack"]
    notices = names("notice_")
    url = urlsplit(server)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Halcytone Live",
            "version": version,
            "description": "What goes over sockets and to webhooks. The HTTP API is described by `/api/openapi.json`.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "this": {
                "host": url.netloc,
                "protocol": "wss" if url.scheme == "https" else "ws",
                **({"pathname": url.path.rstrip("/")} if url.path.strip("/") else {}),
            }
        },
        "channels": {
            "liveUpdates": {
                "address": "/ws/live-updates",
                "title": "The live socket",
                "description": _LIVE,
                "servers": [{"$ref": "#/servers/this"}],
                "messages": _references(live_in + live_out),
                "bindings": {"ws": {"method": "GET", "query": _QUERY, "bindingVersion": "0.1.0"}},
            },
            "platformEvents": {
                "address": "/ws/sessions/{session_id}/events",
                "title": "The socket of another platform",
                "description": "A key in `Authorization: Bearer …` or `X-API-Key`, or the token of the session's instructor. "
                "Events may come late, out of order and more than once; each is answered by an `ack` or an `error`.",
                "servers": [{"$ref": "#/servers/this"}],
                "parameters": {"session_id": {"description": "The session that the platform reports of."}},
                "messages": _references(events_in + events_out),
            },
            "webhooks": {
                "address": None,
                "title": "Webhooks",
                "description": "A POST to each address that asked for the event, signed as Standard Webhooks says: `webhook-id`, "
                "`webhook-timestamp`, `webhook-signature`. A repetition has the same `webhook-id`.",
                "messages": _references(notices),
            },
        },
        "operations": {
            "command": _operation("receive", "liveUpdates", live_in, "Commands of people and programs"),
            "follow": _operation("send", "liveUpdates", live_out, "What happens in the session"),
            "report": _operation("receive", "platformEvents", events_in, "Reports of a platform"),
            "answer": _operation("send", "platformEvents", events_out, "What became of a report"),
            "notify": _operation("send", "webhooks", notices, "Notices to other programs"),
        },
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items()))},
    }


_LIVE = (
    "Connect with `hello=1` and send `hello` first, with the secrets that belong into no address. After a lost connection come "
    "again with `after` (the `seq` of the last numbered message) and `epoch`: the welcome says `recovered: true` and what was "
    "missed follows; with `false` load the state from the welcome. Close codes: after 1000 do not reconnect; after 1001, 1006 "
    "and 4000–4499 do, with backoff and jitter (4000 names the seconds, `retry-after=2.5`); after 4500–4999 never."
)
_QUERY = {
    "type": "object",
    "required": ["session_id"],
    "properties": {
        "session_id": {"type": "string"},
        "role": {"enum": [str(role) for role in Role], "default": "participant"},
        "client_id": {
            "type": "string",
            "description": "Known from the welcome; with `resume` it is yours again.",
        },
        "name": {"type": "string"},
        "after": {"type": "integer", "minimum": 0},
        "epoch": {"type": "string"},
        "hello": {"const": "1"},
    },
}


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
    if isinstance(renamed.get("description"), str):
        renamed["description"] = inspect.cleandoc(renamed["description"]).replace("``", "`")
    return renamed


def _command(name: str, kind: type, schemas: dict[str, Any]) -> dict[str, Any]:
    data = _schema(kind, schemas)
    properties = {
        "type": {"const": "chat" if name == "chat_switch" else name},
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
    required = ["type", "data"] if data.get("required") else ["type"]
    by = "Of staff." if name in _STAFF_COMMANDS else ""
    return _message(name, f"{data.pop('description', '')} {by}".strip(), properties, required)


def _numbered(name: str, text: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "type": {"const": name},
        "session_id": {"type": "string"},
        "seq": {"type": "integer", "minimum": 1, "description": "One more than the numbered message before."},
        "epoch": {
            "type": "string",
            "description": "Of the session's journal; another one is another history.",
        },
        "timestamp": _TIMESTAMP,
        "content": {"type": "object"},
    }
    if name == "session_update":
        properties["update_type"] = {"enum": list(SESSION_UPDATES)}
    return _message(name, text, properties, list(properties))


def _unnumbered(name: str, text: str) -> dict[str, Any]:
    # The welcome is all at the top level; an error before any session has no session.
    properties: dict[str, Any] = {
        "type": {"const": name},
        "session_id": {"type": ["string", "null"]},
        "timestamp": _TIMESTAMP,
    }
    if name == "welcome":
        properties |= {
            "epoch": {"type": "string"},
            "seq": {"type": "integer", "minimum": 0},
            "recovered": {"type": "boolean"},
            "client_id": {"type": "string"},
            "role": {"enum": [str(role) for role in Role]},
        }
        return _message(name, text, properties, list(properties))
    content: dict[str, Any] = {"type": "object"}
    if name == "error":
        content |= {
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        }
    properties["content"] = content
    required = list(properties)
    properties["reply_to"] = {"type": "string"}
    return _message(name, text, properties, required)


def _platform_events(schemas: dict[str, Any]) -> dict[str, Any]:
    union = get_args(PlatformEvent)[0]
    described = {}
    for kind in get_args(union):
        schema = _schema(kind, schemas)
        name = schema["properties"]["type"]["const"]
        described[f"event_{name.replace('.', '_')}"] = {
            "name": name,
            "title": name,
            "summary": schema.pop("description", "") or f"A platform reports {name}.",
            "payload": schema,
        }
    return described


def _notice(name: str) -> dict[str, Any]:
    properties = {"type": {"const": name}, "timestamp": _TIMESTAMP, "data": {"type": "object"}}
    return _message(
        name,
        "Sent to webhooks." if name != TEST else "Sent when a webhook is tested.",
        properties,
        list(properties),
    )


def _message(
    name: str, summary: str, properties: Mapping[str, Any], required: Iterable[str]
) -> dict[str, Any]:
    payload = {"type": "object", "required": list(required), "properties": dict(properties)}
    return {"name": name, "title": name, "summary": summary or f"`{name}`", "payload": payload}


def _references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str, names: Iterable[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }
