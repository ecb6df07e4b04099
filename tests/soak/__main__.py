"""``python -m tests.soak [--rate 50]``: exit status 0 when the pages came through the day unharmed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright

from engine.domain.instant import HOUR
from tests.browsers import CHROMIUM, FLAGS
from tests.journey.server import Server
from tests.soak.day import Day
from tests.soak.pace import Pace
from tests.soak.screens import Wrong

_SCRIPT = Path(__file__).with_name("server.py")


async def run(rate: float) -> int:
    """One day, on fresh data."""
    present = time.time_ns() // 1_000_000
    # Behind the present by more than it gains on it: the clock never meets it.
    pace = Pace(rate, present, present - 12 * HOUR)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", (sys.executable, str(_SCRIPT), str(pace)))
        await server.start()
        try:
            async with aiohttp.ClientSession() as http, async_playwright() as play:
                browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                try:
                    await Day(server, pace, http, browser).live()
                except Wrong as wrong:
                    sys.stdout.write(f"WRONG  {wrong}\n")
                    return 1
                finally:
                    await browser.close()
        finally:
            await server.stop()
    return 0


def main() -> int:
    """Run it, and say how long it took."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rate", type=float, default=50.0, help="hours of the play in an hour of ours")
    began = time.monotonic()
    status = asyncio.run(run(asked.parse_args().rate))
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
