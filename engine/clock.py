"""The clock: the engine's only source of the current time.

Two readings: ``now`` is an instant and follows the machine's date, also when that is set; ``elapsed`` is for durations
and is monotonic. The demonstration runs both faster, in server and clients alike, so that a session of many minutes
passes in one, and ends at the present.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from engine.domain.instant import SECOND, Millis

__all__ = ["Clock", "Timer"]

_SET: Millis = SECOND // 2
"""The date has been set when it differs by this much from what the monotonic clock leads to expect."""
_LOOK_EVERY_S = 5.0

log = structlog.get_logger()


class Timer:
    """A callback that waits for an instant of a clock, also when the clock is set meanwhile."""

    __slots__ = ("_callback", "_clock", "_handle", "when")

    def __init__(self, clock: Clock, when: Millis, callback: Callable[[], None]) -> None:
        self.when = when
        self._clock = clock
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Start waiting, or wait anew after the clock was set."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._clock.call_after(max(0, self.when - self._clock.now()), self._ring)

    def cancel(self) -> None:
        """Never call back."""
        if self._handle is not None:
            self._handle.cancel()
        self._clock.drop(self)

    def _ring(self) -> None:
        if self._clock.now() < self.when:
            # Set back, and nobody has noticed it yet.
            self.set()
            return
        self._clock.drop(self)
        self._callback()


class Clock:
    """Tells instants in milliseconds since 1970. ``rate`` is how many of its seconds pass in a real one.

    A clock that starts in the past and runs faster catches up with the present, and goes on with the machine's date from
    then on. One with a ``start`` and a rate of 1 stays apart from the machine's date for ever.
    """

    def __init__(
        self,
        *,
        rate: float = 1.0,
        start: Millis | None = None,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``start`` is the instant that it shows now; the present, without one. ``wall`` and ``monotonic`` give ns."""
        self._wall = wall
        self._monotonic = monotonic
        present = wall() // 1_000_000
        self._zero = monotonic()
        self._pace = rate
        self._start = present if start is None else start
        behind = present - self._start
        # Real nanoseconds from `_zero` until it has caught up.
        self._catching_up = math.inf
        if start is None and rate == 1.0:
            self._catching_up = 0
        elif rate > 1 and behind > 0:
            self._catching_up = behind * 1_000_000 / (rate - 1)
        self._offset = self._wall_offset()
        self._timers: set[Timer] = set()
        self._on_set: list[Callable[[], None]] = []

    @property
    def rate(self) -> float:
        """How many of its seconds pass in a real one, just now."""
        return self._pace if self._monotonic() - self._zero < self._catching_up else 1.0

    def now(self) -> Millis:
        """The current instant. Goes back where the machine's date is set back."""
        if self._catching_up == 0 or self._monotonic() - self._zero >= self._catching_up:
            return self._wall() // 1_000_000
        return self._start + self.elapsed()

    def elapsed(self) -> Millis:
        """How much of this clock's time has passed since it was made. Never goes back; only differences say something."""
        passed = self._monotonic() - self._zero
        if self._pace == 1.0:
            return passed // 1_000_000
        faster = min(passed, self._catching_up)
        return int(faster * self._pace + (passed - faster)) // 1_000_000

    def call_at(self, when: Millis, callback: Callable[[], None]) -> Timer:
        """Schedule a callback on the running loop for an instant; it follows the clock where that is set."""
        timer = Timer(self, when, callback)
        self._timers.add(timer)
        timer.set()
        return timer

    def call_after(self, lasting: Millis, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Schedule a callback on the running loop for the end of a duration (ms) that begins now."""
        # A millisecond more: `now` rounds down, and a callback must not be early by it.
        return asyncio.get_running_loop().call_later(self.seconds(lasting + 1), callback)

    async def sleep_until(self, when: Millis) -> None:
        """Return at an instant, never before it."""
        while (left := when - self.now()) > 0:  # noqa: ASYNC110 — the loop may wake a little early
            await asyncio.sleep(min(self.seconds(left + 1), _LOOK_EVERY_S))

    def seconds(self, lasting: Millis) -> float:
        """Convert a duration of this clock (ms) that begins now into real seconds."""
        faster = (self._catching_up - (self._monotonic() - self._zero)) / 1_000_000 * self._pace
        if lasting <= faster:
            return lasting / 1000 / self._pace
        return (lasting - max(0.0, faster)) / 1000 + max(0.0, faster) / 1000 / self._pace

    # -- when the machine's date is set --------------------------------------------------------------

    def on_set(self, callback: Callable[[], None]) -> None:
        """Call back whenever it is noticed that the machine's date was set."""
        self._on_set.append(callback)

    async def watch(self) -> None:
        """Look every few seconds whether the machine's date was set, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.look()

    def look(self) -> Millis:
        """How far the machine's date was set since the last look (ms, negative: back); wakes what waits for instants.

        A machine that slept is the same case: the monotonic clock stands while it sleeps.
        """
        offset = self._wall_offset()
        by, follows = offset - self._offset, self.rate == 1.0 and self._catching_up != math.inf
        if abs(by) < _SET:
            return 0
        self._offset = offset
        if not follows:
            return 0
        log.warning("the clock was set", by_s=by / 1000)
        for timer in list(self._timers):
            timer.set()
        for callback in self._on_set:
            callback()
        return by

    def drop(self, timer: Timer) -> None:
        """Forget a timer that has rung or was cancelled."""
        self._timers.discard(timer)

    def _wall_offset(self) -> Millis:
        return (self._wall() - self._monotonic()) // 1_000_000
