"""When to run a full garbage collection, in place of Python's own rule.

A full collection looks at every object and stops the event loop, and with it every pacer, for as long as it takes: about
40 µs for each open socket, half a second for ten thousand. Python runs one whenever the number of objects has grown by a
quarter, so just while people arrive. What lives long here and leaves reference cycles behind are sockets: a full
collection pays when many of them have ended.
"""

from __future__ import annotations

import gc

from engine.domain.instant import MINUTE, Millis

__all__ = ["CollectionSchedule", "disable_full_collections", "end_collections"]

_MANY = 500
"""Ended sockets that leave some megabytes behind."""
_SHARE = 0.1
"""Or this share of the open ones, where that is more."""
_AT_LEAST_EVERY: Millis = 10 * MINUTE
"""Other objects leave cycles too, if few."""


class CollectionSchedule:
    """Decides when a full collection is due. Pure: instant and counts are arguments."""

    def __init__(self, at: Millis) -> None:
        self._collected_at = at
        self._ended_then = 0

    def is_due(self, *, alive: int, ended: int, at: Millis) -> bool:
        """Whether to collect now. After True, the collection is taken to have happened.

        Args:
            alive: sockets that are open.
            ended: sockets that have ended since the start.
            at: now.
        """
        ended_since = ended - self._ended_then
        many = ended_since >= max(_MANY, _SHARE * alive)
        if not many and at - self._collected_at < _AT_LEAST_EVERY:
            return False
        self._collected_at, self._ended_then = at, ended
        return True


def disable_full_collections() -> None:
    """Let Python collect young objects by itself, and never those that exist already or have grown old."""
    gc.freeze()
    # Messages leave no cycles: collecting the young less often than every 700 objects loses nothing.
    gc.set_threshold(10_000, 20, 1_000_000)
    gc.enable()


def end_collections() -> None:
    """Collect nothing of what exists: the process is about to end, when Python would look at all of it once more.

    That takes up to half a second of the processor, just when the people of this server come back to another one.
    """
    gc.freeze()
    gc.disable()
