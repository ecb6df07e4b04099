"""The schedule of series by itself: what it makes and when, with its sessions in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.decide import decide
from engine.domain.evolve import evolve
from engine.domain.instant import HOUR, MINUTE, Millis, from_datetime
from engine.domain.rejection import Conflict, Moved
from engine.domain.series import Series
from engine.domain.session import Details, Role, Session
from engine.sessions.journaling.room_row import room_row
from engine.sessions.messages import View
from engine.sessions.series.schedule import SeriesSchedule
from engine.storage.rows import RoomRow
from tests.sessions.stopped_clock import StoppedClock

DAY = 24 * HOUR
BEGIN = from_datetime(datetime(2026, 12, 1, 12, tzinfo=UTC))
SERVER = c.Sender(Role.ADMIN)
EVENING = Series(
    series_id="evening",
    details=Details("Evening", "Mara", 0, series_id="evening"),
    starts="2026-12-03T18:30",
    time_zone="Europe/Berlin",
    rule="FREQ=WEEKLY",
    created_at=BEGIN,
    updated_at=BEGIN,
    timetable_since=0,
)


class FakeSeries:
    """The table of series."""

    def __init__(self) -> None:
        self.stored: dict[str, Series] = {}

    async def get(self, series_id: str) -> Series | None:
        return self.stored.get(series_id)

    async def all(self, *, ended: bool = True) -> Sequence[Series]:
        return [each for each in self.stored.values() if ended or each.ended_at is None]

    async def changes(self) -> int:
        return sum(each.version for each in self.stored.values())

    async def add(self, series: Series, made_by: str | None = None) -> bool:
        return self.stored.setdefault(series.series_id, series) is series

    async def update(self, series: Series) -> Series | None:
        if self.stored[series.series_id].version != series.version:
            return None
        self.stored[series.series_id] = replace(series, version=series.version + 1)
        return self.stored[series.series_id]


@dataclass
class FakeSessions:
    """The directory and the catalogue of rooms in one: each session is decided and evolved, and nothing else."""

    clock: StoppedClock
    states: dict[str, Session] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    unstored: set[str] = field(default_factory=set)
    """Those that another server has begun to make and not stored."""
    questions: int = 0
    """How often rows were asked for."""
    told: set[str] = field(default_factory=set)
    """Ids under which somebody published."""

    async def create(self, session_id: str, details: Details) -> View:
        if session_id in self.unstored:
            raise Conflict("session_exists", "It is taken.")
        if session_id in self.elsewhere:
            raise Moved(session_id, "other", "http://192.0.2.1:8000")
        if session_id in self.states:
            raise Conflict("session_exists", "It is taken.")
        return self._do(session_id, c.Create(session_id, "e", details))

    async def ask(self, session_id: str, command: c.Command, sender: c.Sender) -> View:
        assert sender == SERVER
        if session_id in self.elsewhere:
            raise Moved(session_id, "other", "http://192.0.2.1:8000")
        return self._do(session_id, command)

    def _do(self, session_id: str, command: c.Command) -> View:
        state = self.states.get(session_id)
        for event in decide(state, command, sender=SERVER, at=self.clock.now()):
            state = evolve(state, event, self.clock.now())
        assert state is not None
        self.states[session_id] = state
        return View(state, {})

    async def get(self, session_id: str) -> RoomRow | None:
        self.questions += 1
        state = self.states.get(session_id)
        return None if state is None else room_row(state)

    async def has_story(self, session_id: str) -> bool:
        return session_id in self.told

    async def stories_among(self, session_ids: Collection[str]) -> Set[str]:
        self.questions += 1
        return self.told.intersection(session_ids)

    async def among(self, session_ids: Collection[str]) -> Sequence[RoomRow]:
        self.questions += 1
        return [room_row(self.states[each]) for each in session_ids if each in self.states]

    async def id_differing_by_case(self, session_id: str) -> str | None:
        alike = (
            other for other in self.states if other.lower() == session_id.lower() and other != session_id
        )
        return next(alike, None)

    async def of_series(self, series_id: str) -> Sequence[RoomRow]:
        rows = [room_row(state) for state in self.states.values() if state.details.series_id == series_id]
        return sorted(rows, key=lambda row: (row.scheduled_start, row.session_id))


@dataclass
class Desk:
    """The schedule and what it works with."""

    clock: StoppedClock
    series: FakeSeries
    sessions: FakeSessions
    schedule: SeriesSchedule

    def made(self) -> list[str]:
        return sorted(self.sessions.states)

    def titles(self) -> set[str]:
        return {state.details.title for state in self.sessions.states.values() if not state.phase.is_over}

    def current(self) -> Series:
        return self.series.stored["evening"]


@pytest.fixture
def desk() -> Desk:
    clock = StoppedClock(BEGIN)
    sessions, series = FakeSessions(clock), FakeSeries()
    as_clock: Clock = clock  # type: ignore[assignment]  # what the schedule asks of one
    return Desk(
        clock,
        series,
        sessions,
        SeriesSchedule(series=series, rooms=sessions, sessions=sessions, clock=as_clock),
    )


def titled(title: str) -> object:
    return lambda series: replace(series, details=replace(series.details, title=title))


def later(desk: Desk, lasting: Millis) -> None:
    desk.clock.jump(lasting)


async def test_the_next_date_is_made_on_the_day_it_comes_near(desk: Desk) -> None:
    """Sixty days before it begins, not sooner; a second round makes nothing twice."""
    await desk.schedule.create(EVENING)
    assert len(desk.made()) == 9
    assert desk.made()[-1] == "evening-2027-01-28"
    # 60 days before the evening of 4 February.
    later(desk, from_datetime(datetime(2026, 12, 6, 17, 29, tzinfo=UTC)) - BEGIN)
    await desk.schedule.make_due()
    assert len(desk.made()) == 9
    later(desk, MINUTE)
    await desk.schedule.make_due()
    await desk.schedule.make_due()
    assert desk.made()[-1] == "evening-2027-02-04"


async def test_a_rare_series_has_its_next_session_as_soon_as_one_begins(desk: Desk) -> None:
    """The next round is at the start of the one before."""
    await desk.schedule.create(replace(EVENING, rule="FREQ=MONTHLY;INTERVAL=6"))
    assert desk.made() == ["evening-2026-12-03"]
    begins = from_datetime(datetime(2026, 12, 3, 17, 30, tzinfo=UTC))
    later(desk, begins - BEGIN - 30_000)
    wake_at = await desk.schedule.make_due()
    assert wake_at == begins + 1
    later(desk, wake_at - desk.clock.now())
    await desk.schedule.make_due()
    assert desk.made() == ["evening-2026-12-03", "evening-2027-06-03"]


async def test_a_change_waits_for_sessions_on_other_servers(desk: Desk) -> None:
    """Those of this server have it at once, and the round after the session came here brings it there."""
    await desk.schedule.create(EVENING)
    desk.sessions.elsewhere = {"evening-2026-12-10"}
    await desk.schedule.change("evening", titled("Night"))  # type: ignore[arg-type]  # a change of a series
    assert desk.current().unapplied
    assert desk.titles() == {"Evening", "Night"}
    await desk.schedule.make_due()
    assert desk.current().unapplied
    desk.sessions.elsewhere.clear()
    await desk.schedule.make_due()
    assert not desk.current().unapplied
    assert desk.titles() == {"Night"}


async def test_a_session_that_another_server_makes_at_this_moment_is_left_to_it(desk: Desk) -> None:
    """Making a series is not refused for that, and the next round finds it, or makes it after all."""
    desk.sessions.elsewhere = {"evening-2026-12-03", "evening-2026-12-10"}
    assert len(await desk.schedule.create(EVENING)) == 7
    desk.sessions.elsewhere.clear()
    await desk.schedule.make_due()
    assert len(desk.made()) == 9


async def test_a_session_that_another_server_has_not_stored_yet_is_not_made_twice(desk: Desk) -> None:
    """Its id is taken and it has no row: the other server may have seen the new series a moment earlier."""
    desk.sessions.unstored.add("evening-2026-12-10")
    await desk.schedule.create(EVENING)
    assert "evening-2026-12-10" not in desk.made()
    assert "evening-2026-12-10-2" not in desk.made()
    desk.sessions.unstored.clear()
    await desk.schedule.make_due()
    assert "evening-2026-12-10" in desk.made()
    assert "evening-2026-12-10-2" not in desk.made()


async def test_an_id_that_differs_by_case_alone_is_passed_over(desk: Desk) -> None:
    details = replace(EVENING.details, series_id=None, scheduled_start=BEGIN + DAY)
    await desk.sessions.create("EVENING-2026-12-10", details)
    desk.sessions.unstored.add("evening-2026-12-10")
    await desk.schedule.create(EVENING)
    assert "evening-2026-12-10-2" in desk.made()


async def test_an_id_under_which_somebody_published_is_passed_over(desk: Desk) -> None:
    """The date has another one, also where it is not made yet; whoever published keeps theirs."""
    desk.sessions.told = {"evening-2026-12-10", "evening-2027-06-03"}
    await desk.schedule.create(EVENING)
    assert "evening-2026-12-10" not in desk.made()
    assert "evening-2026-12-10-2" in desk.made()
    planned = await desk.schedule.planned(EVENING, BEGIN, None, limit=30)
    assert "evening-2027-06-03-2" in {each.session_id for each in planned}
    await desk.schedule.make_due()
    assert "evening-2026-12-10-3" not in desk.made()


async def test_what_another_server_stores_meanwhile_is_not_lost(desk: Desk) -> None:
    """A change that meets a newer version starts from that."""
    await desk.schedule.create(EVENING)
    before = desk.current()

    def changed(series: Series) -> Series:
        if series.version == before.version:
            # As if another server had been faster.
            desk.series.stored["evening"] = replace(
                series, rule="FREQ=WEEKLY;COUNT=3", version=series.version + 1
            )
        return replace(series, details=replace(series.details, title="Night"))

    after = await desk.schedule.change("evening", changed)
    assert (after.rule, after.details.title) == ("FREQ=WEEKLY;COUNT=3", "Night")
    assert desk.titles() == {"Night"}
    assert [state.phase.is_over for _, state in sorted(desk.sessions.states.items())].count(False) == 3


async def test_the_ids_of_many_dates_are_one_question(desk: Desk) -> None:
    """Also where others have some of them: those get the next number, with one question more."""
    await desk.schedule.create(replace(EVENING, rule="FREQ=DAILY"))
    other = replace(EVENING.details, series_id=None, scheduled_start=BEGIN + DAY)
    for taken in ("evening-2027-06-03", "evening-2027-06-05", "evening-2027-06-05-2"):
        await desk.sessions.create(taken, other)
    desk.sessions.questions = 0
    planned = await desk.schedule.planned(desk.current(), BEGIN, None, limit=500)
    assert len(planned) == 500
    ids = {each.session_id for each in planned}
    assert {"evening-2027-06-03-2", "evening-2027-06-04", "evening-2027-06-05-3"} <= ids
    assert not ids & {"evening-2027-06-03", "evening-2027-06-05", "evening-2027-06-05-2"}
    assert desk.sessions.questions == 6
