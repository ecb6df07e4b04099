"""The systemd units of deploy/: known to systemd where that is installed, and naming commands that there are."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from engine.cli import app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))


def parsed(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / name)
    return unit


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    """Command and options are those of the program."""
    words = shlex.split(parsed(name)["Service"]["ExecStart"])
    assert words[0].endswith("/halcytone")
    command = typer.main.get_command(app).get_command(None, words[1])  # type: ignore[attr-defined]
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("--")} <= known


def test_every_timer_has_its_service() -> None:
    """A timer starts the service of its own name."""
    timers = [name for name in UNITS if name.endswith(".timer")]
    assert timers
    assert {name.replace(".timer", ".service") for name in timers} <= set(UNITS)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_of_a_unit(name: str) -> None:
    """Where systemd is installed, all it misses is the program, which is not installed here."""
    if shutil.which("systemd-analyze") is None:
        assert parsed(name).sections()
        return
    said = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stderr.splitlines()
    assert [line for line in said if name in line and "is not executable" not in line] == []
