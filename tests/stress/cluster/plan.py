"""Which faults a storm over several servers has, in which order: a pure function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

__all__ = ["LONGEST_S", "Fault", "FaultKind", "make_faults"]


class FaultKind(StrEnum):
    """What happens to a server, to the database, or between them."""

    KILL = "kill -9 of a server"
    STOP = "SIGSTOP of a server, and CONT"
    DATABASE_KILLED = "the database killed and started"
    DATABASE_PAUSED = "the database paused"
    CONNECTIONS_ENDED = "pg_terminate_backend of every connection"
    CUT_FROM_DATABASE = "a server cut from the database"
    CUT_FROM_OTHERS = "a server that the others cannot reach"
    ANSWER_LOST = "commits of a server whose answers are lost"
    STANDBY_AWAY = "the synchronous standby away while appends wait"
    FAILOVER = "failover to a standby that is in step"
    FAILOVER_BEHIND = "failover to a standby that was behind"
    FAILOVER_CLAIMED = "failover to a standby that lacks a claim"
    FAILOVER_KILLED = "failover to a standby that was behind, an owner dies with it"
    DRAIN = "a server stopped and started"
    ROLLING = "every server stopped and started, one after the other"
    ADDED = "a server added, or taken away again"


LONGEST_S = {
    FaultKind.KILL: 3.0,
    FaultKind.STOP: 12.0,
    FaultKind.DATABASE_KILLED: 5.0,
    FaultKind.DATABASE_PAUSED: 8.0,
    FaultKind.CUT_FROM_DATABASE: 12.0,
    FaultKind.CUT_FROM_OTHERS: 6.0,
    FaultKind.ANSWER_LOST: 1.0,
    FaultKind.STANDBY_AWAY: 5.0,
    FaultKind.FAILOVER_BEHIND: 1.5,
    FaultKind.FAILOVER_CLAIMED: 1.5,
    FaultKind.FAILOVER_KILLED: 1.5,
}
"""Seconds that a fault lasts at most, where it lasts; the first stop of a server takes 30."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: to which server by its number, for how long, and whether sessions end while it lasts."""

    kind: FaultKind
    server: int
    seconds: float
    ends: bool


def make_faults(seed: int, number: int = 20) -> tuple[Fault, ...]:
    """The faults of a seed: every kind once, if ``number`` allows, and others at random."""
    dice = Random(seed)
    kinds = dice.sample(tuple(FaultKind), min(number, len(FaultKind)))
    kinds += [dice.choice(tuple(FaultKind)) for _ in range(number - len(kinds))]
    dice.shuffle(kinds)
    long_stop = True
    faults = []
    for kind in kinds:
        seconds = dice.uniform(0.1, 1.0) * LONGEST_S.get(kind, 0.0)
        if kind is FaultKind.STOP and long_stop:
            long_stop, seconds = False, 30.0
        # What leaves while a standby falls behind may leave twice: nothing ends there.
        ends = dice.random() < 0.4 and "behind" not in kind and "lacks" not in kind
        faults.append(Fault(kind, dice.randrange(3), round(seconds, 2), ends))
    return tuple(faults)
