"""Commands that were carried out, by their ids: one that is sent again is answered as it was the first time.

Known are the newest ``KEPT`` of a session. They are durable beside the ids of platform events, in one transaction with
what the command did, so that a repetition is known after a reconnect and after a restart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from engine.protocol.incoming import Inbound

__all__ = ["KEPT", "CommandIds", "command_key"]

KEPT = 10_000
_STORED = re.compile(r"command:([0-9a-f]{32}):([0-9]+)")


def command_key(client_id: str, inbound: Inbound) -> str:
    """What a repetition has in common with the first: who sent it, its id, and what it says.

    Programs that number their commands anew on each connection use an id twice for different ones: both happen.
    """
    content = f"{client_id}\0{inbound.id}\0{inbound.type}\0{inbound.command!r}"
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class CommandIds:
    """The ``seq`` with which each command was answered, the oldest first."""

    __slots__ = ("_seqs",)

    def __init__(self, stored: Iterable[str]) -> None:
        """``stored``: event ids of the journal, others among them."""
        found = [match.groups() for text in stored if (match := _STORED.fullmatch(text))]
        found.sort(key=lambda groups: int(groups[1]))
        self._seqs = {key: int(seq) for key, seq in found[-KEPT:]}

    def seq_of(self, key: str) -> int | None:
        """The ``seq`` of the first answer; None for a command that is not known."""
        return self._seqs.get(key)

    def add(self, key: str, seq: int) -> str:
        """Note a command; returns what the journal is to store of it."""
        self._seqs[key] = seq
        if len(self._seqs) > KEPT:
            del self._seqs[next(iter(self._seqs))]
        return f"command:{key}:{seq}"
