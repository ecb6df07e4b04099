"""The AsyncAPI 3 document: the live socket, the platform's event socket and webhooks, from the models that check messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from engine.domain.session import Role
from engine.protocol.asyncapi_messages import messages_and_schemas

__all__ = ["document"]


def document(*, version: str, server: str) -> dict[str, Any]:
    """Build the document; equal arguments give an equal one. ``server`` is the base URL, which may have a path."""
    messages, schemas = messages_and_schemas()

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
        "session_id": {"type": "string", "description": "The session to join."},
        "role": {
            "enum": [str(role) for role in Role],
            "default": "participant",
            "description": "What the connection may see and do: `observer` only looks on, as a screen on a wall does; `instructor` "
            "is for co-hosts too.",
        },
        "client_id": {
            "type": "string",
            "description": "Known from the welcome; with `resume` it is yours again.",
        },
        "name": {"type": "string", "description": "What others call you; without it you get a pseudonym."},
        "after": {
            "type": "integer",
            "minimum": 0,
            "description": "The `seq` of the last numbered message that you have.",
        },
        "epoch": {"type": "string", "description": "The `epoch` of that message."},
        "hello": {"const": "1", "description": "Says that the first frame is a `hello`."},
    },
}


def _references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str, names: Iterable[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }
