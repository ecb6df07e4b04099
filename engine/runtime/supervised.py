"""Tasks that run as long as the process: one that fails is logged and started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["supervised"]

_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

_log = logging.getLogger(__name__)


def supervised(
    name: str, run: Callable[[], Coroutine[Any, Any, None]], *, pause: float = _SHORTEST_PAUSE
) -> asyncio.Task[None]:
    """Start ``run`` as a task, and again after a pause whenever it raises; cancelling the task ends it.

    A task that somebody refers to, to cancel it at the end, keeps its exception to itself: it would stop for good, and
    nobody would learn of it. ``pause`` in seconds is doubled with each failure, up to a minute.
    """

    async def keep_running() -> None:
        wait = pause
        while True:
            try:
                await run()
            except Exception:  # noqa: BLE001
                _log.exception("the task %r failed, and starts again in %s s", name, wait)
            else:
                return
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)

    return asyncio.create_task(keep_running(), name=name)
