"""Formatting that is the same in every language."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from engine.domain.instant import Millis, to_datetime

__all__ = ["local", "minutes_and_seconds", "truncated"]


def minutes_and_seconds(seconds: float) -> str:
    """A position on the timeline: ``0:00``, ``12:05``, ``1:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def truncated(text: str, longest: int) -> str:
    """The text, cut at a word with an ellipsis where it is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    # A cut in the middle of a word is better than losing most of a text that has no spaces.
    at_word = cut.rsplit(" ", 1)[0]
    kept = at_word if len(at_word) > len(cut) // 2 else cut
    return kept.rstrip(" ,.;:-–") + "…"


def local(at: Millis, zone: ZoneInfo) -> datetime:
    """An instant as local time of a zone."""
    return to_datetime(at).astimezone(zone)
