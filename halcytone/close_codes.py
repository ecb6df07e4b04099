"""What a close code asks of a client: to come back, and when, or to stay away."""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["CloseClass", "class_of", "seconds_until_return"]

_FIRST_S, _LONGEST_S = 0.5, 15.0
_AT_LEAST_S = {4000: 1.0, 4004: 5.0, 4008: 15.0}
"""Least seconds before a return: a server that drains, a limit, a room that is not open yet."""
_RETRY_AFTER = re.compile(r"retry-after=(\d+(?:\.\d+)?)")


class CloseClass(Enum):
    """What follows from a close code."""

    OVER = "over"
    """1000: the session ended, or the client left."""
    RETURN = "return"
    """1001, 1006, 4000–4499, and what proxies make up: come back."""
    NEVER = "never"
    """4500–4999: the same again would be refused again."""


def class_of(code: int) -> CloseClass:
    """The class of a close code."""
    if code == 1000:
        return CloseClass.OVER
    return CloseClass.NEVER if 4500 <= code <= 4999 else CloseClass.RETURN


def seconds_until_return(code: int, reason: str, attempt: int, random: float) -> float:
    """How long to wait: exponential from half a second to fifteen, half of it by chance, so that a room does not return at once.

    ``attempt`` is 0 after a connection that worked, ``random`` between 0 and 1. A server that drains names the seconds in
    ``reason``: ``retry-after=2.5``.
    """
    base = min(_LONGEST_S, _FIRST_S * float(2 ** min(attempt, 10)))
    own = _AT_LEAST_S.get(code, 0.0) + base * (0.5 + 0.5 * random)
    named = _RETRY_AFTER.match(reason)
    return max(own, float(named[1])) if named else own
