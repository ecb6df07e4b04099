"""Rate limits as token buckets: tokens a minute, and a burst. Pure: the instant is an argument."""

from __future__ import annotations

from engine.domain.instant import MINUTE, Millis

__all__ = ["Rate", "TokenBucket"]


class Rate:
    """So many a minute, and at most ``burst`` at once; zero a minute means no limit."""

    __slots__ = ("burst", "per_minute")

    def __init__(self, per_minute: float, burst: float | None = None) -> None:
        self.per_minute = per_minute
        self.burst = per_minute if burst is None else burst


class TokenBucket:
    """The tokens left of a ``Rate``. Refills steadily; full when new."""

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: Rate, at: Millis) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)
        self._at = at

    def take(self, at: Millis) -> bool:
        """Take one token; False when there is none left."""
        rate = self.rate
        if rate.per_minute <= 0:
            return True
        if at > self._at:
            self._tokens = min(float(rate.burst), self._tokens + (at - self._at) * rate.per_minute / MINUTE)
            self._at = at
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self, at: Millis) -> bool:
        """Whether nothing was taken lately, so that the bucket may be dropped."""
        rate = self.rate
        return self._tokens + (at - self._at) * rate.per_minute / MINUTE >= rate.burst

    def wait(self, at: Millis) -> Millis:
        """How long until the next token can be taken."""
        rate = self.rate
        if rate.per_minute <= 0:
            return 0
        lacking = 1 - (self._tokens + max(0, at - self._at) * rate.per_minute / MINUTE)
        return max(0, int(lacking * MINUTE / rate.per_minute) + 1)
