"""A studio's own milestones and achievements: ``DIR/marks.toml``.

One table per mark; without the file the built-in list counts (10, 15, 25 and 50 % of HRV, "Perfect
group synchronization", "100% completion rate")::

    [[mark]]
    kind = "hrv"          # hrv | synchrony | completion
    threshold = 20        # percent for hrv, R from 0 to 1 for synchrony, a fraction for completion
    hold_s = 90           # how long it has to stand

    [[mark]]
    kind = "synchrony"
    threshold = 0.85
    title = "One breath"
    description = "The whole room breathed as one."
    smallest_group = 8    # five is the least
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.domain.heart.marks import Mark

__all__ = ["MARKS_FILE", "MarksWrong", "read_marks"]

MARKS_FILE = "marks.toml"


class MarksWrong(ValueError):
    """``marks.toml`` cannot be used; the message says which mark, and what it should be."""


def read_marks(file: Path) -> Sequence[Mark] | None:
    """The studio's list, or None where it has no file.

    Raises:
        MarksWrong: the file is no TOML, or a mark in it makes no sense.
    """
    if not file.exists():
        return None
    # NumPy comes with it: only a studio that has a list of its own waits for that.
    from engine.domain.heart.marks import Mark

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise MarksWrong(f"{file}: {wrong}") from None
    rows = content.pop("mark", [])
    if content or not isinstance(rows, list):
        raise MarksWrong(f"{file}: only [[mark]] tables belong here")
    marks: list[Mark] = []
    for number, row in enumerate(rows, start=1):
        try:
            marks.append(Mark(**row))
        except (TypeError, ValueError) as wrong:
            said = str(wrong).removeprefix("Mark.__init__() ")
            raise MarksWrong(f"{file}: mark {number}: {said}") from None
    if len({mark.key for mark in marks}) != len(marks):
        raise MarksWrong(f"{file}: two marks have the same kind and threshold")
    return tuple(marks)
