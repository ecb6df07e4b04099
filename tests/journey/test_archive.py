"""Summaries in, everything out, backup and restore, as an operator does them."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import fork_server
from tests.journey.server import OPERATOR, Server, asked, running_server

pytestmark = pytest.mark.long


async def halcytone(*arguments: str | Path, status: int = 0, program: Sequence[str] = ()) -> str:
    """Run a command, forked unless by another ``program``; its exit status must be the given one. Answers what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(program or fork_server.halcytone()), *map(str, arguments), stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == status, output.decode()
    return output.decode()


def summary(number: int) -> dict[str, Any]:
    """A past session, older than the API would take it."""
    return {
        "title": f"Evening {number}",
        "content": "A quiet hour",
        "session_id": f"evening-{number:03d}",
        "session_duration": 1800,
        "participant_count": 12,
        "breathing_techniques": ["Box Breathing", "Coherent Breathing"],
        "average_hrv_improvement": 7.5,
        "session_type": "guided",
        "instructor_name": "Willow",
        "session_date": (datetime(2024, 3, 1, 18, tzinfo=UTC) + timedelta(days=9 * number)).isoformat(),
    }


def written(folder: Path, count: int, *more: str) -> Path:
    file = folder / "past.jsonl"
    file.write_text("".join(json.dumps(summary(number)) + "\n" for number in range(count)) + "\n".join(more))
    return file


def site_of(folder: Path) -> dict[str, bytes]:
    """Every file of a site, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_past_sessions_go_in_and_come_out(tmp_path: Path) -> None:
    """Summaries of any age are published in one pass; a wrong line is named and spoils nothing; export gives them back."""
    data = tmp_path / "data"
    reply = await halcytone("import", written(tmp_path, 12, "not json"), "--data", data, status=1)
    assert "12 sessions are published" in reply
    assert "line 13" in reply
    for number in range(12):
        assert (
            f"Evening {number}"
            in (data / "public/sessions" / f"evening-{number:03d}" / "index.html").read_text()
        )
    exported = [json.loads(line) for line in (await halcytone("export", "--data", data)).splitlines()]
    assert {entry["session_id"] for entry in exported} == {f"evening-{number:03d}" for number in range(12)}

    again = tmp_path / "again"
    await halcytone("export", tmp_path / "out.jsonl", "--data", data)
    await halcytone("import", tmp_path / "out.jsonl", "--data", again)
    assert site_of(again / "public").keys() == site_of(data / "public").keys()


async def test_a_rebuilt_and_a_restored_site_have_the_same_bytes(tmp_path: Path) -> None:
    """What was published step by step, ``rebuild --output`` and backup and restore give the same files.

    Whatever the order of what hashes sort: these commands have seeds of their own.
    """
    data, archive, back = tmp_path / "data", tmp_path / "backup", tmp_path / "back"
    async with running_server(data) as server, aiohttp.ClientSession() as http:
        for number in range(3):
            body = summary(number) | {
                "session_date": datetime.now(UTC).isoformat(),
                "publish_immediately": True,
            }
            answer = await asked(http, "POST", f"{server.url}/api/v2/session-summary", body=body)
            assert answer["status"] == "success"
        public = site_of(data / "public")
        await halcytone("rebuild", "--data", data, "--output", tmp_path / "rebuilt", program=OPERATOR)
        await halcytone("backup", archive, "--data", data)
    assert site_of(tmp_path / "rebuilt") == public
    await halcytone("restore", archive, "--data", back, program=OPERATOR)
    assert site_of(back / "public") == public
    assert "is not empty" in await halcytone("restore", archive, "--data", tmp_path, status=1)


async def test_a_restored_server_takes_the_same_keys(tmp_path: Path) -> None:
    """A server on a restored folder knows the keys, and serves what was published."""
    data, archive, back = tmp_path / "data", tmp_path / "backup", tmp_path / "back"
    await halcytone("import", written(tmp_path, 2), "--data", data)
    made = (await halcytone("key", "create", "Sam", "--data", data)).strip()
    await halcytone("backup", archive, "--data", data)
    await halcytone("restore", archive, "--data", back)
    server = Server(back)
    await server.start()
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {made}"}) as http:
            async with http.get(f"{server.url}/api/v2/sessions") as catalogue:
                assert catalogue.status == 200
            async with http.get(f"{server.url}/sessions/evening-001/") as page:
                assert "Evening 1" in await page.text()
    finally:
        await server.stop()


async def test_publications_are_listed_retried_and_withdrawn(tmp_path: Path) -> None:
    """Each channel's state is shown; a retry queues again; what is unpublished leaves the site."""
    data = tmp_path / "data"
    await halcytone("import", written(tmp_path, 2), "--data", data)
    listed = json.loads(await halcytone("publications", "list", "--json", "--data", data))
    assert {(row["session_id"], row["state"]) for row in listed} == {
        ("evening-000", "done"),
        ("evening-001", "done"),
    }
    assert "web" in await halcytone("publications", "retry", "evening-001", "--data", data)
    await halcytone("publications", "unpublish", "evening-001", "--data", data)
    await halcytone("publications", "unpublish", "nobody", "--data", data, status=1)
    await halcytone("publications", "unpublish", "evening-000", "--data", data)
    shown = (await halcytone("publications", "list", "evening-000", "--data", data)).splitlines()
    assert {line.split()[2] for line in shown if line.startswith("evening-000")} == {"withdrawn"}
    assert "Evening 1" not in (data / "public/index.html").read_text()
    assert "evening-001" not in (data / "public/feed.xml").read_text()


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """One server per folder: the second says so, with status 4."""
    async with running_server(tmp_path / "data"):
        reply = await halcytone("serve", "--port", "0", "--data", tmp_path / "data", status=4)
        assert "another server runs" in reply


async def test_doctor_finds_a_running_server_well(tmp_path: Path) -> None:
    """Against a server that runs, nothing is to mend: it is ready, and the WebSocket upgrade goes through."""
    async with running_server(tmp_path / "data") as server:
        reply = await halcytone("doctor", "--json", "--data", tmp_path / "data", "--public-url", server.url)
    findings = {finding["what"]: finding["verdict"] for finding in json.loads(reply)}
    assert findings["address"] == findings["WebSocket"] == findings["database"] == "good"
