"""Pages in a frame on another site, in a browser: shown where the studio allows it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, expect

from engine.app import running_server
from engine.clock import Clock
from tests.api.conftest import settings
from tests.web.test_team import first_site


async def test_a_frame_is_shown_on_the_sites_of_the_studio_alone(
    tmp_path: Path, browser: Browser, http: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    """The pacer runs in it; on any other site the browser leaves it empty."""
    (tmp_path / "studio.toml").write_text(f'embed_on = ["http://localhost:{unused_tcp_port}"]\n')
    async with running_server(settings(tmp_path), Clock()) as server:
        await first_site(server.url, http)

        async def around(_: web.Request) -> web.Response:
            frame = f'<iframe src="{server.url}/embed/pacer/box-breathing" width="360" height="600"></iframe>'
            return web.Response(text=f"<!doctype html><title>Site</title>{frame}", content_type="text/html")

        app = web.Application()
        app.router.add_get("/", around)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        page = await browser.new_page()
        try:
            await page.goto(f"http://localhost:{unused_tcp_port}/")
            shown = page.frame_locator("iframe")
            await expect(shown.get_by_role("heading", name="Box Breathing")).to_be_visible()
            await shown.get_by_role("button").click()
            await expect(shown.locator(".player-word")).to_contain_text("Breathe in")
            await page.goto(f"http://127.0.0.1:{unused_tcp_port}/")
            await expect(shown.get_by_role("heading", name="Box Breathing")).to_have_count(0)
        finally:
            await page.close()
            await runner.cleanup()
