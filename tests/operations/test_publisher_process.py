"""The parent of the publisher: a real child process, played by a short script."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from engine.operations.publisher_process import Finished, PublisherProcess

ECHO = """
import json, sys
print(json.dumps({"session_id": "s", "content_id": "c", "channel": "ready", "state": "done"}), flush=True)
for number, line in enumerate(sys.stdin):
    print(json.dumps({"session_id": "s", "content_id": "c", "channel": f"{line.strip()}-{number}", "state": "done"}), flush=True)
"""
DIES_ONCE_PER_WAKE = """
import json, sys
print(json.dumps({"session_id": "s", "content_id": "c", "channel": "web", "state": "done"}), flush=True)
sys.stdin.readline()
sys.exit(3)
"""
IGNORES_ITS_INPUT = """
import json, time
print(json.dumps({"session_id": "s", "content_id": "c", "channel": "web", "state": "done"}), flush=True)
time.sleep(60)
"""
TALKS_NONSENSE = """
import json, sys
print("hello", flush=True)
print("x" * 200_000, flush=True)
print(json.dumps(["no", "report"]), flush=True)
print(json.dumps({"session_id": "s", "content_id": "c", "channel": "web", "state": "failed"}), flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def running(
    script: str, on_finished: Callable[[Finished], None] | None = None, grace: float = 5.0
) -> AsyncIterator[PublisherProcess]:
    publisher = PublisherProcess(
        [sys.executable, "-c", script], on_finished=on_finished, shortest_pause=0.01, longest_pause=0.05
    )
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(grace)


async def ready(publisher: PublisherProcess) -> None:
    assert await publisher.wait_for("s", "c", ["ready"], timeout=10) == {"ready": "done"}


async def test_a_wake_reaches_the_child_and_its_report_the_caller() -> None:
    """A wake becomes a line for the child; its answer ends the wait and is told to the listener."""
    heard: list[Finished] = []
    async with running(ECHO, heard.append) as publisher:
        await ready(publisher)
        publisher.wake()
        states = await publisher.wait_for("s", "c", ["wake-0"], timeout=10)
    assert states == {"wake-0": "done"}
    assert heard == [Finished("s", "c", "ready", "done"), Finished("s", "c", "wake-0", "done")]


async def test_a_report_from_before_the_question_counts() -> None:
    """Who asks after the child was done gets the answer at once."""
    async with running(ECHO) as publisher:
        await ready(publisher)
        publisher.wake()
        await publisher.wait_for("s", "c", ["wake-0"], timeout=10)
        assert await publisher.wait_for("s", "c", ["wake-0"], timeout=0) == {"wake-0": "done"}


async def test_an_answer_that_does_not_come_in_time_is_left_out() -> None:
    """The wait ends with its time and names only the channels that finished."""
    async with running(ECHO) as publisher:
        await ready(publisher)
        publisher.wake()
        assert await publisher.wait_for("s", "c", ["wake-0", "never"], timeout=2) == {"wake-0": "done"}


async def test_a_child_that_dies_is_started_again() -> None:
    """Each death is followed by a new child, and waking it works."""
    births: asyncio.Queue[Finished] = asyncio.Queue()
    async with running(DIES_ONCE_PER_WAKE, births.put_nowait) as publisher, asyncio.timeout(10):
        for _ in range(3):
            await births.get()
            publisher.wake()
    assert publisher.starts >= 3
    assert publisher.pid is None


async def test_a_child_that_ignores_the_end_is_killed() -> None:
    """After its grace a child that does not exit is gone all the same."""
    async with running(IGNORES_ITS_INPUT, grace=0.1) as publisher:
        await publisher.wait_for("s", "c", ["web"], timeout=10)
    assert publisher.pid is None


async def test_nonsense_from_the_child_is_passed_over() -> None:
    """Lines that are no report are logged and skipped; the next report still counts."""
    async with running(TALKS_NONSENSE) as publisher:
        assert await publisher.wait_for("s", "c", ["web"], timeout=10) == {"web": "failed"}


async def test_a_program_that_does_not_exist_is_tried_again_until_the_stop() -> None:
    """A child that cannot be started does not end the server, and the stop still works."""
    publisher = PublisherProcess(["/nonexistent/publisher"], shortest_pause=0.001, longest_pause=0.002)
    await publisher.start()
    await asyncio.sleep(0)
    await publisher.stop()
    assert publisher.pid is None


async def test_it_starts_once() -> None:
    """A second start is a mistake of the program and says so."""
    async with running(ECHO) as publisher:
        with pytest.raises(RuntimeError):
            await publisher.start()


async def test_a_listener_that_fails_does_not_end_the_supervision() -> None:
    """The child that dies after it is followed by another all the same."""

    def fails(_: Finished) -> None:
        raise RuntimeError("a bug of whoever listens")

    async with running(DIES_ONCE_PER_WAKE, fails) as publisher, asyncio.timeout(10):
        while publisher.starts < 3:
            publisher.wake()
            await asyncio.sleep(0.01)
