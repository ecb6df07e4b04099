"""Messages of live sockets and event sockets, right, nearly right and not at all; seeded."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["EVENTS", "MESSAGES", "mutated", "text"]

MESSAGES: dict[str, dict[str, Any]] = {
    "heartbeat": {},
    "technique_feedback": {"technique": "Box Breathing", "rating": 4, "difficulty": 2},
    "chat": {"message": "good morning"},
    "heart_rate": {"rr": [812.0, 820.5], "bpm": 74.0, "contact": True},
    "hrv_update": {"hrv_value": 42.0, "improvement": 5.0},
    "breath_tap": {"phase": "inhale"},
    "consent": {"heart_rate": True, "group": True, "version": "1"},
    "opt_in": {"technique": "Box Breathing", "accepted": True},
    "raise_hand": {"raised": True},
    "need_to_stop": {},
    "session_feedback": {"rating": 5, "comment": "calm", "publish_quote": True, "publish_name": False},
    "start": {},
    "change_technique": {"technique": "Coherent Breathing", "duration": 300, "pattern": [5, 0, 5, 0]},
    "rest": {},
    "resume_practice": {},
    "announce": {"title": "Soon", "message": "We begin", "action_url": "/subscribe/"},
    "unlock_achievement": {"title": "Ten rounds", "description": "together"},
    "remove_participant": {"client_id": "c-1"},
    "delete_message": {"seq": 1},
    "vouch": {"client_id": "c-1", "vouched": True},
    "lock": {"locked": False},
    "end": {},
    "hello": {"token": "t", "resume": "r"},
}
EVENTS: dict[str, dict[str, Any]] = {
    "session.started": {"title": "Morning", "instructor": "Ivy", "scheduled_duration": 1800},
    "participant.joined": {"participant_id": "u-1", "name": "Ada"},
    "participant.left": {"participant_id": "u-1"},
    "technique.changed": {"technique": "Box Breathing", "duration": 300, "instruction": "slowly"},
    "hrv.milestone": {"improvement": 12.5, "average_hrv": 48.0},
    "achievement.unlocked": {"title": "Calm", "description": "x", "badge_url": "https://site.example/b.png"},
    "session.ended": {"duration": 1200, "total_participants": 12, "average_hrv_improvement": 8.0},
    "heartbeat": {},
}

_NUMBERS = (0, -1, 1, 5, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, -(2**64), 10**40, 0.1, 1e-320, -0.0)
_TEXTS = (
    "",
    " ",
    "\x00",
    "a" * 101,
    "a" * 5000,
    "́" * 300,
    "\ud800",
    "\udfff\ud800",
    "🫁" * 600,
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "../../etc/passwd",
    "{{ 7 * 7 }}",
    "\r\nSet-Cookie: a=b",
    "\u202e\u2066",
    "\ufeff",
    "2026-01-01T00:00:00Z",
    "9999-99-99T99:99:99Z",
    "NaN",
    "null",
    "javascript:alert(1)",
    "https://[::1",
    "https://" + "a" * 3000,
)
_RAW = (
    "",
    "nul",
    "NaN",
    "[NaN]",
    "Infinity",
    '{"type": "chat", "type": "end", "data": {}, "data": []}',
    '{"type": "heart_rate", "data": {"rr": [1e999]}}',
    '{"type": "chat", "data": {"message": "\\ud800"}}',
    '{"type": "chat", "data": {"message": "\\u0000"}}',
    '{"type":"hello","data":{"token":"\\ud800"}}',
    "[" * 5000,
    "[" * 200 + "]" * 200,
    '{"a":' * 300 + "1" + "}" * 300,
    '{"type": "chat", "data": {"message": "x"}} trailing',
    "\ufeff{}",
    "1" * 5000,
    '{"type": "heart_rate", "data": {"rr": [' + "1" * 4400 + "]}}",
    '{"type": "heartbeat", "id": 5}',
    '{"type": "heartbeat", "session_id": ["s"]}',
    '{"' + "k" * 60000 + '": 1}',
)


def mutated(rng: Random, of: dict[str, dict[str, Any]], *, intact: float = 0.3) -> str:
    """One message as JSON: as it should be with a chance of ``intact``, else with some of it changed, or no message."""
    if rng.random() < 0.06:
        return rng.choice(_RAW)
    kind = rng.choice(list(of))
    message: Any = {"type": kind, "data": dict(of[kind])}
    if rng.random() < 0.4:
        message["id"] = rng.choice(["m-1", "m-2", f"m-{rng.random()}", "", "x" * 201])
    if of is EVENTS and rng.random() < 0.3:
        message["timestamp"] = rng.choice([1, 1700000000, 1.7e12, "2026-01-01T00:00:00Z", *_NUMBERS, "soon"])
    if rng.random() >= intact:
        for _ in range(rng.randint(1, 3)):
            message = _changed(rng, message)
    if of is EVENTS and rng.random() < 0.05:
        message = [message] * rng.randint(0, 3)
    text = json.dumps(message, ensure_ascii=rng.random() < 0.5)
    return _cut(rng, text) if rng.random() < 0.05 else text


def text(rng: Random) -> str:
    """A text of the kind that breaks programs."""
    return rng.choice(_TEXTS)


def _changed(rng: Random, message: Any) -> Any:
    if not isinstance(message, dict) or not message:
        return _value(rng)
    message = dict(message)
    inner = message.get("data")
    if isinstance(inner, dict) and inner and rng.random() < 0.7:
        return {**message, "data": _changed(rng, inner)}
    key = rng.choice(list(message))
    changes: list[Callable[[], Any]] = [
        lambda: message.pop(key),
        lambda: message.update({key: _value(rng)}),
        lambda: message.update({text(rng): _value(rng)}),
        lambda: message.update({key: [message[key]]}),
    ]
    rng.choice(changes)()
    return message


def _value(rng: Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: rng.choice(_NUMBERS),
        lambda: text(rng),
        lambda: rng.choice([True, False, None]),
    ]
    if depth < 4:
        kinds += [
            lambda: [_value(rng, depth + 1) for _ in range(rng.choice([0, 1, 3, 70]))],
            lambda: {text(rng)[:40]: _value(rng, depth + 1) for _ in range(rng.randint(0, 4))},
        ]
    return rng.choice(kinds)()


def _cut(rng: Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", "\x00", "}", "\\"]) + text[at + rng.randint(0, 3) :]
