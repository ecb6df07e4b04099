"""Numbers and times in words, as a reader would say them."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.domain.instant import Millis, to_datetime

__all__ = [
    "clipped",
    "count",
    "day",
    "duration",
    "listed",
    "local",
    "minutes_and_seconds",
    "month",
    "percent",
    "time_of_day",
]

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
_SECONDS_SHOWN_BELOW = 300


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 participant``, ``25 participants``, ``1,000 participants``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """``45 seconds``, ``1 minute 30 seconds``, ``30 minutes``, ``1 hour 5 minutes``; never ``0 minutes``."""
    whole = max(1, round(seconds))
    if whole < 60:
        return count(whole, "second")
    if whole < _SECONDS_SHOWN_BELOW:
        minutes, rest = divmod(whole, 60)
        return f"{count(minutes, 'minute')} {count(rest, 'second')}" if rest else count(minutes, "minute")
    minutes = round(whole / 60)
    if minutes < 60:
        return count(minutes, "minute")
    hours, rest = divmod(minutes, 60)
    return f"{count(hours, 'hour')} {count(rest, 'minute')}" if rest else count(hours, "hour")


def minutes_and_seconds(seconds: float) -> str:
    """Where on a time line: ``0:00``, ``12:05``, ``1:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(value: float) -> str:
    """A change with its sign, one decimal place at most: ``+12.5%``, ``−5%``, ``0%``."""
    rounded = math.floor(abs(value) * 10 + 0.5) / 10
    if rounded == 0:
        return "0%"
    return f"{'−' if value < 0 else '+'}{rounded:g}%"


def listed(names: tuple[str, ...]) -> str:
    """``Box Breathing, Resonance and Belly Breathing``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def day(moment: datetime, *, weekday: bool = False) -> str:
    """``21 March 2024``, or ``Thursday, 21 March 2024``."""
    date = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{_WEEKDAYS[moment.weekday()]}, {date}" if weekday else date


def month(year: int, number: int) -> str:
    """``March 2024``."""
    return f"{_MONTHS[number - 1]} {year}"


def time_of_day(moment: datetime) -> str:
    """``07:05``."""
    return f"{moment.hour:02d}:{moment.minute:02d}"


def clipped(text: str, longest: int) -> str:
    """The text, cut at a word with an ellipsis where it is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    # A cut in the middle of a word is better than losing most of a text that has no spaces.
    at_word = cut.rsplit(" ", 1)[0]
    kept = at_word if len(at_word) > len(cut) // 2 else cut
    return kept.rstrip(" ,.;:-–") + "…"


def local(at: Millis, zone: ZoneInfo) -> datetime:
    """An instant as clocks in a zone show it."""
    return to_datetime(at).astimezone(zone)
