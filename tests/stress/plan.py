"""What happens in a storm, and when: a pure function of the seed.

Times are seconds from the beginning of an act. People are numbers within their room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeAlias

__all__ = [
    "HALL",
    "SLOW",
    "Act",
    "Churn",
    "FailActor",
    "Garble",
    "Kill",
    "Manner",
    "Plan",
    "RoomPlan",
    "Say",
    "Scale",
    "Shout",
    "Stall",
    "Step",
    "Storm",
    "make_plan",
]

HALL = "hall"
SLOW = "slow"


class Manner(StrEnum):
    """How somebody's connection ends, to come back a little later."""

    LEAVE = "leave"
    DROP = "drop"
    REPLACE = "replace"
    """The next connection comes while the old one is open."""
    FLICKER = "flicker"
    """The next connection comes in the moment in which the old one breaks."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """A session, its participants, and whether its instructor ends it before the drain."""

    session_id: str
    people: int
    ends: bool


@dataclass(frozen=True, slots=True)
class Say:
    """Somebody chats, or the instructor (None) announces something."""

    at: float
    room: str
    who: int | None


@dataclass(frozen=True, slots=True)
class Shout:
    """The instructor announces many long messages at once: slow readers fall behind."""

    at: float
    room: str
    messages: int
    characters: int


@dataclass(frozen=True, slots=True)
class Storm:
    """All these lose the connection in one moment; each comes back after a time of their own."""

    at: float
    room: str
    back_after: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Churn:
    """One person goes and comes back."""

    at: float
    room: str
    who: int
    manner: Manner
    back_after: float


@dataclass(frozen=True, slots=True)
class Stall:
    """One person's socket stops reading for a while."""

    at: float
    room: str
    who: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Garble:
    """A stranger sends what no client sends: the ``kind``-th of the malformed things."""

    at: float
    room: str
    kind: int


@dataclass(frozen=True, slots=True)
class FailActor:
    """The actor of a room fails as if by a bug."""

    at: float
    room: str


@dataclass(frozen=True, slots=True)
class Kill:
    """The server is killed with -9, and started again on the same data."""

    at: float


Step: TypeAlias = Say | Shout | Storm | Churn | Stall | Garble | FailActor | Kill


@dataclass(frozen=True, slots=True)
class Act:
    """Steps in order of time."""

    seconds: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a storm is."""

    hall: int = 400
    rooms: int = 10
    people_in_a_room: int = 8
    readers: int = 10
    says_per_second: float = 30.0
    churns_per_second: float = 12.0
    shout: int = 1400
    garbles: int = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Three acts: the first with the kill; the second and third alike, with a look at the server after each."""

    seed: int
    rooms: tuple[RoomPlan, ...]
    acts: tuple[Act, ...]


def make_plan(seed: int, seconds: float, scale: Scale = Scale()) -> Plan:
    """The plan of a seed; the same seed, seconds and scale give the same plan."""
    dice = Random(seed)
    rooms = (
        RoomPlan(HALL, scale.hall, ends=True),
        RoomPlan(SLOW, scale.readers, ends=False),
        *(RoomPlan(f"room-{n}", scale.people_in_a_room, ends=n % 2 == 0) for n in range(scale.rooms)),
    )
    # What is left goes for waiting until everybody is calm, the looks at the server, and the drain.
    lengths = (0.3 * seconds, 0.2 * seconds, 0.2 * seconds)
    acts = tuple(_act(dice, rooms, scale, length, killed=n == 0) for n, length in enumerate(lengths))
    return Plan(seed, rooms, acts)


def _act(dice: Random, rooms: tuple[RoomPlan, ...], scale: Scale, seconds: float, *, killed: bool) -> Act:
    steps: list[Step] = [
        *_words(dice, rooms, scale, seconds),
        *_churn(dice, rooms, scale, seconds),
        *_storms(dice, rooms, seconds),
        *_slowness(dice, scale, seconds),
        *(
            Garble(dice.uniform(0, 0.9 * seconds), dice.choice(rooms).session_id, kind)
            for kind in range(scale.garbles)
        ),
        *(FailActor(dice.uniform(0.2, 0.8) * seconds, room.session_id) for room in dice.sample(rooms, 2)),
        FailActor(dice.uniform(0.2, 0.8) * seconds, HALL),
    ]
    if killed:
        steps.append(Kill(dice.uniform(0.4, 0.6) * seconds))
    return Act(seconds, tuple(sorted(steps, key=lambda step: step.at)))


def _words(dice: Random, rooms: tuple[RoomPlan, ...], scale: Scale, seconds: float) -> Iterator[Step]:
    at = 0.0
    while (at := at + dice.expovariate(scale.says_per_second)) < seconds:
        room = dice.choice((rooms[0], rooms[0], dice.choice(rooms)))
        yield Say(at, room.session_id, None if dice.random() < 0.4 else dice.randrange(room.people))


def _churn(dice: Random, rooms: tuple[RoomPlan, ...], scale: Scale, seconds: float) -> Iterator[Step]:
    at = 0.0
    while (at := at + dice.expovariate(scale.churns_per_second)) < 0.85 * seconds:
        room = dice.choice(rooms)
        manner = dice.choice(tuple(Manner))
        yield Churn(at, room.session_id, dice.randrange(room.people), manner, dice.uniform(0, 0.1 * seconds))


def _storms(dice: Random, rooms: tuple[RoomPlan, ...], seconds: float) -> Iterator[Step]:
    for part in (0.15, 0.35, 0.75):
        room = rooms[0] if part != 0.35 else dice.choice(rooms[2:])
        # Half of the storms return within a blink, the others over a while.
        over = dice.choice((0.02, 0.1)) * seconds
        back = tuple((who, dice.uniform(0, over)) for who in range(room.people))
        yield Storm(part * seconds, room.session_id, back)


def _slowness(dice: Random, scale: Scale, seconds: float) -> Iterator[Step]:
    yield Shout(0.1 * seconds, SLOW, scale.shout, 1900)
    for who in range(0, scale.readers, 2):
        at = dice.uniform(0, 0.12) * seconds
        yield Stall(at, SLOW, who, dice.uniform(0.1, 0.6) * seconds)
    yield Shout(0.5 * seconds, SLOW, scale.shout // 4, 1900)
