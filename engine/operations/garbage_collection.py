"""When to look for garbage in everything that lives.

A full collection stops every pacer for as long as it takes: about 40 µs for each open socket, half a second
for ten thousand. Python's own rule has one whenever a quarter more has come, so just while people
arrive. But what lives long here and leaves cycles behind are sockets: a full collection pays when many have ended.
"""

from __future__ import annotations

import gc

from engine.domain.instant import MINUTE, Millis

__all__ = ["Garbage", "look_only_at_the_young"]

_MANY = 500
"""Sockets that leave some megabytes behind."""
_SHARE = 0.1
_AT_LEAST_EVERY: Millis = 10 * MINUTE
"""Other things leave cycles too, if few."""


class Garbage:
    """Decides. Pure: the instant and the counts are arguments."""

    def __init__(self, at: Millis) -> None:
        self._at = at
        self._ended = 0

    def is_due(self, *, alive: int, ended: int, at: Millis) -> bool:
        """Whether a full collection is due, which then is taken to happen.

        Args:
            alive: sockets that are open.
            ended: sockets that have ended since the start.
            at: now.
        """
        since = ended - self._ended
        many = since >= max(_MANY, _SHARE * alive)
        if not many and at - self._at < _AT_LEAST_EVERY:
            return False
        self._at, self._ended = at, ended
        return True


def look_only_at_the_young() -> None:
    """Let Python collect what is new, by itself and from now on, and nothing that is here already."""
    gc.freeze()
    # Messages leave no cycles: looking at the young less often than every 700 objects loses nothing.
    gc.set_threshold(10_000, 20, 1_000_000)
    gc.enable()
