"""The alarm: never later than the deadline, seldom earlier, never without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from engine.clock import Clock
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.session import (
    GRACE,
    LONGEST_SESSION,
    WARNING_BEFORE_END,
    Details,
    Member,
    Phase,
    Presence,
    Role,
    Session,
)
from engine.sessions.timing.deadline_timer import DeadlineTimer
from tests.sessions.stopped_clock import StoppedClock

START = 1_700_000_000_000


def alarm_of(clock: StoppedClock, ring: Callable[[], Any]) -> DeadlineTimer:
    return DeadlineTimer(cast(Clock, clock), clock.now, ring)


def live(*members: Member) -> Session:
    """A session that began at ``START``."""
    known = {member.client_id: member for member in members}
    details = Details("Evening", "Ivy", START)
    return Session("s", "e", details, START, START, phase=Phase.LIVE, started_at=START, members=known)


def here(client_id: str) -> Member:
    return Member(client_id, Role.PARTICIPANT, START, Presence.PRESENT, START)


def test_it_rings_at_the_deadline() -> None:
    """Ten minutes before the longest session is over somebody has to be told."""
    clock = StoppedClock(START)
    rung: list[Millis] = []
    alarm_of(clock, lambda: rung.append(clock.now())).follow(live(here("ada")))
    clock.jump(LONGEST_SESSION - WARNING_BEFORE_END - SECOND)
    assert rung == []
    clock.jump(2 * SECOND)
    assert len(rung) == 1


def test_coming_and_going_brings_it_forward_to_the_end_of_a_grace() -> None:
    """Whoever lost the connection is announced in time, whoever else came and went since."""
    clock = StoppedClock(START)
    rung: list[Millis] = []
    alarm = alarm_of(clock, lambda: rung.append(clock.now()))
    first = live(here("ada"))
    alarm.follow(first)
    lost = replace(first, members={"ada": replace(here("ada"), presence=Presence.AWAY, since=clock.now())})
    alarm.follow(lost)
    for name in ("bob", "cid", "dee"):
        clock.jump(5 * SECOND)
        lost = replace(lost, members={**lost.members, name: here(name)})
        alarm.follow(lost)
    assert rung == []
    clock.jump(GRACE - 15 * SECOND + SECOND)
    assert len(rung) == 1
    alarm.reset(replace(lost, members={"bob": here("bob")}))
    clock.jump(MINUTE)
    assert len(rung) == 1


def test_a_grace_ends_in_time_when_it_rang_early_for_it() -> None:
    """It was set when somebody came, half a second before they were lost: it rings again at the end, not after it."""
    clock = StoppedClock(START)
    rung: list[Millis] = []
    state = live()

    def ring() -> None:
        rung.append(clock.now() - START)
        alarm.reset(state)

    alarm = alarm_of(clock, ring)
    alarm.follow(state)
    state = replace(state, members={"ada": here("ada")})
    alarm.follow(state)
    clock.jump(500)
    lost = replace(here("ada"), presence=Presence.AWAY, since=clock.now())
    state = replace(state, members={"ada": lost})
    alarm.follow(state)
    while clock.now() < START + GRACE + 500:
        clock.jump(10)
    assert rung == [GRACE, GRACE + 500]


def test_many_graces_that_end_close_together_ring_ten_times_a_second() -> None:
    """A thousand who lose the network within a second are not looked through a thousand times."""
    clock = StoppedClock(START)
    rung: list[Millis] = []
    away = [
        replace(here(f"p{number}"), presence=Presence.AWAY, since=START + number) for number in range(1000)
    ]

    def ring() -> None:
        rung.append(clock.now())
        alarm.reset(live(*(member for member in away if member.since + GRACE > clock.now())))

    alarm = alarm_of(clock, ring)
    alarm.follow(live(*away))
    while clock.now() < START + GRACE + 1100:
        clock.jump(1)
    assert len(rung) == 11
    assert rung[-1] <= START + GRACE + 1000


def test_a_deadline_that_is_past_does_not_ring_without_end() -> None:
    """A second passes between two."""
    clock = StoppedClock(START + 2 * LONGEST_SESSION)
    rung: list[Millis] = []
    state = live(here("ada"))

    def ring() -> None:
        rung.append(clock.now())
        alarm.reset(state)

    alarm = alarm_of(clock, ring)
    alarm.follow(state)
    clock.jump(10)
    assert len(rung) == 1
    clock.jump(SECOND + 10)
    assert len(rung) == 2
    alarm.stop()
    clock.jump(MINUTE)
    assert len(rung) == 2
