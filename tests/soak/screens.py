"""What is seen on a page, and whether it is what the server says."""

from __future__ import annotations

import asyncio
import time
from dataclasses import astuple
from typing import Any

from playwright.async_api import CDPSession, Page

from tests.soak.pace import Pace
from tests.web.conftest import unexpected
from tests.web.footprint import Footprint, footprint_of

__all__ = ["Screen", "Turn", "Wrong", "turns_off"]

Turn = tuple[str, float, float]
"""From which step to which; the frame before it and its own, in the machine's milliseconds."""

# After the pacer's own callback of each frame: what it finds at a turn is the moment of the frame before.
_WATCH = """() => {
  window.turns = [];
  let before = performance.now();
  const drawn = () => { before = performance.now(); requestAnimationFrame(drawn); };
  requestAnimationFrame(drawn);
  const watch = () => {
    const pacer = document.querySelector(".pacer");
    if (!pacer) return setTimeout(watch, 50);
    new MutationObserver(([change]) => {
      const turn = `${change.oldValue} ${pacer.dataset.step}`;
      window.turns.push([turn, performance.timeOrigin + before, performance.timeOrigin + performance.now()]);
      if (window.turns.length > 400) window.turns.shift();
    }).observe(pacer, {attributes: true, attributeOldValue: true, attributeFilter: ["data-step"]});
  };
  watch();
}"""


class Wrong(AssertionError):
    """A page shows what is not so, or has grown."""


class Screen:
    """One page, watched: its turns of breath, its complaints, its sockets, its footprint."""

    def __init__(self, name: str, page: Page) -> None:
        self.name = name
        self.page = page
        self.complaints: list[str] = []
        self.footprints: list[tuple[str, Footprint]] = []
        self._tools: CDPSession | None = None
        self._open: set[str] = set()
        self.lines = 0
        """How many sockets it has opened so far."""
        self.frames = 0
        """How many frames it has received so far."""
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if unexpected(said.text) else None)

    async def watch(self) -> None:
        """Before its first address: count its sockets from here on."""
        self._tools = await self.page.context.new_cdp_session(self.page)
        self._tools.on("Network.webSocketCreated", self._opened)
        self._tools.on("Network.webSocketClosed", lambda reply: self._open.discard(reply["requestId"]))
        self._tools.on("Network.webSocketFrameReceived", self._received)
        await self._tools.send("Network.enable")

    async def follow_the_breath(self) -> None:
        """Once there is a pacer: note each turn with the machine's time."""
        await self.page.evaluate(_WATCH)

    async def turns(self) -> list[Turn]:
        """The turns since the last call."""
        reply: list[Turn] = await self.page.evaluate("() => window.turns.splice(0)")
        return reply

    async def shows(self, reply: dict[str, Any], within: float, reading: str) -> float:
        """Wait until ``reading`` (a function in the page) gives what is expected; answers the seconds it took.

        Raises:
            Wrong: it does not, within so many seconds.
        """
        began = time.monotonic()
        seen: dict[str, Any] = {}
        while time.monotonic() - began < within:
            seen = await self.page.evaluate(reading)
            if all(seen.get(key) == value for key, value in reply.items()):
                return time.monotonic() - began
            await asyncio.sleep(0.05)
        raise Wrong(f"{self.name} shows {seen}, and the server says {reply}")

    async def sockets(self) -> int:
        """How many sockets it holds, once those that it let go of are gone."""
        for _ in range(100):
            if len(self._open) <= 1:
                break
            await asyncio.sleep(0.1)
        return len(self._open)

    async def look(self, when: str) -> None:
        """Keep its footprint of this moment: the least of several, since lists that are being written anew count twice."""
        looks = []
        for _ in range(5):
            looks.append(await footprint_of(self.page))
            await asyncio.sleep(0.2)
        self.footprints.append((when, Footprint(*map(min, zip(*map(astuple, looks), strict=True)))))

    def _received(self, _: dict[str, Any]) -> None:
        self.frames += 1

    def _opened(self, reply: dict[str, Any]) -> None:
        self.lines += 1
        self._open.add(reply["requestId"])


def turns_off(turns: list[Turn], steps: list[dict[str, Any]], started: float, pace: Pace) -> list[float]:
    """By how many real milliseconds each turn of a screen missed the pattern's own; ``started`` in the play's time.

    A turn is drawn in the first frame after it. On a busy machine that may be late; only what lies outside of the time
    between that frame and the one before it is the pacer's fault.

    A screen that begins in the middle of a breath, or stops there for a rest, makes no turn of the pattern.
    """
    cycle = sum(step["ms"] for step in steps)
    begins: dict[str, float] = {}
    at = 0.0
    for last, step in zip([steps[-1], *steps], steps, strict=False):
        begins[f"{last['name']} {step['name']}"] = at
        at += step["ms"]
    off = []
    for turn, before, drawn in turns:
        if turn not in begins or pace.at(before) <= started:
            continue
        late = (pace.at(drawn) - started - begins[turn] + cycle / 2) % cycle - cycle / 2
        between = pace.at(drawn) - pace.at(before)
        off.append((max(0.0, late - between) + max(0.0, -late)) / pace.rate)
    return off
