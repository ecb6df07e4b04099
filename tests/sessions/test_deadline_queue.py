"""The deadlines of those who sleep: none missed, each once, whatever order they come in."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import Clock
from engine.domain.instant import Millis
from engine.sessions.timing.deadline_queue import DeadlineQueue
from tests.sessions.stopped_clock import StoppedClock

START = 1_700_000_000_000


def deadlines_of(clock: StoppedClock, rung: list[tuple[Millis, list[str]]]) -> DeadlineQueue:
    return DeadlineQueue(cast(Clock, clock), lambda due: rung.append((clock.now(), due)))


@given(st.lists(st.integers(0, 50), max_size=12), st.lists(st.integers(1, 20), max_size=12))
def test_each_rings_once_when_it_has_come(waits: list[int], jumps: list[int]) -> None:
    """Whichever is set first, and however much time passes at once."""
    clock = StoppedClock(START)
    rung: list[tuple[Millis, list[str]]] = []
    deadlines = deadlines_of(clock, rung)
    for number, wait in enumerate(waits):
        deadlines.add(START + wait, str(number))
    for jump in jumps:
        clock.jump(jump)
        heard = [key for _, keys in rung for key in keys]
        passed = clock.now() - START
        assert sorted(heard) == sorted(str(n) for n, wait in enumerate(waits) if wait <= passed)
    for _, keys in rung:
        assert keys == sorted(keys, key=lambda key: (waits[int(key)], key))


def test_a_sooner_one_is_not_kept_waiting() -> None:
    """The alarm of the later one makes way."""
    clock = StoppedClock(START)
    rung: list[tuple[Millis, list[str]]] = []
    deadlines = deadlines_of(clock, rung)
    deadlines.add(START + 100, "later")
    deadlines.add(START + 10, "sooner")
    clock.jump(10)
    clock.jump(90)
    assert rung == [(START + 10, ["sooner"]), (START + 100, ["later"])]


def test_none_rings_after_the_end() -> None:
    """A server that is closing wakes nobody."""
    clock = StoppedClock(START)
    rung: list[tuple[Millis, list[str]]] = []
    deadlines = deadlines_of(clock, rung)
    deadlines.add(START + 10, "s")
    deadlines.stop()
    deadlines.add(START + 20, "of a session that ends with the server")
    clock.jump(1000)
    assert rung == []
