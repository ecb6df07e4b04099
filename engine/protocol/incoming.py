"""Parse the messages of a live socket, ``{"type", "id"?, "data"}``, into commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from engine.domain import commands as c
from engine.domain.rejection import Invalid
from engine.protocol.reasons import reasons

__all__ = ["COMMANDS", "Hello", "Inbound", "parse", "parse_hello"]


class Inbound(NamedTuple):
    """One checked message: ``id`` asks for an ``ack`` once the command is durable."""

    type: str
    command: c.Command | c.Telemetry | c.Heartbeat
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of a connection with `hello=1`: the secrets that belong into no address."""

    token: Annotated[str | None, Field(description="A token of the session, or a key.")] = None
    resume: Annotated[str | None, Field(description="The secret of your last welcome.")] = None


COMMANDS: Mapping[str, type] = {
    "heartbeat": c.Heartbeat,
    "technique_feedback": c.RateTechnique,
    "chat": c.Chat,
    "heart_rate": c.HeartRate,
    "hrv_update": c.HrvUpdate,
    "breath_tap": c.BreathTap,
    "consent": c.Consent,
    "opt_in": c.OptIn,
    "raise_hand": c.RaiseHand,
    "need_to_stop": c.NeedToStop,
    "session_feedback": c.RateSession,
    "start": c.Start,
    "change_technique": c.ChangeTechnique,
    "rest": c.Rest,
    "resume_practice": c.ResumePractice,
    "announce": c.Announce,
    "unlock_achievement": c.UnlockAchievement,
    "remove_participant": c.RemoveParticipant,
    "delete_message": c.DeleteMessage,
    "vouch": c.Vouch,
    "lock": c.Lock,
    "chat_switch": c.SwitchChat,
    "end": c.End,
}
_COMMAND_OF: Mapping[str, Callable[[Any], Any]] = {
    name: TypeAdapter(kind).validator.validate_python for name, kind in COMMANDS.items()
}
_CHAT_SWITCH_FIELDS = frozenset({"enabled"})
_FIELDS = frozenset({"type", "id", "data"})
_MAX_ID_LENGTH = 200


def parse(text: str) -> Inbound:
    """The command in a text frame.

    Raises:
        Invalid: what is wrong, and with which field; ``details`` may carry the ``id`` of the message.
    """
    outer = _object(text)
    kind = outer.get("type")
    if not isinstance(kind, str):
        raise Invalid(
            "invalid_message", 'A message is {"type": …, "id"?: …, "data": {…}}.', {"type": "missing"}
        )
    reply_to = outer.get("id")
    if reply_to is not None and (not isinstance(reply_to, str) or not 0 < len(reply_to) <= _MAX_ID_LENGTH):
        raise Invalid("invalid_message", "An id is a text of 1 to 200 characters.", {"id": "not such a text"})
    if not outer.keys() <= _FIELDS:
        unknown = sorted(outer.keys() - _FIELDS)
        raise Invalid("invalid_message", "There are unknown fields.", dict.fromkeys(unknown, "unknown field"))
    data = outer.get("data", {})
    if not isinstance(data, dict):
        raise Invalid("invalid_message", "The data of a message is an object.", {"data": "not an object"})
    # Instructors switch the chat with the same word with which participants use it.
    if kind == "chat" and data.keys() == _CHAT_SWITCH_FIELDS:
        kind = "chat_switch"
    command_of = _COMMAND_OF.get(kind)
    if command_of is None:
        known = ", ".join(sorted(name for name in COMMANDS if name != "chat_switch"))
        raise Invalid(
            "unknown_type",
            f"There is no message of type {kind[:100]}; there are {known}.",
            {"type": "unknown"},
        )
    try:
        return Inbound(kind, command_of(data), reply_to)
    except ValidationError as wrong:
        raise Invalid(
            "invalid_message", f"The data of this {kind} is wrong.", reasons(wrong, "data")
        ) from None


_HELLO: TypeAdapter[Hello] = TypeAdapter(Hello)


def parse_hello(text: str) -> Hello:
    """The first frame of a connection that announced one with ``hello=1``.

    Raises:
        Invalid: it is no hello.
    """
    outer = _object(text)
    data = outer.get("data", {})
    if outer.get("type") != "hello" or not isinstance(data, dict) or data.keys() - {"token", "resume"}:
        raise Invalid(
            "invalid_message", 'The first frame is {"type": "hello", "data": {"token"?, "resume"?}}.'
        )
    try:
        return _HELLO.validate_json(to_json(data), strict=True)
    except ValidationError as wrong:
        raise Invalid("invalid_message", "The hello is wrong.", reasons(wrong, "data")) from None


def _object(text: str) -> dict[str, Any]:
    try:
        outer = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Invalid("invalid_message", "A message is a JSON object in a text frame.") from None
    if not isinstance(outer, dict):
        raise Invalid("invalid_message", "A message is a JSON object.")
    return outer
