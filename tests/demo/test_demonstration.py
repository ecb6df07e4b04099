"""The first command of the README."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from asyncio.subprocess import PIPE, STDOUT
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from engine.demo.beats import strap_of
from engine.demo.script import NAMES
from engine.domain.instant import MINUTE
from engine.storage.sqlite import FILE_NAME
from tests.fork_server import halcytone

pytestmark = pytest.mark.long


def test_every_participant_has_a_heart_of_their_own() -> None:
    """Each of the 25 has beats for ten minutes, and no two the same."""
    starts = [tuple(strap_of(number).until(10 * MINUTE)) for number in range(len(NAMES))]
    assert len(set(starts)) == len(NAMES) == 25
    for beats in starts:
        assert 0.97 * 10 * MINUTE < sum(beats) <= 10 * MINUTE


def test_a_strap_never_sends_a_beat_early() -> None:
    """What was asked for up to an instant has fallen by then, and nothing is sent twice."""
    strap = strap_of(3)
    heard: list[float] = []
    for second in range(1, 60):
        heard += strap.until(second * 1000)
        assert sum(heard) <= second * 1000
    assert heard == strap_of(3).until(59_000)


@pytest.mark.timeout(240)
async def test_the_demonstration_publishes_everything(tmp_path: Path) -> None:
    """``halcytone demo --exit`` ends with 0 and finds every artefact."""
    demonstration = await asyncio.create_subprocess_exec(
        *halcytone("demo", "--exit", "--port", "0", "--data", str(tmp_path / "demo")),
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )
    output, _ = await demonstration.communicate()
    text = output.decode()
    assert demonstration.returncode == 0, text
    assert "✗" not in text
    assert "is back with nothing missed" in text
    assert "Refused" not in text
    assert (tmp_path / "demo" / "public" / "index.html").is_file()
    assert_nobody_is_shown(tmp_path / "demo", text)


def mail_text(file: Path) -> str:
    """The headers and texts of a mail as its reader sees them. Four letters can stand in base64 by chance."""
    message = message_from_bytes(file.read_bytes(), policy=default)
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    assert parts
    return "\n".join([*message.values(), *parts])


def assert_nobody_is_shown(data: Path, log: str) -> None:
    """No reader of page, feed, archive, calendar, draft, story, journal or log learns one person's figure."""
    telltales = ("rmssd", "own_metrics", "sdnn", "client_id")
    for folder in ("sessions", "feed", "instructors"):
        for file in (data / "public" / folder).rglob("*.*"):
            content = file.read_bytes().decode(errors="ignore").lower()
            assert not [word for word in telltales if word in content], file
    loose = [data / "public" / name for name in ("index.html", "feed.xml", "feed.json", "calendar.ics")]
    for file in (*loose, *(data / "drafts").rglob("*.*")):
        content = (
            mail_text(file) if file.suffix == ".eml" else file.read_bytes().decode(errors="ignore")
        ).lower()
        assert not [word for word in telltales if word in content], file
    assert not [word for word in telltales if word in log.lower()]
    with closing(sqlite3.connect(data / FILE_NAME)) as database:
        stories = [row[0] for row in database.execute("SELECT document FROM snapshots")]
        journal = [row[0] for row in database.execute("SELECT event FROM journal")]
    assert stories
    assert not [word for word in telltales for story in stories if word in story]
    # A beat of each heart, as it went over the wire, is nowhere on the disk.
    beats = {
        f"{beat:g}".encode() for number in range(25) for beat in strap_of(number).until(5_000) if beat % 1
    }
    assert not [beat for beat in beats for event in journal if beat in event]
    assert not any(b"rmssd" in event or b'"rr"' in event for event in journal)
