"""The time of one session: that of the clock, but for instants of a journal that must not run back."""

from __future__ import annotations

from engine.clock import Clock
from engine.domain.instant import SECOND, Millis

__all__ = ["SessionClock"]

_SET: Millis = 10 * SECOND
"""A leap by less is too small to end anything early; everybody's pacer makes it together."""


class SessionClock:
    """Tells the instants of one session's records.

    Where the machine's date is set forwards, they follow at once. Where it is set back, they go on from the last instant at
    the pace of the monotonic clock, until the date has caught up or the session is over: standing still would make
    every duration of a session under way zero, and slowing down would make them wrong.
    """

    __slots__ = ("_at", "_clock", "_elapsed", "skipped")

    def __init__(self, clock: Clock, last: Millis) -> None:
        """``last`` is the instant of the journal's last record, which no later one precedes."""
        self._clock = clock
        self._at = max(last, clock.now())
        self._elapsed = clock.elapsed()
        self.skipped: Millis = 0
        """How far instants have leapt forwards without that time having passed; for the reader to reset."""

    def now(self) -> Millis:
        """The instant of this session now. Never goes back."""
        instant, elapsed = self._clock.now(), self._clock.elapsed()
        expected = self._at + elapsed - self._elapsed
        if instant <= expected:
            return expected
        if instant - expected > _SET:
            self.skipped += instant - expected
        self._at, self._elapsed = instant, elapsed
        return instant
