"""What was written is on the disk at the end of the block, files and the entries of their folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from publisher.files.flushing import Flusher


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was brought to the disk, in order."""
    paths: list[Path] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        sync(handle)
        paths.append(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr("publisher.files.flushing.os.fsync", noted)
    return paths


@pytest.mark.parametrize("number", [1, 16, 40])
def test_each_file_and_each_folder_is_flushed_once(tmp_path: Path, flushed: list[Path], number: int) -> None:
    """However many there are, and whole: what is flushed was written before."""
    files = [tmp_path / f"{n}" / "index.html" for n in range(number)]
    with Flusher() as flusher:
        for file in files:
            file.parent.mkdir()
            flusher.note(file.parent)
            flusher.write(file, b"page")
        gone = tmp_path / "gone"
        flusher.note(gone)
    assert sorted(flushed) == sorted([*files, *(file.parent for file in files)])
    assert {file.read_bytes() for file in files} == {b"page"}


def test_files_are_flushed_some_at_a_time(tmp_path: Path, flushed: list[Path]) -> None:
    """A live session's journal on the same disk waits for few of them."""
    with Flusher() as flusher:
        for n in range(40):
            flusher.write(tmp_path / f"{n}", b"page")
        assert len(flushed) == 32


def test_nothing_is_flushed_where_nothing_has_to_stay(tmp_path: Path, flushed: list[Path]) -> None:
    """In tests, and wherever else a site may be lost."""
    with Flusher(durable=False) as flusher:
        flusher.write(tmp_path / "a", b"page")
        flusher.note(tmp_path)
    assert flushed == []


def test_nothing_is_flushed_after_a_failure(tmp_path: Path, flushed: list[Path]) -> None:
    """What failed is told at once: nobody takes what was written before for whole."""

    def write_and_fail() -> None:
        with Flusher() as flusher:
            flusher.write(tmp_path / "a", b"page")
            raise ValueError

    with pytest.raises(ValueError):
        write_and_fail()
    assert flushed == []


def write(folder: Path, number: int) -> None:
    """So many files."""
    with Flusher() as flusher:
        for n in range(number):
            flusher.write(folder / f"{n}", b"page")


@pytest.mark.parametrize("number", [1, 3])
def test_a_flush_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The disk is full, or breaks: what was put is not there."""

    def refuse(_: int) -> None:
        raise OSError(5, "broken")

    monkeypatch.setattr("publisher.files.flushing.os.fsync", refuse)
    with pytest.raises(OSError, match="broken"):
        write(tmp_path, number)
