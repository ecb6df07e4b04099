"""The messages that a session actor receives, and the view of it that others get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from engine.domain import commands as c
from engine.domain.session import Session
from engine.protocol.incoming import Inbound
from engine.sessions.ports import SeatPort
from engine.storage.journal import Record
from engine.storage.rows import PersonRow

__all__ = [
    "Attach",
    "Detach",
    "Execute",
    "FiguresDue",
    "ForgetPeople",
    "FromSocket",
    "GetOwnFigures",
    "GetView",
    "HandOver",
    "MissedRecords",
    "Outcome",
    "SeatClaim",
    "UnloadIfIdle",
    "View",
]

Outcome: TypeAlias = Literal["accepted", "repeated", "ignored"]
"""The outcome of a command that was not refused: ``repeated`` where its event id was known already, ``ignored`` where
nothing changed."""


@dataclass(frozen=True, slots=True)
class SeatClaim:
    """What a new participant claims a seat with: their network address, and how many seats it may have in a session."""

    address: str
    most: int


@dataclass(frozen=True, slots=True)
class Attach:
    """Seat a live socket. ``top`` are fields that the socket's side adds to the welcome (resume, intervals, addresses).

    ``after`` and ``epoch`` are where the client says it stands.
    """

    seat: SeatPort
    join: c.Join
    top: Mapping[str, Any]
    after: int | None = None
    epoch: str | None = None
    claim: SeatClaim | None = None
    """None where the address is not counted."""


@dataclass(frozen=True, slots=True)
class Detach:
    """A live socket was closed; ``clean`` when its client closed it on purpose."""

    seat: SeatPort
    clean: bool


@dataclass(frozen=True, slots=True)
class FromSocket:
    """A checked message from the socket of a seat."""

    seat: SeatPort
    inbound: Inbound


@dataclass(frozen=True, slots=True)
class Execute:
    """A command from elsewhere than a socket. The answer to ``ask`` is an ``asyncio.Future`` of the durable ``View``.

    ``event_id`` makes a repetition harmless.
    """

    command: c.Command
    sender: c.Sender
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class GetView:
    """Ask for the ``View``."""


@dataclass(frozen=True, slots=True)
class GetOwnFigures:
    """Ask for one person's own figures, for that person: a dictionary, or None without a strap."""

    client_id: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Stop once everything is durable; the answer is the room, whose sockets are still open."""


@dataclass(frozen=True, slots=True)
class UnloadIfIdle:
    """Stop if nobody is here and nothing is under way; it can be loaded again. Answers whether it stopped."""


@dataclass(frozen=True, slots=True)
class ForgetPeople:
    """The time is over for which people are kept: drop their rows, and make no more. Answers True."""


@dataclass(frozen=True, slots=True)
class FiguresDue:
    """It is time to compute the group's figures."""


@dataclass(frozen=True, slots=True)
class MissedRecords:
    """Numbered records after the ``seq`` ``after``, read from the journal for clients that missed them."""

    after: int
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class View:
    """The durable state of a session, and the rows of its people."""

    state: Session
    people: Mapping[str, PersonRow]
    outcome: Outcome = "accepted"

    @property
    def names(self) -> dict[str, str]:
        """Names by ``client_id``, of those who gave one."""
        return {key: row.name for key, row in self.people.items() if row.name}
