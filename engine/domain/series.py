"""A series: the rule by which its sessions repeat, in local time, and what all of its sessions have in common.

The rule is a subset of RFC 5545's recurrence rule; ``dateutil`` works its dates out. Each date is a local wall-clock time of
the series' zone, so the time of day stays over a change of clocks. Where the clocks skip that time, the session begins later
by the gap; where it comes twice, at the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

from dateutil import rrule

from engine.domain.instant import HOUR, Millis, from_datetime, to_datetime
from engine.domain.session import Details

__all__ = [
    "AHEAD",
    "LONGEST_SERIES_ID",
    "Occurrence",
    "Rule",
    "Series",
    "Timetable",
    "is_hidden_alone",
    "session_id_of",
]

AHEAD: Final[Millis] = 60 * 24 * HOUR
"""How long before they begin sessions are made."""
LONGEST_SERIES_ID: Final = 86
"""With ``-2026-12-03-12`` behind it, it is still the id of a session."""

_MOST = 500
_HIDDEN: Final = ("public", "unlisted", "private")
"""Visibilities, each more hidden than the one before."""
_LONGEST_INTERVAL = 1000
_END_OF_TIME = datetime(2200, 1, 1)  # noqa: DTZ001 — local, as all dates of a rule
_FREQUENCIES: Final[Mapping[str, Literal[1, 2, 3]]] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
}
_WEEKDAYS: Final = {
    str(day): day for day in (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)
}
_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule: how often, on which days, and until when."""

    frequency: str
    interval: int = 1
    days: tuple[tuple[int, str], ...] = ()
    """(which of the month, or 0 for every one; ``TH``), in the order in which they were written."""
    count: int | None = None
    until: date | datetime | None = None
    """The last day; or the last instant, local or in UTC."""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule such as ``FREQ=WEEKLY;BYDAY=TH;COUNT=10``.

        Raises:
            ValueError: says what is wrong with it.
        """
        parts: dict[str, str] = {}
        for part in text.upper().split(";"):
            name, equals, value = part.partition("=")
            if not equals or not value:
                raise ValueError("must be parts like FREQ=WEEKLY;BYDAY=TH, separated by semicolons")
            if name in parts:
                raise ValueError(f"{name} stands in it twice")
            parts[name] = value
        unknown = [name[:20] for name in parts if name not in ("FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL")]
        if unknown:
            raise ValueError(f"{unknown[0]} is not known: FREQ, INTERVAL, BYDAY, COUNT and UNTIL are")
        frequency = parts.get("FREQ", "")
        if frequency not in _FREQUENCIES:
            raise ValueError("FREQ must be DAILY, WEEKLY or MONTHLY")
        if "COUNT" in parts and "UNTIL" in parts:
            raise ValueError("either COUNT or UNTIL, not both")
        return cls(
            frequency,
            _whole(parts, "INTERVAL", _LONGEST_INTERVAL) or 1,
            _days(parts["BYDAY"], frequency) if "BYDAY" in parts else (),
            _whole(parts, "COUNT", _MOST),
            _until(parts["UNTIL"]) if "UNTIL" in parts else None,
        )

    @property
    def weekdays(self) -> tuple[int, ...]:
        """The days of the week that a weekly rule names, from Monday, which is 0."""
        named = {_WEEKDAYS[day].weekday for _, day in self.days} if self.frequency == "WEEKLY" else set()
        return tuple(sorted(named))

    def __str__(self) -> str:
        parts = [f"FREQ={self.frequency}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.days:
            parts.append("BYDAY=" + ",".join(f"{which or ''}{day}" for which, day in self.days))
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if isinstance(self.until, datetime):
            parts.append(f"UNTIL={self.until:%Y%m%dT%H%M%S}{'Z' if self.until.tzinfo else ''}")
        elif self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        return ";".join(parts)


def _whole(parts: Mapping[str, str], name: str, most: int) -> int | None:
    if name not in parts:
        return None
    text = parts[name]
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}")
    return int(text)


def _days(text: str, frequency: str) -> tuple[tuple[int, str], ...]:
    days: list[tuple[int, str]] = []
    for each in text.split(","):
        found = _DAY.fullmatch(each)
        if found is None:
            raise ValueError("BYDAY must be days like TH, or 1TH and -1FR in a month, separated by commas")
        which = int(found[1] or 0)
        if found[1] is not None and (frequency != "MONTHLY" or not 1 <= abs(which) <= 5):
            raise ValueError("a number before a day is for FREQ=MONTHLY, from 1 to 5 or from -1 to -5")
        days.append((which, found[2]))
    return tuple(dict.fromkeys(days))


def _until(text: str) -> date | datetime:
    try:
        if not _UNTIL.fullmatch(text):
            raise ValueError
        if "T" not in text:
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 — a day of the series' zone
        until = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise ValueError("UNTIL must be a day like 20261231 or a time like 20261231T225959Z") from None
    return until.replace(tzinfo=UTC) if text.endswith("Z") else until


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a series."""

    day: str
    """The local date that the rule gives, ``2026-12-03``; no two times of a series have the same."""
    starts: Millis


@dataclass(frozen=True, slots=True)
class Timetable:
    """When the sessions of a series begin: ``starts`` is local, without a zone."""

    starts: datetime
    zone: ZoneInfo
    rule: Rule

    def occurrences(self, since: date | None = None) -> Iterator[Occurrence]:
        """Every time in order, or those from a local day on; without end where the rule has none."""
        until = self.rule.until
        for local in self._dates(since or self.starts.date()):
            starts = from_datetime(local.replace(tzinfo=self.zone).astimezone(UTC))
            if isinstance(until, datetime):
                beyond = starts > from_datetime(until) if until.tzinfo else local > until
            else:
                beyond = until is not None and local.date() > until
            if beyond:
                return
            yield Occurrence(local.date().isoformat(), starts)

    def between(self, first: Millis, last: Millis | None = None) -> Iterator[Occurrence]:
        """Those that begin between two instants, both inclusive."""
        for occurrence in self.occurrences(self._day_before(first)):
            if last is not None and occurrence.starts > last:
                return
            if occurrence.starts >= first:
                yield occurrence

    def ahead(self, at: Millis) -> Iterator[Occurrence]:
        """Those whose sessions are to be there at ``at``: what begins within 60 days, and at least the next one."""
        for number, occurrence in enumerate(self.between(at)):
            if number and occurrence.starts > at + AHEAD:
                return
            yield occurrence

    def start_of_day(self, day: date) -> Millis:
        """When a local day begins."""
        return from_datetime(datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC))

    def _day_before(self, at: Millis) -> date:
        """A local day so early that no session of it or of an earlier one begins at ``at`` or later."""
        try:
            # Where the clocks skip a whole day, its session begins on the next.
            return to_datetime(at).date() - timedelta(days=3)
        except OverflowError:
            return date.min if at < 0 else _END_OF_TIME.date()

    def _dates(self, since: date) -> Iterator[datetime]:
        """The local times that the rule gives, those before ``since`` left out."""
        rule = self.rule
        begin = self.starts if rule.count is not None else self._begin(min(since, _END_OF_TIME.date()))
        dates = rrule.rrule(
            _FREQUENCIES[rule.frequency],
            dtstart=begin,
            interval=rule.interval,
            byweekday=[_WEEKDAYS[day](which) if which else _WEEKDAYS[day] for which, day in rule.days]
            or None,
            bymonthday=self.starts.day if rule.frequency == "MONTHLY" and not rule.days else None,
            # No rule is worked out for all time: neither one without an end, nor one that gives too few dates for its count.
            until=_END_OF_TIME,
        )
        return (local for local in islice(dates, rule.count) if local.date() >= since)

    def _begin(self, since: date) -> datetime:
        """A start from which the rule gives the same dates from ``since`` on: the years before are not worked out."""
        rule, starts = self.rule, self.starts
        days = (since - starts.date()).days
        if rule.frequency == "MONTHLY":
            months = 12 * (since.year - starts.year) + since.month - starts.month
            months -= months % rule.interval
            if months <= 0:
                return starts
            year, month = divmod(12 * starts.year + starts.month - 1 + months, 12)
            return starts.replace(year=year, month=month + 1, day=1)
        days -= days % (rule.interval if rule.frequency == "DAILY" else 7 * rule.interval)
        return starts + timedelta(days=max(0, days))


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it is stored. ``details`` are those of its sessions; the start in them is that of none."""

    series_id: str
    details: Details
    starts: str
    """Local, ``2026-12-03T18:30``."""
    time_zone: str
    """IANA name."""
    rule: str
    created_at: Millis
    updated_at: Millis
    timetable_since: Millis
    """From when on the present timetable is in force: of what lay before, only the sessions that were made are known."""
    ended_at: Millis | None = None
    kept: dict[str, str] = field(default_factory=dict)
    """By field, a local date, ``2027-01-07``: the last change of it was for that date and all that follow, so sessions of
    dates before it keep theirs. ``starts`` stands for the whole timetable."""
    dropped: tuple[str, ...] = ()
    """Sessions that are no part of it any more: their date left the timetable, or the series ended before them."""
    unapplied: bool = False
    """Whether a change has not reached all of its sessions yet."""
    version: int = 1

    @property
    def made_from(self) -> str:
        """The local date from which the present timetable holds; those before it were made by an earlier one."""
        return self.kept.get("starts", "")

    @property
    def timetable(self) -> Timetable:
        """When its sessions begin."""
        return Timetable(datetime.fromisoformat(self.starts), ZoneInfo(self.time_zone), Rule.parse(self.rule))


def is_hidden_alone(visibility: str, of_series: str) -> bool:
    """Whether a session is more hidden than its series: only those who lead it, or have a token of it, may learn of it."""
    return _HIDDEN.index(visibility) > _HIDDEN.index(of_series)


def session_id_of(series_id: str, day: str, number: int = 1) -> str:
    """The id of a session of a series; ``number`` is 2 where the first id of the day is taken."""
    return f"{series_id}-{day}" if number == 1 else f"{series_id}-{day}-{number}"
