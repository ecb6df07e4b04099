"""The database goes under live rooms: killed and started again, or failed over to its standby."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.cluster.people import Crowd, crowd
from bench.cluster.studio import durable_postgres, owners, studio
from tests.stress.cluster.database import Pair
from tests.stress.cluster.wire import Wire

__all__ = ["database_killed", "failed_over"]

_AWAY_S = 5.0
_BEHIND_S = 1.0
_BACK_WITHIN_S = 60.0


async def database_killed(*, rooms: int, size: int) -> dict[str, float]:
    """Seconds from the first answer of a database that was killed and away for five, until everybody has heard what was
    said meanwhile."""
    with durable_postgres() as server, server.database() as url:
        async with _live(url, rooms, size) as people:
            before = await asyncio.to_thread(owners, url)
            server.kill()
            people.say("while the database is away")
            await asyncio.sleep(_AWAY_S)
            await asyncio.to_thread(server.start)
            answered = time.monotonic()
            return await _figures(people, answered, before, url)


async def failed_over(*, behind: bool, rooms: int, size: int) -> dict[str, float]:
    """Seconds from the promotion of the standby until everybody has heard what was said meanwhile.

    ``behind``: it lacks the last second of commits.
    """
    loop = asyncio.get_running_loop()
    to_standby = Wire(lambda: pair.address)
    pair = Pair([("127.0.0.1", ())], lambda: ("127.0.0.1", to_standby.port))
    to_database = Wire(lambda: pair.address)
    try:
        await asyncio.to_thread(pair.start)
        await to_standby.plug_in()
        await to_database.plug_in()
        await asyncio.to_thread(pair.add_standby)
        url = f"postgresql://halcytone@127.0.0.1:{to_database.port}/studio"
        async with _live(url, rooms, size) as people:
            before = await asyncio.to_thread(owners, pair.url)
            if behind:
                await asyncio.to_thread(pair.wait_for_standby, False)
                await to_standby.cut()
                await asyncio.sleep(_BEHIND_S)
            await to_database.cut()
            people.say("while nobody is the primary")
            promoted: list[float] = []

            def promote() -> None:
                promoted.append(time.monotonic())
                asyncio.run_coroutine_threadsafe(to_database.plug_in(), loop)

            await asyncio.to_thread(pair.fail_over, promote)
            return await _figures(people, promoted[0], before, pair.url)
    finally:
        await to_standby.cut()
        await to_database.cut()
        await asyncio.to_thread(pair.stop)


@asynccontextmanager
async def _live(url: str, rooms: int, size: int) -> AsyncIterator[Crowd]:
    async with studio(url) as opened:
        await opened.start(*opened.nodes)
        async with crowd("room", opened.port, rooms, size) as people:
            yield people


async def _figures(
    people: Crowd, answered: float, before: dict[str, tuple[str | None, int]], url: str
) -> dict[str, float]:
    heard = [max(0.0, at - answered) for at in await people.all_heard(_BACK_WITHIN_S)]
    closed = people.tally.codes.total()
    await people.check(url)
    after = await asyncio.to_thread(owners, url)
    return {
        "live_s": heard[-1],
        "closed": closed,
        "moved": sum(after.get(key) != value for key, value in before.items()),
    }
