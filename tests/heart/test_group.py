"""The group's figures, and attempts to learn one person's figure from them."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pytest

from engine.domain.heart.group import GroupFigures, GroupHeart
from engine.domain.heart.marks import Achievement, Mark, Milestone
from tests.heart.series import Heart, Series, random_heart, synthetic

START: Final = 1_790_000_000_000
PACER_HZ: Final = 0.1


class Room:
    """A session on a made-up clock: people whose beats arrive as they happen, and a tick every five seconds."""

    def __init__(self, **options: object) -> None:
        self.heart = GroupHeart(**options)  # type: ignore[arg-type]
        self.second = 0
        self.wearers: dict[str, tuple[Series, Series]] = {}
        self.shown: list[tuple[int, GroupFigures]] = []
        self.reached: list[Milestone | Achievement] = []

    def strap(self, who: str, rr: Series, *, vouched: bool = True, group: bool = True) -> None:
        """Put a strap on somebody who consents; its first beat comes now."""
        self.heart.set_consent(who, heart_rate=True, group=group)
        self.heart.vouch(who, vouched)
        self.wearers[who] = (rr, START + 1000 * self.second + np.cumsum(rr))

    def take_off(self, who: str) -> None:
        """Stop somebody's beats."""
        del self.wearers[who]

    def play(self, seconds: int, *, participants: int = 10, pacer_hz: float | None = None) -> GroupFigures:
        """Let time pass, and return what is shown at its end."""
        for _ in range(seconds // 5):
            before, self.second = self.second, self.second + 5
            for who, (rr, ends) in self.wearers.items():
                i, j = np.searchsorted(ends, (START + 1000 * before, START + 1000 * self.second))
                for k in range(i, j):
                    self.heart.beats(who, [float(rr[k])], int(ends[k]))
            at = START + 1000 * self.second
            figures = self.heart.figures(
                at, participants=participants, pacer_hz=pacer_hz, completion_rate=0.876, engagement_rate=0.5
            )
            self.shown.append((self.second, figures))
            self.reached += self.heart.reached(at)
        return figures


def changing(ratio: float, seed: int, seconds: float = 1500) -> Series:
    """Return a heart whose variation changes by ``ratio`` after its baseline of three minutes."""
    rng = np.random.default_rng(seed)
    calm = Heart(breath_amplitude_ms=30, breath_hz=0.25, noise_ms=4, drift_ms=5, wave_ms=4)
    deep = replace(calm, breath_amplitude_ms=30 * ratio, noise_ms=4 * ratio)
    return np.concatenate((synthetic(calm, 182, rng), synthetic(deep, seconds - 182, rng)))


def test_below_five_every_figure_is_null() -> None:
    """Four measured people in a room of many have no group figure; counts are told."""
    room = Room()
    for i in range(4):
        room.strap(f"p{i}", changing(1.5, i))
    figures = room.play(300)
    assert figures.measured == 4
    assert (figures.hrv_improvement, figures.coherence, figures.synchrony) == (None, None, None)


def test_rates_need_five_participants() -> None:
    """Completion and engagement are of the people in the room, and null below five of them."""
    room = Room()
    assert room.play(5, participants=4).completion_rate is None
    assert room.play(30, participants=5).completion_rate == 0.88
    assert room.play(5, participants=4).engagement_rate is None


def test_five_people_have_figures_in_whole_percent() -> None:
    """The group's improvement is 100 (exp(mean ln ratio) - 1) of its people, rounded."""
    room = Room()
    for i, ratio in enumerate((1.2, 1.5, 1.8, 1.3, 1.6)):
        room.strap(f"p{i}", changing(ratio, i))
    figures = room.play(335)  # a refresh
    assert figures.measured == 5
    assert isinstance(figures.hrv_improvement, int)
    own = [room.heart.own(f"p{i}", START + 335_000) for i in range(5)]
    improvements = [
        figure.improvement for figure in own if figure is not None and figure.improvement is not None
    ]
    mean = 100 * (np.exp(np.mean([np.log1p(value / 100) for value in improvements])) - 1)
    assert figures.hrv_improvement == pytest.approx(mean, abs=1)


def test_figures_are_refreshed_every_thirty_seconds_at_most() -> None:
    """Between refreshes the same figures are shown, so that no tick can be told from the next."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", changing(1.2 + 0.1 * i, i))
    room.play(600)
    changes = [
        second
        for (_, before), (second, after) in pairwise(room.shown)
        if (before.hrv_improvement, before.coherence) != (after.hrv_improvement, after.coherence)
    ]
    assert changes
    assert all(b - a >= 30 for a, b in pairwise(changes))


def test_nobody_is_measured_without_consent() -> None:
    """Beats without consent are dropped, and a withdrawn consent deletes what was there."""
    heart = GroupHeart()
    assert heart.beats("p", [800.0], START) == 0
    assert heart.own("p", START) is None
    heart.set_consent("p", heart_rate=True, group=False)
    assert heart.beats("p", [800.0, 10.0], START) == 1
    assert heart.own("p", START + 1) is not None
    heart.set_consent("p", heart_rate=False, group=False)
    assert heart.own("p", START + 2) is None


@pytest.mark.parametrize("missing", ["vouched", "group"])
def test_a_strap_counts_only_with_a_seat_vouched_for_and_consent(missing: str) -> None:
    """Five straps of which one lacks either do not make a group."""
    room = Room()
    for i in range(4):
        room.strap(f"p{i}", changing(1.3, i))
    room.strap("p4", changing(1.3, 4), vouched=missing != "vouched", group=missing != "group")
    figures = room.play(330)
    assert figures.measured == 4
    assert figures.hrv_improvement is None
    assert room.heart.own("p4", START + 330_000) is not None


def test_attack_with_four_false_straps() -> None:
    """Who joins an open room with four made-up straps learns nothing of the fifth person."""
    for victim in (0.7, 2.5):
        room = Room()
        for i in range(4):
            room.strap(f"attacker{i}", changing(1.0, i), vouched=False)
        room.strap("victim", changing(victim, 99))
        room.play(600, pacer_hz=PACER_HZ)
        for _, figures in room.shown:
            reply = asdict(figures)
            assert reply["measured"] <= 1
            assert {reply[name] for name in ("hrv_improvement", "coherence", "synchrony")} == {None}
        assert room.reached == []


def test_attack_with_four_false_tappers() -> None:
    """Taps need a seat that was vouched for as much as straps do."""
    heart = GroupHeart()
    heart.vouch("victim", True)
    for second in range(0, 600, 5):
        at = START + 1000 * second
        for who in ("a", "b", "c", "d", "victim"):
            if second % 10 == 0:
                heart.tap(who, "inhale", at)
        figures = heart.figures(
            at, participants=9, pacer_hz=PACER_HZ, completion_rate=None, engagement_rate=None
        )
        assert figures.synchrony is None


def improvements_of(room: Room) -> list[int | None]:
    """Return the improvements shown, one a change."""
    values = [figures.hrv_improvement for _, figures in room.shown]
    return [value for i, value in enumerate(values) if i == 0 or value != values[i - 1]]


@pytest.mark.parametrize("leaving", ["forget", "unvouch", "revoke", "withdraw"])
def test_attack_by_differencing_somebody_who_leaves(leaving: str) -> None:
    """When one of eight leaves the figures stand still, so before and after do not give that person away.

    Whoever withdraws takes the figures along: they hold a share that nobody may use any more.
    """
    room = Room()
    for i in range(7):
        room.strap(f"p{i}", changing(1.1, i))
    room.strap("victim", changing(3.0, 99))
    before = room.play(420)
    assert before.hrv_improvement is not None
    room.take_off("victim")
    if leaving == "forget":
        room.heart.forget("victim")
    elif leaving == "revoke":
        room.heart.set_consent("victim", heart_rate=True, group=False)
    elif leaving == "withdraw":
        room.heart.forget("victim", withdrew=True)
    else:
        room.heart.vouch("victim", False)
    taken_back = leaving in ("revoke", "withdraw")
    seen = room.second
    room.play(400)
    after = [figures for second, figures in room.shown if second > seen]
    assert {figures.hrv_improvement for figures in after} == {None if taken_back else before.hrv_improvement}
    assert {figures.coherence for figures in after} == {None if taken_back else before.coherence}


@pytest.mark.parametrize("withdrew", [False, True])
def test_somebody_who_leaves_takes_their_part_of_a_large_group_along(withdrew: bool) -> None:
    """The rest, whole parts of five, goes on: that figure was known before, and shows nobody."""
    room = Room()
    for i in range(15):
        room.strap(f"p{i:02d}", changing(1.1 + 0.05 * i, i))
    assert room.play(420).hrv_improvement is not None
    room.take_off("p14")
    room.heart.forget("p14", withdrew=withdrew)
    figures = room.play(60)
    shares = room.heart.shares(figures)
    assert figures.hrv_improvement is not None
    assert [share.n for share in shares] == [5, 5] * 2
    alone = Room()
    for i in range(10):
        alone.strap(f"p{i:02d}", changing(1.1 + 0.05 * i, i))
    assert alone.play(480).hrv_improvement == figures.hrv_improvement


def test_attack_by_differencing_somebody_who_joins() -> None:
    """One person who becomes measured does not move the group's figure: the cohort goes on without them."""
    twins = []
    for victim in (0.6, 3.0):
        room = Room()
        for i in range(7):
            room.strap(f"p{i}", changing(1.1, i))
        room.play(300)
        room.strap("victim", changing(victim, 99))
        room.play(400)
        twins.append(room)
    assert twins[0].shown[-1][1].measured == 8
    assert improvements_of(twins[0]) == improvements_of(twins[1])
    assert [f.coherence for _, f in twins[0].shown] == [f.coherence for _, f in twins[1].shown]


def test_attack_by_a_strap_that_falls_silent() -> None:
    """Losing contact for a minute neither shows a person nor freezes the group."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", changing(1.2, i))
    room.play(300)
    silenced = room.wearers.pop("p5")
    before = len(improvements_of(room))
    room.play(90)
    assert room.shown[-1][1].hrv_improvement is not None
    room.wearers["p5"] = silenced
    room.play(300)
    assert len(improvements_of(room)) > before


def test_falling_below_five_hides_the_figures_at_once() -> None:
    """The very next tick after the fifth person left shows nothing."""
    room = Room()
    for i in range(5):
        room.strap(f"p{i}", changing(1.2, i))
    assert room.play(330).hrv_improvement is not None
    room.heart.forget("p0")
    room.take_off("p0")
    figures = room.play(5)
    assert figures.hrv_improvement is None
    assert figures.coherence is None


def test_own_figures_reach_their_owner_only_through_own() -> None:
    """What the group is shown has no field that one person could fill."""
    assert set(GroupFigures.__dataclass_fields__) == {
        "participants",
        "measured",
        "hrv_improvement",
        "coherence",
        "synchrony",
        "completion_rate",
        "engagement_rate",
    }


def test_own_figures_are_complete() -> None:
    """A person with a steady strap gets state, variation, rhythm and quality."""
    room = Room()
    room.strap(
        "p", synthetic(Heart(breath_hz=0.1, breath_amplitude_ms=60, wave_ms=1), 400, np.random.default_rng(1))
    )
    room.play(300)
    own = room.heart.own("p", START + 300_000)
    assert own is not None
    assert own.state == "ready"
    assert own.remaining_s == 0
    assert own.quality == "good"
    assert own.heart_rate == pytest.approx(67, abs=8)
    assert own.rmssd is not None
    assert own.improvement is not None
    assert own.peak_hz == pytest.approx(0.1, abs=0.01)
    assert own.respiratory_amplitude == pytest.approx(60, rel=0.35)
    assert not own.stale


def following(seed: int) -> Series:
    """Return a heart that keeps a lag of its own behind a pacer of six breaths a minute."""
    rng = np.random.default_rng(seed)
    heart = Heart(breath_hz=PACER_HZ, breath_amplitude_ms=80, wave_ms=2, drift_ms=10, noise_ms=5)
    t = START / 1000 * PACER_HZ % 1.0 * 2 * np.pi
    return synthetic(heart, 700, rng, phase=t + float(rng.uniform(0, 6)))


def test_breathing_together_is_an_achievement_once() -> None:
    """Hearts that keep their place in the breath for a minute reach it, once, whatever their own lags."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", following(i))
    figures = room.play(600, pacer_hz=PACER_HZ)
    assert figures.synchrony is not None
    assert figures.synchrony >= 0.8
    achieved = [one for one in room.reached if isinstance(one, Achievement)]
    assert [one.title for one in achieved] == ["Perfect group synchronization"]
    assert achieved[0].group == 6


def test_without_a_pacer_there_is_no_synchrony() -> None:
    """No pacer, or one too fast for beats to show, gives no figure."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", following(i))
    assert room.play(400, pacer_hz=None).synchrony is None
    assert room.play(300, pacer_hz=1.0).synchrony is None


def test_a_clear_rise_reaches_each_milestone_once() -> None:
    """A group whose variation clearly rises passes the milestones below its lower bound, each once."""
    room = Room()
    for i in range(8):
        room.strap(f"p{i}", changing(1.9, i))
    room.play(900)
    milestones = [one.improvement for one in room.reached if isinstance(one, Milestone)]
    assert sorted(milestones) == [10, 15, 25, 50]
    assert len(milestones) == len(set(milestones))
    assert min(second for second, figures in room.shown if figures.measured == 8) + 60 <= 330


def test_what_was_reached_before_a_restart_is_not_reached_again() -> None:
    """A session brought back to life knows its milestones."""
    room = Room(reached={"hrv:10", "hrv:15"})
    for i in range(6):
        room.strap(f"p{i}", changing(1.9, i))
    room.play(600)
    assert {one.improvement for one in room.reached if isinstance(one, Milestone)} == {25, 50}


def test_a_studio_can_change_the_list() -> None:
    """Other marks take the place of the usual ones; below their group none is reached."""
    mark = Mark("hrv", 5.0, smallest_group=6, hold_s=30)
    room = Room(marks=(mark,))
    for i in range(5):
        room.strap(f"p{i}", changing(2.0, i))
    room.play(400)
    assert room.reached == []
    for i in range(5, 8):
        room.strap(f"p{i}", changing(2.0, i))
    room.play(400)
    assert [one.key for one in room.reached] == ["hrv:5"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "steps", "threshold": 5},
        {"kind": "hrv", "threshold": 0},
        {"kind": "synchrony", "threshold": 80, "title": "Together"},
        {"kind": "synchrony", "threshold": 0.8},
        {"kind": "hrv", "threshold": 10, "smallest_group": 4},
        {"kind": "hrv", "threshold": 10, "hold_s": -1},
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """A studio's mistake in its list is an error when the list is read, not a surprise in a session."""
    with pytest.raises(ValueError, match=r"kind|threshold|title|smallest_group|hold_s"):
        Mark(**wrong)


def test_completion_is_judged_at_the_end() -> None:
    """Everybody being there still is an achievement only when the session ends, and was no blink."""
    heart = GroupHeart()

    def tick(second: int, rate: float) -> None:
        heart.figures(
            START + 1000 * second, participants=6, pacer_hz=None, completion_rate=rate, engagement_rate=1.0
        )

    tick(0, 1.0)
    assert heart.reached(START, ending=True) == []
    for second in range(5, 600, 5):
        tick(second, 1.0)
        assert heart.reached(START + 1000 * second) == []
    reached = heart.reached(START + 595_000, ending=True)
    assert [one.title for one in reached if isinstance(one, Achievement)] == ["100% completion rate"]


def test_one_who_left_spoils_completion() -> None:
    """Less than all is not all."""
    heart = GroupHeart()
    for second in range(0, 600, 5):
        heart.figures(
            START + 1000 * second, participants=6, pacer_hz=None, completion_rate=0.99, engagement_rate=1.0
        )
    assert heart.reached(START + 595_000, ending=True) == []


def test_breath_retention_is_not_scored() -> None:
    """During a technique of group B figures stay as they are and no milestone is reached."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", changing(2.0, i))
    room.play(170)
    for second in range(175, 500, 5):
        at = START + 1000 * second
        figures = room.heart.figures(
            at, participants=6, pacer_hz=None, completion_rate=1.0, engagement_rate=1.0, scored=False
        )
        assert figures.hrv_improvement is None
        assert room.heart.reached(at) == []


def test_figures_stand_still_during_breath_retention() -> None:
    """What was shown before a technique of group B is still shown during it, and goes on changing after."""
    room = Room()
    for i in range(6):
        room.strap(f"p{i}", changing(1.5, i))
    before = room.play(335)
    assert before.hrv_improvement is not None
    for second in range(340, 640, 5):
        at = START + 1000 * second
        figures = room.heart.figures(
            at, participants=10, pacer_hz=None, completion_rate=1.0, engagement_rate=1.0, scored=False
        )
        assert (figures.hrv_improvement, figures.coherence) == (before.hrv_improvement, before.coherence)
    room.second = 640
    room.play(120)
    assert room.shown[-1][1].hrv_improvement is not None


def test_another_pace_begins_synchrony_anew() -> None:
    """The figure of one technique is not shown for the next, even when somebody left in between."""
    room = Room()
    for i in range(7):
        room.strap(f"p{i}", following(i))
    assert room.play(335, pacer_hz=PACER_HZ).synchrony is not None
    room.heart.forget("p6")
    assert room.play(60, pacer_hz=1 / 12).synchrony is None


def test_a_session_without_straps_costs_little() -> None:
    """Nothing is made before somebody wears a strap."""
    heart = GroupHeart()
    for second in range(0, 100, 5):
        heart.figures(
            START + 1000 * second, participants=3, pacer_hz=0.1, completion_rate=1.0, engagement_rate=1.0
        )
    kept = sum(sys.getsizeof(getattr(heart, name)) for name in vars(heart))
    assert kept < 2000


def test_hearts_of_every_kind_give_finite_figures() -> None:
    """Any mixture of hearts, some spoilt, gives figures within their bounds."""
    rng = np.random.default_rng(8)
    room = Room()
    for i in range(9):
        room.strap(f"p{i}", synthetic(random_heart(rng), 500, rng))
    room.play(450, pacer_hz=PACER_HZ)
    for _, figures in room.shown:
        assert figures.hrv_improvement is None or -100 <= figures.hrv_improvement <= 200
        assert figures.coherence is None or figures.coherence >= 0
        assert figures.synchrony is None or 0 <= figures.synchrony <= 1
