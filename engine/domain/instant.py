"""Instants as integers: milliseconds since the Unix epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

__all__ = [
    "CLOCK_TOLERANCE",
    "HOUR",
    "MINUTE",
    "SECOND",
    "SET_BACK_TOLERANCE",
    "Millis",
    "from_datetime",
    "iso",
    "to_datetime",
]

Millis: TypeAlias = int
"""Milliseconds: since the Unix epoch when it names an instant, a length when it names a duration."""

SECOND: Millis = 1000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE

CLOCK_TOLERANCE: Millis = 5 * MINUTE
"""How far ahead of this server's clock may be what others state: a platform, or a caller of the API."""
SET_BACK_TOLERANCE: Millis = 5 * SECOND
"""How far ahead of this server's clock a stored instant may lie; further ahead, the clock was set back since."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def iso(at: Millis) -> str:
    """ISO 8601 in UTC with ``Z`` and milliseconds: ``2024-03-21T10:00:00.000Z``."""
    # All messages of a tick carry the same instant.
    return f"{_to_the_second(at // 1000)}.{at % 1000:03d}Z"


@lru_cache(maxsize=256)
def _to_the_second(second: int) -> str:
    # Every message carries an instant, and most of them the same second.
    return to_datetime(second * 1000).strftime("%Y-%m-%dT%H:%M:%S")


def to_datetime(at: Millis) -> datetime:
    """The same instant as an aware ``datetime`` in UTC."""
    return _EPOCH + timedelta(milliseconds=at)


def from_datetime(moment: datetime) -> Millis:
    """Milliseconds of an aware ``datetime``; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)
