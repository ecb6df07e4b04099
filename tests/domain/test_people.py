"""Participants: what they send, what time does to them, what platforms say of them."""

from __future__ import annotations

import pytest

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.evolve import evolve_all
from engine.domain.instant import HOUR, MINUTE, SECOND
from engine.domain.pseudonym import pseudonym
from engine.domain.session import CHAT_KEPT, OPEN_AFTER_END, CurvePoint, Phase, Presence, Role, TechniquePlan
from tests.domain.sessions import NOON, SERVER, kinds, live, person, scheduled, waiting

SENT: list[tuple[c.Command, str]] = [
    (c.Chat("hi"), "chat_message_sent"),
    (c.RateTechnique("Tide", 4, 2), "technique_rated"),
    (c.RateSession(5), "session_rated"),
    (c.RaiseHand(True), "hand_raised"),
    (c.NeedToStop(), "stop_needed"),
    (c.Consent(True, True, "1"), "consent_changed"),
    (c.OptIn("Wim Hof", True), "opted_in"),
]


@pytest.mark.parametrize(("command", "event"), SENT, ids=lambda value: type(value).__name__)
def test_what_participants_send(command: c.Command, event: str) -> None:
    """Waiting and live alike; not from strangers, nor from staff who are not here, and few of them after the end."""
    for course in (
        waiting(["ada"], techniques=(TechniquePlan("Wim Hof"),)),
        live(["ada"], techniques=(TechniquePlan("Wim Hof"),)),
    ):
        assert kinds(course.do(command, person("ada"))) == [event]
        assert course.refused(command, person("bob")).code == "unknown_client"
        # Of these, staff only chat, and only those who are here.
        assert course.refused(command).code == (
            "unknown_client" if isinstance(command, c.Chat) else "forbidden"
        )
        course.do(c.End())
        if isinstance(command, c.RateSession | c.Consent):  # For a day after the end, too.
            assert kinds(course.do(command, person("ada")))[0] == event
        else:
            assert course.refused(command, person("ada")).code == "session_over"


@pytest.mark.parametrize(("command", "event"), SENT, ids=lambda value: type(value).__name__)
def test_who_was_removed_takes_no_part(command: c.Command, event: str) -> None:
    """But says how it was, and takes a consent back."""
    course = live(["ada"], techniques=(TechniquePlan("Wim Hof"),))
    course.do(c.RemoveParticipant("ada"))
    if isinstance(command, c.RateSession | c.Consent):
        assert kinds(course.do(command, person("ada"))) == [event]
    else:
        assert course.refused(command, person("ada")).code == "removed"


def test_who_stopped_comes_back_by_a_word_or_by_coming_anew() -> None:
    """Asked for twice, it is told twice; who has not stopped has nothing to come back from."""
    course = live(["ada"])

    def stopped() -> bool:
        return course.now.members["ada"].resting

    assert course.do(c.NeedToStop(stopped=False), person("ada")) == []
    course.do(c.NeedToStop(), person("ada"))
    assert kinds(course.do(c.NeedToStop(), person("ada"))) == ["stop_needed"]
    assert stopped()
    course.do(c.NeedToStop(stopped=False), person("ada"))
    assert not stopped()
    course.do(c.NeedToStop(), person("ada"))
    course.leave("ada")
    course.join("ada", proved=True)
    assert not stopped()


def test_the_newest_rating_of_each_technique_counts() -> None:
    """Of each person; gone with whoever withdraws."""
    course = live(["ada"])
    for technique, rating in (("Tide", 2), ("Box Breathing", 5), ("Tide", 4)):
        course.do(c.RateTechnique(technique, rating), person("ada"))
    assert course.now.members["ada"].technique_ratings == {"Tide": 4, "Box Breathing": 5}
    course.do(c.Withdraw("ada"), person("ada"))
    assert course.now.members["ada"].technique_ratings == {}


def test_the_newest_chat_messages_stay_until_the_end() -> None:
    """With the numbers of their messages, without those of whoever withdrew, and none of a session that is over."""
    course = live(["ada", "bob"])
    before = course.now.seq
    for number in range(CHAT_KEPT + 3):
        course.do(c.Chat(f"{number}"), person("ada" if number % 2 else "bob"))
    assert [line.message for line in course.now.chat] == [f"{n}" for n in range(3, CHAT_KEPT + 3)]
    assert [line.seq for line in course.now.chat] == [before + 1 + n for n in range(3, CHAT_KEPT + 3)]
    course.do(c.Withdraw("ada"), person("ada"))
    assert {line.client_id for line in course.now.chat} == {"bob"}
    course.do(c.End())
    assert course.now.chat == ()


def test_hands_are_raised_once() -> None:
    """And lowered by whoever comes back after having left."""
    course = live(["ada"])
    course.do(c.RaiseHand(True), person("ada"))
    assert course.do(c.RaiseHand(True), person("ada")) == []
    course.leave("ada")
    course.join("ada", proved=True)
    assert not course.now.members["ada"].hand


def test_chat_may_be_off() -> None:
    """From the start, or by a word of the instructor."""
    course = live(["ada"], chat=False)
    assert course.refused(c.Chat("hi"), person("ada")).code == "chat_off"
    course.do(c.SwitchChat(True))
    assert kinds(course.do(c.Chat("hi"), person("ada"))) == ["chat_message_sent"]


def test_opting_in_is_for_what_is_planned() -> None:
    """Once each, and it can be taken back."""
    course = live(["ada"], techniques=(TechniquePlan("Wim Hof"),))
    assert course.refused(c.OptIn("Box Breathing", True), person("ada")).code == "nothing_to_opt_in"
    for accepted in (True, True, False):
        course.do(c.OptIn("wim hof", accepted), person("ada"))
        assert course.now.members["ada"].opted_in == (("Wim Hof",) if accepted else ())


def test_a_withdrawal_takes_back_everything() -> None:
    """Its author leaves at once, and the story is made anew once there is one."""
    course = live(["ada"])
    course.do(c.Consent(True, True, "1"), person("ada"))
    course.do(c.RateSession(5), person("ada"))
    assert course.refused(c.Withdraw("bob"), SERVER).code == "unknown_client"
    assert kinds(course.do(c.Withdraw("ada"), SERVER)) == ["person_withdrew", "member_left"]
    member = course.now.members["ada"]
    assert (member.heart_rate, member.group, member.rating) == (False, False, None)
    course.do(c.End())
    assert kinds(course.do(c.Withdraw("ada"), SERVER)) == ["person_withdrew", "story_retold"]


SAID = (
    c.Consent(True, True, "1"),
    c.Consent(False, False, "1"),
    c.RateSession(5),
    c.LeaveAddress("ada@example.org"),
    c.Chat("hello"),
    c.RateTechnique("Box Breathing", 5),
    c.RaiseHand(True),
    c.NeedToStop(),
)


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_who_withdrew_is_heard_again_only_when_they_come_again(said: c.Command) -> None:
    """What they began to say before is refused for ever; a platform's word does not bring them back."""
    course = live(["ada", "bob"])
    began = course.now.position
    course.do(c.Withdraw("ada"), SERVER)
    assert course.refused(said, person("ada")).code == "unknown_client"
    assert course.do(c.ReportJoined("ada", "Ada"), SERVER) == []
    assert course.refused(said, person("ada")).code == "unknown_client"
    assert kinds(course.join("ada", proved=True)) == ["member_joined"]
    late = c.Sender(Role.PARTICIPANT, "ada", seen=began)
    assert course.refused(said, late).code == "unknown_client"
    course.do(said, person("ada"))
    course.do(said, c.Sender(Role.PARTICIPANT, "bob", seen=began))


def test_a_day_after_the_end_people_may_only_take_back() -> None:
    """What they give comes too late, also where the request for it began in time."""
    course = live(["ada"])
    course.do(c.End())
    course.at += OPEN_AFTER_END
    course.do(c.LeaveAddress("ada@example.org"), person("ada"))
    course.do(c.RateSession(5), person("ada"))
    course.at += 1
    for given in (c.LeaveAddress("a@example.org"), c.RateSession(4), c.Consent(True, False, "1")):
        assert course.refused(given, person("ada")).code == "too_late"
    course.do(c.Consent(False, False, "1"), person("ada"))
    course.do(c.Withdraw("ada"), SERVER)


def test_who_is_lost_and_who_leaves() -> None:
    """A goodbye is announced at once; a loss after twenty seconds; a return within them by nobody."""
    course = live(["ada", "bob"])
    assert kinds(course.lose("ada")) == ["connection_lost"]
    assert course.lose("ada") == []
    course.at += 19 * SECOND
    assert kinds(course.join("ada", proved=True)) == ["member_returned"]
    course.lose("ada")
    assert course.wait(20 * SECOND) == [e.MemberLeft("ada", Role.PARTICIPANT, 1, "lost")]
    assert course.leave("bob") == [e.MemberLeft("bob", Role.PARTICIPANT, 0, "left")]
    assert course.leave("bob") == []
    assert course.leave("nobody") == []


def test_those_who_are_lost_leave_in_the_order_of_their_loss() -> None:
    """With counts that fall one by one."""
    course = live(["ada", "bob", "cem"])
    for client_id in ("cem", "ada", "bob"):
        course.lose(client_id)
        course.at += 1
    course.at += MINUTE
    left = course.do(c.Tick(), SERVER)
    assert [(event.client_id, event.count) for event in left if isinstance(event, e.MemberLeft)] == [
        ("cem", 2),
        ("ada", 1),
        ("bob", 0),
    ]


def test_a_room_that_staff_left_early_opens_by_itself() -> None:
    """An instructor who looked in an hour ahead and lost the network keeps nothing closed."""
    course = scheduled(60 * MINUTE)
    course.join("ivy", Role.INSTRUCTOR)
    course.lose("ivy")
    assert kinds(course.wait(45 * MINUTE)) == ["member_left", "room_opened"]


def test_a_restart_loses_every_connection_at_once() -> None:
    """But those that a platform reported; and without connections, or after the end, it is no event."""
    course = live(["ada"])
    course.do(c.ReportJoined("u-7"), SERVER)
    assert kinds(course.do(c.Restart(), SERVER)) == ["server_restarted"]
    assert course.now.members["ada"].presence is Presence.AWAY
    assert course.now.members["u-7"].presence is Presence.PRESENT
    course.wait(20 * SECOND)
    assert course.do(c.Restart(), SERVER) == []
    over = live(["ada"])
    over.do(c.End())
    assert over.do(c.Restart(), SERVER) == []


def test_a_restart_gives_those_within_their_grace_another() -> None:
    """The server was not there while it ran: nobody could return. Who had left before stays out."""
    course = live(["ada", "bob", "cem"])
    course.leave("cem")
    course.lose("bob")
    course.at += 10 * SECOND
    course.lose("ada")
    course.at += MINUTE
    assert kinds(course.do(c.Restart(), SERVER)) == ["server_restarted"]
    assert course.wait(20 * SECOND - 1) == []
    assert kinds(course.wait(1)) == ["member_left", "member_left"]
    assert course.now.members["cem"].presence is Presence.LEFT
    assert course.now.members["ada"].present_ms == 10 * SECOND


def test_completion_is_four_fifths_of_ones_own_time() -> None:
    """Since the start or one's joining, whichever is later; absences count, wherever they fall."""
    course = live(["ada", "bob"])
    course.at += 50 * SECOND
    course.join("cem")
    course.lose("ada")
    course.at += 15 * SECOND
    course.join("ada", proved=True)
    course.at += 10 * SECOND
    course.leave("bob")
    course.at += 25 * SECOND
    assert course.now.completion_rate(course.at) == pytest.approx(2 / 3)
    course.do(c.End())
    assert course.now.completion_rate(course.at + MINUTE) == pytest.approx(2 / 3)
    assert waiting(["ada"]).now.completion_rate(NOON) is None
    assert live().now.completion_rate(NOON) is None


def test_engagement_counts_people_once() -> None:
    """And nobody that is not there."""
    course = live(["ada", "bob"])
    assert kinds(course.do(c.MarkEngaged(("ada", "nobody")), SERVER)) == ["engaged"]
    assert course.do(c.MarkEngaged(("ada",)), SERVER) == []
    assert course.now.engagement_rate() == 0.5


def test_figures_are_noted_while_live() -> None:
    """Before and after they are nobody's."""
    point, course = CurvePoint(NOON, 1), waiting(["ada"])
    assert course.do(c.RecordMetrics(point), SERVER) == []
    assert course.do(c.ReachMilestone(5.0), SERVER) == []
    course.do(c.Start())
    assert kinds(course.do(c.RecordMetrics(point), SERVER)) == ["metrics_recorded"]
    assert kinds(course.do(c.ReachMilestone(5.0), SERVER)) == ["hrv_milestone_reached"]


def test_a_platforms_start_opens_and_starts() -> None:
    """With its own title and instructor; a second start is harmless."""
    course = scheduled()
    assert kinds(course.do(c.ReportStarted("Dawn", "Kai", 1800), SERVER)) == [
        "room_opened",
        "session_started",
    ]
    assert (course.now.details.title, course.now.details.instructor) == ("Dawn", "Kai")
    assert course.do(c.ReportStarted(), SERVER) == []


@pytest.mark.parametrize(
    "report",
    [c.ReportTechnique("Tide"), c.ReportMilestone(5.0), c.ReportAchievement("A"), c.ReportJoined("u")],
)
def test_reports_open_a_room_that_was_not(report: c.Report) -> None:
    """Order is the platform's business."""
    course = scheduled()
    assert kinds(course.do(report, SERVER))[0] == "room_opened"
    assert course.now.phase is Phase.WAITING


def test_whoever_a_platform_reported_and_then_comes_was_announced_once() -> None:
    """From then on the seat is theirs, with all the time that they were reported for."""
    course = live()
    course.do(c.ReportJoined("u"), SERVER)
    course.wait(MINUTE)
    assert kinds(course.join("u")) == ["member_returned"]
    member = course.now.members["u"]
    assert (course.now.count(), member.external, member.owned) == (1, False, True)
    assert course.join_refused("u").code == "client_id_in_use"
    course.wait(MINUTE)
    assert course.leave("u") == [e.MemberLeft("u", Role.PARTICIPANT, 0)]
    assert course.now.members["u"].present_ms == 2 * MINUTE


def test_a_platforms_people_are_counted_and_stay_out_when_removed() -> None:
    """Once each; nor does a report make somebody of the staff, or a watcher, a participant."""
    course = live()
    course.join("eye", Role.OBSERVER)
    assert course.do(c.ReportJoined("u"), SERVER) == [e.MemberJoined("u", Role.PARTICIPANT, 1, external=True)]
    assert course.do(c.ReportJoined("u"), SERVER) == []
    assert course.do(c.ReportJoined("eye"), SERVER) == []
    course.do(c.RemoveParticipant("u"))
    assert course.do(c.ReportJoined("u"), SERVER) == []
    assert course.now.count() == 0


def test_a_platforms_session_that_people_came_to_ends_when_they_have_left() -> None:
    """Fifteen minutes after the last; one whose people were elsewhere all the time goes on for its two hours."""
    course = waiting(["ada"])
    course.do(c.ReportStarted(), SERVER)
    course.wait(MINUTE)
    course.leave("ada")
    assert course.wait(15 * MINUTE - 1) == []
    assert kinds(course.wait(1)) == ["session_ending", "session_ended"]
    assert course.now.end_reason == "empty"
    elsewhere = waiting()
    elsewhere.join("ivy", Role.INSTRUCTOR)
    elsewhere.do(c.ReportStarted(), SERVER)
    elsewhere.leave("ivy")
    assert kinds(elsewhere.wait(2 * HOUR)) == ["end_announced", "session_ending", "session_ended"]
    assert elsewhere.now.end_reason == "time_limit"


def test_the_last_to_leave_may_be_somebody_whom_a_platform_reported() -> None:
    """The fifteen minutes begin with them."""
    course = live(["ada"])
    course.leave("ada")
    course.do(c.ReportJoined("u"), SERVER)
    course.wait(HOUR)
    course.do(c.RemoveParticipant("u"))
    assert course.wait(15 * MINUTE - 1) == []
    assert kinds(course.wait(1)) == ["session_ending", "session_ended"]


def test_a_pseudonym_is_always_the_same() -> None:
    """Two friendly words, that tell nothing of the id."""
    assert pseudonym("ada") == pseudonym("ada") != pseudonym("bob")
    assert len(pseudonym("ada").split()) == 2


def test_observers_who_came_and_went_are_not_kept_for_ever() -> None:
    """The newest hundreds may return to their place; nobody else is forgotten."""
    course = live(["ada", "bob"])
    course.leave("bob")

    def come(client_id: str) -> None:
        course.do(c.Join(client_id, Role.OBSERVER), c.Sender(Role.OBSERVER, client_id))

    come("wall")
    for number in range(1200):
        come(f"o-{number}")
        course.leave(f"o-{number}")
        assert len(course.now.members) <= 503
    assert {"ada", "bob", "wall", "o-1199"} <= course.now.members.keys()
    assert evolve_all(None, course.journal) == course.now
