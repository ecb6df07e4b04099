"""A session under every interleaving of comings, goings, commands and time, against a model of its own."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import TypeAdapter

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.deadlines import next_deadline
from engine.domain.decide import decide
from engine.domain.evolve import evolve, evolve_all
from engine.domain.instant import Millis
from engine.domain.rejection import Rejected
from engine.domain.session import Details, Phase, Role, Session
from engine.domain.session_snapshot import make_snapshot
from tests.domain.presences import HOUR, MINUTE, SECOND, Person, Presences
from tests.domain.sessions import INSTRUCTOR, SERVER

STATE: TypeAdapter[Session] = TypeAdapter(Session)
PHASES = list(Phase)
people = st.sampled_from(["ada", "bob", "cem"])
roles = st.sampled_from([Role.PARTICIPANT] * 4 + [Role.OBSERVER, Role.INSTRUCTOR])


class SessionLife(Presences, RuleBasedStateMachine):
    """Rules act on the session and on the model; the invariants compare them."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Session | None = None
        self.journal: list[tuple[e.Event, Millis]] = []

    @property
    def session(self) -> Session:
        assert self.state is not None
        return self.state

    def long_enough(self) -> bool:
        """Ends come late, so that most of what is tried happens before them."""
        return len(self.journal) > 12

    def carry_out(self, command: c.Command, sender: c.Sender = SERVER) -> list[e.Event] | str:
        """The events, or the code of the refusal; every event is checked as it happens."""
        try:
            events = decide(self.state, command, sender=sender, at=self.at)
            assert decide(self.state, command, sender=sender, at=self.at) == events
        except Rejected as refusal:
            return refusal.code
        for event in events:
            before = self.state
            self.state = evolve(before, event, self.at)
            self.journal.append((event, self.at))
            assert e.decode(e.encode(event)) == event
            if before is not None:
                assert self.state.position == before.position + 1
                assert self.state.seq == before.seq + e.is_numbered(event)
                if isinstance(event, e.RoomClosed):
                    assert (before.phase, self.state.phase) == (Phase.WAITING, Phase.SCHEDULED)
                else:
                    assert PHASES.index(self.state.phase) >= PHASES.index(before.phase)
            if isinstance(event, e.MemberJoined | e.MemberLeft):
                assert event.count == self.state.count()
        return events

    @initialize(
        starts_in=st.sampled_from([-5 * HOUR, -MINUTE, 0, 10 * MINUTE, HOUR]),
        places=st.integers(1, 3),
        access=st.sampled_from(["open", "open", "invite"]),
        kind=st.sampled_from(["live", "workshop"]),
    )
    def create(self, starts_in: Millis, places: int, access: Any, kind: Any) -> None:
        self.places, self.access, self.scheduled = places, access, self.at + starts_in
        details = Details("T", "I", self.scheduled, places, kind, access=access)
        self.carry_out(c.Create("s", "e", details))
        if self.scheduled - 15 * MINUTE <= self.at:
            self.phase = "waiting"

    # -- comings and goings ---------------------------------------------------------------------

    @rule(client_id=people, role=roles, proved=st.booleans(), admitted=st.booleans())
    def connect(self, client_id: str, role: Role, proved: bool, admitted: bool) -> None:
        expected = self.expected_refusal(client_id, role, proved, admitted)
        outcome = self.carry_out(c.Join(client_id, role, proved, admitted), c.Sender(role, client_id))
        if expected is not None:
            assert outcome == expected
            return
        assert not isinstance(outcome, str), outcome
        if self.at >= self.scheduled - 15 * MINUTE:
            self.opened()
        before = self.people.get(client_id)
        announced = [event for event in outcome if isinstance(event, e.MemberJoined)]
        assert bool(announced) == (before is None or before.place not in ("here", "away", "elsewhere"))
        self.put(client_id, role, "here")

    @rule(client_id=people, clean=st.booleans())
    def go(self, client_id: str, clean: bool) -> None:
        # Sockets go, so only whoever has one here can.
        known = self.people.get(client_id)
        if known is None or known.place != "here":
            return
        self.carry_out(c.Leave(client_id) if clean else c.LoseConnection(client_id))
        if not self.over():
            self.put(client_id, known.role, "left" if clean else "away")

    @rule(client_id=people)
    def remove(self, client_id: str) -> None:
        known = self.people.get(client_id)
        outcome = self.carry_out(c.RemoveParticipant(client_id), INSTRUCTOR)
        if self.over():
            assert outcome == "session_over"
        elif known is None:
            assert outcome == "unknown_client"
        elif known.role is not Role.PARTICIPANT:
            assert outcome == "forbidden"
        else:
            assert not isinstance(outcome, str)
            assert any(isinstance(event, e.MemberLeft) for event in outcome) == known.counted
            self.put(client_id, known.role, "removed")

    @rule(locked=st.booleans())
    def lock(self, locked: bool) -> None:
        outcome = self.carry_out(c.Lock(locked), INSTRUCTOR)
        if not self.over():
            assert outcome != "session_over"
            self.locked = locked

    @rule()
    def restart(self) -> None:
        self.carry_out(c.Restart())
        for client_id, someone in [] if self.over() else list(self.people.items()):
            if someone.place in ("here", "away"):
                self.put(client_id, someone.role, "away")

    @precondition(lambda self: self.phase != "live")
    @rule(starts_in=st.sampled_from([-HOUR, MINUTE, 15 * MINUTE, HOUR, 48 * HOUR]))
    def move(self, starts_in: Millis) -> None:
        outcome = self.carry_out(c.ChangeDetails(scheduled_start=self.at + starts_in), INSTRUCTOR)
        assert (outcome == "session_over") == self.over()
        if not self.over() and outcome:
            self.scheduled = self.at + starts_in
            self.phase = "waiting" if self.scheduled - 15 * MINUTE <= self.at else "scheduled"

    # -- the course of the session ----------------------------------------------------------------

    @rule()
    def start(self) -> None:
        outcome = self.carry_out(c.Start(), INSTRUCTOR)
        if self.over() or self.phase == "live":
            assert outcome == ("session_over" if self.over() else "already_live")
        else:
            self.begin()

    @precondition(lambda self: self.phase in ("live", "waiting") and self.long_enough())
    @rule()
    def end(self) -> None:
        assert self.carry_out(c.End(), INSTRUCTOR) != "session_over"
        self.phase = "ended"

    @precondition(lambda self: self.phase == "live" or self.long_enough())
    @rule()
    def cancel(self) -> None:
        outcome = self.carry_out(c.Cancel(), INSTRUCTOR)
        assert (outcome == "session_over") == self.over()
        if self.phase in ("scheduled", "waiting"):
            self.phase = "cancelled"

    @rule(client_id=people)
    def platform_says_joined(self, client_id: str) -> None:
        outcome = self.carry_out(c.ReportJoined(client_id))
        if self.over():
            assert outcome == []
            return
        known = self.people.get(client_id)
        if known is None or (known.place in ("lost", "left") and known.role is Role.PARTICIPANT):
            self.opened()
            owned = known is not None and known.owned
            self.people[client_id] = Person(Role.PARTICIPANT, "elsewhere", self.at, owned)

    @rule(client_id=people)
    def platform_says_left(self, client_id: str) -> None:
        outcome = self.carry_out(c.ReportLeft(client_id))
        known = self.people.get(client_id)
        gone = not self.over() and known is not None and known.place == "elsewhere"
        assert bool(outcome) == gone
        if known is not None and gone:
            self.put(client_id, Role.PARTICIPANT, "left")
            self.people[client_id].owned = known.owned

    @rule(
        report=st.sampled_from(
            [
                c.ReportStarted(),
                c.ReportTechnique("Box Breathing"),
                c.ReportMilestone(12.5),
                c.ReportAchievement("Together"),
            ]
        )
    )
    def platform_says(self, report: c.Report) -> None:
        outcome = self.carry_out(report)
        if self.over():
            assert outcome == []
            return
        assert not isinstance(outcome, str), outcome
        if isinstance(report, c.ReportStarted) and self.phase != "live":
            self.begin()
            self.led_elsewhere = True
        self.opened()

    @precondition(lambda self: self.long_enough())
    @rule(report=st.sampled_from([c.ReportEnded(600, 30, 12.5), c.ReportEnded(900), c.ReportEnded()]))
    def platform_says_ended(self, report: c.ReportEnded) -> None:
        outcome = self.carry_out(report)
        assert (outcome == []) == self.over()
        if not self.over():
            self.phase = "ended"

    # -- time -------------------------------------------------------------------------------------

    @rule(by=st.sampled_from([SECOND, 19 * SECOND, 21 * SECOND, 5 * MINUTE, 16 * MINUTE]))
    def wait(self, by: Millis) -> None:
        self.pass_time(by)

    @precondition(lambda self: self.long_enough())
    @rule(by=st.sampled_from([HOUR, 2 * HOUR]))
    def wait_long(self, by: Millis) -> None:
        self.pass_time(by)

    def pass_time(self, by: Millis) -> None:
        until = self.at + by
        while (due := next_deadline(self.session)) is not None and due <= until:
            self.at = max(self.at, due)
            assert self.carry_out(c.Tick()), "a deadline at which nothing happens comes back for ever"
            self.time_passes()
        self.at = until
        assert self.carry_out(c.Tick()) == []

    # -- what always holds --------------------------------------------------------------------------

    @invariant()
    def the_model_agrees(self) -> None:
        if self.state is None:
            return
        assert self.state.phase == self.phase
        assert self.state.count() == self.count
        places = {"present": "here"}
        found = {
            member.client_id: "elsewhere"
            if member.external and member.is_here
            else places.get(member.presence, str(member.presence))
            for member in self.state.members.values()
        }
        assert found == {client_id: someone.place for client_id, someone in self.people.items()}
        assert self.state.count() <= max(self.places, len(self.people))

    @invariant()
    def the_journal_is_the_state(self) -> None:
        if self.state is None:
            return
        assert evolve_all(None, self.journal) == self.state
        assert STATE.validate_json(STATE.dump_json(self.state)) == self.state

    @invariant()
    def a_story_is_there_when_it_was_promised(self) -> None:
        ending = next((event for event, _ in self.journal if isinstance(event, e.SessionEnding)), None)
        if ending is not None:
            assert (make_snapshot(self.session, content_id="c") is not None) == ending.summary_available


SessionLife.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
TestSessionLife = SessionLife.TestCase
