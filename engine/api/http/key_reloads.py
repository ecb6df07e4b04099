"""Reloads the table of keys for requests with an unknown key: rarely, and once for all that wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from engine.storage.keys import Keys

__all__ = ["KeyReloads"]

_AT_MOST_EVERY_S = 0.25
_MOST_WAITING = 500
_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.005


class KeyReloads:
    """Another server may have made a key a moment ago; or somebody tries wrong ones, which must cost the database little.

    One reading begins at most every 250 ms, and whoever asks before it begins waits for that one. Used on one loop.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._next: asyncio.Task[None] | None = None
        """The reading that has not begun."""
        self._under_way = asyncio.Lock()
        self._may_begin_at = 0.0
        self._waiting = 0

    async def again(self) -> None:
        """Return once the table was read after this call, or after two seconds; at once where 500 requests wait already."""
        if self._waiting >= _MOST_WAITING:
            return
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WITHIN_S):
                    await asyncio.shield(self._next)
        finally:
            self._waiting -= 1

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._under_way:
            await asyncio.sleep(self._may_begin_at - loop.time())
            self._next = None
            self._may_begin_at = loop.time() + _AT_MOST_EVERY_S
            wanted = self._keys.look_again()
            with suppress(TimeoutError):
                async with asyncio.timeout(_WITHIN_S):
                    while self._keys.readings < wanted:  # noqa: ASYNC110 — a thread reads, and nobody else looks
                        await asyncio.sleep(_LOOK_EVERY_S)
