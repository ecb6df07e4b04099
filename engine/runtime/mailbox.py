"""The bounded mailbox of a loop actor: any thread puts, the actor's loop takes, first in first out.

Invariants: a message that was accepted is handled, or, when its actor ends first, its asker is
told; a full mailbox refuses loudly and never blocks; a stop always fits.
"""

from collections import deque
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from engine.runtime.loop_future import LoopFuture
from engine.runtime.scheduler import Turn, Turns

__all__ = ["LoopClosed", "Mailbox", "MailboxFull"]


class MailboxFull(Exception):
    """The actor has `capacity` messages waiting; the one just sent was not accepted."""

    def __init__(self, actor: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {actor} is full: {capacity} messages wait")
        self.capacity = capacity


class LoopClosed(pykka.ActorDeadError):
    """The actor's event loop was closed while it lived, so it will never handle anything again."""


def _not_open() -> bool:
    return False


def _ended() -> bool:
    return True


class Mailbox:
    """Messages waiting for one actor. ``len()`` is its depth.

    Opened once when the actor starts (what is put before waits), closed once when it ends.
    """

    __slots__ = ("_capacity", "_ref", "_scheduled", "_turn", "_turns", "_unreachable", "waiting")

    def __init__(self, capacity: int) -> None:
        self.waiting: deque[Envelope[Any]] = deque()
        self._capacity = capacity
        self._ref: pykka.ActorRef[Any] | None = None
        self._turn: Turn | None = None
        self._turns: Turns | None = None
        self._scheduled = True  # Nothing to schedule before it is open.
        self._unreachable = _not_open

    def __len__(self) -> int:
        return len(self.waiting)

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    def open(self, ref: "pykka.ActorRef[Any]", turns: Turns, turn: Turn) -> None:
        """Take the actor's first turn, and one whenever messages wait. The mailbox keeps it alive."""
        self._ref = ref
        self._turns = turns
        self._turn = turn
        self._unreachable = turns.loop.is_closed
        turns.enqueue(turn)

    def put(self, envelope: Envelope[Any]) -> None:
        """Accept a message from any thread.

        Raises:
            MailboxFull: as many as the capacity wait already, and it is no stop.
            LoopClosed: the actor's loop is closed. An asker gets it by its future instead.
            pykka.ActorDeadError: the actor ended in this moment.
        """
        waiting = self.waiting
        if len(waiting) >= self._capacity and not isinstance(envelope.message, _ActorStop):
            raise MailboxFull(str(self._ref), self._capacity)
        reply_to = envelope.reply_to
        if reply_to is not None and isinstance(reply_to, LoopFuture):
            reply_to.loop_is_closed = self._unreachable
        waiting.append(envelope)
        if not self._scheduled:
            self._schedule()
        # After the append: of a sender and a closing mailbox, one sees what the other did.
        if self._unreachable():
            self._refuse(envelope)

    def get(self) -> Envelope[Any]:
        """The oldest message.

        Raises:
            IndexError: nothing waits. A loop actor never blocks for a message.
        """
        return self.waiting.popleft()

    def rest(self) -> None:
        """End a turn: stand in line again if something waits, else sleep until something comes."""
        if not self.waiting:
            self._scheduled = False
        # Looked at again after the flag fell: a sender that saw it up has not scheduled.
        if self.waiting:
            self._schedule()

    def close(self, error: type[pykka.ActorDeadError] = pykka.ActorDeadError) -> None:
        """Accept nothing more, let go of the actor, and tell the askers who still wait."""
        self._unreachable = _ended
        self._scheduled = True
        self._turn = None
        while True:
            try:
                envelope = self.waiting.popleft()
            except IndexError:
                return
            if envelope.reply_to is None:
                continue
            if isinstance(envelope.message, _ActorStop):
                envelope.reply_to.set(None)
            else:
                dead = error(f"{self._ref} stopped before handling the message")
                envelope.reply_to.set_exception((error, dead, None))

    def _schedule(self) -> None:
        self._scheduled = True
        turn, turns = self._turn, self._turns
        if turn is not None and turns is not None:
            turns.enqueue(turn)

    def _refuse(self, envelope: Envelope[Any]) -> None:
        """Take back a message that came too late, unless it was handled or answered meanwhile."""
        try:
            self.waiting.remove(envelope)
        except ValueError:
            return
        error: pykka.ActorDeadError
        if self._turn is None:
            error = pykka.ActorDeadError(f"{self._ref} not found")
        else:
            error = LoopClosed(f"the event loop of {self._ref} is closed")
            self.close(LoopClosed)
            if self._ref is not None:
                pykka.ActorRegistry.unregister(self._ref)
                self._ref.actor_stopped.set()
        if envelope.reply_to is None:
            raise error
        envelope.reply_to.set_exception((type(error), error, None))
