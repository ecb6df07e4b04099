"""What may be shown of a group without showing one person of it.

A mean before and after one person comes or goes is two equations that give that person away. So a figure is
published over a fixed cohort:

- nothing below five people;
- who is new waits, and the cohort goes on without them; who leaves freezes the figure where it was;
- the cohort changes only when at least five people change at once or, five minutes after it last did, at least two;
- somebody whose strap falls silent for a while counts with their last value, so that a lost contact neither shows
  them nor freezes the group.

Rounding, and a refresh every 30 s at most, are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Generic, TypeVar

from engine.domain.instant import MINUTE, SECOND, Millis

__all__ = ["SMALLEST_GROUP", "Cohort"]

SMALLEST_GROUP: Final = 5
SMALLEST_LATE_CHANGE: Final = 2
LATE: Final = 5 * MINUTE
HELD: Final = 2 * MINUTE
#: How long the first figure waits for those who are about to be measured too.
GATHERING: Final = 60 * SECOND

Value = TypeVar("Value")


class Cohort(Generic[Value]):
    """One figure and the people behind it; mutable, one per figure and session.

    ``combine`` makes the figure, rounded, of at least five values.
    """

    __slots__ = ("_changed_at", "_combine", "_figure", "_gathering_since", "_members", "_values")

    def __init__(self, combine: Callable[[Sequence[Value]], float]) -> None:
        self._combine = combine
        self._values: dict[str, tuple[Value, Millis]] = {}
        self._members: frozenset[str] = frozenset()
        self._figure: float | None = None
        self._changed_at: Millis = 0
        self._gathering_since: Millis | None = None

    def note(self, client_id: str, value: Value, at: Millis) -> None:
        """Take somebody's newest value."""
        self._values[client_id] = (value, at)

    def forget(self, client_id: str) -> None:
        """Drop somebody's value: they left, or withdrew."""
        self._values.pop(client_id, None)

    def clear(self) -> None:
        """Begin anew: what comes is another quantity, and no difference from the last figure means anything."""
        self._values.clear()
        self._members = frozenset()
        self._figure = None
        self._gathering_since = None

    @property
    def size(self) -> int:
        """How many people have a value, the newest of which may be some minutes old."""
        return len(self._values)

    def publish(self, at: Millis, *, more_to_come: bool = False) -> float | None:
        """Return the figure that may be shown now.

        ``more_to_come``: others are about to have a value, and the first figure waits a minute for them.
        """
        for who in [who for who, (_, noted) in self._values.items() if at - noted > HELD]:
            del self._values[who]
        present = self._values.keys()
        if len(present) < SMALLEST_GROUP:
            return None
        if present != self._members and self._may_become(present, at, more_to_come=more_to_come):
            self._members = frozenset(present)
            self._changed_at = at
        # The newcomers that wait are left out; a leaver that is missed leaves the figure as it was.
        if self._members and self._members <= present:
            self._figure = self._combine([self._values[who][0] for who in sorted(self._members)])
        return self._figure

    def _may_become(self, present: AbstractSet[str], at: Millis, *, more_to_come: bool) -> bool:
        if not self._members:
            if self._gathering_since is None:
                self._gathering_since = at
            return not more_to_come or at - self._gathering_since >= GATHERING
        change = len(present ^ self._members)
        late = at - self._changed_at >= LATE
        return change >= SMALLEST_GROUP or (late and change >= SMALLEST_LATE_CHANGE)
