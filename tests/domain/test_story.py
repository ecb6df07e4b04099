"""The story of an ended session: always something that may be published, whatever happened in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain.events import SessionEnding
from engine.domain.group_metrics import group_metrics
from engine.domain.instant import HOUR, MINUTE, SECOND, to_datetime
from engine.domain.rejection import Rejected
from engine.domain.session import CurvePoint
from engine.domain.session_snapshot import make_snapshot
from engine.domain.snapshot import Snapshot
from publisher import SessionContentStrict
from publisher.content import ANY_AGE
from tests.domain.sessions import NOON, SERVER, Course, live, person, waiting

percents = st.floats(-100, 200) | st.integers(-100, 200).map(float)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=100)
ended = st.builds(
    c.ReportEnded,
    st.none() | st.integers(0, 1_000_000),
    st.none() | st.integers(0, 1_000_000),
    st.none() | percents,
)
happenings = st.lists(
    st.one_of(
        st.builds(c.ReportTechnique, names),
        st.builds(c.ReportMilestone, percents, st.none() | st.floats(-1e6, 1e6)),
        st.builds(c.ReportAchievement, names),
        st.builds(c.ReportJoined, st.sampled_from([f"u-{number}" for number in range(8)])),
        st.builds(c.ReportStarted, st.none() | names, st.none() | names),
        st.builds(
            c.RecordMetrics,
            st.builds(CurvePoint, st.integers(NOON, NOON + 10**7), st.integers(0, 9), st.none(), percents),
        ),
        st.integers(1, 90 * MINUTE),
    ),
    max_size=25,
)


def as_content(story: Snapshot) -> dict[str, Any]:
    """A snapshot as a caller of the summary would state it."""
    return {
        "title": story.title,
        "content": story.content or "What was practised.",
        "session_id": story.session_id,
        "session_duration": story.session_duration,
        "participant_count": story.participant_count,
        "breathing_techniques": list(story.breathing_techniques),
        "average_hrv_improvement": story.average_hrv_improvement,
        "key_achievements": list(story.key_achievements),
        "session_type": story.session_type,
        "instructor_name": story.instructor_name,
        "session_date": to_datetime(story.session_date),
    }


def snapshot_of(course: Course) -> Snapshot:
    story = make_snapshot(course.now, content_id="c")
    assert story is not None
    return story


@given(happenings, ended | st.just(c.End()), st.sampled_from(["live", "guided", "practice", "workshop"]))
def test_every_story_may_be_published(happened: list[Any], end: c.Command, kind: Any) -> None:
    """It keeps every bound of what callers of the summary have to keep."""
    course = waiting(session_type=kind)
    for what in happened:
        if isinstance(what, int):
            course.wait(what)
            continue
        try:
            course.do(what, SERVER)
        except Rejected:  # It ended by itself meanwhile.
            break
    if not course.now.phase.is_over:
        course.do(end, SERVER)
    story = make_snapshot(course.now, content_id="c")
    if story is None:
        return
    assert SessionContentStrict.model_validate(as_content(story), context=ANY_AGE)
    assert Snapshot.model_validate_json(story.model_dump_json()) == story
    assert all(span.duration_s >= 0 and span.start_s >= 0 for span in story.timeline)
    assert len(story.curves) <= 300


def test_techniques_are_the_first_ten_in_order() -> None:
    """Each once, as they were first named."""
    course = live(["ada"])
    for number in (*range(12), 3, 0):
        course.do(c.ReportTechnique(f"Tide {chr(65 + number)}"), SERVER)
        course.at += MINUTE
    course.do(c.End())
    assert snapshot_of(course).breathing_techniques == tuple(
        f"Tide {chr(65 + number)}" for number in range(10)
    )


def test_without_a_technique_it_was_free_breathing() -> None:
    """Something was practised."""
    course = live(["ada"])
    course.do(c.End())
    assert snapshot_of(course).breathing_techniques == ("Free breathing",)


def test_what_was_announced_and_never_began_is_not_told() -> None:
    """The end came first."""
    course = live(["ada"])
    course.do(c.ChangeTechnique("Tide"))
    course.do(c.End())
    assert snapshot_of(course).timeline == ()


def test_the_timeline_has_no_gap() -> None:
    """Each technique lasts until the next one begins, the last until the end."""
    course = live(["ada"])
    for name in ("Box Breathing", "Tide"):
        course.do(c.ReportTechnique(name), SERVER)
        course.at += 5 * MINUTE
    course.do(c.End())
    story = snapshot_of(course)
    assert [(span.technique, span.start_s, span.duration_s) for span in story.timeline] == [
        ("Box Breathing", 0, 300),
        ("Tide", 300, 300),
    ]
    assert story.session_duration == 600


def test_figures_that_a_platform_states_win() -> None:
    """Over what was computed here."""
    course = live(["ada"])
    course.do(c.RecordMetrics(CurvePoint(course.at, 1, hrv_improvement=4.0)), SERVER)
    course.do(c.ReportMilestone(9.0), SERVER)
    course.do(c.ReportEnded(1800, 25, 12.5), SERVER)
    story = snapshot_of(course)
    assert (story.session_duration, story.participant_count) == (1800, 25)
    assert story.average_hrv_improvement == 12.5


def test_a_computed_average_is_in_whole_percent() -> None:
    """In what is shown during the session and in its story; what a platform states is passed on as stated."""
    course = live(["ada"])
    for improvement in (10, 11, 11):
        course.do(c.RecordMetrics(CurvePoint(course.at, 5, 5, hrv_improvement=improvement)), SERVER)
    assert group_metrics(course.now, course.at)["average_hrv"] == 11
    course.do(c.End())
    assert snapshot_of(course).average_hrv_improvement == 11
    stated = live(["ada"])
    stated.do(c.ReportMilestone(12.25, 9.75), SERVER)
    assert group_metrics(stated.now, stated.at)["average_hrv"] == 9.75


@pytest.mark.parametrize(("people", "kind"), [(4, "practice"), (5, "workshop")])
def test_a_small_workshop_was_practice(people: int, kind: str) -> None:
    """Five make a workshop."""
    course = live([f"p{number}" for number in range(people)], session_type="workshop")
    course.do(c.End())
    assert snapshot_of(course).session_type == kind


def test_the_same_person_is_counted_once() -> None:
    """However often they came and went; staff and watchers never."""
    course = live(["ada"])
    course.leave("ada")
    course.join("ada", proved=True)
    course.join("bob")
    course.do(c.End())
    assert snapshot_of(course).participant_count == 2


@pytest.mark.parametrize("people", [4, 5])
def test_shares_and_ratings_stand_for_five_at_least(people: int) -> None:
    """Figures behind which fewer stand are nobody's business."""
    course = live([f"p{number}" for number in range(people)])
    for number in range(people):
        course.do(c.RateSession(4), person(f"p{number}"))
    course.at += MINUTE
    course.do(c.End())
    story = snapshot_of(course)
    enough = people == 5
    assert (story.completion_rate, story.engagement_rate) == ((1.0, 0.0) if enough else (None, None))
    assert story.average_rating == (4.0 if enough else None)
    assert (group_metrics(course.now, course.at)["completion_rate"] is None) != enough


def test_nobody_came() -> None:
    """No story."""
    course = live()
    course.do(c.End())
    assert make_snapshot(course.now, content_id="c") is None


@pytest.mark.parametrize("end", [c.ReportEnded(1800, None, 9.0), c.End(), None])
def test_what_a_platform_did_without_a_start_is_told(end: c.Command | None) -> None:
    """From its first technique on; whoever ends it, and where nobody does, when the room is closed."""
    course = waiting(["ada"])
    course.at += MINUTE
    course.do(c.ReportTechnique("Tide"), SERVER)
    began = course.at
    course.at += 10 * MINUTE
    course.do(c.ReportMilestone(12.5), SERVER)
    course.at += 10 * MINUTE
    if end is None:
        course.leave("ada")
        course.wait(3 * HOUR)
        assert course.now.end_reason == "empty"
    else:
        course.do(end, SERVER)
    ending = next(event for event, _ in course.journal if isinstance(event, SessionEnding))
    assert ending.summary_available
    story = snapshot_of(course)
    assert (story.session_date, story.participant_count, story.breathing_techniques) == (began, 1, ("Tide",))
    assert story.session_duration == {"End": 1200, "ReportEnded": 1800}.get(type(end).__name__, 7200)
    assert story.average_hrv_improvement == (9.0 if isinstance(end, c.ReportEnded) else 12.5)
    assert [reached.t_s for reached in story.milestones] == [600]


def test_figures_of_an_end_are_a_story_by_themselves() -> None:
    """A platform need say no more; with nothing stated and nothing done, those who waited did so in vain."""
    course = waiting(["ada"])
    course.do(c.ReportEnded(1800), SERVER)
    assert (snapshot_of(course).session_duration, snapshot_of(course).participant_count) == (1800, 1)
    silent = waiting(["ada"])
    silent.do(c.ReportEnded(), SERVER)
    assert make_snapshot(silent.now, content_id="c") is None


def test_people_who_waited_in_vain_have_no_story() -> None:
    """It never started."""
    course = waiting(["ada"])
    course.do(c.End())
    assert make_snapshot(course.now, content_id="c") is None


def test_a_long_session_is_thinned_to_three_hundred_points() -> None:
    """Two hours of figures are a curve, not a log."""
    course = live(["ada"])
    for _ in range(1000):
        course.at += 5 * SECOND
        course.do(c.RecordMetrics(CurvePoint(course.at, 1)), SERVER)
    course.do(c.End())
    assert 200 <= len(snapshot_of(course).curves) <= 300
