"""Backups that a timer asks for: written when due, the oldest removed, nothing else touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.clock import Clock
from engine.commands.backup_rotation import InvalidInterval, backups_in, file_name, interval, is_due, too_many
from engine.domain.instant import HOUR, MINUTE

DAY = 24 * HOUR
MONDAY = 1_774_000_000_000


def backup(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backup", *arguments])


def made(folder: Path, at: int) -> Path:
    """A file called as a backup of that instant."""
    path = folder / file_name(at)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(("text", "length"), [("30m", 30 * MINUTE), ("12h", 12 * HOUR), ("1d", DAY)])
def test_an_interval_is_a_number_and_a_unit(text: str, length: int) -> None:
    """Minutes, hours, days."""
    assert interval(text) == length


@pytest.mark.parametrize("text", ["", "0d", "1", "d", "1w", "-1d", "1.5h", "99999d"])
def test_anything_else_is_refused_with_what_is_valid(text: str) -> None:
    """The message says how an interval is written."""
    with pytest.raises(InvalidInterval, match="12h"):
        interval(text)


@given(st.lists(st.integers(0, 4_000_000_000).map(lambda second: second * 1000)))
def test_names_sort_by_time(instants: list[int]) -> None:
    """The folder's listing is in the order of the backups."""
    assert sorted(map(file_name, instants)) == list(map(file_name, sorted(instants)))


def test_a_backup_is_due_when_the_newest_is_old_enough(tmp_path: Path) -> None:
    """Also a little before, since timers are not exact; one from the future counts for nothing."""
    assert is_due(backups_in(tmp_path), DAY, MONDAY)
    made(tmp_path, MONDAY)
    there = backups_in(tmp_path)
    assert not is_due(there, DAY, MONDAY + 12 * HOUR)
    assert is_due(there, DAY, MONDAY + DAY - 10 * MINUTE)
    assert is_due(there, DAY, MONDAY - HOUR)


def test_the_oldest_are_too_many_and_other_files_stay(tmp_path: Path) -> None:
    """Only what has the name of a backup is counted and removed."""
    files = [made(tmp_path, MONDAY + day * DAY) for day in range(5)]
    (tmp_path / "halcytone-by-hand.tar.gz").write_bytes(b"")
    assert list(too_many(backups_in(tmp_path), 3)) == files[:2]
    assert list(too_many(backups_in(tmp_path), 9)) == []


def test_a_timer_may_ask_as_often_as_it_likes(tmp_path: Path) -> None:
    """The first run writes a whole backup and lets the oldest go; the second finds nothing to do."""
    data, folder = tmp_path / "data", tmp_path / "backups"
    assert CliRunner().invoke(app, ["key", "create", "Sam", "--data", str(data)]).exit_code == 0
    folder.mkdir()
    now = Clock().now()
    old = [made(folder, now - days * DAY) for days in (4, 3, 2)]
    asked = ("--every", "1d", "--keep", "2", str(folder), "--data", str(data))
    first = backup(*asked)
    assert first.exit_code == 0, first.output
    left = backups_in(folder)
    assert left[0] == old[2]
    assert len(left) == 2
    assert left[1].stat().st_size > 0
    second = backup(*asked)
    assert second.exit_code == 0
    assert "nothing to do" in second.output
    assert backups_in(folder) == left


def test_a_backup_that_fails_removes_none(tmp_path: Path) -> None:
    """Without data there is nothing to copy, and the older backups stay, however many are to be kept."""
    old = [made(tmp_path, MONDAY + day * DAY) for day in range(3)]
    result = backup("--every", "1d", "--keep", "1", str(tmp_path), "--data", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert backups_in(tmp_path) == old


def test_a_wrong_interval_is_wrong_usage(tmp_path: Path) -> None:
    """The option is named, and how it is written."""
    result = backup("--every", "weekly", str(tmp_path))
    assert result.exit_code == 2
    assert "--every" in result.output
