"""A studio's own list of milestones."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.operations.marks_file import InvalidMarks, read_marks

OWN = """
[[mark]]
kind = "hrv"
threshold = 20

[[mark]]
kind = "synchrony"
threshold = 0.9
title = "One breath"
"""


def test_no_file_means_the_built_in_list(tmp_path: Path) -> None:
    """A studio that writes nothing has the usual marks."""
    assert read_marks(tmp_path / "marks.toml") is None


def test_each_table_is_a_mark(tmp_path: Path) -> None:
    """What stands in the file replaces the list."""
    file = tmp_path / "marks.toml"
    file.write_text(OWN)
    marks = read_marks(file)
    assert marks is not None
    assert [mark.key for mark in marks] == ["hrv:20", "synchrony:0.9"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mark = 3", "only"),
        ("[[mark]]\nkind = 'hrv'", "threshold"),
        ("[[mark]]\nkind = 'hrv'\nthreshold = 20\nsmallest_group = 2", "smallest_group"),
        ("[[mark]]\nkind = 'hrv'\nthreshold = 'much'", "mark 1"),
        ("[[mark]]\nkind = 'hrv'\nthreshold = 20\nflavour = 1", "flavour"),
        ("[[mark]]\nkind = 'hrv'\nthreshold = 20\n[[mark]]\nkind = 'hrv'\nthreshold = 20", "same"),
        ("[[mark", "marks.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """The refusal names the mark and the mistake; no group below five gets in."""
    file = tmp_path / "marks.toml"
    file.write_text(text)
    with pytest.raises(InvalidMarks, match=said):
        read_marks(file)
