"""The columns of a recording's file: how its lines fall into cells, and which column can be intervals between beats."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final

import numpy as np

from engine.recordings.lines import BadRecording, Line, number, shown

__all__ = ["Separator", "Table", "is_running_sum", "rises_all_the_way", "tables"]

# A rise by chance over so many values is one in 479 million.
LEAST_RISE: Final = 12
GAPS_SHARE: Final = 0.1

_NUMBERS_IN_A_CELL: Final = re.compile(r"[\d.]+(\s+[\d.]+)+", re.ASCII)
_PADDED: Final = re.compile(r"0\d+", re.ASCII)


class Separator(Enum):
    """What stands between two values of a line."""

    TAB = "\t"
    SEMICOLON = ";"
    COMMA = ","
    SPACES = " "
    NONE = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Lines as cells, one way of reading them.

    ``rows`` have ``width`` cells or fewer, and the same number unless a header says how many there are. ``header`` is
    empty when the file has none or when it does not fit the columns; ``header_line`` is the number of its line.
    """

    separator: Separator
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    width: int
    header: tuple[str, ...]
    header_line: int | None

    def column(self, index: int) -> list[str]:
        """Return the cells of one column, counted from 0; a cell that is missing is empty."""
        return [row[index] if index < len(row) else "" for row in self.rows]


def tables(head: Line | None, body: Sequence[Line]) -> list[Table]:
    """Return every way in which the lines fall into columns: one, or two where a comma may be the decimal mark.

    Raises:
        BadRecording: there is no way: a line has another number of cells than the first one.
    """
    ways: list[Table] = []
    refusals: list[BadRecording] = []
    for separator in _separators(body):
        try:
            ways.append(_table(separator, head, body))
        except BadRecording as error:
            refusals.append(error)
    if not ways:
        raise refusals[-1]
    by_header = [way for way in ways if way.separator is Separator.COMMA and way.header]
    if by_header:
        return by_header
    fitting = [way for way in ways if way.header]
    return fitting or [way for way in ways if len(ways) == 1 or not _is_one_column_of_decimals(way)]


def is_running_sum(times: Sequence[str], intervals: Sequence[str], ratio: float) -> bool:
    """Say whether the times, multiplied by ``ratio``, are the running sum of the intervals.

    Compared step by step, to the last digit that is written; times may jump ahead where beats were not recorded.
    """
    t, rr = ([number(cell) for cell in cells] for cells in (times, intervals))
    if len(rr) < 2 or any(value is None for value in t) or any(value is None for value in rr):
        return False
    ends, lengths = np.array(t, dtype=np.float64), np.array(rr, dtype=np.float64)
    tolerance = ratio * _last_digit(times) + _last_digit(intervals) + 1e-9
    if not (np.isfinite(ends).all() and np.isfinite(lengths).all()):
        return False
    if tolerance > 0.02 * float(np.median(lengths)):
        return False
    excess = np.diff(ends) * ratio - lengths[1:]
    return bool((excess >= -tolerance).all() and np.mean(excess > tolerance) <= GAPS_SHARE)


def rises_all_the_way(values: Sequence[float]) -> bool:
    """Say whether values only ever rise, as times and counters do and no heart does."""
    return len(values) >= LEAST_RISE and all(a < b for a, b in pairwise(values))


def _separators(body: Sequence[Line]) -> list[Separator]:
    for certain in (Separator.TAB, Separator.SEMICOLON):
        if any(certain.value in line.text for line in body):
            return [certain]
    spaced = any(" " in line.text for line in body)
    other = Separator.SPACES if spaced else Separator.NONE
    return [other, Separator.COMMA] if any("," in line.text for line in body) else [other]


def _table(separator: Separator, head: Line | None, body: Sequence[Line]) -> Table:
    rows = [_cells(line, separator) for line in body]
    header = _header(head, separator)
    # Between spaces there is no empty cell; elsewhere a header tells how many cells a line may have.
    most = len(header) if separator is not Separator.SPACES and len(header) > 1 else 0
    first = len(rows[0])
    for line, row in zip(body, rows, strict=True):
        if len(row) > max(first, most) or (len(row) != first and not most):
            raise BadRecording(
                f"line {line.number}: {shown(line.text)} is {_values(len(row))}, line {body[0].number} "
                f"is {_values(first)}"
            )
        if separator is Separator.COMMA and any(_NUMBERS_IN_A_CELL.fullmatch(cell) for cell in row):
            raise BadRecording(f"line {line.number}: {shown(line.text)} has spaces between its values")
        if separator is Separator.SPACES and any(cell[-1:] == "," for cell in row):
            raise BadRecording(f"line {line.number}: {shown(line.text)} has commas between its values")
    width = max(most, *(len(row) for row in rows)) if len(rows) > 1 else max(most, first)
    return Table(
        separator=separator,
        rows=tuple(rows),
        lines=tuple(line.number for line in body),
        width=width,
        header=header if len(header) == width else (),
        header_line=None if head is None else head.number,
    )


def _header(head: Line | None, separator: Separator) -> tuple[str, ...]:
    if head is None:
        return ()
    names = list(_cells(head, separator))
    if separator is Separator.SPACES:
        # "RR (ms)" is one name.
        names = re.split(r"\s+(?![(\[])", head.text.strip())
    return tuple(names)


def _cells(line: Line, separator: Separator) -> tuple[str, ...]:
    """Return the cells of a line without the empty ones at its end, so that a separator may end it."""
    if separator is Separator.NONE:
        return (line.text.strip(' "'),)
    if separator is Separator.SPACES:
        return tuple(line.text.split())
    if '"' in line.text:
        try:
            cells = next(csv.reader([line.text], delimiter=separator.value, skipinitialspace=True))
        except csv.Error as error:
            raise BadRecording(f"line {line.number}: {shown(line.text)} cannot be read: {error}") from None
    else:
        cells = line.text.split(separator.value)
    cells = [cell.strip() for cell in cells]
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return tuple(cells)


def _is_one_column_of_decimals(table: Table) -> bool:
    """Say whether the second of two cells is what stands behind a decimal comma.

    No program writes a whole number as 05, and a column of single digits that are no flags goes with no interval.
    """
    if table.separator is not Separator.COMMA or table.width != 2 or len(table.rows) < 2:
        return False
    if is_running_sum(table.column(0), table.column(1), 1) or is_running_sum(
        table.column(1), table.column(0), 1
    ):
        return False
    second = table.column(1)
    if any(_PADDED.fullmatch(cell) for cell in second):
        return True
    return all(re.fullmatch(r"\d", cell, re.ASCII) for cell in second) and not set(second) <= {"0", "1"}


def _last_digit(cells: Sequence[str]) -> float:
    """Return what one in the last written digit is worth, where most digits are written."""
    decimals = max(len(re.split("[.,]", cell)[-1]) if re.search("[.,]", cell) else 0 for cell in cells)
    return float(10.0**-decimals)


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count} values"
