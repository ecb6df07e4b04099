"""The browser that tests drive: a Chromium with its flags, or with ``--engine firefox`` Debian's Firefox; one for a whole run.

So are its contexts and a tab in each, where nothing of one test can be seen by the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.engines import firefox

__all__ = ["CHROMIUM", "FLAGS", "Contexts", "browser", "contexts", "listened"]

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
    # A frame is kept for the next document, which sees nothing of it: a new one takes a quarter of what a page costs.
    # The others are Playwright's own: only the last of such lists is read.
    "--enable-features=RenderDocument:level/crashed-frame,CDPScreenshotNewSurface,SkipListAccountsWithoutGaiaCookies",
    # Nothing but the servers of the tests is there, wherever they run: a request to elsewhere fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

_MEDIA: dict[str, Any] = {
    "media": "null",
    "color_scheme": "light",
    "reduced_motion": "no-preference",
    "forced_colors": "none",
}
"""What a page is shown on where nothing else is asked for."""
_VIEWPORT: ViewportSize = {"width": 1280, "height": 720}
_OFTEN: dict[str, Collection[Any]] = {"has_touch": (False, True), "locale": ("en-GB",)}
"""What many tests ask of a context. Another language or zone is asked for a few times, and not kept: to make a context
that is kept costs half as much again, and it would take the place of one of these."""
_MOST_IDLE = 6

_ELSEWHERE = """((host) => {
  const told = (entries) => {
    for (const { name } of entries)
      if (name.startsWith("http") && new URL(name).host !== host) console.error(`Asked for ${name}`);
  };
  told([{ name: location.href }]);
  // The frame of a mail, which runs no scripts, complains where one listens in it.
  if (location.protocol === "about:") return;
  const watch = new PerformanceObserver((list) => told(list.getEntries()));
  watch.observe({ type: "resource" });
  addEventListener("pagehide", () => told(watch.takeRecords()));
})("HOST");
"""
"""A page itself tells of what another server of a test has answered: that does not fail."""

_EMPTY = "window.name = ''; location.replace('about:blank')"
"""A page that empties itself stays with the opener policy it had: emptied from outside, it would be made anew, and once more for the
next test."""

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
    """A context that is used again.

    Its first page does nothing, but keeps its process. Its tab is used again as well: what it has loaded it keeps ready.
    """

    options: dict[str, Any]
    context: BrowserContext
    tools: CDPSession
    resting: list[Page]
    """The pages that are open while no test uses the context: the first, and the tab."""
    tab: Page | None = None
    scripts: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Takes the scripts of a test back."""
    opening: bool = False

    @property
    def idle(self) -> bool:
        return not self.opening and all(page in self.resting for page in self.context.pages)

    async def opened(self, *, fresh: bool) -> Page:
        """The tab in a context without anything in it, or a page that no other test has."""
        self.opening = True
        try:
            await self.context.clear_cookies()
            await self.context.set_offline(False)
            await self.tools.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
            if fresh:
                return await self.context.new_page()
            if self.tab in self.resting:
                self.resting.remove(self.tab)
            else:
                self.tab = await self.context.new_page()
            return self.tab
        finally:
            self.opening = False

    async def close_tab(self) -> None:
        """Close the tab, unless a test uses it."""
        if self.tab in self.resting:
            self.resting.remove(self.tab)
            await self.tab.close()

    async def left(self) -> None:
        """Close every page of a test but the tab, which shows nothing then."""
        for page in self.context.pages:
            if page not in self.resting and page is not self.tab:
                await _closed(page)
        await self.scripts.aclose()
        if self.tab and not self.tab.is_closed() and self.tab not in self.resting:
            tools = await self.context.new_cdp_session(self.tab)
            if self.tab.url != "about:blank":
                await tools.send("Runtime.evaluate", {"expression": _EMPTY, "userGesture": True})
                await self.tab.wait_for_url("about:blank")
            await tools.send("Page.resetNavigationHistory")
            await tools.detach()
            self.resting.append(self.tab)


async def _closed(page: Page) -> None:
    """Close a page once it has told of everything: where it is closed at once, the last it asked for is lost at times."""
    await page.goto("about:blank")
    await page.close()


@contextmanager
def listened(page: Page, **listeners: Callable[[Any], None]) -> Iterator[None]:
    """Listen to events of a page, by their names."""
    emitter: Any = page
    for event, listener in listeners.items():
        emitter.on(event, listener)
    try:
        yield
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)


def _host(url: str) -> str:
    return url.split("/")[2]


class Contexts:
    """Pages in contexts of their own, which are emptied and used again: a new context costs as much as the page in it."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._chromium = browser.browser_type.name == "chromium"
        self._kept: list[_Kept] = []

    async def open(
        self, url: str, *, once: bool = False, fresh: bool = False, script: str | None = None, **options: Any
    ) -> Page:
        """An empty page for an address, in a context that has no other.

        ``once`` is for a test that changes the context itself, ``fresh`` for one that changes the page by more than
        scripts, media and size: that has routes to its end, listeners of its own or a DevTools session.
        """
        script = (_ELSEWHERE.replace("HOST", _host(url)) if self._chromium else "") + (script or "")
        asked = {name: value for name, value in options.items() if name != "viewport" and name not in _MEDIA}
        often = all(value in _OFTEN.get(name, ()) for name, value in asked.items())
        if once or not often or not self._chromium:
            context = await self._browser.new_context(**options)
            if script:
                await context.add_init_script(script)
            return await context.new_page()
        kept = await self._context(asked)
        page = await kept.opened(fresh=fresh)
        await page.set_viewport_size(options.get("viewport", _VIEWPORT))
        await page.emulate_media(**{name: options.get(name, usual) for name, usual in _MEDIA.items()})
        await kept.scripts.enter_async_context(await page.add_init_script(script))
        return page

    @contextmanager
    def at_home(self, page: Page, url: str, tell: Callable[[str], None]) -> Iterator[None]:
        """Tell of what a page, opened for an address, asks of other servers."""
        host = _host(url)

        def asked(request: Any) -> None:
            if not request.url.startswith(("data:", "blob:")) and _host(request.url) != host:
                tell(request.url)

        # In Chromium it fails; to be told of every request costs a tenth of what the tests of pages do.
        event = "requestfailed" if self._chromium else "request"
        with listened(page, websocket=asked, **{event: asked}):
            yield

    async def leave(self, contexts: Collection[BrowserContext]) -> None:
        """Close or empty every page in contexts of a test, and close all but a few of the contexts."""
        kept = {each.context: each for each in self._kept}
        for context in contexts:
            if context in kept:
                await kept[context].left()
            else:
                for page in context.pages:
                    await _closed(page)
                await context.close()
        idle = [each for each in self._kept if each.idle]
        for each in idle[:-_MOST_IDLE]:
            self._kept.remove(each)
            await each.context.close()

    async def close_tabs(self) -> None:
        """Close the tabs that rest.

        Playwright keeps each request of a tab as long as the tab is open, and every collection of garbage by tests of
        other things would look through thousands of them.
        """
        for kept in self._kept:
            await kept.close_tab()

    async def _context(self, options: dict[str, Any]) -> _Kept:
        found = next((each for each in self._kept if each.idle and each.options == options), None)
        if found is None:
            return await self._made(options)
        # The last used ones are kept.
        self._kept.remove(found)
        self._kept.append(found)
        return found

    async def _made(self, options: dict[str, Any]) -> _Kept:
        context = await self._browser.new_context(**options)
        first = await context.new_page()
        # On the site of every server of a test, as the process is a site's.
        await first.route("**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        await first.goto("http://127.0.0.1/")
        made = _Kept(options, context, await context.new_cdp_session(first), [first])
        self._kept.append(made)
        return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def contexts_of_run(browser: Browser) -> Contexts:
    """Contexts for a whole run."""
    return Contexts(browser)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def contexts(contexts_of_run: Contexts) -> AsyncIterator[Contexts]:
    """Contexts for the pages of tests."""
    yield contexts_of_run
    await contexts_of_run.close_tabs()
