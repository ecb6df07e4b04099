"""Which column of a recording's file holds the intervals between beats: by option, name, running sum or values."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.recordings.columns import Table, is_running_sum, rises_all_the_way
from engine.recordings.lines import BadRecording, number, shown
from engine.recordings.units import BELOW_IS_SECONDS, LONGEST_MS, SHORTEST_MS, meaning

__all__ = ["Choice", "choices", "mostly_numbers"]

LEAST_SHARE_OF_NUMBERS: Final = 0.9


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to read a file: the cells that may be the intervals, with the number of the line of each."""

    cells: Sequence[str]
    lines: Sequence[int]
    table: Table
    column: int | None  # from 0
    certain: bool  # by option, header, running sum, or because there is no other

    @property
    def certain_columns(self) -> bool:
        """Say that there are columns and which it is: no other way to read the file needs a look."""
        return self.certain and self.table.width > 1

    def described(self) -> str:
        """Return it as a reading in an error: what the first line then says."""
        first = shown(self.cells[0])
        if self.column is None:
            return f"{len(self.cells)} intervals on one line"
        if self.table.width == 1:
            return f"one value, {first}"
        return f"{self.table.width} columns, of which column {self.column + 1} is the interval, {first}"


def choices(table: Table, column: str | None) -> list[Choice]:
    """Return the columns that can be the intervals; ``column`` is a name of the header or a number from 1.

    Raises:
        BadRecording: there is none, or not the one that was asked for.
    """
    if column is not None:
        return [_chosen(table, _named(table, column), certain=True)]
    if table.width == 1:
        return [_chosen(table, 0, certain=True)]
    by_name = [i for i, name in enumerate(table.header) if meaning(name).intervals]
    if by_name:
        return [_chosen(table, i, certain=True) for i in by_name]
    by_sum = [
        i
        for i in range(table.width)
        if any(
            is_running_sum(table.column(j), table.column(i), ratio)
            for j in range(table.width)
            if j != i
            for ratio in (1, 1000, 0.001)
        )
    ]
    if by_sum:
        return [_chosen(table, i, certain=True) for i in by_sum]
    if table.header:
        names = ", ".join(shown(name) for name in table.header)
        raise BadRecording(
            f"line {table.header_line}: none of the columns {names} is called rr, rr-interval, ibi or nn; "
            f"say which it is with --column"
        )
    if len(table.rows) == 1:
        row = Choice(table.rows[0], table.lines * table.width, table, None, certain=table.width > 2)
        # Two values are as well a time and an interval.
        return [row, *([] if row.certain else [_chosen(table, 1, certain=False)])]
    able = [
        _chosen(table, i, certain=False) for i in range(table.width) if _can_be_intervals(table.column(i))
    ]
    if not able:
        raise BadRecording(
            f"line {table.lines[0]}: none of its {table.width} columns can be intervals between beats, in "
            f"milliseconds or in seconds; say which it is with --column and --unit"
        )
    return able


def _chosen(table: Table, index: int, *, certain: bool) -> Choice:
    return Choice(table.column(index), table.lines, table, index, certain)


def _named(table: Table, column: str) -> int:
    """Return the place of the column that was asked for, from 0."""
    if column.isascii() and column.isdigit():
        index = int(column) - 1
        if not 0 <= index < table.width:
            raise BadRecording(
                f"line {table.lines[0]}: there is no column {column}; the line has {table.width}"
            )
        return index
    wanted = column.strip().casefold()
    places = [i for i, name in enumerate(table.header) if name.casefold() == wanted]
    places = places or [
        i for i, name in enumerate(table.header) if meaning(name).bare == meaning(column).bare
    ]
    if len(places) != 1:
        known = ", ".join(shown(name) for name in table.header) or "no names"
        how_many = "no column" if not places else f"{len(places)} columns"
        line = table.header_line if table.header else table.lines[0]
        raise BadRecording(f"line {line}: {how_many} called {shown(column)}; the header has {known}")
    return places[0]


def _can_be_intervals(cells: Sequence[str]) -> bool:
    """Say whether a column without a name can be intervals, by its values alone."""
    values = [value for cell in cells if (value := number(cell)) is not None and 0 < value < 1e9]
    if not values or len(values) < LEAST_SHARE_OF_NUMBERS * len(cells):
        return False
    middle = statistics.median(values)
    seconds = middle < BELOW_IS_SECONDS
    # Nobody writes seconds of a heart without a fraction: 0 and 1, 2 and 3 are flags and counts.
    if seconds and all(value.is_integer() for value in values):
        return False
    if not SHORTEST_MS <= middle * (1000 if seconds else 1) <= LONGEST_MS:
        return False
    return not rises_all_the_way(values)


def mostly_numbers(cells: Sequence[str]) -> bool:
    """Say whether cells are numbers but for a few."""
    return sum(number(cell) is not None for cell in cells) >= LEAST_SHARE_OF_NUMBERS * len(cells)
