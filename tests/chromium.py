"""The Chromium that tests drive: which one, with which flags, and one of it for a whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium; tests that use it share the event loop of the session."""
    assert CHROMIUM, "Chromium is missing: apt-get install chromium, or set HALCYTONE_CHROMIUM to its path"
    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        await chromium.close()
