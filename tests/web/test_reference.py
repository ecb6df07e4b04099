"""The reference of the API in a real browser: every endpoint listed, and one tried out."""

from __future__ import annotations

from engine.api.routes import ENDPOINTS
from tests.journey.server import KEY, Server
from tests.web.conftest import Opener


async def test_an_endpoint_is_tried_out_with_its_example(server: Server, open_page: Opener) -> None:
    """Under the page's policy, with a key, without a look anywhere else."""
    page = await open_page(f"{server.url}/api/docs", phone=False)
    await page.locator(".opblock").first.wait_for()
    assert await page.locator(".opblock").count() == len(ENDPOINTS)
    await page.locator(".authorize").first.click()
    await page.locator(".auth-container input").first.fill(KEY)
    await page.locator(".auth-btn-wrapper .authorize").first.click()
    await page.locator(".auth-btn-wrapper .btn-done").first.click()
    create = page.locator("#operations-sessions-post_sessions_create")
    await create.locator(".opblock-summary-control").click()
    assert "Morning Mindfulness" in await create.locator("textarea").input_value()
    await create.locator(".execute").click()
    await create.locator(".live-responses-table .response-col_status", has_text="201").wait_for()
    text = await page.locator("#reference").inner_text()
    assert ".," not in text
