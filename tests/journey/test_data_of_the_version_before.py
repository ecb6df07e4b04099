"""A data folder as the version before left it.

``tests/data/data-folder-0.1.0.tar.gz`` was written by that version's ``halcytone backup``: the demonstration's session,
three summaries over the API of which one was withdrawn, two imported ones, a session to come, one that was cancelled,
and one with two people that was live when the server stopped. The lines beside it are what its ``export`` said.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

from engine.clock import Clock
from engine.domain.instant import from_datetime
from engine.storage.backup import restore
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from engine.storage.tables import ENGINE
from publisher import commands
from publisher.catalogue.published import Catalogue
from publisher.catalogue.tables import PUBLISHER
from tests.api.conftest import Server, content, running
from tests.publisher.studio_data import digests

ARCHIVE = Path(__file__).parents[1] / "data/data-folder-0.1.0.tar.gz"
DEMONSTRATION = "demo-2026-11-28-101829"
NEXT_MINUTE = from_datetime(datetime(2026, 11, 28, 10, 38, tzinfo=UTC))
"""Soon after that server stopped: a session that nobody leads for long ends by itself."""
IN_FEED = ["told-2", "told-1", DEMONSTRATION]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder, as ``halcytone restore`` brings it back."""
    restore(ARCHIVE, tmp_path / "data")
    return tmp_path / "data"


def address(data: Path) -> str:
    """The public address that the folder was served at."""
    with database_of(data).connect() as connection:
        return str(Catalogue(connection).meta("public_url"))


async def until_told(server: Server, path: str, text: str) -> str:
    """The file at a path, once it tells something."""
    async with asyncio.timeout(60):
        while True:
            answer = await server.stranger.get(path)
            if text in answer.text:
                return answer.text
            await asyncio.sleep(0.1)


async def until_built(data: Path) -> None:
    """Wait until no job and no page waits."""
    async with asyncio.timeout(60):
        with database_of(data).connect() as connection:
            while True:
                if not Outbox(connection).unfinished() and not Catalogue(connection).dirty.any():
                    return
                await asyncio.sleep(0.05)


def test_its_tables_are_those_of_a_new_folder(data: Path, tmp_path: Path) -> None:
    """Whatever way a folder came here, it has the same tables and indexes, and every published session is in them."""
    schemas = []
    (tmp_path / "new").mkdir()
    for folder in (data, tmp_path / "new"):
        with database_of(folder).connect() as connection:
            catalogue = Catalogue(connection)
            versions = (catalogue.meta(ENGINE.steps_key), catalogue.meta(PUBLISHER.steps_key))
            assert versions == (str(ENGINE.version), str(PUBLISHER.version))
            rows = connection.rows("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
            schemas.append(sorted(" ".join(row["sql"].split()) for row in rows))
    assert schemas[0] == schemas[1]
    assert database_of(data).problems() == []
    lines = ARCHIVE.with_name("data-folder-0.1.0.jsonl").read_text(encoding="utf-8").splitlines()
    exported = list(commands.export(database_of(data)))
    said = [json.loads(line) for line in lines]
    # An export has said more since.
    assert [{name: now[name] for name in then} for now, then in zip(exported, said, strict=True)] == said
    assert {line["guid"] for line in exported} >= {f"{address(data)}/sessions/{name}/" for name in IN_FEED}


async def test_it_serves_publishes_and_is_rebuilt_to_the_same_bytes(data: Path) -> None:
    """Sessions go on where they were, stories old and new stand on the site, and what was withdrawn stays away."""
    async with running(data, None, clock=Clock(start=NEXT_MINUTE)) as server:
        # The calendar is built last.
        assert "STATUS:CANCELLED" in await until_told(server, "/calendar.ics", "to-come@")
        feed = feedparser.parse((await server.stranger.get("/feed.xml")).text)
        assert [entry.link.rstrip("/").rpartition("/")[2] for entry in feed.entries] == IN_FEED
        assert (await server.stranger.get("/sessions/taken-off/")).status_code == 410
        assert (await server.stranger.get(f"/sessions/{DEMONSTRATION}/")).status_code == 200

        drafts = (await server.client.get("/api/v2/sessions/told-1/drafts")).json()["drafts"]
        states = {draft["channel"]: draft["state"] for draft in drafts}
        assert (states["email"], states["linkedin"]) == ("approved", "withdrawn")
        assert "Words of our own." in {draft.get("content") for draft in drafts}

        went_on = (await server.client.get("/api/v2/sessions/unfinished")).json()
        assert went_on["phase"] == "live"
        assert (await server.client.post("/api/v2/sessions/unfinished/end")).status_code == 200
        new = content(
            "new-here",
            title="Told by this version",
            session_date="2026-11-28T08:00:00Z",
            publish_immediately=True,
        )
        assert (await server.client.post("/api/v2/session-summary", json=new)).status_code in (200, 202)
        await until_told(server, "/sessions/new-here/", "Told by this version")
        await until_told(server, "/feed.xml", "Still breathing")
        await until_built(data)

    rebuilt = data.parent / "rebuilt"
    commands.rebuild(data, database_of(data), rebuilt, lambda _done, _total: None)
    assert digests(rebuilt) == digests(data / "public")
