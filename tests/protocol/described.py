"""A message held against the AsyncAPI document."""

from __future__ import annotations

from typing import Any

import jsonschema

from engine.protocol.asyncapi import document

__all__ = ["DOCUMENT", "check_described", "described_name"]

DOCUMENT = document(version="1", server="https://breathe.example/studio")


def described_name(message: dict[str, Any], kind: str = "") -> str:
    """The name in the document of a message that the server sends; ``kind`` is ``notice`` for what webhooks get."""
    name = message["type"].replace(".", "_")
    if kind:
        return f"{kind}_{name}"
    if "update_type" in message:
        return f"numbered_session_update_{message['update_type']}"
    return f"{'numbered' if 'epoch' in message and name != 'welcome' else 'message'}_{name}"


def check_described(message: dict[str, Any], kind: str = "") -> str:
    """Check that a message is as the document describes it, with no field more; returns its name there."""
    name = described_name(message, kind)
    closed = _closed(DOCUMENT["components"])
    schema = {**closed["messages"][name]["payload"], "components": closed}
    jsonschema.Draft7Validator(schema).validate(message)
    return name


def _closed(value: Any) -> Any:
    """Schemas that allow only the fields they name. Where fields have any name, they say so themselves."""
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(each) for name, each in value.items()}
    if value.get("type") == "object" and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed
