"""The pages of the documents, their blocks, and programs out of them that run against a server."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from tests.api.conftest import KEY, Server

__all__ = ["DOCS", "PAGES", "ROOT", "blocks", "done", "started", "with_blocks"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
_FENCE = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.M | re.S)


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in one language, from top to bottom."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [code for named, code in _FENCE.findall(text) if named == language]


def with_blocks(language: str) -> list[str]:
    """The pages that have blocks in a language."""
    return [page for page in PAGES if blocks(page, language)]


async def done(server: Server, *command: str) -> str:
    """What a command prints; it must succeed."""
    process = await started(server, *command)
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, output.decode() + errors.decode()
    return output.decode()


async def started(server: Server, *command: str, **variables: str) -> Process:
    """A command with the server's address and a key in its environment."""
    environment = {
        "BASE": server.url,
        "KEY": KEY,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
