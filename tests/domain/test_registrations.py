"""Places and the waiting list, and who is reminded when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain.instant import HOUR, MINUTE
from engine.domain.registrations import PlaceMail, come_up, is_held, reminders
from engine.domain.session import Role
from tests.domain.sessions import kinds, waiting

START = 1_000 * HOUR


def test_the_first_who_wait_come_up() -> None:
    """As many as there are places; nobody who has one loses it where there are fewer."""
    assert come_up(3, 2, ["a", "b"]) == ["a"]
    assert come_up(5, 2, ["a", "b"]) == ["a", "b"]
    assert come_up(2, 3, ["a", "b"]) == []
    assert come_up(3, 3, ["a"]) == []


@given(most=st.integers(1, 9), leaving=st.lists(st.integers(0, 30), max_size=30), came=st.integers(0, 30))
def test_places_are_full_while_anybody_waits(most: int, leaving: list[int], came: int) -> None:
    """Whoever leaves, in whatever order: no place stays free, none is given twice, and nobody overtakes."""
    coming: list[int] = []
    waiting = list(range(came))
    for step in (None, *leaving):
        coming = [each for each in coming if each != step]
        waiting = [each for each in waiting if each != step]
        up = list(come_up(most, len(coming), waiting))
        coming, waiting = coming + up, waiting[len(up) :]
        assert len(coming) <= most
        assert not waiting or len(coming) == most
        assert not waiting or max(coming) < min(waiting)


def test_a_place_is_held_until_five_minutes_after_the_start() -> None:
    """However late it starts."""
    assert is_held(None, START + HOUR)
    assert is_held(START, START + 5 * MINUTE - 1)
    assert not is_held(START, START + 5 * MINUTE)


def test_reminders_go_out_a_day_and_a_quarter_of_an_hour_before() -> None:
    """The first only to those who knew it for long: 36 hours are not enough, a millisecond more is."""
    day, soon = (PlaceMail.DAY, START - 24 * HOUR), (PlaceMail.SOON, START - 15 * MINUTE)
    assert reminders(START, START - 36 * HOUR - 1) == (day, soon)
    assert reminders(START, START - 36 * HOUR) == (soon,)
    assert reminders(START, START - 16 * MINUTE) == (soon,)
    assert reminders(START, START - 15 * MINUTE) == ()


@given(start=st.integers(0, 10**13), ahead=st.integers(-HOUR, 1000 * HOUR))
def test_a_reminder_lies_between_knowing_and_the_start(start: int, ahead: int) -> None:
    """At most one of each kind."""
    due = reminders(start, start - ahead)
    assert all(start - ahead < each.due_at < start for each in due)
    assert len({each.mail for each in due}) == len(due) <= 2


def test_a_place_is_kept_from_those_who_have_not_said_that_they_come() -> None:
    """Until five minutes after the start; whoever has said so comes in."""
    course = waiting(["ann"], max_participants=2)
    held = frozenset({"reg_ben"})
    assert course.join_refused("cleo", held=held).code == "full"
    assert course.join_refused("reg_ben", held=held).code == "client_id_in_use"
    course.do(c.Start())
    course.wait(5 * MINUTE - 1)
    assert course.join_refused("cleo", held=held).code == "full"
    assert kinds(course.join("reg_ben", held=held, proved=True)) == ["member_joined"]
    course.leave("reg_ben")
    assert course.join_refused("cleo", held=held).code == "full"
    course.wait(1)
    assert kinds(course.join("cleo", held=held)) == ["member_joined"]


def test_places_that_are_held_do_not_let_more_in_than_there_are() -> None:
    """Who comes after them has no place, although one is held; observers and staff always fit."""
    course = waiting(["ann", "ben"], max_participants=2)
    held = frozenset({"reg_cleo"})
    assert course.join_refused("reg_cleo", held=held, proved=True).code == "full"
    assert kinds(course.join("wall", Role.OBSERVER, held=held)) == ["member_joined"]
