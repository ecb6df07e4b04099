"""Keys that are not known here: the table is read again for all who wait, and not for every wrong one."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.api.http import key_reloads
from engine.api.http.key_reloads import KeyReloads


class _Keys:
    """A table that is read when the test says so."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.readings = 0
        self.answers = True
        self.asked = asyncio.Event()

    def look_again(self) -> int:
        self.begun.append(time.monotonic())
        self.asked.set()
        if self.answers:
            self.readings = len(self.begun)
        return len(self.begun)


def _over(keys: _Keys) -> KeyReloads:
    return KeyReloads(keys)  # type: ignore[arg-type]  # what is used of them


async def test_a_thousand_wrong_keys_are_read_for_a_few_times() -> None:
    """The first reading begins at once, so that a new key of another server waits for nothing; the next, 250 ms later."""
    keys = _Keys()
    readings = _over(keys)
    began = time.monotonic()
    async with asyncio.timeout(5):
        for _ in range(4):
            await asyncio.gather(*(readings.again() for _ in range(250)))
    assert keys.begun[0] - began < 0.2
    assert len(keys.begun) == 4
    pauses = [later - before for before, later in zip(keys.begun, keys.begun[1:], strict=False)]
    assert min(pauses) >= 0.24


async def test_whoever_asks_during_a_reading_waits_for_the_next() -> None:
    """The one under way may have read before the key was made."""
    keys = _Keys()
    keys.answers = False
    readings = _over(keys)
    first = asyncio.create_task(readings.again())
    async with asyncio.timeout(1):
        await keys.asked.wait()
    second = asyncio.create_task(readings.again())
    keys.readings, keys.answers = 1, True
    async with asyncio.timeout(1):
        await first
        assert len(keys.begun) == 1
        await second
    assert len(keys.begun) == 2


async def test_no_more_than_so_many_wait_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading is asked for; the rest is answered from memory at once, and those who wait are not kept for long."""
    assert (key_reloads._MOST_WAITING, key_reloads._WITHIN_S) == (500, 2.0)
    monkeypatch.setattr(key_reloads, "_MOST_WAITING", 3)
    monkeypatch.setattr(key_reloads, "_WITHIN_S", 0.1)
    keys = _Keys()
    keys.answers = False
    readings = _over(keys)
    waiting = [asyncio.create_task(readings.again()) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(0.05):
        await readings.again()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)
    assert len(keys.begun) == 1
