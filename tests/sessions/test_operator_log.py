"""What the log says of a session: that it opened, started and ended, with figures and without names."""

from __future__ import annotations

from structlog.testing import capture_logs

from engine.domain import events as e
from engine.domain.session import Details, Member, Presence, Role, Session, StatedFigures
from engine.sessions.operator_log import log_turn
from tests.domain.sessions import NOON as START

DETAILS = Details("Morning", "Sam", START)


def session(**given: object) -> Session:
    members = {
        name: Member(name, role, START, Presence.PRESENT, START)
        for name, role in (("ada", Role.PARTICIPANT), ("bo", Role.PARTICIPANT), ("sam", Role.INSTRUCTOR))
    }
    whole = {"started_at": START, "ended_at": START + 90_500, "members": members, "here": 2, **given}
    return Session("morning", "epoch", DETAILS, START, START, **whole)  # type: ignore[arg-type]


def lines(state: Session, *events: e.Event) -> list[dict[str, object]]:
    with capture_logs() as logged:
        log_turn(state, events)
    return [dict(line) for line in logged]


def test_opening_and_start_are_a_line_each() -> None:
    """The start says how many participants are there: staff are not counted."""
    opened, started = lines(session(), e.RoomOpened(), e.SessionStarted("Morning", "Sam"))
    assert opened == {"event": "session opened", "session_id": "morning", "log_level": "info"}
    assert started["event"] == "session started"
    assert started["participants"] == 2


def test_the_end_says_how_many_came_and_how_long_it_took() -> None:
    """Counted here, or as a platform stated."""
    ending = e.SessionEnding(90, True, "instructor")
    (ended,) = lines(session(), ending)
    assert (ended["participants"], ended["lasted_s"], ended["reason"]) == (2, 90, "instructor")
    (ended,) = lines(session(stated=StatedFigures(duration=600, total_participants=25)), ending)
    assert (ended["participants"], ended["lasted_s"]) == (25, 600)


def test_nothing_else_is_said() -> None:
    """What people do in a session is not the operator's to read, and no line has a name or a title in it."""
    assert lines(session(), e.MemberJoined("ada", Role.PARTICIPANT, 1), e.RoomClosed()) == []
    said = str(lines(session(), e.RoomOpened(), e.SessionStarted("Grief", "Sam Carter")))
    assert "Grief" not in said
    assert "Sam" not in said
