"""What a release is held against: its section of the changelog, equal bytes, names of files."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CHANGELOG = """# Changelog

## [Unreleased]

- Something new.

## [0.2.0] - 2026-11-28

### Added

- Something old.

## [0.1.0] - 2026-01-01

- The beginning.
"""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script of ``make release``, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_changelogs_words_are_those_of_the_version(release: ModuleType) -> None:
    """From its heading to the next, and nothing of another version."""
    assert release.changelog_section(CHANGELOG, "0.2.0") == "### Added\n\n- Something old.\n"
    assert release.changelog_section(CHANGELOG, "0.1.0") == "- The beginning.\n"


def test_changes_that_are_not_of_the_version_stop_a_release(release: ModuleType) -> None:
    """The refusal counts them, and says the two ways on."""
    with pytest.raises(release.NotReleasable, match=r"1 change under \[Unreleased\].*0\.2\.0") as refusal:
        release.check_unreleased(CHANGELOG, "0.2.0", leave=False)
    assert "pyproject.toml" in str(refusal.value)
    assert 'RELEASE_ARGS="--leave-unreleased"' in str(refusal.value)


def test_told_to_leave_them_it_warns(release: ModuleType) -> None:
    """What is built has the changes, and what is said of it does not."""
    warning = release.check_unreleased(CHANGELOG, "0.2.0", leave=True)
    assert "1 change under [Unreleased]" in warning
    assert "RELEASE.md" in warning


@pytest.mark.parametrize(
    "unreleased",
    ["", "## [Unreleased]\n\n", "## [Unreleased]\n\n### Added\n\n", "## [Unreleased]\n[Unreleased]: x\n"],
)
def test_nothing_unreleased_is_nothing_to_warn_of(release: ModuleType, unreleased: str) -> None:
    """No such section, or one without changes; those of versions do not count."""
    text = f"# Changelog\n\n{unreleased}## [0.2.0] - 2026-11-28\n\n- Something.\n"
    assert release.check_unreleased(text, "0.2.0", leave=False) == ""


def test_the_command_refuses_before_it_builds(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, status 1, and what an earlier release left in dist stays."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "SHA256SUMS").write_text("earlier")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert release.main([]) == 1
    assert capsys.readouterr().err.startswith("Not releasable: CHANGELOG.md has 1 change under [Unreleased]")
    assert (tmp_path / "dist" / "SHA256SUMS").read_text() == "earlier"


def test_what_is_read_is_what_is_built(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version or a change that is not committed is refused before anything is built."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "CHANGELOG.md", "requirements/runtime.lock"):
        (tmp_path / name).write_text("committed\n")
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    release.check_committed()
    (tmp_path / "CHANGELOG.md").write_text("since\n")
    with pytest.raises(release.NotReleasable, match=r"CHANGELOG\.md is not: commit it first"):
        release.check_committed()


@pytest.mark.parametrize("text", [CHANGELOG, "## [0.3.0]\n\n## [0.2.0]\n\n- Something.\n"])
def test_a_version_without_words_is_not_released(release: ModuleType, text: str) -> None:
    """Neither one that is not named, nor one of which nothing is said."""
    with pytest.raises(release.NotReleasable, match=r"0\.3\.0"):
        release.changelog_section(text, "0.3.0")


def test_builds_that_differ_are_not_released(release: ModuleType, tmp_path: Path) -> None:
    """One byte is enough, or one file."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "a.whl").write_bytes(b"1")
    release.compare(first, second)
    (second / "a.whl").write_bytes(b"2")
    with pytest.raises(release.NotReleasable, match="differ"):
        release.compare(first, second)
    (second / "a.whl").write_bytes(b"1")
    (second / "b.whl").write_bytes(b"1")
    with pytest.raises(release.NotReleasable, match="differ"):
        release.compare(first, second)


def test_a_step_is_silent_unless_it_fails(release: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    """A failed one shows what it printed, and is named."""
    said = "print('a line of a tool')"
    release._quietly([sys.executable, "-c", said], dict(os.environ))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(release.NotReleasable, match="failed with 3"):
        release._quietly([sys.executable, "-c", f"{said}; raise SystemExit(3)"], dict(os.environ))
    assert "a line of a tool" in capfd.readouterr().err


def test_files_of_another_version_are_not_released(release: ModuleType, tmp_path: Path) -> None:
    """A wheel and a source distribution, both called by the version, and nothing beside them."""
    for name in ("halcytone_live-0.2.0-py3-none-any.whl", "halcytone_live-0.2.0.tar.gz"):
        (tmp_path / name).touch()
    wheel, sdist = release.check_names(tmp_path, "0.2.0")
    assert (wheel.suffix, sdist.suffix) == (".whl", ".gz")
    with pytest.raises(release.NotReleasable, match=r"halcytone_live-0\.2\.0.*not 0\.3\.0"):
        release.check_names(tmp_path, "0.3.0")


def test_this_version_has_words_in_the_changelog(release: ModuleType) -> None:
    """Under its own heading, and it is a version as others compare them."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert release.changelog_section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
