"""Who is in a session, told again in the plainest words: what the state machine holds the real one against."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.domain.session import Role
from tests.domain.sessions import NOON

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


@dataclass
class Person:
    """What the model knows of somebody: ``place`` is here, away, lost, left, removed or elsewhere."""

    role: Role
    place: str
    since: Millis
    owned: bool = True

    @property
    def counted(self) -> bool:
        return self.place in ("here", "away", "elsewhere") and self.role is Role.PARTICIPANT

    @property
    def keeps_the_room(self) -> bool:
        return self.place in ("here", "away") and self.role is not Role.OBSERVER


class Presences:
    """The people, the phase and the door of one session."""

    scheduled: Millis
    places: int
    access: str

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self.people: dict[str, Person] = {}
        self.phase = "scheduled"
        self.locked = self.led_elsewhere = False
        self.started: Millis | None = None
        self.empty: Millis | None = None

    @property
    def count(self) -> int:
        return sum(someone.counted for someone in self.people.values())

    def put(self, client_id: str, role: Role, place: str) -> None:
        was = any(someone.keeps_the_room or someone.place == "elsewhere" for someone in self.people.values())
        self.people[client_id] = Person(role, place, self.at)
        here = any(someone.keeps_the_room for someone in self.people.values())
        if here:
            self.empty = None
        elif was:
            self.empty = self.at

    def over(self) -> bool:
        return self.phase in ("ended", "cancelled")

    def opened(self) -> None:
        if self.phase == "scheduled":
            self.phase = "waiting"

    def expected_refusal(self, client_id: str, role: Role, proved: bool, admitted: bool) -> str | None:
        known = self.people.get(client_id)
        staff = role is Role.INSTRUCTOR
        stranger = known is None or not known.owned
        checks = {
            "session_over": self.over(),
            "not_open_yet": self.phase == "scheduled"
            and not staff
            and not (known is not None and known.owned and known.place in ("here", "away"))
            and self.at < self.scheduled - 15 * MINUTE,
            "removed": known is not None and known.place == "removed",
            "client_id_in_use": known is not None
            and ((not stranger and not proved) or known.role is not role),
            "token_required": self.access == "invite" and not admitted and stranger,
        }
        if known is None or known.place not in ("here", "away"):
            checks["locked"] = not staff and self.locked and (known is None or known.place != "lost")
            new = role is Role.PARTICIPANT and (known is None or not known.counted)
            checks["full"] = new and self.count >= self.places
        return next((code for code, applies in checks.items() if applies), None)

    def begin(self) -> None:
        self.phase, self.started = "live", self.at
        if not any(someone.keeps_the_room for someone in self.people.values()):
            self.empty = self.at

    def time_passes(self) -> None:
        if self.over():
            return
        visited = any(p.owned and p.role is Role.PARTICIPANT for p in self.people.values())
        reported = any(p.place == "elsewhere" for p in self.people.values())
        elsewhere = reported or (self.led_elsewhere and not visited)
        if self.phase == "live" and self.started is not None:
            empty = not elsewhere and self.empty is not None and self.at >= self.empty + 15 * MINUTE
            if self.at >= self.started + 2 * HOUR or empty:
                self.phase = "ended"
                return
        late = [
            key for key, p in self.people.items() if p.place == "away" and self.at >= p.since + 20 * SECOND
        ]
        for client_id in late:
            self.put(client_id, self.people[client_id].role, "lost")
        if self.phase == "scheduled" and self.at >= self.scheduled - 15 * MINUTE:
            self.phase = "waiting"
        elif self.phase == "waiting" and not late:
            nobody = not any(someone.keeps_the_room for someone in self.people.values())
            closes = max(max(self.scheduled, NOON) + 2 * HOUR, (self.empty or 0) + 15 * MINUTE)
            if nobody and self.at >= closes:
                self.phase = "ended"
