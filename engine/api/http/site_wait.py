"""Pages at a server that is behind: what another one just published or withdrew is waited for, two seconds at most.

So that whoever is told that a page is there finds it, whichever server they ask next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from engine.storage.database import DatabaseError

__all__ = ["LONGEST_WAIT_S", "SiteWait"]

LONGEST_WAIT_S = 2.0
_FIRST_SITE_WITHIN_S = 60.0
_READY_WITHOUT_SITE_AFTER_S = 600.0
_LOOK_EVERY_S = 0.05
_LOOK_AT_LONG_BUILD_EVERY_S = 1.0

log = structlog.get_logger()


class SiteWait:
    """Knows whether this server's copy of the site is behind. Used on one loop, but for ``awaits_first_site``."""

    def __init__(self) -> None:
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._watch: asyncio.Task[None] | None = None
        self._marked_again = False
        self._has_site: Callable[[], bool] | None = None
        self._others_have: Callable[[], bool] = lambda: False
        # By the machine's own seconds, as the publisher builds: a demonstration's clock runs faster.
        self._started_at = time.monotonic()

    @property
    def first_site_is_late(self) -> bool:
        """Whether this server has run for so long that its first site would be there if it could be built."""
        return time.monotonic() - self._started_at > _FIRST_SITE_WITHIN_S

    def wait_for_first_site(self, has_site: Callable[[], bool], others_have: Callable[[], bool]) -> None:
        """Let no balancer send readers here before ``has_site``, which may block, while ``others_have`` the pages."""
        self._has_site, self._others_have = has_site, others_have

    def awaits_first_site(self) -> bool:
        """Whether other servers are to be asked for pages, since none is built here yet; false after ten minutes.

        Once false it stays so: people may be here by then. Blocking, from any thread.
        """
        # Another thread may learn meanwhile that it is there.
        has_site = self._has_site
        if has_site is None or time.monotonic() - self._started_at > _READY_WITHOUT_SITE_AFTER_S:
            return False
        if has_site() or not self._others_have():
            self._has_site = None
            return False
        return True

    def pages_marked(self, is_behind: Callable[[], Awaitable[bool]]) -> None:
        """Pages were marked: let requests wait until ``is_behind`` says no, asked after this call."""
        self._marked_again = True
        if self._watch is None:
            self._caught_up.clear()
            self._watch = asyncio.create_task(self._until_caught_up(is_behind))

    async def caught_up(self) -> None:
        """Return once this copy has what is known to be published, or after two seconds."""
        await self._caught_up.wait()

    async def _until_caught_up(self, is_behind: Callable[[], Awaitable[bool]]) -> None:
        over = asyncio.get_running_loop().call_later(LONGEST_WAIT_S, self._caught_up.set)
        try:
            while True:
                self._marked_again = False
                if await is_behind():
                    # A rebuild, or an import, takes longer: nobody waits for its rest, nor for what is marked meanwhile.
                    long = self._caught_up.is_set()
                    await asyncio.sleep(_LOOK_AT_LONG_BUILD_EVERY_S if long else _LOOK_EVERY_S)
                elif not self._marked_again:
                    # What was marked while that look was under way, it may not have seen.
                    break
        except DatabaseError as error:
            log.warning("whether pages are built cannot be told", reason=str(error))
        finally:
            over.cancel()
            self._caught_up.set()
            self._watch = None

    def close(self) -> None:
        """Look no more."""
        if self._watch is not None:
            self._watch.cancel()
