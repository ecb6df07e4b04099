"""Rotation of backups in a folder: when the next is due, how the files are called, which are too many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.domain.instant import HOUR, MINUTE, Millis

__all__ = ["InvalidInterval", "backups_in", "file_name", "interval", "is_due", "too_many"]

_UNITS: dict[str, Millis] = {"m": MINUTE, "h": HOUR, "d": 24 * HOUR}
_FORMAT = "halcytone-%Y%m%dT%H%M%SZ.tar.gz"
_NAME = re.compile(r"halcytone-\d{8}T\d{6}Z\.tar\.gz")


class InvalidInterval(Exception):
    """No interval that backups can be made in; the message says what is valid."""


def interval(text: str) -> Millis:
    """The length of ``30m``, ``12h`` or ``1d``.

    Raises:
        InvalidInterval: it is something else, or nothing at all.
    """
    found = re.fullmatch(r"(\d{1,4})([mhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise InvalidInterval(f"{text!r} is no interval: say 30m, 12h or 1d")
    return int(found[1]) * _UNITS[found[2]]


def file_name(at: Millis) -> str:
    """The name of the backup made at that instant: UTC, so that names sort by time."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime(_FORMAT)


def backups_in(folder: Path) -> list[Path]:
    """The backups of a folder, oldest first; other files are none of ours."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


def is_due(backups: Sequence[Path], every: Millis, now: Millis) -> bool:
    """Whether the newest is ``every`` old.

    A twentieth less is enough: a timer that comes a little early must not skip a whole turn. One from the future was
    made before the clock was set back, and says nothing.
    """
    past = [made for made in map(_made_at, backups) if made <= now]
    return not past or now - past[-1] >= every - every // 20


def too_many(backups: Sequence[Path], keep: int) -> Sequence[Path]:
    """The oldest ones, beyond the number to keep."""
    return backups[: max(0, len(backups) - keep)]


def _made_at(backup: Path) -> Millis:
    return int(datetime.strptime(backup.name, _FORMAT).replace(tzinfo=UTC).timestamp()) * 1000
