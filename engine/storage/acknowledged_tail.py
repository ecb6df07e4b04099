"""What a journal acknowledged of late: the owner of a session is the second copy of its newest records.

A failover to a standby that was behind loses commits that clients were told of. Who wrote them writes them again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from engine.storage.journal import Append

__all__ = ["KEPT_S", "AcknowledgedTail"]

KEPT_S: Final = 30.0
"""A standby that is further behind is nobody's to promote."""


class AcknowledgedTail:
    """The entries of the last half minute, in the order in which they were committed. Used by one thread."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, Append]] = deque()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, entries: Iterable[Append], at: float) -> None:
        """Keep entries that were committed at an instant (seconds), and drop those that are too old."""
        self._entries.extend((at, entry) for entry in entries if entry.session_id)
        while self._entries and self._entries[0][0] < at - KEPT_S:
            self._entries.popleft()

    def positions(self) -> dict[str, int]:
        """The position up to which each session was acknowledged."""
        return {
            entry.session_id: entry.records[-1].position if entry.records else entry.expected
            for _, entry in self._entries
        }

    def terms(self) -> dict[str, int]:
        """The newest term in which each session was written."""
        terms: dict[str, int] = {}
        for _, entry in self._entries:
            terms[entry.session_id] = max(terms.get(entry.session_id, 0), entry.term)
        return terms

    def after(self, latest: Mapping[str, int]) -> list[Append]:
        """The entries that are not in logs which stand at ``latest``, in order.

        Rows without records take no position. Those that come after the last records that are there are sent again: they
        are the newest of their session, so that they change nothing where they are there too.
        """
        last_there: dict[str, int] = {}
        for index, (_, entry) in enumerate(self._entries):
            if entry.records and entry.records[-1].position <= latest.get(entry.session_id, 0):
                last_there[entry.session_id] = index
        return [
            entry
            for index, (_, entry) in enumerate(self._entries)
            if index > last_there.get(entry.session_id, -1)
        ]
