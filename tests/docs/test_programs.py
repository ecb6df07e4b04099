"""The programs that the documents show, at a real server and a real database."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import closing
from pathlib import Path

import aiohttp
import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.storage.keys import Keys
from engine.storage.opening import database_of
from halcytone.client import LiveClient
from tests.api.conftest import Server, moment
from tests.docs.pages import blocks, started
from tests.postgres import PostgresCluster


@pytest.mark.asyncio(loop_scope="module")
async def test_the_program_that_follows_a_session_follows_it(studio: Server) -> None:
    """It says what is breathed, and ends with the session."""
    (program,) = (block for block in blocks("programs.md", "python") if '"followed"' in block)
    await studio.create("followed", scheduled_start=moment(minutes=1))
    await studio.event("session.started", "followed")
    await studio.event("participant.joined", "followed", participant_id="ada")
    process = await started(studio, sys.executable, "-u", "-c", program)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"now: live\n"
        await studio.event("technique.changed", "followed", technique="Box Breathing")
        await studio.event("session.ended", "followed", duration=60)
        output, errors = await process.communicate()
    assert output.decode().splitlines() == ["breathe: Box Breathing", "it lasted 60 seconds"], errors.decode()
    assert process.returncode == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_the_program_that_takes_part_comes_back_after_its_own_restart(
    studio: Server, tmp_path: Path
) -> None:
    """Killed and started anew it hears what was said meanwhile, once, and does not introduce itself again."""
    (program,) = (block for block in blocks("programs.md", "python") if "return_to" in block)
    await studio.create("joined", scheduled_start=moment(minutes=1))
    command, place = (sys.executable, "-u", "-c", program), str(tmp_path / "place.json")
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        other = LiveClient(http, studio.url, "joined", name="Ada")
        await other.connect()
        first = await started(studio, *command, PLACE=place)
        assert first.stdout is not None
        assert await first.stdout.readline() == b"the server has it\n"
        await other.send("chat", message="before")
        assert await first.stdout.readline() == b"Ada said: before\n"
        first.kill()
        await first.wait()
        await other.command("c-1", "chat", message="meanwhile")
        second = await started(studio, *command, PLACE=place)
        assert second.stdout is not None
        heard = [await second.stdout.readline()]
        await studio.event("session.ended", "joined", duration=60)
        output, errors = await second.communicate()
        await other.close()
    heard += output.splitlines(keepends=True)
    # What was heard and not yet noted when it was killed is handed out again.
    assert [line for line in heard if line != b"Ada said: before\n"] == [b"Ada said: meanwhile\n"], (
        errors.decode()
    )
    assert second.returncode == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_the_receiver_of_webhooks_hears_what_is_signed_once_and_nothing_else(studio: Server) -> None:
    """A test of the server arrives, a session that is made too; what somebody else sends is refused."""
    (program,) = blocks("webhooks.md", "python")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/halcytone"
    made = await studio.client.post(
        "/api/v2/webhooks", json={"url": address, "events": ["session.scheduled"]}
    )
    process = await started(
        studio, sys.executable, "-u", "-c", program, SECRET=made.json()["secret"], PORT=str(port)
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert b"Running on" in await process.stdout.readline()
            await process.stdout.readline()
            tested = await studio.client.post(f"/api/v2/webhooks/{made.json()['id']}/test")
            assert tested.json()["state"] == "done", tested.text
            assert await process.stdout.readline() == b"webhook.test \n"
            async with httpx.AsyncClient(trust_env=False) as stranger:
                forged = await stranger.post(address, json={"type": "story.published"})
            assert forged.status_code == 401
            await studio.create("heard", title="Heard")
            assert await process.stdout.readline() == b"session.scheduled Heard\n"
    finally:
        process.terminate()
        await process.wait()


def test_a_studio_moves_into_the_database_that_is_shown(postgres: PostgresCluster, tmp_path: Path) -> None:
    """The statements make a database whose owner, and no superuser, brings a studio there and back."""
    (statements,) = blocks("machines.md", "sql")
    # The tests' own account has that name already.
    statements = statements.replace("halcytone", "documented")
    owner = postgres.url("documented").replace("halcytone@", "documented@")
    (tmp_path / "here").mkdir()
    keys = Keys(database_of(tmp_path / "here"))
    secret = keys.create("Sam", at=1)
    keys.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        try:
            for statement in statements.split(";"):
                admin.execute(statement.encode())
            for source, target in ((str(tmp_path / "here"), owner), (owner, str(tmp_path / "back"))):
                done = CliRunner().invoke(app, ["move", "--from", source, "--to", target])
                assert done.exit_code == 0, done.output
        finally:
            admin.execute("DROP DATABASE IF EXISTS documented WITH (FORCE)")
            admin.execute("DROP ROLE IF EXISTS documented")
    keys = Keys(database_of(tmp_path / "back"))
    found = keys.identify(secret)
    keys.close()
    assert found is not None
    assert found.name == "Sam"
