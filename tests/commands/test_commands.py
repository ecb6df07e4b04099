"""The command line as a stranger meets it."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.commands.network import qr_lines
from engine.web.qr_code import reachable_by_phone
from publisher.priority import IDLE_NICENESS
from publisher.site.builder import Progress, SiteBuilder

COMMANDS = (
    "serve",
    "demo",
    "rebuild",
    "import",
    "export",
    "backup",
    "restore",
    "analyze",
    "doctor",
    "publisher",
    "key create",
    "key list",
    "key revoke",
    "publications list",
    "publications retry",
    "publications unpublish",
)


def halcytone(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120", "NO_COLOR": "1"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """Each has a help with a sentence of its own and a word on each option."""
    result = halcytone(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    for line in re.findall(r"--[a-z-]+\s+(.*)", result.output):
        assert line.strip()


def test_the_help_names_the_exit_statuses() -> None:
    """What a status means stands where somebody who writes a script looks first."""
    result = halcytone("--help")
    assert "Exit status: 0 done, 1 it failed" in " ".join(result.output.split())


def test_the_version_is_the_distributions() -> None:
    """``--version`` names the distribution and a number."""
    assert re.fullmatch(r"halcytone-live \d+\.\d+\.\d+\n", halcytone("--version").output)


def test_a_wrong_use_is_status_2() -> None:
    """An unknown command is wrong usage."""
    assert halcytone("sing").exit_code == 2


def test_a_wrong_setting_is_status_3_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable that does not fit ends any command, and the message names it."""
    monkeypatch.setenv("HALCYTONE_PORT", "eighty")
    result = halcytone("key", "list", "--data", str(tmp_path))
    assert result.exit_code == 3
    assert "HALCYTONE_PORT" in result.output


def test_keys_are_made_once_listed_and_revoked(tmp_path: Path) -> None:
    """A key is printed when it is made and never again; its name is not used twice; a revoked one says so."""
    data = ("--data", str(tmp_path))
    made = halcytone("key", "create", "Sam", *data)
    assert made.exit_code == 0
    assert made.output.startswith("hk_")
    assert halcytone("key", "create", "Sam", *data).exit_code == 1
    assert halcytone("key", "revoke", "Sam", *data).exit_code == 0
    assert halcytone("key", "revoke", "Sam", *data).exit_code == 1
    listed = halcytone("key", "list", "--json", *data)
    (row,) = json.loads(listed.output)
    assert row["name"] == "Sam"
    assert row["revoked_at"] is not None
    assert made.output.strip() not in listed.output


def test_a_folder_without_a_database_is_named(tmp_path: Path) -> None:
    """Commands on data that is not there say where they looked, with status 1."""
    for command in (("rebuild",), ("export",), ("publications", "list"), ("publications", "retry", "s")):
        result = halcytone(*command, "--data", str(tmp_path / "nowhere"))
        assert result.exit_code == 1
        assert "nowhere" in result.output


def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    """Trouble with a file is a sentence with its name and status 1, not a traceback."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0
    nowhere = str(tmp_path / "no" / "such" / "folder" / "out.jsonl")
    for command in (
        ("export", nowhere, *data),
        ("import", nowhere, *data),
        ("restore", nowhere, *data),
        ("analyze", nowhere),
    ):
        result = halcytone(*command)
        assert result.exit_code == 1
        assert "out.jsonl" in result.output


def test_long_work_stands_back_for_live_sessions(tmp_path: Path, priorities_asked_for: list[int]) -> None:
    """A rebuild and an import take what others leave of the machine; a question is answered at once."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0
    file = tmp_path / "sessions.jsonl"
    file.write_text("")
    assert halcytone("import", str(file), *data).exit_code == 0
    assert halcytone("rebuild", *data).exit_code == 0
    assert halcytone("publications", "list", *data).exit_code == 0
    assert priorities_asked_for == [IDLE_NICENESS, 0] * 2


def test_an_import_before_the_first_start_has_the_address_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages link there, and a later start of the server with the same address changes nothing."""
    monkeypatch.setenv("HALCYTONE_PUBLIC_URL", "https://breathe.example")
    file = tmp_path / "sessions.jsonl"
    file.write_text("")
    assert halcytone("import", str(file), "--data", str(tmp_path / "data")).exit_code == 0
    assert "https://breathe.example/" in (tmp_path / "data/public/feed.xml").read_text()
    monkeypatch.setenv("HALCYTONE_PUBLIC_URL", "https://other.example")
    assert halcytone("rebuild", "--data", str(tmp_path / "data")).exit_code == 0
    assert "https://breathe.example/" in (tmp_path / "data/public/feed.xml").read_text()


def test_no_log_line_of_a_command_has_values(tmp_path: Path) -> None:
    """Below an exception stands where it was raised, and not what people wrote; results stand alone on standard output."""
    data = tmp_path / "data"
    assert halcytone("key", "create", "Sam", "--data", str(data)).exit_code == 0
    program = (
        "import sys; from publisher.site.builder import SiteBuilder; from engine.cli import main\n"
        "def fail(self, progress):\n    words = 'what Ada' + ' wrote'\n    raise OSError('full')\n"
        f"SiteBuilder.build_dirty = fail; sys.argv = ['halcytone', 'rebuild', '--data', {str(data)!r}]; main()"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "OSError: full" in result.stderr
    assert "what Ada wrote" not in result.stdout + result.stderr
    assert result.stdout == ""


def test_a_site_that_cannot_be_built_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a damaged database: status 1 and a sentence, and not how many pages there were before."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("publisher.site.builder.SiteBuilder.build_dirty", full)
    result = halcytone("rebuild", *data)
    assert result.exit_code == 1
    assert "could not be built" in result.output
    assert "pages are in" not in result.output


def test_a_search_that_cannot_be_made_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was withdrawn may still be found by it: a sentence and not a traceback, after everything else is done."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0
    broken = Mock(side_effect=subprocess.CalledProcessError(1, ["pagefind"]))
    monkeypatch.setattr("publisher.single_round.update_index", broken)
    result = halcytone("rebuild", *data)
    assert (result.exit_code, "but not the search" in result.output) == (1, True)
    assert (tmp_path / "data/public/index.html").is_file()


def test_what_another_server_publishes_during_a_rebuild_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages are marked when the rebuild ends; the next publisher here builds them."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0

    def build(self: SiteBuilder, progress: Progress) -> int:
        changed = build_dirty(self, progress)
        self._catalogue.dirty.mark_all()
        return changed

    build_dirty = SiteBuilder.build_dirty
    monkeypatch.setattr(SiteBuilder, "build_dirty", build)
    result = halcytone("rebuild", *data)
    assert (result.exit_code, "pages are in" in result.output) == (0, True)


def test_rebuild_never_replaces_a_folder_that_is_not_a_site(tmp_path: Path) -> None:
    """A folder with something else in it stays as it is."""
    data = ("--data", str(tmp_path / "data"))
    assert halcytone("key", "create", "Sam", *data).exit_code == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("Dear")
    result = halcytone("rebuild", "--output", str(mine), *data)
    assert result.exit_code == 1
    assert "no site of ours" in result.output
    assert (mine / "letter.txt").read_text() == "Dear"


def test_doctor_says_what_to_mend(tmp_path: Path) -> None:
    """A deployment that nobody can reach is found so, with a remedy, and the status is 1."""
    result = halcytone("doctor", "--data", str(tmp_path), "--public-url", "http://127.0.0.1:9", "--json")
    assert result.exit_code == 1
    findings = {finding["what"]: finding for finding in json.loads(result.output)}
    assert findings["address"]["verdict"] == "mend"
    assert findings["address"]["remedy"]
    assert findings["disk"]["verdict"] == "good"


def test_starting_loads_no_heavy_library() -> None:
    """``halcytone serve`` is ready in a moment: neither MkDocs nor NumPy is loaded for it."""
    program = (
        "import sys, engine.cli, engine.commands.serve, engine.app;"
        "print(sorted({'mkdocs', 'numpy', 'feedgen', 'icalendar', 'rich.progress'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_loopback_address_is_never_in_a_qr_code() -> None:
    """A phone that opened it would look at the phone."""
    for url in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", "http://0.0.0.0:8000"):
        assert not reachable_by_phone(url)
        with pytest.raises(ValueError):
            qr_lines(url)


def test_an_address_of_the_network_becomes_a_qr_code() -> None:
    """An address that a phone can open is drawn in block characters."""
    assert reachable_by_phone("http://192.168.1.20:8000")
    drawn = qr_lines("http://192.168.1.20:8000/")
    assert len(drawn.splitlines()) > 10
    assert set("█▀▄") & set(drawn)
