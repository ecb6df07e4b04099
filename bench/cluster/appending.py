"""``python -m bench.cluster.appending FOLDER``: the journal alone, at full speed; a job on stdin, its figures on stdout.

``{"url", "sessions", "seconds"}``: each session keeps one append of one record under way. With a ``url`` the journal is in
that PostgreSQL and every entry is fenced by the node and its term, else in a file in FOLDER.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from engine.storage.journal import Append, Record
from engine.storage.nodes import NodeTable
from engine.storage.opening import database_of, open_journal

__all__ = ["main"]

_EVENT = json.dumps({"type": "announced", "title": "Bench", "message": "Breathe in slowly. " * 10}).encode()
_NODE = "bench"


class _Writer:
    """Keeps one append of every session under way until it is stopped."""

    def __init__(self, journal: Any, sessions: list[str], terms: dict[str, int]) -> None:
        self.written = 0
        self.failed: BaseException | None = None
        self.under_way = 0
        self.stopped = False
        self._journal = journal
        self._terms = terms
        self._positions = dict.fromkeys(sessions, 0)

    def start(self) -> None:
        """Begin everywhere."""
        for session_id in self._positions:
            self._append(session_id)

    def _append(self, session_id: str) -> None:
        position = self._positions[session_id] + 1
        record = Record(position, position, 1_790_000_000_000 + position, _EVENT)
        entry = Append(session_id, position - 1, (record,), term=self._terms.get(session_id, 0))
        self.under_way += 1
        self._journal.append(entry, lambda error: self._done(session_id, error))

    def _done(self, session_id: str, error: BaseException | None) -> None:
        self.under_way -= 1
        if error is not None:
            self.failed = self.failed or error
            return
        self.written += 1
        self._positions[session_id] += 1
        if not self.stopped:
            self._append(session_id)


async def _run(folder: Path, job: dict[str, Any]) -> dict[str, float]:
    database = database_of(folder, job["url"])
    sessions = [f"session-{number}" for number in range(job["sessions"])]
    terms: dict[str, int] = {}
    journal = open_journal(database, asyncio.get_running_loop())
    if job["url"] is not None:
        with database.connect() as connection:
            table = NodeTable(connection)
            table.join(_NODE, url="http://bench", version="0", studio_hash="")
            terms = {
                session_id: owner.term for session_id, owner in table.claim(_NODE, sessions, new=True).items()
            }
        journal.node = _NODE
    writer = _Writer(journal, sessions, terms)
    writer.start()
    await asyncio.sleep(job["seconds"] / 3)
    before, began = writer.written, time.monotonic()
    cpu = time.process_time()
    await asyncio.sleep(job["seconds"])
    written, elapsed = writer.written - before, time.monotonic() - began
    cpu = time.process_time() - cpu
    writer.stopped = True
    await journal.close()
    if writer.failed is not None:
        raise writer.failed
    return {"appends_per_s": written / elapsed, "cpu_us": 1e6 * cpu / max(1, written)}


def main() -> None:
    """Run the job on stdin."""
    import uvloop

    job = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(_run(Path(sys.argv[1]), job)), sys.stdout)


if __name__ == "__main__":
    main()
