"""``DIR/marks.toml``: a studio's own milestones and achievements.

One table per mark; without the file the built-in list is used (10, 15, 25 and 50 % of HRV, "Perfect
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

__all__ = ["MARKS_FILE", "InvalidMarks", "read_marks"]

MARKS_FILE = "marks.toml"


class InvalidMarks(ValueError):
    """``marks.toml`` cannot be used; the message says which mark, and what it should be."""


def read_marks(file: Path) -> Sequence[Mark] | None:
    """Read the studio's marks; None without a file.

    Raises:
        InvalidMarks: the file is no TOML, or a mark in it is invalid.
    """
    if not file.exists():
        return None
    # Imports NumPy: only a studio with a list of its own waits for that.
    from engine.domain.heart.marks import Mark

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidMarks(f"{file}: {error}") from None
    rows = content.pop("mark", [])
    if content or not isinstance(rows, list):
        raise InvalidMarks(f"{file}: only [[mark]] tables belong here")
    marks: list[Mark] = []
    for number, row in enumerate(rows, start=1):
        try:
            marks.append(Mark(**row))
        except (TypeError, ValueError) as error:
            reason = str(error).removeprefix("Mark.__init__() ")
            raise InvalidMarks(f"{file}: mark {number}: {reason}") from None
    if len({mark.key for mark in marks}) != len(marks):
        raise InvalidMarks(f"{file}: two marks have the same kind and threshold")
    return tuple(marks)
