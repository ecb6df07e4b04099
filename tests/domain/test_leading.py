"""What instructors may do in each phase of a session, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.commands import PERMITTED, Sender
from engine.domain.decide import decide
from engine.domain.evolve import evolve_all
from engine.domain.instant import HOUR, MINUTE, SECOND, iso
from engine.domain.session import Details, Phase, Presence, Role, TechniquePlan
from tests.domain.sessions import INSTRUCTOR, NOON, SERVER, Course, kinds, live, person, scheduled, waiting

LED: list[tuple[c.Command, dict[str, str]]] = [
    # Each command, and what a phase answers: the code of a refusal, or the first event.
    (c.Start(), {"scheduled": "room_opened", "waiting": "session_started", "live": "already_live"}),
    (
        c.ChangeTechnique("Tide"),
        {"scheduled": "not_live", "waiting": "not_live", "live": "technique_changed"},
    ),
    (c.Rest(), {"scheduled": "not_live", "waiting": "not_live", "live": "practice_rested"}),
    (c.ResumePractice(), {"scheduled": "not_live", "waiting": "not_live", "live": ""}),
    (c.Announce("A", "B"), {"scheduled": "not_open", "waiting": "announced", "live": "announced"}),
    (
        c.UnlockAchievement("A"),
        {"scheduled": "not_live", "waiting": "not_live", "live": "achievement_unlocked"},
    ),
    (c.RemoveParticipant("x"), dict.fromkeys(("scheduled", "waiting", "live"), "unknown_client")),
    (c.DeleteMessage(99), dict.fromkeys(("scheduled", "waiting", "live"), "unknown_message")),
    (c.Vouch("x", True), dict.fromkeys(("scheduled", "waiting", "live"), "unknown_client")),
    (c.Lock(True), dict.fromkeys(("scheduled", "waiting", "live"), "door_locked")),
    (c.SwitchChat(False), dict.fromkeys(("scheduled", "waiting", "live"), "chat_switched")),
    (c.End(), {"scheduled": "not_open", "waiting": "session_ending", "live": "session_ending", "ended": ""}),
    (c.ChangeDetails(title="New"), dict.fromkeys(("scheduled", "waiting", "live"), "details_changed")),
    (c.Cancel(), {"scheduled": "session_cancelled", "waiting": "session_cancelled", "live": "already_live"}),
]


EVENTS = {kind.__dataclass_fields__["type"].default for kind in e.Event.__args__}


def in_phase(phase: str) -> Course:
    course = waiting() if phase in ("waiting", "cancelled") else live()
    match phase:
        case "scheduled":
            return scheduled()
        case "ended":
            course.do(c.End())
        case "cancelled":
            course.do(c.Cancel())
        case _:
            pass
    return course


@pytest.mark.parametrize("phase", ["scheduled", "waiting", "live", "ended", "cancelled"])
@pytest.mark.parametrize(("command", "outcomes"), LED, ids=lambda value: type(value).__name__)
def test_each_command_in_each_phase(command: c.Command, outcomes: dict[str, str], phase: str) -> None:
    """It happens, changes nothing, or is refused with a code that says why."""
    expected = outcomes.get(phase, "session_over")
    course = in_phase(phase)
    if expected == "" or expected in EVENTS:
        assert kinds(course.do(command))[:1] == ([expected] if expected else [])
    else:
        assert course.refused(command).code == expected


@pytest.mark.parametrize("role", [Role.PARTICIPANT, Role.OBSERVER])
def test_only_staff_lead(role: Role) -> None:
    """Whoever else tries is forbidden, before anything else is looked at."""
    for command, _ in LED:
        if type(command) in PERMITTED:
            assert live().refused(command, Sender(role, "x")).code == "forbidden"


def test_a_session_is_created_once() -> None:
    """The second is a conflict; a command to none is not found."""
    command = c.Create("s", "e", Details("T", "I", NOON))
    assert scheduled().refused(command).code == "session_exists"
    assert Course().refused(c.Start()).code == "unknown_session"


def test_a_room_opens_fifteen_minutes_ahead() -> None:
    """At once when that has passed."""
    assert scheduled(15 * MINUTE + 1).now.phase is Phase.SCHEDULED
    assert scheduled(15 * MINUTE).now.phase is Phase.WAITING
    course = scheduled(60 * MINUTE)
    assert kinds(course.wait(45 * MINUTE)) == ["room_opened"]


def test_a_room_opens_ahead_of_a_time_that_was_moved() -> None:
    """Moving the start nearer opens it in the same breath; page and calendar learn of a new sequence."""
    course = scheduled(60 * MINUTE)
    assert kinds(course.do(c.ChangeDetails(scheduled_start=NOON + MINUTE))) == [
        "details_changed",
        "room_opened",
    ]
    assert course.now.sequence == 1
    assert course.do(c.ChangeDetails(scheduled_start=NOON + MINUTE)) == []


def test_a_room_that_is_moved_away_is_scheduled_again() -> None:
    """Its doors close until fifteen minutes before the new time; nobody else is let in before."""
    course = waiting()
    later = course.at + 48 * HOUR
    assert kinds(course.do(c.ChangeDetails(scheduled_start=later))) == ["details_changed", "room_closed"]
    assert course.now.phase is Phase.SCHEDULED
    refusal = course.join_refused("ada")
    assert (refusal.code, refusal.details) == ("not_open_yet", {"opens_at": iso(later - 15 * MINUTE)})
    assert kinds(course.wait(48 * HOUR - 15 * MINUTE)) == ["room_opened"]
    assert kinds(course.join("ada")) == ["member_joined"]


def test_who_waits_in_a_room_that_is_moved_away_stays_inside() -> None:
    """They hear what is announced and may lose their connection; who leaves comes back when it opens."""
    course = waiting(["ada", "bob"])
    course.do(c.ChangeDetails(scheduled_start=course.at + HOUR))
    assert course.now.count() == 2
    assert kinds(course.do(c.Announce("Later", "We begin in an hour."))) == ["announced"]
    course.lose("ada")
    assert kinds(course.join("ada", proved=True)) == ["member_returned"]
    assert course.join_refused("ada").code == "client_id_in_use"
    course.leave("bob")
    assert course.join_refused("bob", proved=True).code == "not_open_yet"
    course.lose("ada")
    assert kinds(course.wait(MINUTE)) == ["member_left"]
    assert course.join_refused("ada", proved=True).code == "not_open_yet"
    assert course.refused(c.Announce("Later", "Is anybody here?")).code == "not_open"


def test_a_room_that_was_moved_before_doors_closed_is_as_its_journal_says() -> None:
    """Older journals have no closing in them: such a room waits, and its time is as it was moved."""
    later = replace(waiting().now.details, scheduled_start=NOON + 48 * HOUR)
    journal = [e.encode(event) for event, _ in waiting().journal] + [e.encode(e.DetailsChanged(later))]
    state = evolve_all(None, ((e.decode(record), NOON) for record in journal))
    assert state is not None
    assert (state.phase, state.opens_at) == (Phase.WAITING, later.scheduled_start - 15 * MINUTE)
    assert kinds(decide(state, c.Join("ada", Role.PARTICIPANT), sender=person("ada"), at=NOON)) == [
        "member_joined"
    ]


def test_a_room_stays_open_where_its_time_does_not_close_it() -> None:
    """Moved within the fifteen minutes, or opened by a platform ahead of its time and given another title."""
    course = waiting()
    assert kinds(course.do(c.ChangeDetails(scheduled_start=course.at + 15 * MINUTE))) == ["details_changed"]
    ahead = scheduled()
    ahead.do(c.ReportJoined("ada"), SERVER)
    assert kinds(ahead.do(c.ChangeDetails(title="Evening"))) == ["details_changed"]
    assert ahead.now.phase is Phase.WAITING


def test_a_live_session_cannot_be_moved() -> None:
    """Its title may still change."""
    course = live()
    refusal = course.refused(c.ChangeDetails(scheduled_start=NOON))
    assert (refusal.code, list(refusal.details)) == ("already_live", ["scheduled_start"])
    assert course.do(c.ChangeDetails(title="Evening"))
    assert course.now.details.title == "Evening"


def test_a_change_that_had_not_begun_gives_way_to_a_newer_one() -> None:
    """Nobody practised it, so it is in no timeline."""
    course = live()
    course.do(c.ChangeTechnique("Box Breathing"))
    course.at += SECOND
    course.do(c.ChangeTechnique("Tide"))
    assert [span.technique for span in course.now.spans] == ["Tide"]
    course.at += MINUTE
    course.do(c.ChangeTechnique("Box Breathing"))
    assert [span.technique for span in course.now.spans] == ["Tide", "Box Breathing"]


def test_a_change_lands_at_the_end_of_a_breath() -> None:
    """At least three seconds ahead, a whole number of cycles after the technique under way began."""
    course = live()
    course.do(c.ChangeTechnique("Mine", pattern=(4.0, 0.0, 6.0, 0.0)))
    first = course.now.spans[-1].started_at
    assert first == course.at + 3 * SECOND
    for later in (37 * SECOND, 3 * SECOND + 7, 47 * SECOND):
        course.at = first + later
        (changed,) = course.do(c.ChangeTechnique("Mine", pattern=(4.0, 0.0, 6.0, 0.0)))
        assert isinstance(changed, e.TechniqueChanged)
        assert (changed.started_at - first) % 10_000 == 0
        assert 3 * SECOND <= changed.started_at - course.at < 13 * SECOND
        first = changed.started_at


def test_a_moment_may_be_wished_for() -> None:
    """Not in the past, and not further ahead than ten minutes."""
    course = live()
    wished = course.at + 5 * MINUTE
    course.do(c.ChangeTechnique("Tide", at=wished))
    assert course.now.spans[-1].started_at == wished
    assert course.refused(c.ChangeTechnique("Tide", at=course.at + 10 * MINUTE + 1)).details.keys() == {"at"}
    course.do(c.ChangeTechnique("Tide", at=0))
    assert course.now.spans[-1].started_at == course.at


def test_a_pattern_must_be_breathable() -> None:
    """No inhale is no breath."""
    refusal = live().refused(c.ChangeTechnique("Mine", pattern=(0.0, 4.0, 4.0, 0.0)))
    assert (refusal.code, list(refusal.details)) == ("invalid", ["pattern"])


def test_a_technique_ends_a_rest() -> None:
    """Whoever announces something new goes on with it."""
    course = live()
    course.do(c.Rest())
    assert course.do(c.Rest()) == []
    course.do(c.ChangeTechnique("Tide"))
    assert not course.now.resting


@pytest.mark.parametrize(
    ("place", "planned", "code"),
    [
        ("online", False, "not_in_plan"),
        ("online", True, "room_only"),
        ("room", True, None),
        ("both", True, "room_only"),
    ],
)
def test_strong_techniques_need_a_plan_and_a_room(place: str, planned: bool, code: str | None) -> None:
    """Everybody is asked at joining, for what stands in the plan; some are for one room only."""
    techniques = (TechniquePlan("wim hof"),) if planned else ()
    course = live(place=place, techniques=techniques)
    if code is None:
        assert kinds(course.do(c.ChangeTechnique("Wim Hof"))) == ["technique_changed"]
    else:
        assert course.refused(c.ChangeTechnique("Wim Hof")).code == code


def test_removal_is_for_participants_and_once() -> None:
    """Staff and watchers are not removed; whoever is removed already needs no second word."""
    course = live(["ada"])
    course.join("eye", Role.OBSERVER)
    course.join("ivy", Role.INSTRUCTOR)
    assert course.refused(c.RemoveParticipant("eye")).code == "forbidden"
    assert course.refused(c.RemoveParticipant("ivy")).code == "forbidden"
    (left,) = course.do(c.RemoveParticipant("ada"))
    assert left == e.MemberLeft("ada", Role.PARTICIPANT, 0, "removed")
    assert course.do(c.RemoveParticipant("ada")) == []
    assert course.now.members["ada"].presence is Presence.REMOVED


@pytest.mark.parametrize("clean", [True, False])
def test_whoever_has_left_is_kept_out_without_a_word(clean: bool) -> None:
    """They were announced as left already: a second time would be seen, and count nobody."""
    course = live(["ada", "bob"])
    if clean:
        course.leave("ada")
    else:
        course.lose("ada")
        course.wait(21_000)
    seq, present = course.now.seq, course.now.members["ada"].present_ms
    course.wait(60_000)
    assert course.do(c.RemoveParticipant("ada")) == [e.MemberBarred("ada")]
    assert course.do(c.RemoveParticipant("ada")) == []
    assert (course.now.seq, course.now.count()) == (seq, 1)
    assert course.now.members["ada"].present_ms == present
    assert course.join_refused("ada", proved=True).code == "removed"


def test_a_removal_may_take_the_words_along() -> None:
    """First the words, so that they go from the screen of the removed too; also of somebody who was removed before."""
    course = live(["ada", "bob"])
    for client_id in ("ada", "bob", "ada"):
        course.do(c.Chat("hi"), person(client_id))
    happened = course.do(c.RemoveParticipant("ada", delete_messages=True))
    assert kinds(happened) == ["messages_deleted", "member_left"]
    assert [line.client_id for line in course.now.chat] == ["bob"]
    course.do(c.RemoveParticipant("bob"))
    assert course.do(c.RemoveParticipant("bob", delete_messages=True)) == [e.MessagesDeleted(client_id="bob")]
    assert course.now.chat == ()
    assert course.refused(c.RemoveParticipant("eve", delete_messages=True)).code == "unknown_client"


def test_one_message_is_deleted_by_its_number() -> None:
    """A second deletion of it is harmless; the number stays."""
    course = live(["ada"])
    course.do(c.Chat("one"), person("ada"))
    seq = course.now.seq
    course.do(c.Chat("two"), person("ada"))
    for _ in range(2):
        assert course.do(c.DeleteMessage(seq)) == [e.MessagesDeleted(seq=seq)]
        assert [line.message for line in course.now.chat] == ["two"]
    assert course.now.messages_deleted == course.now.position
    assert evolve_all(None, course.journal) == course.now


def test_staff_answer_in_the_chat() -> None:
    """As staff, and only while it is switched on."""
    course = live(["ada"])
    course.join("ivy", Role.INSTRUCTOR)
    assert course.do(c.Chat("Welcome")) == [e.ChatMessageSent("ivy", "Welcome", by_staff=True)]
    assert [(line.message, line.by_staff) for line in course.now.chat] == [("Welcome", True)]
    course.do(c.SwitchChat(False))
    assert course.refused(c.Chat("Welcome")).code == "chat_off"
    assert course.refused(c.Chat("hi"), Sender(Role.OBSERVER, "eye")).code == "forbidden"


def test_seats_are_vouched_for_once() -> None:
    """And the word may be taken back."""
    course = live(["ada"])
    assert kinds(course.do(c.Vouch("ada", True))) == ["seat_vouched"]
    assert course.do(c.Vouch("ada", True)) == []
    assert course.now.members["ada"].vouched
    course.do(c.Vouch("ada", False))
    assert not course.now.members["ada"].vouched


def test_an_end_says_how_long_it_was() -> None:
    """One second at least, two hours at most; and whether a summary will come."""
    course = live(["ada"])
    course.at += 90 * SECOND
    ending, ended = course.do(c.End())
    assert ending == e.SessionEnding(90, True, "ended", participants=1)
    assert ended == e.SessionEnded()
    assert course.now.phase is Phase.ENDED
    assert live().do(c.End())[0] == e.SessionEnding(1, False, "ended", participants=0)


def test_publication_is_the_last_phase() -> None:
    """Only an ended session is published, and once."""
    course = live(["ada"])
    assert course.do(c.MarkPublished(), SERVER) == []
    course.do(c.End())
    assert kinds(course.do(c.MarkPublished(), SERVER)) == ["session_published"]
    assert course.do(c.MarkPublished(), SERVER) == []
    assert course.do(c.RateSession(5), person("ada"))
    assert course.refused(c.Start(), INSTRUCTOR).code == "session_over"


BOX, SIX = TechniquePlan("Box Breathing", 240), TechniquePlan("Resonance", 300)


def practising() -> Course:
    """Live, and the first of two planned techniques has begun."""
    course = Course()
    details = Details("Morning", "Ivy", NOON, techniques=(BOX, SIX))
    course.do(c.Create("morning", "e1", details), SERVER)
    course.do(c.Start())
    course.do(c.ChangeTechnique("box breathing", at=course.at))
    return course


def test_what_has_begun_of_a_plan_stays_in_it() -> None:
    """The rest may be changed, left out and put into another order."""
    course = practising()
    later = TechniquePlan("Tide", 60)
    for plan in ((BOX,), (BOX, later), (later, BOX, SIX), (BOX, BOX)):
        course.do(c.ChangeDetails(techniques=plan))
        assert course.now.details.techniques == plan
    for refused in ((later,), (), (TechniquePlan("Box Breathing", 60),)):
        assert list(course.refused(c.ChangeDetails(techniques=refused)).details) == ["techniques"]


@pytest.mark.parametrize(
    "change",
    [
        {"instructor": "Sarah"},
        {"access": "invite"},
        {"visibility": "unlisted"},
        {"place": "room"},
        {"scheduled_start": NOON + HOUR},
    ],
)
def test_a_live_session_keeps_who_leads_it_and_who_may_come(change: dict[str, str]) -> None:
    """Title, description, places and the call's link change; what is refused is named, and nothing else changes."""
    course = practising()
    refusal = course.refused(c.ChangeDetails(title="Evening", **change))  # type: ignore[arg-type]  # named as the fields are
    assert (refusal.code, list(refusal.details)) == ("already_live", list(change))
    course.do(
        c.ChangeDetails(
            title="Evening", description="Slowly", max_participants=7, listen_url="https://x.example"
        )
    )
    assert course.now.details.max_participants == 7
    course.do(c.ChangeDetails(cleared=("description", "listen_url")))
    assert (course.now.details.description, course.now.details.listen_url) == (None, None)


def test_a_session_that_was_changed_alone_is_left_out_of_its_series() -> None:
    """Nor does a live one follow it; the end of a series cancels both kinds."""
    details = Details("Morning", "Ivy", NOON + HOUR, series_id="morning", occurrence="2026-12-03")
    course = Course()
    course.do(c.Create("morning", "e1", details), SERVER)
    course.do(c.ChangeDetails(title="All", by_series=True))
    assert (course.now.details.title, course.now.details.changed_alone) == ("All", False)
    assert course.do(c.ChangeDetails(title="All")) == []
    course.do(c.ChangeDetails(title="Guest"))
    assert course.now.details.changed_alone
    assert course.do(c.ChangeDetails(title="All again", by_series=True)) == []
    assert course.do(c.Cancel(by_series=True)) == []
    assert kinds(course.do(c.Cancel())) == ["session_cancelled"]

    begun = Course()
    begun.do(c.Create("morning", "e1", details), SERVER)
    begun.do(c.Start())
    assert begun.do(c.ChangeDetails(title="All", by_series=True)) == []


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("Tide", None, (5.0, 0.0, 7.0, 0.0)),
        ("TIDE", None, (5.0, 0.0, 7.0, 0.0)),
        ("Tide", (4.0, 0.0, 6.0, 0.0), (4.0, 0.0, 6.0, 0.0)),
        ("Other", None, None),
        ("Box Breathing", None, None),
    ],
)
def test_a_technique_of_the_plan_keeps_its_pattern_when_it_is_begun_by_name(
    name: str,
    given: tuple[float, float, float, float] | None,
    wanted: tuple[float, float, float, float] | None,
) -> None:
    """Unless another one is given; a name of the catalogue has the catalogue's."""
    plan = (
        TechniquePlan("Tide", 300, None, (5.0, 0.0, 7.0, 0.0)),
        TechniquePlan("Box Breathing", 300, None, (3.0, 0.0, 3.0, 0.0)),
    )
    course = live(techniques=plan)
    (event,) = course.do(c.ChangeTechnique(name, pattern=given))
    assert isinstance(event, e.TechniqueChanged)
    assert event.pattern == wanted
