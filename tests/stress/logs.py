"""What the people of one room were told: every number with its bytes, and every log held against the others."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Faults", "Message", "RoomLog"]

Message = dict[str, Any]

_MOST_SHOWN = 5


class Faults:
    """What must not be, by kind: how often, and the first few in words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.shown: list[str] = []

    def add(self, kind: str, words: str) -> None:
        """Note one."""
        self.counts[kind] += 1
        if self.counts[kind] <= _MOST_SHOWN:
            self.shown.append(f"{kind}: {words}")


@dataclass(slots=True)
class RoomLog:
    """One session as its clients saw it. Equal bytes are read once, however many got them."""

    session_id: str
    faults: Faults
    by_seq: dict[int, bytes] = field(default_factory=dict)
    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Marker of a command: its kind, and the ``seq`` that its sender was told."""
    repeated: set[str] = field(default_factory=set)
    """Markers of commands that are sent again until they are acknowledged: each answer is the same."""
    reported: set[str] = field(default_factory=set)
    """Ids of platform events that were acknowledged."""
    _known: dict[bytes, Message] = field(default_factory=dict)

    def read(self, payload: bytes) -> Message:
        """The message; a numbered one is the same for everybody who ever gets it."""
        known = self._known.get(payload)
        if known is not None:
            return known
        message: Message = json.loads(payload)
        if "epoch" in message and "seq" in message and message["type"] != "welcome":
            self._known[payload] = message
            other = self.by_seq.setdefault(message["seq"], payload)
            if other != payload:
                self.faults.add(
                    "logs differ",
                    f"{self.session_id} {message['seq']}: {payload!r} here, {other!r} elsewhere",
                )
        return message

    def acknowledge(self, marker: str, kind: str, seq: int) -> None:
        """A sender was told that a command is durable."""
        same = marker in self.repeated and self.acknowledged.get(marker) == (kind, seq)
        if marker in self.acknowledged and not same:
            self.faults.add("acknowledged twice", f"{self.session_id} {marker}")
        self.acknowledged[marker] = (kind, seq)
