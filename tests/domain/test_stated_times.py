"""Platform events that come late or out of order: the record has them where they happened, screens stay as they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.deadlines import time_limit_at
from engine.domain.evolve import evolve_all
from engine.domain.instant import HOUR, MINUTE, SECOND, Millis
from engine.domain.session import Phase, Presence, Role, Session
from engine.domain.session_snapshot import make_snapshot
from engine.domain.snapshot import Snapshot
from tests.domain.sessions import NOON, SERVER, Course, kinds, live, scheduled, waiting


def report_all(course: Course, *reports: c.Report) -> list[e.Event]:
    return [event for report in reports for event in course.do(report, SERVER)]


def story(course: Course) -> Snapshot:
    made = make_snapshot(course.now, content_id="c")
    assert made is not None
    return made


def names_at(snapshot: Snapshot) -> list[tuple[str, float, float]]:
    return [(span.technique, span.start_s, span.duration_s) for span in snapshot.timeline]


def test_an_older_technique_changes_nobodys_pacer_and_stands_in_the_timeline() -> None:
    """The one under way stays; the older one is where it happened, and nobody is told."""
    course = live(["ada"])
    course.at += 10 * MINUTE
    report_all(course, c.ReportTechnique("Coherent Breathing", 300, at=course.at))
    seq = course.now.seq
    late = report_all(course, c.ReportTechnique("Box Breathing", 300, at=course.at - 5 * MINUTE))
    assert kinds(late) == ["told_late"]
    assert course.now.seq == seq
    under_way = course.now.technique_at(course.at)
    assert under_way is not None
    assert under_way.technique == "Coherent Breathing"
    course.at += MINUTE
    course.do(c.End())
    assert names_at(story(course)) == [("Box Breathing", 300, 300), ("Coherent Breathing", 600, 60)]


def test_a_late_technique_does_not_end_a_rest() -> None:
    """What an instructor asked for since stands."""
    course = live(["ada"])
    course.at += MINUTE
    report_all(course, c.ReportTechnique("Tide", at=course.at))
    course.do(c.Rest())
    report_all(course, c.ReportTechnique("Box Breathing", at=course.at - SECOND))
    assert course.now.resting


def test_what_is_announced_gives_way_to_what_a_platform_says_has_begun() -> None:
    """An instructor's next technique had not begun; one that a platform states for later has, by its clock."""
    course = live(["ada"])
    course.do(c.ChangeTechnique("Box Breathing", at=course.at + MINUTE))
    assert kinds(report_all(course, c.ReportTechnique("Tide", at=course.at))) == ["technique_changed"]
    assert [span.technique for span in course.now.spans] == ["Tide"]
    ahead = course.at + 2 * MINUTE
    report_all(course, c.ReportTechnique("Resonance", at=ahead))
    assert kinds(report_all(course, c.ReportTechnique("Free", at=ahead - SECOND))) == ["told_late"]
    coming = course.now.next_technique(course.at)
    assert coming is not None
    assert [span.technique for span in course.now.spans] == ["Tide", "Free", "Resonance"]
    assert coming.technique == "Free"


def test_a_session_that_is_told_an_hour_late_has_its_true_length_and_people() -> None:
    """All of it from the instants; nobody has left, and no time is up, while the rest is on its way."""
    course = scheduled(-HOUR)
    began = course.at - HOUR
    report_all(
        course,
        c.ReportStarted("Dawn", "Kai", at=began),
        c.ReportJoined("ada", at=began + SECOND),
        c.ReportJoined("bob", at=began + 2 * SECOND),
        c.ReportTechnique("Box Breathing", at=began + MINUTE),
        c.ReportMilestone(12.5, at=began + 10 * MINUTE),
        c.ReportAchievement("Together", at=began + 12 * MINUTE),
        c.ReportLeft("bob", at=began + 15 * MINUTE),
        c.ReportEnded(at=began + 30 * MINUTE),
    )
    snapshot = story(course)
    assert (snapshot.session_date, snapshot.session_duration) == (began, 1800)
    assert (snapshot.ended_at, snapshot.participant_count) == (began + 30 * MINUTE, 2)
    assert names_at(snapshot) == [("Box Breathing", 60, 1740)]
    assert [(m.t_s, m.improvement) for m in snapshot.milestones] == [(600, 12.5)]
    assert [(a.t_s, a.title) for a in snapshot.achievements] == [(720, "Together")]
    # Those who were here have their day to look at their own data from now on.
    assert course.now.over_since() == course.at


@pytest.mark.parametrize("late", [3 * HOUR, 30 * 24 * HOUR])
def test_a_session_told_after_its_two_hours_waits_for_the_rest(late: Millis) -> None:
    """A quarter of an hour; then it ends by itself, two hours after its start."""
    course = waiting()
    began = course.at - late
    report_all(course, c.ReportStarted(at=began), c.ReportJoined("ada", at=began))
    assert kinds(course.wait(14 * MINUTE)) == ["end_announced"]
    report_all(course, c.ReportTechnique("Tide", at=began + MINUTE))
    assert kinds(course.wait(MINUTE)) == ["session_ending", "session_ended"]
    assert course.now.end_reason == "time_limit"
    snapshot = story(course)
    assert (snapshot.session_date, snapshot.session_duration) == (began, 7200)
    assert snapshot.timeline[0].duration_s == 7200 - 60


def test_a_second_start_moves_nothing() -> None:
    """Neither an older nor a newer one; an instructor's start counts too."""
    for course in (live(), waiting()):
        report_all(course, c.ReportStarted(at=course.at - 5 * MINUTE))
        before = course.now
        assert report_all(course, c.ReportStarted("Other", at=course.at - 9 * MINUTE)) == []
        assert report_all(course, c.ReportStarted("Other", at=course.at)) == []
        assert course.now == before


def test_an_end_is_never_before_the_start() -> None:
    """A second is the least; what was stated for after the end is no part of the story."""
    course = live(["ada"])
    course.at += MINUTE
    report_all(course, c.ReportAchievement("Late", at=course.at))
    report_all(course, c.ReportEnded(at=course.at - HOUR))
    snapshot = story(course)
    assert (snapshot.ended_at, snapshot.session_duration) == (NOON, 1)
    assert snapshot.achievements == ()


def test_nothing_follows_an_end() -> None:
    """Whatever is told of a session that is over, or was cancelled, changes nothing and is no mistake."""
    cancelled = waiting()
    cancelled.do(c.Cancel())
    ended = live(["ada"])
    ended.do(c.End())
    for course in (cancelled, ended):
        before = course.now
        for report in (
            c.ReportStarted(at=NOON),
            c.ReportJoined("eve", at=NOON),
            c.ReportLeft("ada", at=NOON),
            c.ReportTechnique("Tide"),
            c.ReportMilestone(1.0),
            c.ReportAchievement("Late"),
            c.ReportEnded(60),
        ):
            assert report_all(course, report) == []
        assert course.now == before


def test_who_came_and_went_is_what_was_stated_last() -> None:
    """A coming told after its leaving adds somebody to those who were here, and to nobody's count."""
    course = live(["ada"])
    left = report_all(course, c.ReportLeft("bob", at=course.at - MINUTE))
    joined = report_all(course, c.ReportJoined("bob", at=course.at - 2 * MINUTE))
    assert kinds([*left, *joined]) == ["told_late", "told_late"]
    bob = course.now.members["bob"]
    assert (bob.presence, bob.joined_at, bob.external) == (Presence.LEFT, course.at - 2 * MINUTE, True)
    assert course.now.count() == 1
    again = report_all(course, c.ReportJoined("bob", at=course.at))
    assert again == [e.MemberJoined("bob", Role.PARTICIPANT, 2, external=True, joined_at=course.at)]
    gone = report_all(course, c.ReportLeft("bob"))
    assert gone == [e.MemberLeft("bob", Role.PARTICIPANT, 1)]
    assert report_all(course, c.ReportLeft("bob")) == []
    assert report_all(course, c.ReportLeft("nobody")) == []


def test_a_platform_sends_nobody_out_who_is_here_in_person() -> None:
    """Their connection says that they are here; who was asked to leave stays out as well."""
    course = live(["ada", "bob"])
    course.do(c.RemoveParticipant("bob"))
    for command in (
        c.ReportLeft("ada"),
        c.ReportLeft("ada", at=course.at),
        c.ReportJoined("bob", at=course.at),
    ):
        assert report_all(course, command) == []
    assert course.now.count() == 1


def test_an_older_milestone_leaves_the_newer_figure() -> None:
    """It stands in the record; the figure of the newest is shown."""
    course = live(["ada"])
    course.at += 5 * MINUTE
    report_all(course, c.ReportMilestone(15.0, 9.0, at=course.at))
    assert kinds(report_all(course, c.ReportMilestone(5.0, 2.0, at=course.at - MINUTE))) == ["told_late"]
    assert (course.now.stated.improvement, course.now.stated.average_hrv) == (15.0, 9.0)
    assert [value for _, value in course.now.milestones] == [5.0, 15.0]


def test_what_belongs_to_an_earlier_technique_is_not_celebrated_in_the_next() -> None:
    """Of whole seconds none is late for being cut off."""
    course = live(["ada"])
    course.at += 5 * MINUTE + 700
    report_all(course, c.ReportTechnique("Tide"))
    assert kinds(report_all(course, c.ReportMilestone(5.0, at=course.at - 700))) == ["hrv_milestone_reached"]
    assert kinds(report_all(course, c.ReportAchievement("Old", at=course.at - MINUTE))) == ["told_late"]
    assert kinds(report_all(course, c.ReportAchievement("New", at=course.at))) == ["achievement_unlocked"]


def test_what_is_told_within_one_millisecond_happened_one_after_the_other() -> None:
    """A platform that sends a list without instants loses none of its techniques, and the end comes after them."""
    course = live(["ada"])
    names = [f"Tide {number}" for number in range(8)]
    for name in names:
        assert kinds(report_all(course, c.ReportTechnique(name, 60))) == ["technique_changed"]
    assert [span.started_at for span in course.now.spans] == [course.at] * 8
    under_way = course.now.technique_at(course.at)
    assert (under_way and under_way.technique, course.now.next_technique(course.at)) == ("Tide 7", None)
    report_all(course, c.ReportTechnique("Tide 7", 90))
    assert len(course.now.spans) == 8
    report_all(course, c.ReportEnded(duration=600))
    assert story(course).breathing_techniques == tuple(names)
    assert evolve_all(None, course.journal) == course.now


def test_what_happened_earlier_stands_earlier_however_many_share_an_instant() -> None:
    """A platform may state a technique for just before two that it told without instants; told again, each is there once."""
    course = live(["ada"])
    report_all(course, c.ReportTechnique("A"), c.ReportTechnique("B"))
    report_all(course, c.ReportTechnique("C", at=course.at - 1))
    assert [span.technique for span in course.now.spans] == ["C", "A", "B"]
    for _ in range(3):
        report_all(course, c.ReportTechnique("A", at=course.at), c.ReportTechnique("B", at=course.at))
    assert [span.technique for span in course.now.spans] == ["C", "A", "B"]


def test_a_technique_of_the_same_instant_as_the_end_is_named() -> None:
    """Platforms state whole seconds; one that is stated for after the end is still no part of the session."""
    course = live(["ada"])
    course.at += MINUTE
    report_all(course, c.ReportTechnique("Tide", at=course.at), c.ReportEnded(at=course.at))
    assert story(course).breathing_techniques == ("Tide",)
    other = live(["ada"])
    other.at += MINUTE
    report_all(other, c.ReportTechnique("Tide", at=other.at + SECOND), c.ReportEnded(at=other.at))
    assert story(other).breathing_techniques == ("Free breathing",)


def test_an_announced_technique_that_never_began_is_named_where_no_other_is() -> None:
    """The instructor ends the session while the next technique is seconds away."""
    course = live(["ada"])
    course.do(c.ChangeTechnique("Box Breathing", 60))
    other = replace(course, journal=list(course.journal))
    course.do(c.End())
    assert course.now.ended_at == course.at
    assert story(course).breathing_techniques == ("Box Breathing",)
    other.at += MINUTE
    other.do(c.ChangeTechnique("Tide", 60))
    other.do(c.End())
    assert story(other).breathing_techniques == ("Box Breathing",)


def test_journals_from_before_stated_times_are_read_as_they_were_meant() -> None:
    """Their events happened when they were written."""
    lines: list[tuple[bytes, Millis]] = [
        (b'{"title":"T","instructor":"I","by_platform":true,"type":"session_started"}', NOON),
        (
            b'{"client_id":"ada","role":"participant","count":1,"external":true,"type":"member_joined"}',
            NOON + 1,
        ),
        (b'{"technique":"Tide","started_at":%d,"type":"technique_changed"}' % NOON, NOON),
        (b'{"improvement":5.0,"stated":true,"type":"hrv_milestone_reached"}', NOON + 2),
        (b'{"title":"Together","type":"achievement_unlocked"}', NOON + 3),
        (b'{"client_id":"ada","role":"participant","count":0,"type":"member_left"}', NOON + MINUTE),
        (b'{"duration":60,"summary_available":true,"reason":"ended","type":"session_ending"}', NOON + MINUTE),
    ]
    state = evolve_all(waiting().now, ((e.decode(line), at) for line, at in lines))
    assert state is not None
    assert (state.started_at, state.ended_at, state.over_since()) == (NOON, NOON + MINUTE, NOON + MINUTE)
    assert (state.milestones, state.achievements[0].at) == (((NOON + 2, 5.0),), NOON + 3)
    assert state.members["ada"].joined_at == NOON + 1
    assert time_limit_at(replace(state, start_told_at=None, phase=Phase.LIVE)) == NOON + 2 * HOUR


def _report(kind: str, which: int, at: Millis) -> c.Report:
    match kind:
        case "technique":
            return c.ReportTechnique(("Tide", "Box Breathing", "Resonance")[which], 60 * which or None, at=at)
        case "milestone":
            return c.ReportMilestone(float(which), at=at)
        case "achievement":
            return c.ReportAchievement(f"Badge {which}", at=at)
        case "joined":
            return c.ReportJoined(f"u{which}", at=at)
        case _:
            return c.ReportLeft(f"u{which}", at=at)


KINDS = ("technique", "milestone", "achievement", "joined", "left")
reports = st.lists(
    st.builds(
        _report,
        st.sampled_from(KINDS),
        st.integers(0, 2),
        st.integers(-HOUR // SECOND, 300).map(lambda s: NOON + s * SECOND),
    ),
    max_size=12,
    # Of two things of one kind at the same instant the one told last counts: that is an order.
    unique_by=lambda report: report.at,
)


def recorded(state: Session) -> dict[str, Any]:
    """What is left of a session, and who is in it by its record."""
    made = make_snapshot(state, content_id="c")
    people = {m.client_id: (m.presence, m.joined_at, m.since) for m in state.members.values()}
    return {
        "story": made and made.model_dump(),
        "people": people,
        "here": state.count(),
        "spans": state.spans,
        "stated": state.stated,
    }


@settings(max_examples=150)
@given(data=st.data(), events=reports, start=st.booleans())
def test_any_order_of_telling_gives_the_same_record(
    data: st.DataObject, events: list[c.Report], start: bool
) -> None:
    """Story, people and techniques of a timed list, whatever the order in which it comes, the end being last."""
    if start:
        events = [*events, c.ReportStarted(at=NOON - HOUR)]
    end = c.ReportEnded(at=NOON + 301 * SECOND)
    outcomes = []
    for order in (events, data.draw(st.permutations(events))):
        course = scheduled(-HOUR)
        report_all(course, *order)
        spans = course.now.spans
        assert all(one.started_at < other.started_at for one, other in pairwise(spans))
        here = [m for m in course.now.participants() if m.is_here]
        assert course.now.count() == len(here)
        report_all(course, end)
        assert evolve_all(None, course.journal) == course.now
        outcomes.append(recorded(course.now))
    assert outcomes[0] == outcomes[1]
