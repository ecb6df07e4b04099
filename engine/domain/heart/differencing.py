"""Differencing: what a series of group figures discloses together, though each by itself discloses nobody.

A figure over a known group is an equation: the sum of its people's values. Two groups that differ by one person are two
equations that give that person away; three pairs out of three people give all three away. The worst case is taken
throughout: that nobody's value changes from one figure to the next, and that whoever reads has kept them all.

Groups are vectors of ones over the people. What can be worked out of them is their span, and the people whom some
vector of the span does not leave out are those of whom something is known. ``DisclosedGroups`` keeps the groups that were published or
stored, and says how few people a further one would single out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations, islice
from typing import Final

__all__ = ["DisclosedGroups"]

#: Arithmetic modulo a prime is exact, and no determinant of zeros and ones of this size is a multiple of it.
_PRIME: Final = 2**61 - 1
#: Looking at more subsets than this would take too long; the group is refused instead.
_MOST_CHOICES: Final = 500
_MOST_CELLS: Final = 20

Row = list[int]


class DisclosedGroups:
    """The groups whose figures were published or stored; mutable, grows with each that is new."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: list[AbstractSet[str]] = []

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, group: AbstractSet[str]) -> None:
        """Record that the figure of this group was published or stored."""
        if group not in self._groups:
            self._groups.append(group)

    def knows(self, client_id: str) -> bool:
        """Whether any recorded group includes somebody."""
        return any(client_id in group for group in self._groups)

    def allows(self, group: AbstractSet[str], fewest: int) -> bool:
        """Whether the figure of ``group`` discloses nothing new of fewer than ``fewest`` people.

        A figure that follows from those already recorded discloses nothing new.
        """
        columns = [*self._groups, group]
        cells = Counter(_membership(columns).values())
        small = sorted(cell for cell, people in cells.items() if people < fewest)
        large = [cell for cell, people in cells.items() if people >= fewest]
        rows = [[cell >> i & 1 for cell in (*large, *small)] for i in range(len(columns))]
        # Vectors that leave out every large cell: rows of the echelon form that begin among the small ones.
        before = [row[len(large) :] for row in _echelon(rows[:-1]) if not any(row[: len(large)])]
        after = [row[len(large) :] for row in _echelon(rows) if not any(row[: len(large)])]
        if len(after) == len(before):
            return True
        if fewest > 2 and len(small) > _MOST_CELLS:
            return False
        choices = list(islice(_choices([cells[cell] for cell in small], fewest - 1), _MOST_CHOICES + 1))
        if len(choices) > _MOST_CHOICES:
            return False
        return not any(_within(after, chosen) > _within(before, chosen) for chosen in choices)


def _membership(groups: Sequence[AbstractSet[str]]) -> dict[str, int]:
    """For each person the groups they are in, as bits: people with the same bits cannot be told apart."""
    found: dict[str, int] = {}
    for i, group in enumerate(groups):
        for who in group:
            found[who] = found.get(who, 0) | 1 << i
    return found


def _choices(sizes: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Choices of cells that hold ``most`` people at most."""
    for count in range(1, most + 1):
        for chosen in combinations(range(len(sizes)), count):
            if sum(sizes[i] for i in chosen) <= most:
                yield chosen


def _within(rows: Sequence[Row], chosen: tuple[int, ...]) -> int:
    """The number of independent combinations of the rows that are zero outside the chosen cells."""
    outside = [[value for i, value in enumerate(row) if i not in chosen] for row in rows]
    return len(rows) - len(_echelon(outside))


def _echelon(rows: Sequence[Row]) -> list[Row]:
    """The rows in echelon form, those of nothing but zeros left out."""
    left = [row.copy() for row in rows]
    found: list[Row] = []
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        inverse = pow(pivot[column], -1, _PRIME)
        for row in left:
            if row[column]:
                factor = row[column] * inverse % _PRIME
                for i in range(column, len(row)):
                    row[i] = (row[i] - factor * pivot[i]) % _PRIME
        found.append(pivot)
    return found
