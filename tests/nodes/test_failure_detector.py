"""The failure detector: nobody who beats is evicted, and whoever is dead is evicted soon."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.nodes.failure_detector import (
    BEAT_S,
    LEFT_TO_COMERS_S,
    TTL_S,
    Beat,
    Verdict,
    View,
    may_serve,
    observe,
    share_of,
    unowned_for_long,
)


@dataclass
class Node:
    """A node as it really is."""

    number: int = 0
    alive: bool = True
    beat_at: float = 0.0
    died_at: float = 0.0


class Watching(RuleBasedStateMachine):
    """One watcher, two nodes, and a database that goes away, answers late, and comes back."""

    @initialize(clock=st.floats(0, 1e6))
    def begin(self, clock: float) -> None:
        self.now = self.since = clock
        self.nodes = {"a": Node(beat_at=clock), "b": Node(beat_at=clock)}
        self.view = View()
        self.whole_since: float | None = None
        self.last_answer = clock
        self.evicted: set[str] = set()

    def beat(self) -> None:
        for node in self.nodes.values():
            if node.alive:
                node.number += 1
                node.beat_at = self.now

    @rule(wait=st.floats(0.1, 1.2), delay=st.floats(0, 0.3))
    def everybody_beats_and_the_watcher_looks(self, wait: float, delay: float) -> None:
        """The usual second: the answer may be late."""
        self.now += wait
        self.beat()
        asked = self.now
        beats = {
            name: Beat(node.number, node.alive)
            for name, node in self.nodes.items()
            if name not in self.evicted
        }
        self.now += delay
        if self.whole_since is None or self.now - self.last_answer > 2.5 * BEAT_S:
            self.whole_since = self.now
        self.view, dead = observe(self.view, asked, self.now, beats)
        self.last_answer = self.now
        for name in dead:
            assert not self.nodes[name].alive
            assert asked - self.whole_since >= TTL_S
            self.evicted.add(name)

    @rule(away=st.floats(2.6, 60))
    def the_database_is_away(self, away: float) -> None:
        """Nobody's beat gets through, so that all numbers stand still and every connection is gone."""
        self.now += away

    @rule(name=st.sampled_from(["a", "b"]))
    @precondition(lambda self: any(node.alive for node in self.nodes.values()))
    def a_node_is_killed(self, name: str) -> None:
        """Its number stays, and its lock goes."""
        node = self.nodes[name]
        if node.alive:
            node.alive, node.died_at = False, self.now

    @invariant()
    def the_dead_are_evicted_within_the_time_of_a_whole_view(self) -> None:
        if not hasattr(self, "nodes") or self.whole_since is None:
            return
        for name, node in self.nodes.items():
            whole = self.last_answer - max(self.whole_since, node.died_at)
            if not node.alive and whole > TTL_S + 3 * BEAT_S:
                assert name in self.evicted


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=60, stateful_step_count=40)


def watch(numbers: list[int], *, connected: list[bool] | None = None) -> list[dict[str, int]]:
    """Whom a look a second would evict, for the numbers that it finds."""
    view, dead = View(), []
    for second, number in enumerate(numbers):
        held = True if connected is None else connected[second]
        view, found = observe(view, second, second + 0.01, {"n": Beat(number, held)})
        dead.append(found)
    return dead


def test_one_number_for_the_whole_time_is_a_death() -> None:
    """A stopped process keeps its connections: it is believed dead after five seconds."""
    assert watch([7, 7, 7, 7, 7, 7])[-1] == {}
    assert watch([7, 7, 7, 7, 7, 7, 7])[-1] == {"n": 7}
    assert watch([7, 7, 7, 7, 8, 8, 8])[-1] == {}


def test_a_killed_process_is_seen_by_its_lock() -> None:
    """One beat after it, in a view that has lasted long enough; not right after the database came back."""
    alive = [True] * 7
    assert watch([1, 2, 3, 4, 5, 6, 7, 7], connected=[*alive, False])[-1] == {"n": 7}
    assert watch([1, 1], connected=[False, False])[-1] == {}
    assert watch([1, 2, 3, 4, 5, 6, 7, 8], connected=[*alive, False])[-1] == {}


def test_a_node_without_an_answer_asks_the_others() -> None:
    """It goes on while nobody can tell, and stops as soon as one of them has what it lacks."""
    assert may_serve(TTL_S - 0.1, None) is Verdict.SERVE
    assert may_serve(TTL_S, None) is Verdict.ASK
    assert may_serve(TTL_S, []) is Verdict.SERVE
    assert may_serve(TTL_S, [False, False]) is Verdict.SERVE
    assert may_serve(TTL_S, [False, True]) is Verdict.CUT_OFF


@given(
    st.lists(st.text("abc012", min_size=1, max_size=6), unique=True, max_size=60),
    st.lists(st.sampled_from(["n1", "n2", "n3", "n4"]), unique=True, min_size=1),
)
def test_shares_are_equal_and_repeated_claims_cover_everything(unowned: list[str], living: list[str]) -> None:
    """No node takes more than its share, and when all go on claiming nothing is left."""
    left = list(unowned)
    while left:
        claimed: set[str] = set()
        for node in living:
            share = share_of(left, node, living)
            assert len(share) == -(-len(left) // len(living))
            assert set(share) <= set(left)
            claimed |= set(share)
        assert claimed
        left = [session_id for session_id in left if session_id not in claimed]


@given(
    st.lists(
        st.tuples(st.floats(0, 2 * BEAT_S), st.sets(st.sampled_from(["a", "b", "c"]))),
        min_size=1,
        max_size=12,
    )
)
def test_what_nobody_comes_to_is_shared_out_after_a_while(looks: list[tuple[float, set[str]]]) -> None:
    """That is what every look of the last while found without an owner, and the last of those before it."""
    before: dict[str, float] = {}
    seen: list[tuple[float, set[str]]] = []
    now = 0.0
    for wait, unowned in looks:
        now += wait
        seen.append((now, unowned))
        before, left = unowned_for_long(before, unowned, now)
        long_ago = sum(now - at >= LEFT_TO_COMERS_S for at, _ in seen)
        of_late = [found for _, found in seen[long_ago - 1 :]] if long_ago else [set[str]()]
        assert set(left) == set[str].intersection(*of_late)
        assert len(left) == len(set(left))


def test_who_comes_wins_over_the_share() -> None:
    """A session that somebody had claimed at a server meanwhile is left to comers anew once it has no owner again."""
    first, left = unowned_for_long({}, ["a", "b"], 0.0)
    assert left == []
    claimed, left = unowned_for_long(first, ["b"], LEFT_TO_COMERS_S)
    assert left == ["b"]
    again, left = unowned_for_long(claimed, ["a", "b"], LEFT_TO_COMERS_S + 0.1)
    assert left == ["b"]
    assert unowned_for_long(again, ["a"], 2 * LEFT_TO_COMERS_S + 0.1)[1] == ["a"]
