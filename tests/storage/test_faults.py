"""What happens when the disk is full, the file is locked or damaged, and the process is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.storage.database import DatabaseUnusable
from engine.storage.journal import Append, JournalFailed, Record, StalePosition
from engine.storage.opening import database_of
from engine.storage.rows import PersonChange, PersonRow
from engine.storage.sqlite import FILE_NAME
from engine.storage.sqlite_journal import SqliteJournal
from tests.storage.rows import all_records, latest, outcomes, records, room


def open_journal(folder: Path) -> SqliteJournal:
    return SqliteJournal(database_of(folder), asyncio.get_running_loop())


def reason_of(outcome: BaseException | None) -> str:
    assert isinstance(outcome, JournalFailed)
    return outcome.reason


def large(first: int, count: int) -> list[Record]:
    return [Record(n, n, 0, b"x" * 4000) for n in range(first, first + count)]


async def test_a_full_disk_fails_the_entry_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """An append that does not fit is refused in words; smaller ones go on, and nothing is lost."""
    journal = open_journal(tmp_path)
    assert await outcomes(journal, [Append("a", 0, records(1, 3))]) == [None]
    # The page limit makes SQLite say exactly what a full disk makes it say.
    pages = journal._connection.value("PRAGMA page_count")
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 4}")

    too_much, fits = await outcomes(journal, [Append("a", 3, large(4, 50)), Append("b", 0, records(1, 1))])

    assert reason_of(too_much) == "the disk is full"
    assert fits is None
    assert await all_records(journal, "a") == records(1, 3)
    assert await outcomes(journal, [Append("a", 3, records(4, 4))]) == [None]
    await journal.close()


async def test_what_follows_a_failed_entry_of_the_same_session_fails_too(tmp_path: Path) -> None:
    """No hole: later entries of the session expect what never came."""
    journal = open_journal(tmp_path)
    await outcomes(journal, [Append("a", 0, records(1, 1))])
    pages = journal._connection.value("PRAGMA page_count")
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    first, second = await outcomes(journal, [Append("a", 1, large(2, 50)), Append("a", 51, records(52, 52))])

    assert isinstance(first, JournalFailed)
    assert isinstance(second, StalePosition)
    assert await latest(journal, "a") == 1
    await journal.close()


def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    """Under a real limit of the operating system appends fail, and a new process finds all that was acknowledged."""
    script = """
import asyncio, json, resource, signal, sys
from pathlib import Path
from engine.storage.journal import Append, Record
from engine.storage.opening import database_of
from engine.storage.sqlite_journal import SqliteJournal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    journal = SqliteJournal(database_of(Path(sys.argv[1])), asyncio.get_running_loop())
    resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, 800_000))
    position = 0
    while True:
        reply = asyncio.get_running_loop().create_future()
        journal.append(Append("a", position, [Record(position + 1, None, 0, b"x" * 3000)]), reply.set_result)
        failed = await reply
        if failed is not None:
            print(json.dumps([position, str(failed)]))
            return
        position += 1
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    acknowledged, reason = json.loads(ran.stdout)

    assert acknowledged > 20
    assert "disk" in reason
    with database_of(tmp_path).connect() as connection:
        kept = connection.row("SELECT count(*) AS n, max(position) AS latest FROM journal")
    assert kept is not None
    assert (kept["n"], kept["latest"]) == (acknowledged, acknowledged)


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """However long another holds the lock, the append is late, not failed, and the loop goes on."""
    journal = open_journal(tmp_path)
    journal._connection.execute("PRAGMA busy_timeout = 20")
    holder = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[BaseException | None] = loop.create_future()

    journal.append(Append("a", 0, records(1, 1)), reply.set_result)
    turns = 0
    until = loop.time() + 0.2
    while loop.time() < until:
        await asyncio.sleep(0)
        turns += 1

    assert not reply.done()
    assert turns > 100
    holder.execute("COMMIT")
    assert await reply is None
    holder.close()
    await journal.close()


async def test_closing_does_not_wait_for_a_lock_for_ever(tmp_path: Path) -> None:
    """A journal that closes under a lock fails what it could not write, and says why."""
    journal = open_journal(tmp_path)
    journal._connection.execute("PRAGMA busy_timeout = 20")
    reply: list[BaseException | None] = []
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        journal.append(Append("a", 0, records(1, 1)), reply.append)
        await journal.close()

    assert "locked" in reason_of(reply[0])


async def test_an_entry_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    """One impossible value fails its own entry; its neighbours of the same tick are committed."""
    journal = open_journal(tmp_path)
    impossible = PersonRow("b", "x", 1, rating=2**70)

    good, bad, also_good = await outcomes(
        journal,
        [
            Append("a", 0, records(1, 1)),
            Append("b", 0, records(1, 1), people=[PersonChange("x", impossible)]),
            Append("c", 0, records(1, 1)),
        ],
    )

    assert (good, also_good) == (None, None)
    assert isinstance(bad, JournalFailed)
    assert await latest(journal, "b") == 0
    await journal.close()


async def test_garbled_pages_are_named_as_damage(tmp_path: Path) -> None:
    """A file overwritten in its middle is reported, not read as if it were whole."""
    journal = open_journal(tmp_path)
    await outcomes(journal, [Append("a", 0, large(1, 300), room=room("a"))])
    await journal.close()
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as raw:
        # Behind the first pages of all tables: without those the file would not even open.
        (first,) = raw.execute("SELECT max(rootpage) FROM sqlite_master").fetchone()
    content = bytearray(path.read_bytes())
    content[4096 * first : 4096 * (first + 160)] = b"\xa5" * (4096 * 160)
    path.write_bytes(content)

    damaged = open_journal(tmp_path)
    with pytest.raises(JournalFailed, match="damaged"):
        await damaged.load("a")
    await damaged.close()


async def test_a_file_cut_off_is_named_as_damage(tmp_path: Path) -> None:
    """A tail that is missing is reported."""
    journal = open_journal(tmp_path)
    await outcomes(journal, [Append("a", 0, large(1, 300), room=room("a"))])
    await journal.close()
    path = tmp_path / FILE_NAME
    os.truncate(path, path.stat().st_size // 2)

    async def open_and_load() -> None:
        cut = open_journal(tmp_path)
        try:
            await cut.load("a")
        finally:
            await cut.close()

    with pytest.raises((JournalFailed, DatabaseUnusable), match=r"damaged|cannot be used"):
        await open_and_load()


async def test_a_hole_in_the_log_is_told(tmp_path: Path) -> None:
    """Records behind a missing one are not given; where it is, and how far the log goes, is."""
    journal = open_journal(tmp_path)
    await outcomes(journal, [Append("a", 0, records(1, 10), room=room("a"))])
    with database_of(tmp_path).connect() as connection:
        connection.execute("DELETE FROM journal WHERE position IN (6, 7)")

    loaded = await journal.load("a")

    assert loaded is not None
    assert list(loaded.records) == records(1, 5)
    assert (loaded.hole, loaded.latest) == (6, 10)
    await journal.close()


def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL in the middle of appends: every acknowledged record is there, and no session has a hole."""
    script = """
import asyncio, sys
from pathlib import Path
from engine.storage.journal import Append, Record
from engine.storage.opening import database_of
from engine.storage.sqlite_journal import SqliteJournal
async def main():
    loop = asyncio.get_running_loop()
    journal = SqliteJournal(database_of(Path(sys.argv[1])), loop)
    def acknowledge(session, position, error):
        assert error is None, error
        print(session, position, flush=True)
    async def write(session):
        for n in range(1_000_000):
            reply = loop.create_future()
            journal.append(Append(session, n, [Record(n + 1, n + 1, 0, b"{}")]), reply.set_result)
            acknowledge(session, n + 1, await reply)
    await asyncio.gather(*(write(f"s{n}") for n in range(20)))
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        acknowledged: dict[str, int] = {}
        for count, line in enumerate(child.stdout):
            if not line.endswith("\n"):
                break  # It died in the middle of saying so.
            session, position = line.split()
            acknowledged[session] = int(position)
            if count == 2_000:
                child.send_signal(signal.SIGKILL)
            # What it had printed before it died was acknowledged too.
        child.wait()

    assert len(acknowledged) == 20
    with database_of(tmp_path).connect() as connection:
        found = {
            row["session_id"]: (row["latest"], row["n"])
            for row in connection.rows(
                "SELECT session_id, max(position) AS latest, count(*) AS n FROM journal GROUP BY session_id"
            )
        }
    for session, confirmed in acknowledged.items():
        latest, number = found[session]
        assert latest >= confirmed
        assert latest == number
