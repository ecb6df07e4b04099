"""A round-robin scheduler for the actors of one event loop, behind a single ``call_soon``.

Actors with messages wait in one FIFO queue per loop. Each handles at most ``messages_per_turn`` and goes to the end of
the queue if it has more; after ``MESSAGES_PER_TICK`` messages of all actors the loop runs its other callbacks, so that
sockets and timers are served however busy the actors are. No clock is involved: the same messages give the same order.
"""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["MESSAGES_PER_TICK", "Scheduler", "scheduler_of"]

MESSAGES_PER_TICK = 256
"""Messages that all actors together handle before the loop may do something else."""

Turn = Callable[[], int]
"""Handles one slice of one mailbox and returns how many messages that were."""


class Scheduler:
    """The run queue of one event loop's actors. ``enqueue`` may be called from any thread."""

    __slots__ = ("_context", "_queue", "_scheduled", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._queue: deque[Turn] = deque()
        self._scheduled = False
        # A handler must not see the context variables of whichever sender happened to schedule the queue.
        self._context = contextvars.Context()

    def enqueue(self, turn: Turn) -> None:
        """Run `turn` after all that are queued already. On a closed loop it never runs."""
        self._queue.append(turn)
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
        queue = self._queue
        budget = MESSAGES_PER_TICK
        try:
            while queue and budget > 0:
                budget -= queue.popleft()()
        finally:
            if not queue:
                self._scheduled = False
            # Looked at again after the flag fell: a sender that saw it up has not scheduled.
            if queue:
                self._schedule()


_schedulers: dict[asyncio.AbstractEventLoop, Scheduler] = {}
_schedulers_lock = threading.Lock()


def scheduler_of(loop: asyncio.AbstractEventLoop) -> Scheduler:
    """The one scheduler of `loop`. Those of closed loops are dropped when a new one is made."""
    with _schedulers_lock:
        scheduler = _schedulers.get(loop)
        if scheduler is None:
            for closed in [other for other in _schedulers if other.is_closed()]:
                del _schedulers[closed]
            scheduler = _schedulers[loop] = Scheduler(loop)
        return scheduler
