"""What a reader of every figure and every stored share, of all times at once, can work out of them."""

from __future__ import annotations

import cmath
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.heart.cohort import MOST_PARTS, Cohort, EarlierFigures, PartRegistry
from engine.domain.heart.differencing import DisclosedGroups
from engine.domain.heart.shares import Figure, Part, figure_of, figure_without, share_of
from tests.heart.reader import fewest_told_of

START: Final = 1_790_000_000_000
PEOPLE: Final = tuple("abcdefghijklm")


class Reader:
    """Somebody who keeps all that was ever shown or stored of one figure, and knows who stood behind it."""

    def __init__(self) -> None:
        self.groups: set[frozenset[str]] = set()
        self.parts: dict[int, Part] = {}

    def read(self, cohort: Cohort[float], roll: PartRegistry) -> None:
        self.parts |= {part.number: part for part in roll.take()}
        behind: set[str] = set()
        for share in cohort.shares:
            people = self.parts[share.part].people
            assert share.n == len(people)
            assert (share.x is None) == (len(people) < 5)
            assert behind.isdisjoint(people)
            behind.update(people)
            if share.x is not None:
                self.groups.add(frozenset(people))
        if behind:
            self.groups.add(frozenset(behind))

    def fewest(self, most: int) -> int:
        """The size of the smallest set of people of whom something follows."""
        return fewest_told_of(self.groups, most)


def played(moves: Sequence[tuple[Collection[str], str | None]], step: int) -> Reader:
    """Let the given people be here, one move after the other; the second of a move withdraws."""
    roll = PartRegistry()
    cohort: Cohort[float] = Cohort("hrv_improvement", roll)
    reader = Reader()
    for number, (present, withdraws) in enumerate(moves):
        at = START + step * number
        for who in PEOPLE:
            if who in present:
                cohort.note(who, 0.1, at)
            else:
                cohort.forget(who)
        if withdraws is not None:
            cohort.withdraw(withdraws)
            assert not any(withdraws in reader.parts[share.part].people for share in cohort.shares)
        figure = cohort.publish(at)
        assert figure is None or len(set(present) - {withdraws}) >= 5
        reader.read(cohort, roll)
    return reader


crowd = st.sets(st.sampled_from(PEOPLE), min_size=4)
moves = st.lists(
    st.tuples(crowd, st.one_of(st.none(), st.none(), st.none(), st.sampled_from(PEOPLE))), max_size=9
)


@settings(max_examples=40)
@given(moves)
def test_nothing_follows_of_fewer_than_five(moves: list[tuple[set[str], str | None]]) -> None:
    """Within five minutes, whoever comes, goes, and withdraws."""
    assert played(moves, 30_000).fewest(5) >= 5


@settings(max_examples=60)
@given(moves)
def test_nothing_ever_follows_of_one_person(moves: list[tuple[set[str], str | None]]) -> None:
    """Over hours, and from figures of many groups that differ by two."""
    assert played(moves, 301_000).fewest(2) >= 2


@settings(max_examples=40)
@given(st.lists(st.sets(st.sampled_from(PEOPLE[:8]), max_size=3), max_size=9))
def test_seats_that_are_vouched_for_and_not_in_turns_tell_nobody(absent: list[set[str]]) -> None:
    """Who decides on seats leaves out a few at a time, and looks at the figure each time."""
    turns = [(PEOPLE[:8], None)] + [(set(PEOPLE[:8]) - some, None) for some in absent]
    assert played(turns, 301_000).fewest(2) >= 2


def test_three_pairs_out_of_three_people_are_not_all_shown() -> None:
    """The differences of two that would give each of three people away: the last of them stays unshown."""
    disclosed = DisclosedGroups()
    everybody = frozenset("abcdefgh")
    disclosed.add(everybody)
    assert not disclosed.allows(everybody - {"a"}, 2)
    for pair in ("ab", "bc"):
        assert disclosed.allows(everybody - set(pair), 2)
        assert not disclosed.allows(everybody - set(pair), 5)
        disclosed.add(everybody - set(pair))
    assert not disclosed.allows(everybody - set("ca"), 2)


def test_a_figure_that_follows_from_others_tells_nothing_new() -> None:
    """The rest of a group, when a part of it and the whole are known."""
    disclosed = DisclosedGroups()
    disclosed.add(frozenset("abcdefghij"))
    disclosed.add(frozenset("abcde"))
    assert disclosed.allows(frozenset("fghij"), 5)
    assert not disclosed.allows(frozenset("efghij"), 5)


def test_very_many_possibilities_are_refused_rather_than_looked_through() -> None:
    """A group that falls into more pieces than can be examined is not shown."""
    disclosed = DisclosedGroups()
    for number in range(12):
        disclosed.add(frozenset(f"{number}-{i}" for i in range(6)))
    disclosed.add(frozenset(f"{number}-{i}" for number in range(12) for i in range(6)))
    half = frozenset(f"{number}-{i}" for number in range(12) for i in range(3))
    assert not disclosed.allows(half, 5)
    assert disclosed.allows(half, 2)


@pytest.mark.parametrize(
    ("people", "sizes"), [(5, [5]), (9, [9]), (10, [5, 5]), (12, [6, 6]), (25, [5] * 5), (300, [15] * 20)]
)
def test_a_group_divides_into_parts_of_five_or_more(people: int, sizes: list[int]) -> None:
    """All of it, and into no more parts than the journal has room for."""
    roll = PartRegistry()
    cohort: Cohort[float] = Cohort("coherence", roll)
    for number in range(people):
        cohort.note(f"{number:03d}", 0.5, START)
    assert cohort.publish(START) == 1.0
    parts = roll.take()
    assert [len(part.people) for part in parts] == sizes
    assert len(parts) <= MOST_PARTS
    assert len({who for part in parts for who in part.people}) == people


def test_who_comes_late_in_a_small_number_is_counted_and_kept_in_no_mean() -> None:
    """Two that join after five minutes: the figure has them, no share does, and five more make a part."""
    roll = PartRegistry()
    cohort: Cohort[float] = Cohort("hrv_improvement", roll)

    def here(names: Iterable[str], at: int) -> list[tuple[int, bool]]:
        for who in names:
            cohort.note(who, 0.1, START + at)
        cohort.publish(START + at)
        return [(share.n, share.x is None) for share in cohort.shares]

    assert here("abcde", 0) == [(5, False)]
    assert here("abcdefg", 60_000) == [(5, False)]
    assert here("abcdefg", 300_000) == [(5, False), (2, True)]
    assert here("abcdefghijkl", 330_000) == [(5, False), (7, False)]


def test_a_restart_does_not_forget_what_was_told() -> None:
    """Seven of eight that were shown before: their figure would tell the eighth. When all return it goes on."""
    roll = PartRegistry(4)
    cohort: Cohort[float] = Cohort("coherence", roll)
    part = Part(3, "coherence", tuple("abcdefgh"))
    cohort.resume(EarlierFigures((part,), (frozenset("abcdefgh"),), START))
    for step in range(20):
        for who in "abcdefg":
            cohort.note(who, 0.5, START + 30_000 * step)
        assert cohort.publish(START + 30_000 * step) is None
    at = START + 600_000
    for who in "abcdefgh":
        cohort.note(who, 0.5, at)
    assert cohort.publish(at) == 1.0
    assert [share.part for share in cohort.shares] == [3]


def test_nobody_can_choose_whose_part_they_are_in() -> None:
    """The order that a session brings, not the names, says who stands together."""
    found = set()
    for turn in range(20):
        roll = PartRegistry(order=lambda who, turn=turn: sha256(f"{turn} {who}".encode()).digest())  # type: ignore[misc]
        cohort: Cohort[float] = Cohort("coherence", roll)
        for number in range(10):
            cohort.note(str(number), 0.5, START)
        cohort.publish(START)
        found.add(frozenset(roll.take()[0].people))
    assert len(found) > 10


VALUES = {
    "hrv_improvement": st.floats(-1, 1),
    "coherence": st.floats(0.02, 0.8),
    "synchrony": st.floats(-3, 3).map(lambda angle: cmath.rect(1, angle)),
}
#: Half a step of the figure, and what rounding shares to a thousandth can add to it.
CLOSE = {"hrv_improvement": 0.5 + 0.2, "coherence": 0.05 + 0.02, "synchrony": 0.005 + 0.001}


@settings(max_examples=60)
@given(st.data(), st.sampled_from(sorted(VALUES)), st.integers(5, 30))
def test_a_figure_without_some_parts_is_the_figure_of_the_others(
    data: st.DataObject, name: Figure, people: int
) -> None:
    """Worked out of the stored means as from everybody's own values; nothing below five people."""
    values = data.draw(st.lists(VALUES[name], min_size=people, max_size=people))
    roll = PartRegistry()
    cohort: Cohort[complex] = Cohort(name, roll)
    for number, value in enumerate(values):
        cohort.note(f"{number:02d}", value, START)
    shown = cohort.publish(START)
    parts = {part.number: part for part in roll.take()}
    gone = data.draw(st.sets(st.sampled_from(sorted(parts))))
    figure, n = figure_without(name, cohort.shares, parts, gone)
    left = [values[int(who)] for part in parts.values() if part.number not in gone for who in part.people]
    assert n == len(left)
    assert (figure is None) == (not left)
    if figure is not None:
        assert figure == pytest.approx(exact(name, sum(left) / len(left)), abs=CLOSE[name])
    if not gone:
        assert shown == figure_of(name, sum(values) / len(values))


def exact(name: Figure, mean: complex) -> float:
    """The figure without its rounding."""
    if name == "hrv_improvement":
        return float(100 * np.expm1(mean.real))
    return abs(mean) if name == "synchrony" else mean.real / (1 - mean.real)


def test_a_mean_of_fewer_than_five_is_not_kept() -> None:
    """A share without a mean counts as people, and as nothing in a figure made anew."""
    parts = {1: Part(1, "coherence", tuple("abcde")), 2: Part(2, "coherence", ("x", "y"))}
    shares = (share_of(1, 5, 0.5), share_of(2, 2, None))
    assert figure_without("coherence", shares, parts, ()) == (1.0, 5)
    assert figure_without("coherence", shares, parts, {1}) == (None, 0)
    assert figure_without("hrv_improvement", shares, parts, ()) == (None, 0)
