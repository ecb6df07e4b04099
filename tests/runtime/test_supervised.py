"""Tasks that run as long as the process."""

from __future__ import annotations

import asyncio
import logging

import pytest

from engine.runtime.supervised import supervised


async def test_a_task_that_fails_is_logged_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody awaits it; still its failure is seen, and its work goes on."""
    rounds: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        rounds.put_nowait(rounds.qsize())
        raise RuntimeError("a round went wrong")

    with caplog.at_level(logging.ERROR):
        task = supervised("sweeping", work, pause=0.001)
        async with asyncio.timeout(5):
            for _ in range(3):
                await rounds.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    first = caplog.records[0]
    assert "'sweeping' failed" in first.getMessage()
    assert first.exc_info is not None
    assert isinstance(first.exc_info[1], RuntimeError)


async def test_a_task_that_is_done_or_cancelled_is_not_started_again() -> None:
    """It ends with its work."""
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1

    await supervised("once", work)
    assert starts == 1
