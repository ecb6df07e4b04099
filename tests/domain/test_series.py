"""The rule of a series: its dates, and its times over changes of clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import series as series_module
from engine.domain.instant import HOUR, MINUTE, Millis, from_datetime, to_datetime
from engine.domain.series import AHEAD, LONGEST_SERIES_ID, Occurrence, Rule, Timetable, session_id_of

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu")


def timetable(starts: str, zone: str, rule: str) -> Timetable:
    return Timetable(datetime.fromisoformat(starts), ZoneInfo(zone), Rule.parse(rule))


def first(starts: str, zone: str, rule: str, number: int) -> list[tuple[str, str]]:
    """The first dates and UTC times."""
    found = islice(timetable(starts, zone, rule).occurrences(), number)
    return [(each.day[5:], f"{to_datetime(each.starts):%m-%dT%H:%M}") for each in found]


# Worked out by hand from the tables of the zones: the days of the change, and one on either side.
EXAMPLES = [
    ("2026-03-28T18:30", "Europe/Berlin", "FREQ=DAILY", ["03-28T17:30", "03-29T16:30", "03-30T16:30"]),
    ("2026-03-28T02:30", "Europe/Berlin", "FREQ=DAILY", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
    ("2026-10-24T02:30", "Europe/Berlin", "FREQ=DAILY", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
    ("2026-03-07T02:30", "America/New_York", "FREQ=DAILY", ["03-07T07:30", "03-08T07:30", "03-09T06:30"]),
    ("2026-10-31T01:30", "America/New_York", "FREQ=DAILY", ["10-31T05:30", "11-01T05:30", "11-02T06:30"]),
    # Lord Howe moves by half an hour.
    ("2026-10-03T02:15", "Australia/Lord_Howe", "FREQ=DAILY", ["10-02T15:45", "10-03T15:45", "10-04T15:15"]),
    ("2026-04-04T01:45", "Australia/Lord_Howe", "FREQ=DAILY", ["04-03T14:45", "04-04T14:45", "04-05T15:15"]),
    # Cairo skips the hour after midnight, and has the one before it twice.
    ("2026-04-23T00:30", "Africa/Cairo", "FREQ=DAILY", ["04-22T22:30", "04-23T22:30", "04-24T21:30"]),
    ("2026-10-28T23:30", "Africa/Cairo", "FREQ=DAILY", ["10-28T20:30", "10-29T20:30", "10-30T21:30"]),
    ("2026-03-28T06:00", "Asia/Kathmandu", "FREQ=DAILY", ["03-28T00:15", "03-29T00:15", "03-30T00:15"]),
]


@pytest.mark.parametrize(("starts", "zone", "rule", "times"), EXAMPLES)
def test_the_time_of_day_stays_over_a_change_of_clocks(
    starts: str, zone: str, rule: str, times: list[str]
) -> None:
    """What the clocks skip moves forward by the gap; what comes twice is the first."""
    assert [time for _, time in first(starts, zone, rule, 3)] == times


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY;COUNT=3", ["12-03", "12-10", "12-17"]),
        ("freq=weekly;byday=tu,th;count=3", ["12-03", "12-08", "12-10"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=2", ["12-03", "12-17"]),
        ("FREQ=DAILY;BYDAY=SA,SU;COUNT=2", ["12-05", "12-06"]),
        ("FREQ=MONTHLY;BYDAY=1TH;COUNT=2", ["12-03", "01-07"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", ["12-25", "01-29"]),
        ("FREQ=WEEKLY;UNTIL=20261217", ["12-03", "12-10", "12-17"]),
        ("FREQ=WEEKLY;UNTIL=20261217T183000", ["12-03", "12-10", "12-17"]),
        ("FREQ=WEEKLY;UNTIL=20261217T173000Z", ["12-03", "12-10", "12-17"]),
        ("FREQ=WEEKLY;UNTIL=20261217T172959Z", ["12-03", "12-10"]),
        # There is no 31st in every month.
        ("FREQ=MONTHLY;COUNT=2", ["12-03", "01-03"]),
    ],
)
def test_a_rule_gives_its_dates(rule: str, days: list[str]) -> None:
    """From the start on, a Thursday; the limits are inclusive."""
    found = first("2026-12-03T18:30", "Europe/Berlin", rule, 5)
    assert [day for day, _ in found][: len(days) + 1] == days
    assert Rule.parse(str(Rule.parse(rule))) == Rule.parse(rule)


def test_months_without_the_day_are_left_out() -> None:
    """As RFC 5545 says."""
    found = first("2027-01-31T08:00", "UTC", "FREQ=MONTHLY;COUNT=3", 3)
    assert [day for day, _ in found] == ["01-31", "03-31", "05-31"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "parts like"),
        ("FREQ=YEARLY", "DAILY, WEEKLY or MONTHLY"),
        ("INTERVAL=2", "FREQ must"),
        ("FREQ=DAILY;", "parts like"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR"),
        ("RRULE:FREQ=DAILY", "RRULE:FREQ"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "not both"),
        ("FREQ=DAILY;COUNT=501", "500"),
        ("FREQ=DAILY;COUNT=0", "500"),
        ("FREQ=DAILY;COUNT=two", "500"),
        ("FREQ=DAILY;INTERVAL=0", "1000"),
        ("FREQ=WEEKLY;BYDAY=DO", "BYDAY"),
        ("FREQ=WEEKLY;BYDAY=1TH", "MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=6TH", "from 1 to 5"),
        ("FREQ=MONTHLY;BYDAY=0TH", "from 1 to 5"),
        ("FREQ=WEEKLY;UNTIL=2026-12-31", "UNTIL"),
        ("FREQ=WEEKLY;UNTIL=20261331", "UNTIL"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, said: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ValueError, match=said):
        Rule.parse(rule)


def test_a_rule_that_never_comes_true_ends() -> None:
    """Every second day from a Tuesday on, if it is a Monday in a leap week: none, and said in no time."""
    assert first("2026-12-01T08:00", "UTC", "FREQ=DAILY;INTERVAL=7;BYDAY=MO", 1) == []


def test_sessions_are_made_sixty_days_ahead_and_at_least_the_next() -> None:
    """A series with a long pause has its next one all the same."""
    weekly = timetable("2026-12-03T18:30", "Europe/Berlin", "FREQ=WEEKLY")
    at = from_datetime(datetime(2026, 12, 1, tzinfo=UTC))
    ahead = list(weekly.ahead(at))
    assert len(ahead) == 9
    assert ahead[-1].starts <= at + AHEAD < ahead[-1].starts + 7 * 24 * HOUR
    rare = timetable("2026-12-03T18:30", "Europe/Berlin", "FREQ=MONTHLY;INTERVAL=6")
    assert [each.day for each in rare.ahead(at + 4 * 24 * HOUR)] == ["2027-06-03"]
    assert list(timetable("2026-12-03T18:30", "UTC", "FREQ=DAILY;COUNT=1").ahead(at + AHEAD)) == []


def test_the_limits_of_a_list_are_inclusive() -> None:
    """And a day begins where its zone's clocks say so."""
    daily = timetable("2026-12-01T00:00", "Europe/Berlin", "FREQ=DAILY")
    begins = daily.start_of_day(date(2026, 12, 5))
    assert to_datetime(begins) == datetime(2026, 12, 4, 23, tzinfo=UTC)
    assert list(daily.between(begins, begins)) == [Occurrence("2026-12-05", begins)]
    assert list(daily.between(begins + 1, begins + 2)) == []


def test_the_id_of_a_session_is_its_date() -> None:
    """The longest still has room for the date and a number."""
    assert session_id_of("thursday", "2026-12-03") == "thursday-2026-12-03"
    assert session_id_of("thursday", "2026-12-03", 2) == "thursday-2026-12-03-2"
    assert len(session_id_of("a" * LONGEST_SERIES_ID, "2026-12-03", 20)) <= 100


def local_minutes(zone: ZoneInfo, around: datetime) -> Iterator[tuple[Millis, datetime]]:
    """Every minute from a day and a half before to the same after, as instant and as the clock shows it."""
    begin = from_datetime(around.replace(tzinfo=UTC)) - 36 * HOUR
    for minute in range(72 * 60):
        at = begin + minute * MINUTE
        yield at, to_datetime(at).astimezone(zone).replace(tzinfo=None)


def by_reading_the_clock(local: datetime, zone: ZoneInfo) -> Millis:
    """The first instant at which the clock shows a time; for one that it skips, as long after the gap as it stands in it."""
    before: tuple[Millis, datetime] | None = None
    for at, shown in local_minutes(zone, local):
        if shown == local:
            return at
        if before is not None and before[1] < local < shown and shown - before[1] > timedelta(minutes=1):
            return at + int((local - before[1] - timedelta(minutes=1)).total_seconds() * 1000)
        before = at, shown
    raise AssertionError(f"no clock of {zone} shows {local}")


# The days around the changes of 2026 and 2027 in the zones above.
_CHANGES = (
    "2026-03-08", "2026-03-29", "2026-04-05", "2026-04-24", "2026-10-04", "2026-10-25", "2026-10-29",
    "2026-11-01", "2027-03-14", "2027-03-28", "2027-04-04", "2027-04-30", "2027-10-03", "2027-10-28",
)  # fmt: skip


@settings(max_examples=40)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(_CHANGES),
    minute=st.integers(0, 24 * 60 - 1),
    before=st.integers(0, 2),
)
def test_each_time_is_what_a_clock_on_the_wall_shows(zone: str, day: str, minute: int, before: int) -> None:
    """Read off the clock minute by minute, not reckoned with offsets."""
    starts = datetime.fromisoformat(day) + timedelta(days=-before, minutes=minute)
    series = Timetable(starts, ZoneInfo(zone), Rule.parse("FREQ=DAILY;COUNT=4"))
    for number, occurrence in enumerate(series.occurrences()):
        local = starts + timedelta(days=number)
        assert occurrence.day == local.date().isoformat()
        assert occurrence.starts == by_reading_the_clock(local, ZoneInfo(zone))


@given(
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 3 * 365 * 24 * 60),
    frequency=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 4),
    days=st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), max_size=3, unique=True),
    at=st.integers(0, 3 * 365 * 24),
)
def test_what_is_ahead_is_the_first_of_what_is_still_to_come(
    zone: str, minutes: int, frequency: str, interval: int, days: list[str], at: int
) -> None:
    """In order, each date once, nothing left out, nothing that has begun."""
    rule = f"FREQ={frequency};INTERVAL={interval};COUNT=40" + (f";BYDAY={','.join(days)}" if days else "")
    starts = datetime(2026, 1, 1) + timedelta(minutes=minutes)  # noqa: DTZ001 — local
    series = timetable(starts.isoformat(), zone, rule)
    now = from_datetime(datetime(2026, 1, 1, tzinfo=UTC)) + at * HOUR
    every = list(series.occurrences())
    assert [each.day for each in every] == sorted({each.day for each in every})
    assert all(one.starts < other.starts for one, other in pairwise(every))
    coming = [each for each in every if each.starts >= now]
    ahead = list(series.ahead(now))
    assert ahead == coming[: len(ahead)]
    assert (len(ahead) > 0) == (len(coming) > 0)
    assert all(each.starts <= now + AHEAD for each in ahead[1:])
    assert all(each.starts > now + AHEAD for each in coming[len(ahead) :])


@given(
    starts=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 — local
    rule=st.sampled_from(
        [
            "FREQ=DAILY",
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=DAILY;BYDAY=SA,MO",
            "FREQ=WEEKLY",
            "FREQ=WEEKLY;INTERVAL=5;BYDAY=MO,SU",
            "FREQ=MONTHLY",
            "FREQ=MONTHLY;INTERVAL=7",
            "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR,2MO",
            "FREQ=DAILY;COUNT=400",
            "FREQ=WEEKLY;UNTIL=20280303",
        ]
    ),
    days=st.integers(-10, 1500),
)
def test_dates_from_a_day_on_are_those_of_the_whole_rule(starts: datetime, rule: str, days: int) -> None:
    """Wherever one begins to work them out."""
    table = Timetable(starts.replace(second=0, microsecond=0), ZoneInfo("Europe/Berlin"), Rule.parse(rule))
    since = starts.date() + timedelta(days=days)
    whole = (each for each in table.occurrences() if each.day >= since.isoformat())
    assert list(islice(table.occurrences(since), 6)) == list(islice(whole, 6))


def test_a_date_far_ahead_is_found_without_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daily series without an end has sixty thousand dates: working them out would hold up everybody."""
    worked_out = 0

    def counted(moment: datetime) -> Millis:
        nonlocal worked_out
        worked_out += 1
        return from_datetime(moment)

    monkeypatch.setattr(series_module, "from_datetime", counted)
    daily = timetable("2026-01-01T06:00", "Europe/Berlin", "FREQ=DAILY")
    last = from_datetime(datetime(2199, 12, 30, tzinfo=UTC))
    assert [each.day for each in daily.between(last)] == ["2199-12-30", "2199-12-31"]
    assert list(daily.between(from_datetime(datetime(9999, 12, 31, tzinfo=UTC)))) == []
    assert worked_out < 20


@pytest.mark.parametrize("rule", ["FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=5", "FREQ=DAILY;INTERVAL=7;BYDAY=MO"])
def test_a_rule_that_gives_no_date_says_so_soon(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a count as without one: it is not worked out until the calendar ends."""
    asked: list[datetime | None] = []
    made = rrule.rrule

    def noted(*given: Any, **named: Any) -> object:
        asked.append(named["until"])
        return made(*given, **named)

    monkeypatch.setattr(rrule, "rrule", noted)
    assert list(timetable("2026-12-03T18:30", "Europe/Berlin", rule).occurrences()) == []
    assert [until is not None and until.year for until in asked] == [2200]
