"""How much of a browser a page takes, so that what grows with the hours is found."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from playwright.async_api import Page

__all__ = ["Footprint", "footprint_of"]

_HEAP_NOISE = 400_000
"""Bytes that the heap of a page at rest differs by between two looks: compiled code, caches of the engine."""
_COUNT_NOISE = 12
"""Elements and listeners that a page may have more or fewer of for what it shows just then."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """After a garbage collection: bytes of JavaScript, elements, listeners, documents."""

    heap: int
    nodes: int
    listeners: int
    documents: int

    def grown_from(self, before: Footprint) -> dict[str, int]:
        """What is more than before by more than noise, and by how much."""
        noise = {"heap": _HEAP_NOISE, "nodes": _COUNT_NOISE, "listeners": _COUNT_NOISE, "documents": 0}
        more = {name: value - asdict(before)[name] for name, value in asdict(self).items()}
        return {name: value for name, value in more.items() if value > noise[name]}


async def footprint_of(page: Page) -> Footprint:
    """Collect garbage and look."""
    tools = await page.context.new_cdp_session(page)
    await tools.send("Performance.enable")
    for _ in range(2):
        await tools.send("HeapProfiler.collectGarbage")
    reply = await tools.send("Performance.getMetrics")
    values = {metric["name"]: int(metric["value"]) for metric in reply["metrics"]}
    await tools.detach()
    return Footprint(
        heap=values["JSHeapUsedSize"],
        nodes=values["Nodes"],
        listeners=values["JSEventListeners"],
        documents=values["Documents"],
    )
