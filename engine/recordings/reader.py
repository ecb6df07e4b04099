"""The intervals between beats in a file that another program wrote: which column they are, and in which unit.

A file is read in every way that its lines allow; where that leaves two ways with different figures, or none, it is
refused with both named. Pure: bytes in, intervals in milliseconds out.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.recordings.choices import Choice, choices, mostly_numbers
from engine.recordings.columns import Separator, is_running_sum, rises_all_the_way, tables
from engine.recordings.lines import BadRecording, number, shown, split_head
from engine.recordings.units import BELOW_IS_SECONDS, LONGEST_MS, RATES, SHORTEST_MS, Unit, in_ms, meaning

__all__ = ["BadRecording", "ReadAs", "Recording", "Unit", "read"]

# The median of a whole recording, in ms: 250 beats a minute to 20. A list of heart rates lies below.
SHORTEST_MEDIAN_MS, LONGEST_MEDIAN_MS = 240.0, 3000.0


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How a file was read. ``unit_from``: values, header or option. ``column`` counts from 1; None: all on one line."""

    unit: Unit
    unit_from: str
    column: int | None
    columns: int
    column_name: str | None
    separator: Separator
    decimal_comma: bool

    def as_json(self) -> dict[str, object]:
        """Return it as plain JSON."""
        return {
            "unit": self.unit.value,
            "unit_from": self.unit_from,
            "column": self.column,
            "columns": self.columns,
            "column_name": self.column_name,
            "separator": self.separator.name.lower(),
            "decimal_mark": "comma" if self.decimal_comma else "point",
        }

    def in_words(self) -> str:
        """Return it as one phrase for the table."""
        reasons = {"values": "told by the values", "header": "says the header", "option": "as asked for"}
        parts = [f"{self.unit.in_words}, {reasons[self.unit_from]}"]
        if self.column is None:
            parts.append("all on one line")
        elif self.columns > 1:
            name = f" {self.column_name!r}" if self.column_name else ""
            parts.append(f"column {self.column}{name} of {self.columns}")
        if self.decimal_comma:
            parts.append("decimal comma")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Recording:
    """Intervals between beats, in ms, and how they were read."""

    values: list[float]
    read_as: ReadAs


def read(raw: bytes, *, column: str | None = None, unit: Unit | None = None) -> Recording:
    """Return the intervals of a file; ``column`` is a name of its header or a number from 1.

    Raises:
        BadRecording: a value is no positive finite number, there is none, or the file can be read in two ways or in no way.
    """
    head, body = split_head(raw)
    if not body:
        where = "" if head is None else f"line {head.number}: {shown(head.text)} is no number, and the file "
        raise BadRecording(
            f"{where}holds no intervals: a number of milliseconds or seconds a line is expected"
        )
    ways = tables(head, body)
    if column is not None and len(ways) > 1:
        # Who names a column says that there are several.
        ways = [way for way in ways if way.width > 1] or ways
    possible: list[Choice] = []
    refusals: list[BadRecording] = []
    for table in ways:
        try:
            possible += choices(table, column)
        except BadRecording as error:
            refusals.append(error)
    if len(ways) > 1:
        numeric = [choice for choice in possible if choice.certain_columns or mostly_numbers(choice.cells)]
        possible = numeric or possible[-1:]
    possible = [choice for choice in possible if choice.certain_columns] or possible
    if not possible:
        raise refusals[-1]
    found: list[tuple[Choice, Recording]] = []
    for choice in possible:
        values = _values(choice)  # A bad value is said whatever the other way would make of it.
        try:
            found.append((choice, _recording(choice, values, unit)))
        except BadRecording as error:
            refusals.append(error)
    if not found:
        raise refusals[-1]
    (choice, recording), *others = found
    for other, otherwise in others:
        if not _equal(recording.values, otherwise.values):
            raise BadRecording(
                f"line {choice.lines[0]}: {shown(body[0].text)} can be read as {choice.described()}, or as "
                f"{other.described()}. Say which with --column NUMBER or --unit"
            )
    return recording


def _values(choice: Choice) -> list[float]:
    """Return the cells as numbers.

    Raises:
        BadRecording: one is no positive finite number, or has another decimal mark than those before it.
    """
    values: list[float] = []
    # Where each mark stands first.
    marks = [
        where
        for mark in ".,"
        if (
            where := next(
                (line for cell, line in zip(choice.cells, choice.lines, strict=True) if mark in cell), 0
            )
        )
    ]
    for cell, line in zip(choice.cells, choice.lines, strict=True):
        value = number(cell)
        if value is None or not 0 < value < float("inf"):
            raise BadRecording(f"line {line}: {_no_interval(cell, choice)}")
        values.append(value)
    if len(marks) == 2:
        raise BadRecording(
            f"line {max(marks)}: a decimal point in some values and a comma in others, as in line {min(marks)}"
        )
    return values


def _recording(choice: Choice, raw: Sequence[float], given: Unit | None) -> Recording:
    unit, unit_from = _unit(choice, raw, given)
    _check_times(choice, raw, unit)
    values = [in_ms(value, unit) for value in raw]
    table, column = choice.table, choice.column
    name = table.header[column] if column is not None and table.header else None
    return Recording(
        values,
        ReadAs(
            unit=unit,
            unit_from=unit_from,
            column=None if column is None else column + 1,
            columns=table.width,
            column_name=name,
            separator=table.separator,
            decimal_comma=any("," in cell for cell in choice.cells),
        ),
    )


def _no_interval(cell: str, choice: Choice) -> str:
    if not cell:
        return f"there is no value in column {0 if choice.column is None else choice.column + 1}"
    lost = number(cell) == 0 or cell.casefold() == "nan"
    hint = (
        ": no beat was seen there. Analyze the part before it or after it; a difference over a gap is none"
        if lost
        else ""
    )
    return f"{shown(cell)} is no positive number of milliseconds or seconds{hint}"


def _unit(choice: Choice, raw: Sequence[float], given: Unit | None) -> tuple[Unit, str]:
    """Return the unit and what told it: values, header or option.

    Raises:
        BadRecording: header and values say different things, or no unit makes a heart of the values.
    """
    table, line = choice.table, choice.lines[0]
    middle = statistics.median(raw)
    by_values = Unit.SECONDS if middle < BELOW_IS_SECONDS else Unit.MILLISECONDS
    name = table.header[choice.column] if choice.column is not None and table.header else ""
    named = meaning(name)
    unit, unit_from = by_values, "values"
    if given is not None:
        unit, unit_from = given, "option"
    elif named.bare in RATES:
        raise BadRecording(
            f"line {table.header_line}: {shown(name)} are heart rates, beats a minute; intervals between beats are needed"
        )
    elif (stated := named.unit) is not None:
        if by_values is not stated and (stated, by_values) != (Unit.TICKS, Unit.MILLISECONDS):
            raise BadRecording(
                f"line {table.header_line}: the header {shown(name)} says {stated.in_words}, the values are of "
                f"{by_values.in_words}: their median is {middle:g}. Say which with --unit"
            )
        unit, unit_from = stated, "header"
    if not SHORTEST_MEDIAN_MS <= in_ms(middle, unit) <= LONGEST_MEDIAN_MS:
        units = [unit] if given is not None else [Unit.MILLISECONDS, Unit.SECONDS]
        rates = " and as ".join(f"{each.in_words} {60000 / in_ms(middle, each):.4g}" for each in units)
        raise BadRecording(
            f"line {line}: {shown(choice.cells[0])} and those after it are no intervals between beats: their median, "
            f"{middle:g}, would be as {rates} beats a minute"
        )
    for value, where, cell in zip(raw, choice.lines, choice.cells, strict=True):
        other = Unit.SECONDS if unit is not Unit.SECONDS else Unit.MILLISECONDS
        fits = SHORTEST_MS <= in_ms(value, other) <= LONGEST_MS
        if fits and (other is Unit.MILLISECONDS or not value.is_integer()):
            raise BadRecording(
                f"line {where}: {shown(cell)} can be {unit.in_words} as the others, {in_ms(value, unit):g} ms, or "
                f"{other.in_words}, {in_ms(value, other):g} ms"
            )
    return unit, unit_from


def _check_times(choice: Choice, raw: Sequence[float], unit: Unit) -> None:
    """Refuse what the file itself contradicts.

    Raises:
        BadRecording: the values are times of beats, or the times beside them say that the unit is 1/1024 s.
    """
    if rises_all_the_way(raw):
        step = statistics.median(b - a for a, b in pairwise(raw))
        seconds = SHORTEST_MS <= 1000 * step <= LONGEST_MS and not all(value.is_integer() for value in raw)
        if seconds or SHORTEST_MS <= step <= LONGEST_MS:
            raise BadRecording(
                f"line {choice.lines[0]}: {shown(choice.cells[0])} and those after it rise all the way: they are times of "
                f"beats, {step:g} {'s' if seconds else 'ms'} apart, or intervals that no heart has. Intervals are needed"
            )
    if choice.column is None or unit is not Unit.MILLISECONDS:
        return
    for index in range(choice.table.width):
        times = choice.table.column(index)
        for ratio in (1024.0, 1.024):
            if index != choice.column and is_running_sum(times, choice.cells, ratio):
                raise BadRecording(
                    f"line {choice.lines[0]}: {shown(choice.cells[0])} is milliseconds by its size, and 1/1024 of a second by "
                    f"the times in column {index + 1}. Say which with --unit"
                )


def _equal(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) < 1e-6 for a, b in zip(one, other, strict=True))
