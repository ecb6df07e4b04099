"""The clock: at the machine's own rate, faster, and catching up with the present."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import Clock
from engine.domain.instant import HOUR, MINUTE, SECOND
from engine.sessions.timing.session_clock import SessionClock


def present() -> int:
    return time.time_ns() // 1_000_000


def test_it_shows_the_present() -> None:
    """Without arguments the clock is the wall clock."""
    assert abs(Clock().now() - present()) <= 5


def test_a_faster_clock_stays_ahead_of_ours() -> None:
    """A stretch of a clock at rate 60 takes a sixtieth of it."""
    clock = Clock(rate=60, start=present() - 60 * MINUTE)
    assert clock.rate == 60
    assert clock.seconds(MINUTE) == pytest.approx(1.0)


def test_a_clock_that_catches_up_goes_on_with_the_present() -> None:
    """A stretch that reaches beyond the present is fast up to there and ordinary after it."""
    clock = Clock(rate=11, start=present() - 10 * SECOND)
    # 10 s behind at 10 s gained per second: they meet after 1 s, when the clock has shown 11 s.
    assert clock.seconds(11 * SECOND + 4 * SECOND) == pytest.approx(1.0 + 4.0, abs=0.05)


async def test_a_callback_never_finds_itself_early() -> None:
    """What is called at an instant sees that instant or a later one, across the meeting with the present."""
    clock = Clock(rate=50, start=present() - 2 * SECOND)
    when = clock.now() + 2 * SECOND + 60
    called: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    clock.call_at(when, lambda: called.set_result(clock.now()))
    assert await asyncio.wait_for(called, 10) >= when
    assert clock.rate == 1
    assert abs(clock.now() - present()) <= 5


async def test_sleeping_until_an_instant_ends_at_it() -> None:
    """The sleeper wakes when the instant has come, in the clock's own time."""
    clock = Clock(rate=100, start=present() - MINUTE)
    when = clock.now() + 5 * SECOND
    began = time.monotonic()
    await clock.sleep_until(when)
    assert clock.now() >= when
    assert time.monotonic() - began < 2


class Machine:
    """A machine's date and its monotonic clock, moved by hand (ms)."""

    def __init__(self) -> None:
        self.date, self.ran = 1_700_000_000_000, 50_000

    def clock(self, **options: Any) -> Clock:
        return Clock(wall=lambda: self.date * 1_000_000, monotonic=lambda: self.ran * 1_000_000, **options)

    def run(self, lasting: int) -> None:
        self.date += lasting
        self.ran += lasting


@pytest.mark.parametrize("by", [10 * HOUR, -24 * HOUR, 3 * SECOND])
def test_instants_follow_a_date_that_is_set(by: int) -> None:
    """Forwards and back, at once; what has passed stays what has passed."""
    machine = Machine()
    clock = machine.clock()
    machine.run(MINUTE)
    machine.date += by
    assert clock.now() == machine.date
    assert clock.elapsed() == MINUTE
    assert clock.look() == by
    assert clock.look() == 0


def test_small_corrections_are_no_news() -> None:
    """The steps by which NTP keeps a machine right are followed without a word, until they add up."""
    machine = Machine()
    clock = machine.clock()
    machine.date += 300
    assert clock.look() == 0
    machine.date += 300
    assert clock.look() == 600


def test_a_faster_clock_follows_the_date_once_it_has_caught_up() -> None:
    """A demonstration keeps its time while it runs ahead of nothing, and ends at the machine's date."""
    machine = Machine()
    clock = machine.clock(rate=11, start=machine.date - 10 * SECOND)
    machine.run(500)
    machine.date += HOUR
    assert clock.now() == machine.date - HOUR - 10 * SECOND + 10 * 500
    assert clock.look() == 0
    machine.run(500)
    assert clock.now() == machine.date
    machine.date -= HOUR
    assert clock.now() == machine.date
    assert clock.look() == -HOUR


@pytest.mark.parametrize(("by", "rings"), [(10 * HOUR, True), (-10 * HOUR, False)])
async def test_what_waits_for_an_instant_follows_the_date(by: int, rings: bool) -> None:
    """Set forwards beyond it, the callback comes at once; set back, it waits for its instant."""
    machine = Machine()
    clock = machine.clock()
    called, told = asyncio.Event(), []
    timer = clock.call_at(machine.date + HOUR, called.set)
    clock.on_set(lambda: told.append(clock.now()))
    machine.date += by
    clock.look()
    assert told == [machine.date]
    if rings:
        await asyncio.wait_for(called.wait(), 5)
    else:
        # Its hour by the monotonic clock is over, its instant is not there.
        machine.run(HOUR)
        timer._ring()
        assert not called.is_set()
    timer.cancel()


class TestSessionClock:
    """The instants of one session's records."""

    def test_a_date_set_forwards_is_followed_and_counted(self) -> None:
        """The leap is what no time passed for; ordinary running is none."""
        machine = Machine()
        session = SessionClock(machine.clock(), 0)
        machine.run(MINUTE)
        assert (session.now(), session.skipped) == (machine.date, 0)
        machine.date += 9 * SECOND
        assert (session.now(), session.skipped) == (machine.date, 0)
        machine.date += HOUR
        assert (session.now(), session.skipped) == (machine.date, HOUR)

    def test_a_date_set_back_goes_on_from_the_last_instant(self) -> None:
        """At its ordinary pace, until the date has caught up."""
        machine = Machine()
        session = SessionClock(machine.clock(), 0)
        last = session.now()
        machine.date -= HOUR
        machine.run(MINUTE)
        assert session.now() == last + MINUTE
        machine.date += HOUR
        machine.run(MINUTE)
        assert (session.now(), session.skipped) == (machine.date, 0)

    def test_a_journal_of_the_future_is_gone_on_with(self) -> None:
        """After a restart with a date that was set back, records do not run back."""
        machine = Machine()
        last = machine.date + 24 * HOUR
        session = SessionClock(machine.clock(), last)
        machine.run(SECOND)
        assert session.now() == last + SECOND

    @given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(-(10**9), 10**9)), max_size=30))
    def test_it_never_runs_back_and_loses_no_time(self, moves: list[tuple[int, int]]) -> None:
        """Whatever the date does, each step is at least what has passed."""
        machine = Machine()
        session = SessionClock(machine.clock(), 0)
        before = session.now()
        for passed, by in moves:
            machine.run(passed)
            machine.date += by
            now = session.now()
            assert now - before >= passed
            assert now >= machine.date
            before = now
