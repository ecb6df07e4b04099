"""The bodies and the query about series."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from engine.api.models import OPTIONAL, Body, Query, read_moment
from engine.api.sessions.bodies import EditDetails, SessionFields
from engine.domain.instant import Millis
from engine.domain.series import LONGEST_SERIES_ID, Rule, Timetable
from engine.domain.text import Line, SessionId, integral_float_as_int

__all__ = ["CreateSeries", "DateOfSeries", "EditSeries", "OccurrencesQuery", "no_dates"]

_STARTS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2300, 1, 1)
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("must be the IANA name of a time zone, like Europe/Berlin")
    return name


def _local(text: str) -> str:
    try:
        if not _STARTS.fullmatch(text):
            raise ValueError
        starts = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a local date and time without a zone, like 2026-12-03T18:30") from None
    if not 2000 <= starts.year < 2200:
        raise ValueError("must lie between the years 2000 and 2200")
    return text


def _rule(text: str) -> str:
    Rule.parse(text)
    return text.upper()


def no_dates(starts: str, time_zone: str, rule: str) -> str | None:
    """What is wrong with a rule that gives no date at all; None where it gives some."""
    timetable = Timetable(datetime.fromisoformat(starts), ZoneInfo(time_zone), Rule.parse(rule))
    return None if next(timetable.occurrences(), None) else "no date comes of it from starts on"


def _with_dates(rule: str, info: ValidationInfo) -> str:
    starts, zone = info.data.get("starts"), info.data.get("timezone")
    reason = no_dates(starts, zone, rule) if starts and zone else None
    if reason:
        raise ValueError(reason)
    return rule


def _short_enough(series_id: str) -> str:
    if len(series_id) > LONGEST_SERIES_ID:
        raise ValueError(
            f"at most {LONGEST_SERIES_ID} characters: the ids of its sessions have the date behind it"
        )
    return series_id


Zone = Annotated[Line, AfterValidator(_zone)]
LocalStart = Annotated[Line, AfterValidator(_local)]
RuleText = Annotated[Line, Field(max_length=300), AfterValidator(_rule)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=120), BeforeValidator(integral_float_as_int)]


class CreateSeries(SessionFields):
    """A new series of sessions. ``instructor`` may be called ``instructor_name``."""

    series_id: Annotated[SessionId, AfterValidator(_short_enough)]
    timezone: Zone
    """IANA name: the sessions keep their time of day there over a change of clocks."""
    starts: LocalStart
    """The local date and time from which on the rule gives dates, like ``2026-12-03T18:30``."""
    rule: Annotated[RuleText, AfterValidator(_with_dates)]
    """RFC 5545: ``FREQ`` (``DAILY``, ``WEEKLY`` or ``MONTHLY``), ``INTERVAL``, ``BYDAY``, and ``COUNT`` or ``UNTIL``."""
    duration_minutes: Minutes


class EditSeries(EditDetails):
    """Changes to a series, and to its sessions that have not begun and were not changed alone. What is absent stays."""

    timezone: Zone = OPTIONAL
    starts: LocalStart = OPTIONAL
    rule: RuleText = OPTIONAL
    duration_minutes: Minutes = OPTIONAL
    since: SessionId = OPTIONAL
    """A session of the series that has not begun: it changes and all that follow. Those before it keep what they have of the
    fields that are named, until a change without ``since`` names them again."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set - {"since"}:
            raise ValueError("nothing to change: name at least one field, since says only from when on")
        return self


def _local_day(text: Any) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 — a day of the series' zone
    except (ValueError, TypeError):
        raise ValueError("must be a local date, like 2027-03-04") from None


class DateOfSeries(Body):
    """A date of a series whose session is not made yet."""

    date: Annotated[
        date,
        BeforeValidator(_local_day),
        WithJsonSchema({"type": "string", "description": "A day of the series' zone, like 2027-03-04."}),
    ]


def _day_or_moment(value: Any) -> date | Millis:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 — a day of the series' zone
    except (ValueError, TypeError):
        return read_moment(value)


Limit = Annotated[
    date | int,
    BeforeValidator(_day_or_moment),
    WithJsonSchema(
        {
            "type": "string",
            "description": "A day of the series' zone (2026-12-03) or a moment (2026-12-03T10:00:00Z), inclusive.",
        }
    ),
]


class OccurrencesQuery(Query):
    """Which of a series' times to list, at most 500: without ``from`` those from today on, without ``to`` all after it."""

    first: Annotated[Limit | None, Field(alias="from")] = None
    last: Annotated[Limit | None, Field(alias="to")] = None

    def instants(self, timetable: Timetable, at: Millis) -> tuple[Millis, Millis | None]:
        """The limits as instants, both inclusive."""
        today = datetime.fromtimestamp(at / 1000, UTC).astimezone(timetable.zone).date()
        first = today if self.first is None else self.first
        last = (
            timetable.start_of_day(_within_calendar(self.last) + timedelta(days=1)) - 1
            if isinstance(self.last, date)
            else self.last
        )
        if isinstance(first, date):
            first = timetable.start_of_day(_within_calendar(first))
        return first, last


def _within_calendar(day: date) -> date:
    """A day around which there are others: the calendar's first and last have an edge, and no series comes near them."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)
