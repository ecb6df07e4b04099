"""The clock: at the machine's own rate, faster, and catching up with the present."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.clock import Clock
from engine.domain.instant import MINUTE, SECOND


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
