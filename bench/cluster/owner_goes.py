"""The owner of every live room goes: killed, standing still, or stopped in order."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from bench.cluster.people import crowd, share_within
from bench.cluster.studio import studio

__all__ = ["GOES", "Goes", "owner_goes"]

Goes = Literal["killed", "stands still", "drained"]
GOES: tuple[Goes, ...] = ("killed", "stands still", "drained")

_BACK_WITHIN_S = 60.0


async def owner_goes(url: str, how: Goes, *, rooms: int, size: int) -> dict[str, float]:
    """Seconds until 50 %, 99 % and all of the people have heard what was said after one of three servers went.

    The first server is alone when people come, so that it has every session; the others join it then. Everybody comes
    through the balancer.
    """
    async with studio(url) as opened:
        owner, *others = opened.nodes
        await opened.start(owner)
        async with crowd("room", opened.port, rooms, size) as people:
            await opened.start(*others)
            went = time.monotonic()
            stopping: asyncio.Task[int] | None = None
            match how:
                case "killed":
                    await owner.kill()
                case "stands still":
                    owner.pause()
                case "drained":
                    stopping = asyncio.create_task(owner.stop(within=30))
            people.say("everybody is back", at_return=True)
            heard = [at - went for at in await people.all_heard(_BACK_WITHIN_S)]
            if stopping is not None and (status := await stopping) != 0:
                raise RuntimeError(f"the server that was stopped ended with status {status}")
            await people.check(url)
            return {
                "half_s": share_within(heard, 0.5),
                "live_s": share_within(heard, 0.99),
                "all_s": heard[-1],
                "returns": people.tally.recovered,
                "refusals": people.tally.refusals.total(),
            }
