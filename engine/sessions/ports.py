"""Ports of a session actor: the room it sends to, its seats, and the listener of its changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from engine.domain.session import Role, Session
from engine.protocol.close_codes import CloseCode

__all__ = ["Ownership", "RoomPort", "SeatPort", "SessionListener"]


class SeatPort(Protocol):
    """One live socket."""

    client_id: str
    role: Role
    closing: bool
    may_reconnect: bool
    """It was closed with a code after which clients reconnect."""

    @property
    def cursor(self) -> int:
        """The ``seq`` of the last numbered frame handed to the network."""
        ...

    def write(self, data: bytes) -> None:
        """Write bytes to the transport; never blocks."""

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Send a close frame and close."""

    def refuse(self, error_code: str) -> None:
        """Close with the close code that belongs to an error, and count the refusal."""


S = TypeVar("S", bound=SeatPort)


class RoomPort(Protocol[S]):
    """The seats of one session, and the ring of the numbered frames they were sent."""

    @property
    def seats(self) -> dict[str, S]:
        """By ``client_id``."""
        ...

    @property
    def head(self) -> int:
        """The newest ``seq`` that was published; 0 while that is not known."""
        ...

    @property
    def tail(self) -> int | None:
        """The oldest ``seq`` in the ring; the next one while it is empty, None if that is not known."""
        ...

    def reaches_back_to(self, seq: int, head: int) -> bool:
        """Whether the ring holds everything after ``seq``, up to ``head``."""
        ...

    def admit(self, seat: S, first: bytes, cursor: int, replay_until: int = 0) -> S | None:
        """Seat a client: write ``first``, then every frame after ``cursor``. Returns the seat that was replaced."""
        ...

    def leave(self, seat: S) -> bool:
        """Remove a seat; False when it had been replaced."""
        ...

    def publish(self, seq: int, frame: bytes, sender: str | None = None, sender_reply: bytes = b"") -> None:
        """Send the next numbered frame to everybody; the client ``sender`` gets ``sender_reply`` in its place."""

    def restore(self, frames: Sequence[tuple[int, bytes, str | None, bytes]]) -> None:
        """Put older frames into the ring."""

    def forget(self) -> None:
        """Send what is published, then empty the ring."""

    def figures(self, everybody: bytes, staff: bytes) -> None:
        """Send the newest group figures: one frame for everybody, one for staff."""

    def to_staff(self, frame: bytes) -> None:
        """Send a frame to staff."""

    def to_one(self, client_id: str, frame: bytes) -> None:
        """Send a frame to one client."""

    def answer(self, seat: S, frame: bytes) -> None:
        """Send a frame to one seat, after everything that is published already."""

    def close(self, client_id: str, code: CloseCode, reason: str = "") -> None:
        """Close one client's socket, after what is published."""

    def close_all(self, code: CloseCode, reason: str = "") -> None:
        """Close all sockets, after what is published."""


class SessionListener(Protocol):
    """Is called with what became durable: the directory."""

    def changed(self, state: Session) -> None:
        """The durable state of a session changed."""

    def publication_queued(self, session_id: str) -> None:
        """Rows of the outbox were committed: there is work for the publisher."""

    def recovered(self, outcome: bool) -> None:
        """Somebody reconnected, with or without everything missed."""

    def died(self, session_id: str, reason: BaseException | None) -> None:
        """The actor of a session failed."""


class Ownership(Protocol):
    """Which sessions this server owns, where several share a database."""

    def term(self, session_id: str) -> int | None:
        """The term in which it owns a session, None where it does not."""
        ...

    def owned(self) -> Collection[str]:
        """The sessions that it owns, in memory or not."""
        ...

    async def claim(self, session_id: str, *, new: bool = False) -> int:
        """Own a session that has no owner, or that nobody has created yet (``new``); returns the term.

        Raises:
            NotFound: nobody created it.
            Moved: another server owns it.
            Unavailable: who owns it cannot be told at present.
        """
        ...

    def is_tail_lost(self, session_id: str) -> bool:
        """Whether the newest records of a session that it owns may be lost."""
        ...

    async def tail_replaced(self, session_id: str) -> None:
        """Take note that the session has another epoch since."""
        ...

    async def release(self, session_ids: Iterable[str]) -> None:
        """Give sessions up."""
        ...

    async def give(self, session_id: str, to: str) -> bool:
        """Give a session up to one other server; False when it could not be."""
        ...

    def lose(self, session_id: str) -> None:
        """Take note that it is another server's."""
        ...
