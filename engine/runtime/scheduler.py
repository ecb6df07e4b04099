"""Whose turn it is on an event loop: one scheduled call for all actors that have messages.

Actors wait in one line per loop, in the order in which their first message came. Each handles a
bounded slice and goes to the end of the line if it has more; after a bounded number of messages the
loop gets its turn, so that sockets and timers are served however busy the actors are. No clock is
involved: the same messages give the same order.
"""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["MESSAGES_PER_TICK", "Turns", "turns_of"]

MESSAGES_PER_TICK = 256
"""Messages that all actors together handle before the loop may do something else."""

Turn = Callable[[], int]
"""Handles one slice of one mailbox and returns how many messages that were."""


class Turns:
    """The line of actors of one event loop. ``enqueue`` may be called from any thread."""

    __slots__ = ("_context", "_line", "_scheduled", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._line: deque[Turn] = deque()
        self._scheduled = False
        # A handler must not see the context variables of whoever happened to wake the line.
        self._context = contextvars.Context()

    def enqueue(self, turn: Turn) -> None:
        """Let `turn` run after all that stand in line. On a closed loop it never runs."""
        self._line.append(turn)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        try:
            if asyncio._get_running_loop() is self.loop:
                self.loop.call_soon(self._run, context=self._context)
            else:
                self.loop.call_soon_threadsafe(self._run, context=self._context)
        except RuntimeError:
            # The sender looks at is_closed() after it has put its message, and says what it means.
            if not self.loop.is_closed():
                raise

    def _run(self) -> None:
        line = self._line
        budget = MESSAGES_PER_TICK
        try:
            while line and budget > 0:
                budget -= line.popleft()()
        finally:
            if not line:
                self._scheduled = False
            # Looked at again after the flag fell: a sender that saw it up has not scheduled.
            if line:
                self._schedule()


_turns: dict[asyncio.AbstractEventLoop, Turns] = {}
_turns_lock = threading.Lock()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The one line of `loop`. Lines of closed loops are dropped when a new one is made."""
    with _turns_lock:
        turns = _turns.get(loop)
        if turns is None:
            for closed in [other for other in _turns if other.is_closed()]:
                del _turns[closed]
            turns = _turns[loop] = Turns(loop)
        return turns
