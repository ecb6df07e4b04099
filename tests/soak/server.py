"""A server whose clock runs faster than life, in a process of its own: to be killed, drained and started again.

``server.py PACE serve --port P --data DIR``, as ``tests.journey.server`` starts one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pydantic import SecretStr

from engine.app import running_server
from engine.clock import Clock
from engine.settings import Settings


async def serve(rate: float, shown: int, port: int, data: Path) -> None:
    """Until SIGTERM, then drain."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(
        port=port,
        data=data,
        api_key=SecretStr(os.environ["HALCYTONE_API_KEY"]),
        log_level="warning",
        # Everybody here has one address, and a minute is a second or so long.
        rate_connections_per_minute=0,
        rate_requests_per_minute=0,
    )
    async with running_server(settings, Clock(rate=rate, start=shown)) as here:
        sys.stdout.write(f"Halcytone Live is at {here.url}/\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    # This file is started by its path, beside which the package is not found.
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.soak.pace import Pace

    pace = Pace.read(sys.argv[1])
    asyncio.run(serve(pace.rate, pace.now(), int(sys.argv[4]), Path(sys.argv[6])))
