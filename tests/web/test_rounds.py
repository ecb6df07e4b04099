"""A technique in rounds: thirty quick breaths, a rest with empty lungs, one deep breath held."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from engine.domain.techniques.lookup import named
from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom
from tests.web.test_modules import ask

WIM_HOF = named("Wim Hof")
assert WIM_HOF.pattern is not None
ROUND: dict[str, Any] = WIM_HOF.pattern.as_json()
PLAN = [
    {
        "technique": "Wim Hof",
        "duration": 400,
        "pattern": ROUND,
        "cautions": list(WIM_HOF.cautions),
        "opt_in": "B",
        "gentle": {"technique": "Belly Breathing", "pattern": [4, 0, 6, 0]},
    }
]


async def into_a_round(room: FakeRoom, open_page: Opener, seconds: float, path: str, **look: Any) -> Page:
    """Somebody who sees the technique in full, so many seconds into its second round."""
    room.state["plan"] = PLAN
    await room.change("Wim Hof", ROUND, duration=400, lead_ms=-ROUND["cycle_ms"] - round(seconds * 1000))
    page = await open_page(f"{await room.start()}{path}", phone="join" in path, **look)
    if "join" in path:
        await page.get_by_role("button", name="Join").click()
        await page.get_by_role("button", name="None of this concerns me, show it in full").click()
    await expect(page.get_by_role("heading", name="Wim Hof")).to_be_visible()
    return page


@pytest.mark.parametrize("path", ["/wall/morning", "/sessions/join/morning"])
async def test_breaths_are_counted_within_their_round(room: FakeRoom, open_page: Opener, path: str) -> None:
    """Which breath of thirty, in which round."""
    page = await into_a_round(room, open_page, 20.0, path)
    await expect(page.locator(".pacer-count")).to_have_text(re.compile(r"^1[1-4] of 30$"))
    await expect(page.locator(".pacer-hint")).to_have_text("Round 2")


@pytest.mark.parametrize("path", ["/wall/morning", "/sessions/join/morning"])
async def test_a_long_hold_says_how_long_still(room: FakeRoom, open_page: Opener, path: str) -> None:
    """The empty hold and the full one count their seconds down; whoever comes in then waits for the next inhale."""
    page = await into_a_round(room, open_page, 84.0, path)
    count = page.locator(".pacer-count")
    await expect(count).to_have_text(re.compile(r"^[1-6]$"))
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "rest")
    await expect(page.get_by_text("Join on the next inhale")).to_be_visible()
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "hold", timeout=10_000)
    await expect(count).to_have_text(re.compile(r"^1[45]$"))
    await expect(page.locator(".pacer-hint")).to_have_text("Round 2")


async def test_rounds_without_motion(room: FakeRoom, open_page: Opener) -> None:
    """With reduced motion the breaths are counted as well, and the holds in seconds."""
    page = await into_a_round(room, open_page, 20.0, "/sessions/join/morning", reduced_motion="reduce")
    await expect(page.locator(".pacer-count")).to_have_text(re.compile(r"^1[1-4] of 30$"))
    await room.change("Wim Hof", ROUND, duration=400, lead_ms=-70_000)
    await expect(page.locator(".pacer-count")).to_have_text(re.compile(r"^1\d$|^20$"))


async def test_quick_breaths_move_a_tenth_and_the_deep_one_all_the_way(
    room: FakeRoom, open_page: Opener
) -> None:
    """What pulses every two seconds is almost still; the hold with empty lungs is the smallest, the full one largest."""
    page = await open_page(f"{await room.start()}/sessions/join/morning")
    body = """
      const steps = m.stepsOf(given); const scale = (ms) => m.breathAt(steps, ms).scale;
      const quick = Array.from({length: 600}, (_, at) => scale(at * 100));
      return [Math.max(...quick) - Math.min(...quick), scale(75000), scale(100000), m.breathAt(steps, 59000).number];
    """
    moved, empty, full, number = await ask(page, "pacer.js", body, ROUND)
    assert moved == pytest.approx(0.1, abs=1e-3)
    assert (empty, full, number) == (pytest.approx(0.42), 1, 30)
