"""The browser that tests drive: a Chromium with its flags, or with ``--engine firefox`` Debian's Firefox; one for a whole run.

So are its contexts, where nothing of one test can be seen by the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright, expect

from tests.engines import firefox

__all__ = ["CHROMIUM", "FLAGS", "Contexts", "browser", "contexts"]

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
    # Pages of one context share its process.
    "--renderer-process-limit=1",
)

_OF_PAGE = {"viewport", "color_scheme", "reduced_motion", "forced_colors"}
"""Options of a context that a page can have on its own."""
_MOST_IDLE = 6

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


@dataclass(slots=True)
class _Kept:
    """A context that is used again; its first page does nothing, but keeps its process."""

    options: dict[str, Any]
    context: BrowserContext
    tools: CDPSession
    opening: bool = False

    @property
    def idle(self) -> bool:
        return not self.opening and len(self.context.pages) == 1


class Contexts:
    """Pages in contexts of their own, which are emptied and used again: a new context costs as much as the page in it."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: list[_Kept] = []

    async def open(self, *, once: bool = False, script: str | None = None, **options: Any) -> Page:
        """An empty page in a context that has no other; ``once`` is for a test that changes the context itself."""
        if once or self._browser.browser_type.name != "chromium":
            context = await self._browser.new_context(**options)
            if script:
                await context.add_init_script(script)
            return await context.new_page()
        of_page = {name: options.pop(name) for name in _OF_PAGE & options.keys()}
        page = await self._page(options)
        if viewport := of_page.pop("viewport", None):
            await page.set_viewport_size(viewport)
        if of_page:
            await page.emulate_media(**of_page)
        if script:
            await page.add_init_script(script)
        return page

    async def leave(self, contexts: Collection[BrowserContext]) -> None:
        """Close every page in contexts of a test, and all but a few of the contexts."""
        kept = {each.context for each in self._kept}
        for context in contexts:
            if context not in kept:
                await context.close()
            else:
                for page in context.pages[1:]:
                    await page.close()
        idle = [each for each in self._kept if each.idle]
        for each in idle[:-_MOST_IDLE]:
            self._kept.remove(each)
            await each.context.close()

    async def _page(self, options: dict[str, Any]) -> Page:
        found = next((each for each in self._kept if each.idle and each.options == options), None)
        if found is None:
            found = await self._made(options)
        else:
            # The last used ones are kept.
            self._kept.remove(found)
            self._kept.append(found)
        found.opening = True
        try:
            await found.context.clear_cookies()
            await found.context.set_offline(False)
            await found.tools.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
            return await found.context.new_page()
        finally:
            found.opening = False

    async def _made(self, options: dict[str, Any]) -> _Kept:
        context = await self._browser.new_context(**options)
        first = await context.new_page()
        # On the site of every server of a test, as the process is a site's.
        await first.route("**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        await first.goto("http://127.0.0.1/")
        made = _Kept(options, context, await context.new_cdp_session(first))
        self._kept.append(made)
        return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def contexts(browser: Browser) -> Contexts:
    """Contexts for the pages of tests."""
    return Contexts(browser)
