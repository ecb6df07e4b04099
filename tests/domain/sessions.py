"""Sessions for the tests of the domain: given, when, then in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.deadlines import next_deadline
from engine.domain.decide import decide
from engine.domain.evolve import evolve
from engine.domain.instant import HOUR, MINUTE, Millis
from engine.domain.rejection import Rejected
from engine.domain.session import Details, Role, Session

NOON: Millis = 1_750_000_000_000
SERVER = c.Sender(Role.ADMIN)
INSTRUCTOR = c.Sender(Role.INSTRUCTOR, "ivy")


@dataclass
class Course:
    """A session as it goes: its state, its journal, and the hand of its clock."""

    state: Session | None = None
    at: Millis = NOON
    journal: list[tuple[e.Event, Millis]] = field(default_factory=list)

    @property
    def now(self) -> Session:
        assert self.state is not None
        return self.state

    def do(self, command: c.Command, sender: c.Sender = INSTRUCTOR) -> list[e.Event]:
        """Carry a command out; returns what happened."""
        events = decide(self.state, command, sender=sender, at=self.at)
        for event in events:
            self.state = evolve(self.state, event, self.at)
            self.journal.append((event, self.at))
        return events

    def refused(self, command: c.Command, sender: c.Sender = INSTRUCTOR) -> Rejected:
        """The refusal of a command."""
        with pytest.raises(Rejected) as refusal:
            decide(self.state, command, sender=sender, at=self.at)
        return refusal.value

    def wait(self, lasting: Millis) -> list[e.Event]:
        """Let time pass, ticking at every deadline on the way; returns what happened."""
        until, happened = self.at + lasting, list[e.Event]()
        while (due := next_deadline(self.now)) is not None and due <= until:
            self.at = max(self.at, due)
            happened += self.do(c.Tick(), SERVER)
        self.at = until
        return happened

    def join(self, client_id: str, role: Role = Role.PARTICIPANT, **how: Any) -> list[e.Event]:
        return self.do(c.Join(client_id, role, **how), c.Sender(role, client_id))

    def join_refused(self, client_id: str, role: Role = Role.PARTICIPANT, **how: Any) -> Rejected:
        return self.refused(c.Join(client_id, role, **how), c.Sender(role, client_id))

    def lose(self, client_id: str) -> list[e.Event]:
        return self.do(c.LoseConnection(client_id), SERVER)

    def leave(self, client_id: str) -> list[e.Event]:
        return self.do(c.Leave(client_id), SERVER)


def person(client_id: str) -> c.Sender:
    return c.Sender(Role.PARTICIPANT, client_id)


def scheduled(starts_in: Millis = HOUR, **details: Any) -> Course:
    """A session that was just created."""
    course = Course()
    given = {"title": "Morning", "instructor": "Ivy", "scheduled_start": NOON + starts_in, **details}
    course.do(c.Create("s", "epoch", Details(**given)), SERVER)
    return course


def waiting(people: Sequence[str] = (), **details: Any) -> Course:
    """A session whose room is open."""
    course = scheduled(5 * MINUTE, **details)
    for client_id in people:
        course.join(client_id)
    return course


def live(people: Sequence[str] = (), **details: Any) -> Course:
    """A session under way."""
    course = waiting(people, **details)
    course.do(c.Start())
    return course


def kinds(events: Sequence[e.Event]) -> list[str]:
    return [event.type for event in events]
