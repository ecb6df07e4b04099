"""The documents: built strictly, with links that lead somewhere, and blocks that do what the text says when pasted."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from engine.cli import app
from engine.domain.techniques.breathing import Technique
from engine.domain.techniques.lookup import CATALOGUE
from engine.domain.webhooks import EVENTS
from engine.settings import PREFIX, Settings
from tests.api.conftest import Server
from tests.docs.pages import DOCS, PAGES, ROOT, blocks, done, with_blocks
from tests.docs.pictures import IMAGES, MOST_BYTES, NAMES

_KNOWN = {"bash", "console", "ini", "python", "sql", "text", "toml"}


def test_the_documents_are_built_strictly(tmp_path: Path) -> None:
    """Every page is in the navigation, every link and anchor is there, and nothing comes from another host."""
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert {
        path.relative_to(tmp_path).with_suffix(".md").as_posix() for path in tmp_path.rglob("*.html")
    } >= set(PAGES)
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*?\b(?:src|href)="(https?:[^"]*)"', page.read_text())
        assert loaded == [], page


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    """So that each is checked by one of the tests below."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = re.findall(r"^ *```(\S*)", text, re.M)
    assert not re.search(r"^ +```", text, re.M), "a block in a list is found by none of the tests"
    assert set(fences[::2]) <= _KNOWN
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_target_that_is_named_is_there(page: str) -> None:
    """Paths in the checkout, and targets of make."""
    text = (DOCS / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    tops = "engine|publisher|halcytone|templates|site|deploy|bench|tests|requirements"
    for path in re.findall(rf"`((?:{tops})/[\w./-]+)`", text):
        # XX is a language that is not there yet.
        assert "XX" in path or (ROOT / path).exists(), path
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_picture_is_small_described_and_can_be_taken_anew() -> None:
    """Each is shown on a page, with words for those who do not see it, and made by ``make pictures``."""
    shown = {
        name: words
        for page in PAGES
        for words, name in re.findall(
            r"!\[([^]]*)\]\(images/(\w[\w-]*)\.webp\)", (DOCS / page).read_text("utf-8")
        )
    }
    assert {path.name for path in IMAGES.iterdir()} == {f"{name}.webp" for name in NAMES}
    assert shown.keys() == NAMES
    assert all(len(words) >= 40 for words in shown.values())
    assert [path.name for path in IMAGES.iterdir() if path.stat().st_size > MOST_BYTES] == []


@pytest.mark.parametrize("page", with_blocks("console"))
def test_every_command_that_is_shown_is_one(page: str) -> None:
    """With options that it has."""
    for block in blocks(page, "console"):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "))
            assert line.startswith("$ ")
            if words[0] == "uvx":
                words = words[3:]
            if words[0] in ("pip", "pipx", "make"):
                continue
            assert words[0] == "halcytone"
            check_command(words[1:])


def check_command(words: list[str]) -> None:
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("page", with_blocks("ini") + with_blocks("toml"))
def test_every_setting_that_is_shown_is_one(page: str) -> None:
    """Variables are settings, and TOML can be read."""
    for block in blocks(page, "ini"):
        for line in block.splitlines():
            name = line.partition("=")[0]
            assert name.removeprefix(PREFIX).lower() in Settings.model_fields, line
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


def test_the_table_of_settings_is_the_settings_class() -> None:
    """Every setting is in it, and no other, with the default that it has where that is a plain value."""
    rows = {
        name.removeprefix(PREFIX).lower(): row[2].strip()
        for row in (line.split("|") for line in (DOCS / "settings.md").read_text("utf-8").splitlines())
        if len(row) > 3
        for name in re.findall(rf"{PREFIX}[A-Z0-9_]+", row[1])
    }
    assert rows.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | str) and field.default != "":
            assert str(field.default).lower() in rows[name], name


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", with_blocks("bash"))
async def test_what_is_to_paste_into_a_shell_works(studio: Server, page: str) -> None:
    """One shell for all blocks of a page, as somebody reads it from top to bottom."""
    output = await done(studio, "bash", "-euo", "pipefail", "-c", "\n".join(blocks(page, "bash")))
    assert output.count("{") >= 1
    for text in re.findall(r"^[\[{].*$", output, re.M):
        assert json.JSONDecoder().raw_decode(text)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_summary_that_is_shown_is_published_on_every_channel(studio: Server) -> None:
    """The response names all three, as the text beside it says."""
    (example,) = (block for block in blocks("programs.md", "bash") if "session-summary" in block)
    answer = json.loads(await done(studio, "bash", "-eu", "-c", example))
    assert answer["status"] == "success"
    assert set(answer["published_to"]) == {"email", "web", "social"}
    assert answer["delivered"] == []


def test_the_technique_that_is_shown_is_one() -> None:
    """The row of the example can be made, and is not in the catalogue already."""
    (row,) = blocks("carrying-on.md", "python")
    *imports, made = ast.parse(row).body
    assert isinstance(made, ast.Expr)
    names: dict[str, object] = {}
    exec(compile(ast.Module(imports, []), "carrying-on.md", "exec"), names)
    technique = eval(compile(ast.Expression(made.value), "carrying-on.md", "eval"), names)
    assert isinstance(technique, Technique)
    assert technique.name not in CATALOGUE
    assert technique.pattern is not None
    assert technique.pattern.cycle_ms == 12_000


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_of_webhooks_is_described(event: str) -> None:
    """In the table of what is sent."""
    rows = [line for line in (DOCS / "webhooks.md").read_text("utf-8").splitlines() if line.startswith("|")]
    assert any(f"`{event}`" in row for row in rows)
