"""The dates of a series that are to come: which have no session yet, and the one that somebody names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from engine.domain.instant import Millis
from engine.domain.rejection import Conflict, Invalid
from engine.domain.series import Occurrence, Series
from engine.storage.rows import RoomRow

__all__ = ["PlannedSession", "date_to_come", "missing_dates"]


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """One time of a series, and the session that stands for it or will."""

    session_id: str
    starts: Millis
    room: RoomRow | None
    """None where it is not made yet."""


def missing_dates(
    series: Series, rows: Sequence[RoomRow], first: Millis, last: Millis | None, limit: int
) -> list[Occurrence]:
    """The times between two instants, both inclusive, for which no session of ``rows`` was made; the first ``limit``."""
    missing: list[Occurrence] = []
    if series.ended_at is not None:
        return missing
    of_days = {row.occurrence for row in rows}
    for occurrence in series.timetable.between(max(first, series.timetable_since), last):
        if len(missing) == limit:
            break
        if occurrence.day not in of_days and occurrence.day >= series.made_from:
            missing.append(occurrence)
    return missing


def date_to_come(series: Series, day: date, now: Millis) -> Occurrence:
    """The time of a series on a local date.

    Raises:
        Conflict: the series has ended.
        Invalid: the day is no date of it that is to come.
    """
    if series.ended_at is not None:
        raise Conflict("series_over", f"Series {series.series_id} has ended.")
    found = next(series.timetable.occurrences(day), None)
    if found is None or found.day != day.isoformat() or found.day < series.made_from or found.starts <= now:
        raise Invalid(
            "invalid_data",
            "The body is wrong: see details.",
            {"date": "must be a date of the series that is to come"},
        )
    return found
