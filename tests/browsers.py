"""The browser that tests drive: a Chromium with its flags, or with ``--engine firefox`` Debian's Firefox; one for a whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.engines import firefox

__all__ = ["CHROMIUM", "FLAGS", "browser"]

CHROMIUM = os.environ.get("HALCYTONE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None
)
"""The headless shell first: the same engine without a desktop's surroundings opens a page at a third of the cost."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=user-gesture-required",
    "--lang=en-US",
)

# A request or a screen that takes a tenth of a second takes five where browsers and servers share two busy cores.
expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Browser]:
    """One browser; tests that use it share the event loop of the session."""
    async with async_playwright() as play:
        if request.config.getoption("engine") == "firefox":
            start = firefox.executable(tmp_path_factory.mktemp("firefox"))
            opened = await play.firefox.launch(channel="moz-firefox", executable_path=start)
        else:
            assert CHROMIUM, (
                "Chromium is missing: apt-get install chromium, or set HALCYTONE_CHROMIUM to its path"
            )
            opened = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        await opened.close()
