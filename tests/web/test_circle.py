"""The circle that breathes, as the browser draws it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom


@pytest.mark.chromium
async def test_the_circle_moves_while_the_page_rests(room: FakeRoom, open_page: Opener) -> None:
    """A whole breath with holds takes few styles; what moves is transform and opacity alone."""
    await room.change("Box Breathing", [1, 1, 1, 1])
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", moving=True, fresh=True)
    await page.get_by_role("button", name="Join").click()
    pacer = page.locator(".pacer")
    await expect(pacer).to_have_attribute("data-step", "hold")
    tools = await page.context.new_cdp_session(page)
    await tools.send("Performance.enable")

    async def styles() -> float:
        metrics = (await tools.send("Performance.getMetrics"))["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "RecalcStyleCount"))

    await expect(pacer).to_have_attribute("data-step", "inhale")
    before, began = await styles(), await page.evaluate("performance.now()")
    for step in ("hold", "exhale", "rest", "inhale"):
        await page.wait_for_function(
            "(step) => document.querySelector('.pacer').dataset.step === step", arg=step, polling=100
        )
    seconds = (await page.evaluate("performance.now()") - began) / 1000
    # Every frame would be sixty a second; the looks of this test take ten.
    assert (await styles() - before) / seconds < 35
    moved = await page.evaluate(
        "document.getAnimations().flatMap((one) => one.effect.getKeyframes()).flatMap(Object.keys)"
    )
    own = {"offset", "easing", "composite", "computedOffset"}
    assert "transform" in moved
    assert set(moved) - own <= {"transform", "opacity"}
