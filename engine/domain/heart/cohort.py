"""Disclosure control: which figure of a group may be shown and stored without disclosing one person.

A mean before and after one person comes or goes is two equations that give that person away. So a figure is
published over a fixed cohort:

- nothing below five people;
- who is new waits, and the cohort goes on without them; somebody missing takes their part of the cohort with them where
  most are left, and else freezes the figure where it was;
- the cohort changes only where the new figure, together with all that were published or stored before, singles out no fewer
  than five people or, five minutes after it last did, no fewer than two (``differencing``);
- somebody whose strap falls silent for a while counts with their last value, so that a lost contact neither shows
  them nor freezes the group.

Parts. So that a withdrawal can take its share back, the cohort is divided into parts of at least five people, and the mean
of each is kept beside the figure (``shares``). A part never changes. The parts cover the whole cohort, but for fewer than
five who came late and whom the figures of the cohort itself tell apart from the rest: the figure less all stored means is
that late group's, and nobody's else. Newcomers divide into parts of their own; whoever was counted before stays undivided
with whom they are left with, since that mean follows from the figure and the other parts. So a stored mean never tells
more than five people's, whatever else is known, and the disclosed groups hold it to that.

Rounding, and a refresh every 30 s at most, are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar

from engine.domain.heart.differencing import DisclosedGroups
from engine.domain.heart.shares import SMALLEST_GROUP, Figure, Part, Share, figure_of, share_of
from engine.domain.instant import MINUTE, SECOND, Millis

__all__ = ["MOST_PARTS", "SMALLEST_GROUP", "Cohort", "EarlierFigures", "PartRegistry"]

SMALLEST_LATE_CHANGE: Final = 2
LATE: Final = 5 * MINUTE
HELD: Final = 2 * MINUTE
#: How long the first figure waits for those who are about to be measured too.
GATHERING: Final = 60 * SECOND
#: More parts than this would take room in the journal and give back little: each is a twentieth of the group.
MOST_PARTS: Final = 20

Value = TypeVar("Value", bound=complex)


@dataclass(frozen=True, slots=True)
class EarlierFigures:
    """What was published of a figure before a restart: its parts, every group it was shown for, and when last."""

    parts: tuple[Part, ...]
    groups: tuple[frozenset[str], ...]
    at: Millis


class PartRegistry:
    """Numbers the parts that are formed in one session, and keeps them until they are recorded."""

    __slots__ = ("_formed", "_next", "order")

    def __init__(self, first: int = 1, order: Callable[[str], Any] = str) -> None:
        """``order``: the sort key by which people are divided; an unpredictable one keeps them from choosing their part."""
        self._next = first
        self._formed: list[Part] = []
        self.order = order

    def form(self, figure: Figure, people: Iterable[str]) -> Part:
        """Make a part with the next number."""
        part = Part(self._next, figure, tuple(people))
        self._next += 1
        self._formed.append(part)
        return part

    def take(self) -> tuple[Part, ...]:
        """Return the parts that were formed since this was last asked."""
        formed = tuple(self._formed)
        self._formed.clear()
        return formed


class Cohort(Generic[Value]):
    """One figure, and the fixed group of people it is computed over; mutable, one per figure and session."""

    __slots__ = (
        "_changed_at",
        "_disclosed",
        "_figure",
        "_gathering_since",
        "_members",
        "_name",
        "_parts",
        "_refused",
        "_roll",
        "_stored",
        "_values",
        "shares",
    )

    def __init__(self, figure: Figure, roll: PartRegistry) -> None:
        self._name: Figure = figure
        self._roll = roll
        self._values: dict[str, tuple[Value, Millis]] = {}
        self._changed_at: Millis = 0
        self._begin()

    def _begin(self) -> None:
        self._disclosed = DisclosedGroups()
        self._members: frozenset[str] = frozenset()
        self._parts: tuple[Part, ...] = ()  # of the members
        self._stored: list[Part] = []  # all that were ever formed and are still whole
        self._figure: float | None = None
        self._refused: tuple[frozenset[str], bool] | None = None
        self._gathering_since: Millis | None = None
        self.shares: tuple[Share, ...] = ()
        """What each part of the cohort has in the figure that ``publish`` last returned."""

    def resume(self, earlier: EarlierFigures) -> None:
        """Continue after a restart: what was published before counts for what may be published next."""
        self._stored = [part for part in earlier.parts if len(part.people) >= SMALLEST_GROUP]
        for group in (*earlier.groups, *(frozenset(part.people) for part in self._stored)):
            self._disclosed.add(group)
        self._changed_at = earlier.at

    def note(self, client_id: str, value: Value, at: Millis) -> None:
        """Store somebody's newest value."""
        self._values[client_id] = (value, at)

    def forget(self, client_id: str) -> None:
        """Drop somebody's value: they left."""
        self._values.pop(client_id, None)

    def withdraw(self, client_id: str) -> bool:
        """Remove somebody's values and the whole part they were counted in.

        Returns whether the shown figure included them; there is none until the next ``publish`` then.
        """
        self._values.pop(client_id, None)
        self._stored = [part for part in self._stored if client_id not in part.people]
        if client_id not in self._members:
            return False
        left = [p for p in self._parts if client_id not in p.people and len(p.people) >= SMALLEST_GROUP]
        self._set_parts(left)
        self._figure, self.shares = None, ()
        return True

    def clear(self) -> None:
        """Start over: the values to come are of another quantity, and not comparable with those before."""
        self._values.clear()
        self._begin()

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
        if present != self._members:
            self._change_members(frozenset(present), at, more_to_come=more_to_come)
        # The newcomers that wait are left out; a leaver that is missed leaves the figure as it was.
        if self._members and self._members <= present:
            self._compute()
        return self._figure

    def _compute(self) -> None:
        total: complex = 0
        shares = []
        for part in self._parts:
            subtotal = sum(self._values[who][0] for who in part.people)
            n = len(part.people)
            shares.append(share_of(part.number, n, subtotal / n if n >= SMALLEST_GROUP else None))
            total += subtotal
        self.shares = tuple(shares)
        self._figure = figure_of(self._name, total / len(self._members))

    def _change_members(self, present: frozenset[str], at: Millis, *, more_to_come: bool) -> None:
        if not self._disclosed:
            if self._gathering_since is None:
                self._gathering_since = at
            if more_to_come and at - self._gathering_since < GATHERING:
                return
        elif not self._may_change_to(present, at):
            # With somebody missing, the parts that are whole go on by themselves: their figures are known already.
            # A small rest would not be the group's figure; then the last one stands still for a while.
            if not self._members <= present or not self._members:
                untouched = self._complete_parts(present)
                people = sum(len(part.people) for part in untouched)
                if untouched and (2 * people >= len(present) or not self._members):
                    self._set_parts(untouched)
            return
        self._changed_at = at
        whole = self._complete_parts(present)
        rest = present.difference(*(part.people for part in whole))
        new = not any(self._disclosed.knows(who) for who in rest)
        self._disclosed.add(present)
        self._set_parts([*whole, *self._divide(rest, new)])

    def _may_change_to(self, present: frozenset[str], at: Millis) -> bool:
        late = at - self._changed_at >= LATE
        fewest = SMALLEST_LATE_CHANGE if late else SMALLEST_GROUP
        if len(present ^ self._members) < fewest or self._refused == (present, late):
            return False
        if self._disclosed.allows(present, fewest):
            return True
        self._refused = (present, late)
        return False

    def _complete_parts(self, present: AbstractSet[str]) -> list[Part]:
        """Parts of which everybody is here, none of them twice; the newest first, as they are in use."""
        found: list[Part] = []
        left = set(present)
        for part in reversed(self._stored):
            if left.issuperset(part.people):
                left.difference_update(part.people)
                found.append(part)
        return found

    def _divide(self, rest: AbstractSet[str], new: bool) -> list[Part]:
        """Parts for people who are in none; fewer than five make one whose mean is not kept.

        Only people who never stood behind a figure may be divided: nothing that is known crosses their parts.
        """
        if not rest:
            return []
        people = sorted(rest, key=self._roll.order)
        count = max(1, min(len(people) // SMALLEST_GROUP, MOST_PARTS)) if new else 1
        parts = [self._roll.form(self._name, some) for some in _split_evenly(people, count)]
        for part in parts:
            if len(part.people) >= SMALLEST_GROUP:
                self._stored.append(part)
                self._disclosed.add(frozenset(part.people))
        return parts

    def _set_parts(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._members = frozenset(who for part in parts for who in part.people)


def _split_evenly(people: Sequence[str], count: int) -> list[Sequence[str]]:
    """The people in ``count`` groups of as equal size as possible."""
    ends = [len(people) * i // count for i in range(count + 1)]
    return [people[start:end] for start, end in pairwise(ends)]
