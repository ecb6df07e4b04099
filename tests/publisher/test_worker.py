"""The process: woken, reporting, ending with its parent; the commands beside it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from publisher import commands
from publisher.catalogue.published import Catalogue
from publisher.worker import Busy, publisher_lock
from tests.fork_server import publisher
from tests.journey.server import environment
from tests.publisher.samples import content, snapshot
from tests.publisher.studio_data import digests


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A publisher process on ``tmp_path/data``."""
    with running(tmp_path / "data") as started:
        yield started


@contextmanager
def running(data: Path, **setting: str) -> Iterator[subprocess.Popen[str]]:
    """A publisher process; ``setting`` are ``HALCYTONE_*`` variables, without the prefix."""
    started = subprocess.Popen(
        publisher(data),
        env=environment(setting),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        for pipe in (started.stdin, started.stdout):
            assert pipe is not None
            pipe.close()


def appear(file: Path) -> None:
    """Return once a file is there."""
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, file
        time.sleep(0.02)


def queue(data: Path, session_id: str) -> None:
    """What the engine does when a session ends."""
    data.mkdir(parents=True, exist_ok=True)
    connection = database_of(data).connect()
    Outbox(connection).enqueue(snapshot(session_id), ["web", "email", "social", "analytics"], 1)
    connection.close()


def test_it_publishes_when_woken_and_ends_with_its_parent(
    tmp_path: Path, process: subprocess.Popen[str]
) -> None:
    """One line a job on its output; the artefacts are there when the line is; the end of the input ends it."""
    data = tmp_path / "data"
    queue(data, "s-1")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("wake\n")
    process.stdin.flush()
    reply = [json.loads(process.stdout.readline()) for _ in range(4)]
    assert {(each["channel"], each["state"]) for each in reply} == {
        (channel, "done") for channel in ("web", "email", "social", "analytics")
    }
    assert reply[0]["channel"] == "web"
    assert {each["content_id"] for each in reply} == {snapshot("s-1").content_id}
    assert (data / "public/sessions/s-1/index.html").exists()
    assert (data / "drafts/s-1/email.eml").exists()
    assert (data / "studio.toml").exists()
    with pytest.raises(Busy), publisher_lock(data, database_of(data)):
        pass
    process.stdin.close()
    assert process.wait(20) == 0


def test_a_copy_that_a_failover_forgot_is_built_all_the_same(tmp_path: Path, postgres_url: str) -> None:
    """The database lost that this copy is there, as if it had begun in the last moment before: it says so again."""
    data = tmp_path / "data"
    database = database_of(data, postgres_url)
    with running(data, database_url=postgres_url) as process, database.connect() as connection:
        appear(data / "public/index.html")
        with connection.transaction():
            connection.execute("DELETE FROM meta WHERE key = 'sends_mail'")
            connection.execute("DELETE FROM marks")
            connection.execute("DELETE FROM sites")
        Outbox(connection, "another").enqueue(snapshot("s-1"), ["web"], 1)
        assert process.stdin is not None
        process.stdin.write("wake\n")
        process.stdin.flush()
        appear(data / "public/sessions/s-1/index.html")
        assert Catalogue(connection).meta("sends_mail") == "no"
        process.stdin.close()
        assert process.wait(20) == 0


def test_sigterm_ends_it_cleanly(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    """It finishes what it does and exits with 0; the next one may start."""
    data = tmp_path / "data"
    queue(data, "s-1")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with publisher_lock(data, database_of(data)):
        assert (data / "public/index.html").exists()


def quiet(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def test_import_export_and_rebuild(tmp_path: Path) -> None:
    """What is exported can be imported elsewhere; refusals name their line; a rebuild has the same bytes."""
    file = tmp_path / "in.jsonl"
    lines = [json.dumps(content(session_id=f"i-{n}", session_date="2019-05-01T10:00:00Z")) for n in range(3)]
    lines += ["", "{broken", json.dumps(content(session_id="x", session_duration=0)), "[]"]
    file.write_text("\n".join(lines))
    first = tmp_path / "first"
    first.mkdir()
    imported = commands.import_file(first, database_of(first), file, quiet)
    assert imported.published == 3
    refused = imported.refused
    assert [line.split(":")[0] for line in refused] == ["line 5", "line 6", "line 7"]
    assert "session_duration" in refused[1]
    assert "7200" not in refused[0]
    exported = list(commands.export(database_of(first)))
    assert [entry["session_id"] for entry in exported] == ["i-0", "i-1", "i-2"]
    again = tmp_path / "again.jsonl"
    again.write_text("\n".join(json.dumps(entry) for entry in exported))
    second = tmp_path / "second"
    second.mkdir()
    assert commands.import_file(second, database_of(second), again, quiet).counted() == ["new: 3 (lines 1–3)"]
    files = commands.rebuild(first, database_of(first), tmp_path / "out", quiet)
    assert digests(tmp_path / "out") == digests(first / "public")
    assert files == len(digests(tmp_path / "out"))
    page = "sessions/i-1/index.html"
    assert (first / "public" / page).exists()
    assert (second / "public" / page).exists()
    assert {row["state"] for row in commands.list_publications(database_of(first), None)} == {"done"}


def test_unpublish_and_retry(tmp_path: Path) -> None:
    """Withdrawing removes the page at once where no publisher runs; unknown sessions are named."""
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(content(session_id="i-1")))
    data = tmp_path / "data"
    data.mkdir()
    commands.import_file(data, database_of(data), file, quiet)
    assert commands.retry(database_of(data), "i-1") == ["analytics", "web"]
    commands.unpublish(data, database_of(data), "i-1")
    assert not (data / "public/sessions/i-1").exists()
    with pytest.raises(KeyError):
        commands.unpublish(data, database_of(data), "nobody")
    with pytest.raises(KeyError):
        commands.retry(database_of(data), "nobody")


def test_a_running_publisher_does_what_commands_ask(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    """An import beside a running publisher is published by it, and a rebuild waits for it."""
    data = tmp_path / "data"
    queue(data, "s-1")
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(content(session_id="i-1")))
    assert commands.import_file(data, database_of(data), file, quiet).published == 1
    assert (data / "public/sessions/i-1/index.html").exists()
    assert commands.rebuild(data, database_of(data), None, quiet) > 20
    commands.unpublish(data, database_of(data), "s-1")
    deadline = time.monotonic() + 10
    while (data / "public/sessions/s-1/index.html").exists():
        assert time.monotonic() < deadline
