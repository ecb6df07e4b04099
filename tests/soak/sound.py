"""``python -m tests.soak.sound [--minutes 10]``: the phase of the sound in a page that is hidden; exit status 0 within 50 ms.

A whole Chromium, and not the shell: a second tab hides the first, with everything that the browser then slows down. It is
driven by its own protocol, because drivers make every page believe that it is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from statistics import quantiles
from typing import Any, Final, NamedTuple

import aiohttp

from engine.domain.instant import from_datetime, iso
from tests.web.fake_room import BOX, FakeRoom, now
from tests.web.sound_phase import APART, KEPT

_EVERY_S: Final = 0.5
_SETTLING_S: Final = 10.0
"""After a new technique the sound may take this long to be in phase."""
_MOST_MS: Final = 50.0
_LATE_S: Final = 0.1
"""A look that comes later than this says that the machine stood still, and without a sound card its sound with it."""
_REGAINED_S: Final = 2.0
"""After that the sound may take this long to be in phase."""
_PRESS = "[...document.querySelectorAll('button')].find((button) => button.textContent.startsWith('{}'))"


class Look(NamedTuple):
    """Milliseconds that the sound was ahead, and whether this machine had just stood still."""

    apart: float
    busy: bool


class Tab:
    """One page of the browser, by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: Any) -> Any:
        """The result of one command."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._number:
                return answer["result"]

    async def ask(self, expression: str) -> Any:
        """The value of an expression, as after a tap."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, userGesture=True, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def press(self, name: str) -> None:
        """Press a button as soon as it is there."""
        await self.until(f"Boolean({_PRESS.format(name)})")
        await self.ask(f"{_PRESS.format(name)}.click()")

    async def until(self, condition: str) -> None:
        """Wait until a condition is true."""
        deadline = time.monotonic() + 20
        while not await self.ask(condition):
            assert time.monotonic() < deadline, condition
            await asyncio.sleep(0.1)


@asynccontextmanager
async def browsing(http: aiohttp.ClientSession) -> AsyncIterator[tuple[str, Tab]]:
    """A Chromium; the address of its protocol, and its first page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "Chromium is missing: apt-get install chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        started = await asyncio.create_subprocess_exec(
            chromium,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--remote-debugging-port=0"),
            *(f"--user-data-dir={profile}", "--lang=en-US", "about:blank"),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert started.stderr
            while not (found := re.search(rb"ws://([\d.:]+)/", await started.stderr.readline())):
                assert started.returncode is None
            address = f"http://{found[1].decode()}"
            pages = [page for page in await _json(http, "GET", f"{address}/json") if page["type"] == "page"]
            async with http.ws_connect(pages[0]["webSocketDebuggerUrl"]) as socket:
                yield address, Tab(socket)
        finally:
            started.terminate()
            await started.wait()


async def _json(http: aiohttp.ClientSession, method: str, address: str) -> Any:
    async with http.request(method, address) as answer:
        return json.loads(await answer.text())


async def measure(minutes: float) -> list[Look]:
    """What was found every half second while the sound had settled; the technique changes twice."""
    room = FakeRoom()
    await room.change("Box Breathing", BOX)
    found: list[Look] = []
    try:
        async with aiohttp.ClientSession() as http, browsing(http) as (address, tab):
            await tab.call("Page.enable")
            await tab.call("Page.addScriptToEvaluateOnNewDocument", source=KEPT)
            await tab.call("Page.navigate", url=f"{await room.start()}/sessions/join/{room.session_id}")
            for name in ("Join", "More", "Tone"):
                await tab.press(name)
            # Browsers put off the loading of sound in a hidden page that has not played any.
            await tab.until("window.sounds[0]?.duration > 60 && window.sounds[0].currentTime > 0")
            await _json(http, "PUT", f"{address}/json/new?about:blank")
            plan = [
                ("Box Breathing", BOX),
                ("Even Breathing", [5.0, 0, 5.0, 0]),
                ("4-7-8", [4.0, 7.0, 8.0, 0]),
            ]
            for number, (name, pattern) in enumerate(plan):
                if number:
                    await room.change(name, pattern, lead_ms=3_000)
                found += await _watch(tab, room, sum(pattern), minutes * 60 / len(plan))
            assert await tab.ask("document.visibilityState") == "hidden"
    finally:
        await room.stop()
    return found


async def _watch(tab: Tab, room: FakeRoom, cycle: float, seconds: float) -> list[Look]:
    started = from_datetime(datetime.fromisoformat(room.state["technique"]["started_at"]))
    begun, found = time.monotonic(), list[Look]()
    last = stood_still = begun
    while (passed := time.monotonic() - begun) < seconds:
        await asyncio.sleep(_EVERY_S)
        # Both clocks are this machine's.
        same = {"now": 0, "at": 0}
        apart = await tab.ask(f"({APART})({json.dumps([same, started, cycle])})")
        before, last = last, time.monotonic()
        if last - before > _EVERY_S + _LATE_S:
            stood_still = last
        if passed < _SETTLING_S:
            continue
        assert apart is not None, f"silent at {iso(now())}"
        found.append(Look(apart, busy=last - stood_still < _REGAINED_S))
    return found


def main() -> int:
    """Measure, and say what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    found = asyncio.run(measure(asked.parse_args().minutes))
    away = sorted(abs(look.apart) for look in found)
    parts = quantiles(away, n=100)
    busy = sum(look.busy for look in found)
    calm = max((abs(look.apart) for look in found if not look.busy), default=0.0)
    sys.stdout.write(
        f"{len(found)} looks, hidden: {parts[49]:.1f} ms apart in the middle, {parts[98]:.1f} ms at most in 99 of 100,"
        f" {away[-1]:.1f} ms at worst; {calm:.1f} ms at worst but for {busy} looks after this machine stood still\n"
    )
    return 0 if away[-1] <= _MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
