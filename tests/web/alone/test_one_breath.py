"""The same breath on every screen, whatever the devices' own clocks say."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import aiohttp
from playwright.async_api import Page, expect

from tests.journey.server import KEY, Server, asked
from tests.web.conftest import Opener

# And by a quarter of a breath: after a whole number of them the words would turn together again.
WRONG_BY_AN_HOUR = """(() => {
  const Real = Date; const OFF = 3600 * 1000 + 250;
  class Wrong extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + OFF); }
    static now() { return Real.now() + OFF; }
  }
  window.Date = Wrong;
})()"""
# Moments of the machine's one monotonic clock at which the word changes.
WATCH_STEPS = """() => {
  window.steps = [];
  const pacer = document.querySelector(".pacer");
  new MutationObserver(() => {
    window.steps.push([pacer.dataset.step, performance.timeOrigin + performance.now()]);
  }).observe(pacer, {attributes: true, attributeFilter: ["data-step"]});
}"""
# A second a breath, so that a few of them are soon seen.
PATTERN = [0.5, 0.0, 0.5, 0.0]


async def breathing(open_page: Opener, link: str, script: str | None = None) -> Page:
    """Somebody whose pacer moves and whose clock has had its eight pings."""
    page = await open_page(link, script=script, moving=True)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".pacer")).to_have_attribute(
        "data-step", re.compile("inhale|exhale"), timeout=15_000
    )
    return page


async def test_two_pacers_are_within_fifty_milliseconds(
    server: Server, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """One device's date is wrong by an hour; both screens turn within 50 ms of each other."""
    start = datetime.now(UTC).isoformat()
    body = {"session_id": "one-breath", "title": "One breath", "scheduled_start": start, "instructor": "T"}
    await asked(http, "POST", f"{server.url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{server.url}/api/v2/sessions/one-breath/start")
    address = f"{server.url}/ws/live-updates?session_id=one-breath&role=instructor"
    async with http.ws_connect(address, headers={"Authorization": f"Bearer {KEY}"}) as instructor:
        command = {"technique": "Even", "pattern": PATTERN, "duration": 600}
        await instructor.receive_json()
        await instructor.send_json({"type": "change_technique", "id": "even", "data": command})
        reply = await instructor.receive_json()
        while reply["type"] not in ("ack", "error"):
            reply = await instructor.receive_json()
        assert reply["type"] == "ack", reply
        link = f"{server.url}/sessions/join/one-breath"
        right, wrong = await asyncio.gather(
            breathing(open_page, link), breathing(open_page, link, WRONG_BY_AN_HOUR)
        )
        assert await wrong.evaluate("Date.now()") - await right.evaluate("Date.now()") > 3_500_000
        for page in (right, wrong):
            await page.evaluate(WATCH_STEPS)
        # Three whole breaths.
        for page in (right, wrong):
            await page.wait_for_function("() => window.steps.length >= 6")
        turns = [await page.evaluate("window.steps") for page in (right, wrong)]
    assert len(turns[0]) >= 6
    apart = [
        min(abs(at - other) for other_step, other in turns[1] if other_step == step)
        for step, at in turns[0][1:-1]
    ]
    assert max(apart) <= 50, apart
