"""Withdrawals after figures were recorded: the curve, and all that is told of it, without the share of who withdrew."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.evolve import evolve_all
from engine.domain.group_metrics import average_improvement, group_metrics
from engine.domain.heart.cohort import Cohort, PartRegistry
from engine.domain.heart.shares import Figure, figure_of
from engine.domain.instant import MINUTE
from engine.domain.recompute import earlier_figures
from engine.domain.session import CurvePoint
from engine.domain.session_snapshot import make_snapshot
from engine.domain.snapshot import Snapshot
from engine.sessions.journaling.journal_entries import STATE
from tests.domain.sessions import NOON, SERVER, Course, live, person

AGREED = {"heart_rate": True, "group": True, "version": "1"}


def people(number: int) -> list[str]:
    return [f"p{i:02d}" for i in range(number)]


def counted(course: Course, values: Sequence[float], *, points: int = 3) -> CurvePoint:
    """Record points of a group whose log ratios are these; each person's coherence and place are made of theirs."""
    roll = PartRegistry(course.now.parts_formed + 1)
    cohorts: dict[Figure, Cohort[complex]] = {}
    reply: dict[str, float | None] = {}
    of: dict[Figure, list[complex]] = {
        "hrv_improvement": list(values),
        "coherence": [0.5 + value / 4 for value in values],
        "synchrony": [complex(1 - abs(value) / 4, 0) for value in values],
    }
    for _ in range(points):
        course.wait(MINUTE)
        for name, each in of.items():
            cohort = cohorts.setdefault(name, Cohort(name, roll))
            for who, value in zip(people(len(each)), each, strict=True):
                cohort.note(who, value, course.at)
            reply[name] = cohort.publish(course.at)
        shares = tuple(share for cohort in cohorts.values() for share in cohort.shares)
        point = CurvePoint(course.at, len(values), len(values), **reply, shares=shares)
        course.do(c.RecordMetrics(point, roll.take()), SERVER)
    return point


def group(number: int) -> Course:
    """A live session of so many who agreed to be counted, and one who came without a strap."""
    course = live([*people(number), "bare"])
    for who in people(number):
        course.do(c.Consent(**AGREED), person(who))  # type: ignore[arg-type]
    return course


def story(course: Course) -> Snapshot:
    reply = make_snapshot(course.now, content_id="c")
    assert reply is not None
    return reply


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(("number", "left"), [(5, 0), (9, 0), (10, 5), (25, 20)])
def test_a_withdrawal_takes_a_part_of_the_group_out_of_every_point(
    number: int, left: int, ended: bool
) -> None:
    """Five counted: nothing is left; ten: the other five; twenty-five: twenty. During the session and after it."""
    course = group(number)
    values = [0.02 * i for i in range(number)]
    counted(course, values)
    if ended:
        course.do(c.End())
    course.do(c.Withdraw("p00"), SERVER)
    if not ended:
        course.do(c.End())
    reply = story(course)
    rest = values[-left:] if left else []
    expected = figure_of("hrv_improvement", sum(rest) / left) if left else None
    assert [point.hrv_improvement for point in reply.curves] == [expected] * 3
    assert [point.measured for point in reply.curves] == [left] * 3
    assert reply.average_hrv_improvement == expected
    for point in reply.curves:
        assert (point.coherence is None) == (point.synchrony is None) == (left == 0)


@pytest.mark.parametrize("consent", [(False, True), (True, False), (False, False)])
def test_taking_a_consent_back_is_a_withdrawal_of_the_share(consent: tuple[bool, bool]) -> None:
    """To be measured, or to be counted; giving it again brings nothing back."""
    course = group(10)
    counted(course, [0.1] * 5 + [0.3] * 5)
    assert average_improvement(course.now) == 22
    course.do(c.Consent(*consent, "1"), person("p07"))
    assert average_improvement(course.now) == 11
    assert group_metrics(course.now, course.at)["coherence"] == course.now.curves[-1].coherence
    course.do(c.Consent(**AGREED), person("p07"))  # type: ignore[arg-type]
    assert average_improvement(course.now) == 11
    course.do(c.Withdraw("p00"), SERVER)
    assert average_improvement(course.now) is None


def test_who_never_counted_changes_nothing() -> None:
    """Somebody without a strap withdraws: the same curve, the same figures."""
    course = group(10)
    counted(course, [0.1] * 10)
    course.do(c.ReachMilestone(10), SERVER)
    course.do(c.End())
    before = story(course)
    course.do(c.Consent(False, False, "1"), person("bare"))
    assert story(course) == before
    course.do(c.Withdraw("bare"), SERVER)
    assert story(course) == before


def test_figures_of_which_no_shares_were_kept_go() -> None:
    """What was recorded before shares were kept cannot be worked out anew, and is not told any more."""
    course = group(10)
    course.wait(MINUTE)
    old = CurvePoint(course.at, 10, 10, 12, 1.4, 0.7)
    course.do(c.RecordMetrics(old), SERVER)
    course.do(c.End())
    course.do(c.Withdraw("bare"), SERVER)
    assert course.now.curves == (old,)
    course.do(c.Withdraw("p01"), SERVER)
    (point,) = course.now.curves
    assert (point.hrv_improvement, point.coherence, point.synchrony) == (None, None, None)
    assert story(course).average_hrv_improvement is None


def test_what_the_curve_no_longer_bears_out_is_not_told() -> None:
    """A computed milestone or breath together goes with the figure; what a platform or an instructor said stays."""
    course = group(10)
    counted(course, [0.0] * 5 + [0.6] * 5)
    course.do(c.ReachMilestone(15), SERVER)
    course.do(c.ReachAchievement("Together", "You breathed together.", "synchrony:0.9"), SERVER)
    course.do(c.ReachAchievement("Everybody stayed", "", "completion:1"), SERVER)
    course.do(c.UnlockAchievement("A kind word"), SERVER)
    course.do(c.ReportMilestone(40), SERVER)
    course.do(c.End())
    assert [reached.improvement for reached in story(course).milestones] == [15, 40]
    low = course.now
    course.do(c.Withdraw("p09"), SERVER)
    reply = story(course)
    assert [reached.improvement for reached in reply.milestones] == [40]
    assert reply.key_achievements == ("Together", "Everybody stayed", "A kind word")
    course.state = low
    course.do(c.Withdraw("p00"), SERVER)
    reply = story(course)
    assert [reached.improvement for reached in reply.milestones] == [15, 40]
    assert reply.key_achievements == ("Everybody stayed", "A kind word")
    assert [achieved.title for achieved in reply.achievements] == ["Everybody stayed", "A kind word"]


def test_the_quality_of_a_session_follows() -> None:
    """With the high part gone, what was to be featured is not."""
    course = group(10)
    counted(course, [0.0] * 5 + [0.6] * 5)
    course.do(c.End())
    assert (story(course).average_hrv_improvement or 0) > 15
    course.do(c.Withdraw("p09"), SERVER)
    assert story(course).average_hrv_improvement == 0


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1, 1), min_size=5, max_size=26),
    st.lists(st.integers(0, 30), max_size=4),
    st.booleans(),
)
def test_the_curve_is_as_if_worked_out_of_those_who_are_left(
    values: list[float], withdrawn: list[int], ended: bool
) -> None:
    """Whoever withdraws, one after the other, the figure is that of the parts nobody withdrew from."""
    course = group(len(values))
    last = counted(course, values, points=1)
    parts = {number: part for number, part in course.now.parts.items() if part.figure == "hrv_improvement"}
    if ended:
        course.do(c.End())
    gone = {f"p{i:02d}" for i in withdrawn if i < len(values)}
    for who in sorted(gone):
        course.do(c.Withdraw(who), SERVER)
    left = [
        values[int(who[1:])] for part in parts.values() if gone.isdisjoint(part.people) for who in part.people
    ]
    (point,) = course.now.curves
    assert len(left) == 0 or len(left) >= 5
    if not gone:
        assert point == last
    elif not left:
        assert point.hrv_improvement is None
        assert point.shares == ()
    else:
        assert point.hrv_improvement == pytest.approx(
            figure_of("hrv_improvement", sum(left) / len(left)), abs=1
        )


def test_a_state_of_the_journal_knows_the_parts() -> None:
    """Rebuilt from records, or from a stored state, it takes the same share out; later parts get new numbers."""
    course = group(10)
    counted(course, [0.1] * 5 + [0.3] * 5)
    rebuilt = evolve_all(None, [(e.decode(e.encode(event)), at) for event, at in course.journal])
    assert rebuilt == course.now
    stored = STATE.validate_json(STATE.dump_json(course.now))
    assert stored == course.now
    course.state = stored
    course.do(c.Withdraw("p07"), SERVER)
    assert average_improvement(course.now) == 11
    assert course.now.parts_formed == 6
    assert sorted(course.now.parts) == [1, 3, 5]
    counted(course, [0.1] * 10, points=1)
    assert course.now.parts_formed == 12


def test_what_was_told_of_a_figure_is_known_after_a_restart() -> None:
    """The parts, and each group that stood behind a point; a figure of which nothing was told has none."""
    course = group(10)
    assert earlier_figures(course.now, "coherence") is None
    last = counted(course, [0.1] * 10)
    earlier = earlier_figures(course.now, "coherence")
    assert earlier is not None
    assert [part.people for part in earlier.parts] == [tuple(people(10)[:5]), tuple(people(10)[5:])]
    assert earlier.groups == (frozenset(people(10)),)
    assert earlier.at == last.at


def test_records_from_before_there_were_parts_are_read() -> None:
    """A journal and a state as they were written before."""
    point = b'{"at":1,"participants":7,"measured":6,"hrv_improvement":3.0,"coherence":1.5,"synchrony":null}'
    recorded = e.decode(b'{"type":"metrics_recorded","point":' + point + b"}")
    assert recorded == e.MetricsRecorded(CurvePoint(1, 7, 6, 3.0, 1.5))
    unlocked = e.decode(b'{"type":"achievement_unlocked","title":"T"}')
    assert isinstance(unlocked, e.AchievementUnlocked)
    assert unlocked.mark is None
    written = STATE.dump_python(group(5).now, mode="json")
    for name in ("parts", "parts_formed", "shares_withdrawn", "stated_milestones"):
        del written[name]
    assert STATE.validate_python(written) == group(5).now


def test_nothing_that_is_published_has_shares() -> None:
    """A snapshot holds figures alone: neither parts nor who was in them."""
    course = group(10)
    counted(course, [0.1] * 10)
    course.do(c.End())
    said = story(course).model_dump_json()
    assert '"shares"' not in said
    assert '"parts' not in said
    assert not any(who in said for who in people(10))
    assert story(course).session_date == NOON
