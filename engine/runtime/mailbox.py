"""The bounded FIFO mailbox of a loop actor: any thread puts, the actor's loop takes.

Invariants: a message that was accepted is handled, or, when its actor ends first, its asker is
told; a full mailbox refuses loudly and never blocks; a stop always fits.
"""

from collections import deque
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from engine.runtime.loop_future import LoopFuture
from engine.runtime.scheduler import Scheduler, Turn

__all__ = ["LoopClosed", "Mailbox", "MailboxFull"]


class MailboxFull(Exception):
    """The actor has `capacity` messages waiting; the one just sent was not accepted."""

    def __init__(self, actor: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {actor} is full: {capacity} messages wait")
        self.capacity = capacity


class LoopClosed(pykka.ActorDeadError):
    """The actor's event loop was closed while it lived, so it will never handle anything again."""


def _never() -> bool:
    return False


def _always() -> bool:
    return True


class Mailbox:
    """Messages waiting for one actor. ``len()`` is its depth.

    Opened once when the actor starts (what is put before waits), closed once when it ends.
    """

    __slots__ = ("_capacity", "_ref", "_scheduled", "_scheduler", "_turn", "_unreachable", "waiting")

    def __init__(self, capacity: int) -> None:
        self.waiting: deque[Envelope[Any]] = deque()
        self._capacity = capacity
        self._ref: pykka.ActorRef[Any] | None = None
        self._turn: Turn | None = None
        self._scheduler: Scheduler | None = None
        self._scheduled = True  # Nothing to schedule before it is open.
        self._unreachable = _never

    def __len__(self) -> int:
        return len(self.waiting)

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    def open(self, ref: "pykka.ActorRef[Any]", scheduler: Scheduler, turn: Turn) -> None:
        """Schedule the actor's first turn, and one whenever messages wait. The mailbox holds the reference to the actor."""
        self._ref = ref
        self._scheduler = scheduler
        self._turn = turn
        self._unreachable = scheduler.loop.is_closed
        scheduler.enqueue(turn)

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

    def end_turn(self) -> None:
        """End a turn: schedule the next if messages wait, else wait for one to be put."""
        if not self.waiting:
            self._scheduled = False
        # Looked at again after the flag fell: a sender that saw it up has not scheduled.
        if self.waiting:
            self._schedule()

    def close(self, error: type[pykka.ActorDeadError] = pykka.ActorDeadError) -> None:
        """Refuse further messages, drop the reference to the actor, and answer the asks that still wait."""
        self._unreachable = _always
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
        turn, scheduler = self._turn, self._scheduler
        if turn is not None and scheduler is not None:
            scheduler.enqueue(turn)

    def _refuse(self, envelope: Envelope[Any]) -> None:
        """Remove a message that was put after the end, unless it was handled or answered meanwhile."""
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
