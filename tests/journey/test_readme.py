"""What the README says to paste, pasted."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.journey.server import KEY, running_server

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


async def test_the_api_example_works_when_pasted(tmp_path: Path) -> None:
    """Every curl of the example is answered with success, in a shell, against a fresh server."""
    (example,) = (block for block in blocks("bash") if "curl" in block)
    requests = example.count("curl -sS ")
    async with running_server(tmp_path / "data") as server:
        script = example.replace("BASE=http://127.0.0.1:8000 KEY=try-me", f"BASE={server.url} KEY={KEY}")
        script = script.replace("curl -sS ", "curl -sS --fail-with-body -w '\\n%{http_code}\\n' ")
        shell = await asyncio.create_subprocess_exec("bash", "-eu", "-c", script, stdout=PIPE, stderr=PIPE)
        output, errors = await shell.communicate()
    assert shell.returncode == 0, output.decode() + errors.decode()
    *answers, last = (json.loads(line) for line in output.decode().splitlines() if line.startswith("{"))
    assert len(answers) + 1 == requests
    assert answers[0]["status"] == "scheduled"
    assert last["status"] == "success"
    assert set(last["published_to"]) == {"email", "web", "social"}


def test_every_make_target_that_is_named_exists() -> None:
    """README, deploy notes and CI name only targets that the Makefile has."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in ("README.md", "deploy/README.md", ".ci/run", "CHANGELOG.md")
        for target in re.findall(r"(?:`|^|\n)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"))
    }
    assert named
    assert named <= targets


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    """The table of settings is the settings class."""
    from engine.settings import Settings

    named = set(re.findall(r"HALCYTONE_([A-Z0-9_]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_linked_file_exists() -> None:
    """A relative link of the README leads somewhere."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)\)", text):
        assert (ROOT / link).exists(), link
