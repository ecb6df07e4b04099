"""What a session actor needs from the floor above it: a room to speak to, and somebody to tell of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from engine.domain.session import Role, Session
from engine.protocol.close_codes import CloseCode

__all__ = ["RoomPort", "SeatPort", "SessionListener"]


class SeatPort(Protocol):
    """One live socket."""

    client_id: str
    role: Role
    closing: bool
    may_reconnect: bool
    """It was told to go and to return."""

    @property
    def cursor(self) -> int:
        """The ``seq`` of the last numbered frame handed to the network."""
        ...

    def write(self, data: bytes) -> None:
        """Hand bytes to the network; never blocks."""

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Say goodbye and close."""


S = TypeVar("S", bound=SeatPort)


class RoomPort(Protocol[S]):
    """The seats of one session, and the ring of what they were told."""

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
        """Seat somebody: ``first``, then everything after ``cursor``. Returns who was replaced."""
        ...

    def leave(self, seat: S) -> bool:
        """Take a seat away; False when it had been replaced."""
        ...

    def publish(self, seq: int, frame: bytes, sender: str | None = None, sender_reply: bytes = b"") -> None:
        """The next numbered frame; the client ``sender`` gets ``sender_reply`` in its place."""

    def restore(self, frames: Sequence[tuple[int, bytes, str | None, bytes]]) -> None:
        """Fill the ring backwards."""

    def forget(self) -> None:
        """Hand out what is published, then keep nothing of it."""

    def figures(self, everybody: bytes, staff: bytes) -> None:
        """The newest group figures."""

    def to_staff(self, frame: bytes) -> None:
        """Tell those who lead."""

    def to_one(self, client_id: str, frame: bytes) -> None:
        """Tell one client."""

    def answer(self, seat: S, frame: bytes) -> None:
        """Tell one seat, after everything that is published already."""

    def close(self, client_id: str, code: CloseCode, reason: str = "") -> None:
        """Ask one client to go, after what is published."""

    def close_all(self, code: CloseCode, reason: str = "") -> None:
        """Ask everybody to go, after what is published."""


class SessionListener(Protocol):
    """Who hears what became durable: the directory."""

    def changed(self, state: Session) -> None:
        """A session's visible state is this one now."""

    def publication_queued(self, session_id: str) -> None:
        """Rows for the publisher are committed."""

    def recovered(self, outcome: bool) -> None:
        """Somebody came back, with or without everything missed."""

    def died(self, session_id: str, reason: BaseException | None) -> None:
        """The actor of a session ended by a failure."""
