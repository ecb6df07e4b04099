"""A real Chromium for the tests of the live pages."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, ViewportSize, expect
from pydantic import SecretStr

from engine.app import RunningServer
from engine.settings import Settings
from tests.api.conftest import IDLE, quick_server
from tests.browsers import Contexts, browser, contexts, contexts_of_run, listened
from tests.journey.server import KEY, Server, running_server
from tests.web.fake_room import FakeRoom

__all__ = [
    "NO_STORAGE",
    "WATCH_SHIFTS",
    "Opener",
    "browser",
    "contexts",
    "contexts_of_run",
    "signed_in",
    "type_number",
]

Opener = Callable[..., Awaitable[Page]]

#: A browser that keeps nothing: its storage throws, as where cookies are blocked.
NO_STORAGE = """
for (const name of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('No storage', 'SecurityError'); } });
"""


#: The circle is drawn where it is once a second, not in each of sixty frames: that takes a tenth of a processor a page.
_STILL = """(() => {
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (frames, options) {
    const [first] = frames.transform;
    return animate.call(this, { transform: [first, first] }, { ...options, duration: 1 });
  };
})();
"""

#: Adds up by how much things move on a page without being asked to.
WATCH_SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shift += entry.value)))
  .observe({type: "layout-shift", buffered: true});"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of them: a Chromium is started once, not for every test."""
    here = Path(__file__).parent
    ours = {path for path in {item.path for item in items} if here in path.parents}
    for item in items:
        if item.path in ours:
            if "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.browser)
            if inspect.iscoroutinefunction(getattr(item, "function", None)):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@asynccontextmanager
async def opening(contexts: Contexts) -> AsyncIterator[Opener]:
    """Open pages, each in a context of its own; afterwards: no console message, no request to another host.

    ``moving`` is for a test that looks at the movement of the circle itself; others are options of ``Contexts.open``.
    """
    complaints: list[str] = []
    used: set[BrowserContext] = set()
    listening = ExitStack()

    async def open_(
        url: str, *, phone: bool = True, script: str | None = None, moving: bool = False, **options: Any
    ) -> Page:
        size: ViewportSize = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 800}
        options = {"viewport": size, "has_touch": phone, "locale": "en-GB", **options}
        page = await contexts.open(url, script=("" if moving else _STILL) + (script or ""), **options)
        used.add(page.context)
        listening.enter_context(contexts.at_home(page, url, complaints.append))
        listening.enter_context(
            listened(
                page,
                pageerror=lambda error: (
                    complaints.append(f"error: {error}") if unexpected(str(error)) else None
                ),
                console=lambda message: complaints.append(message.text) if unexpected(message.text) else None,
            )
        )
        await page.goto(url)
        return page

    with listening:
        yield open_
        # What was on its way fails when its page is left.
        await contexts.leave(used)
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(contexts: Contexts) -> AsyncIterator[Opener]:
    """Open pages for one test."""
    async with opening(contexts) as opener:
        yield opener


async def signed_in(open_page: Opener, url: str, key: str = KEY, **options: Any) -> Page:
    """The list of sessions, in a tab that was signed in to the console before, and is again in each page that it loads."""
    kept = json.dumps(json.dumps({"secret": key, "sessionId": None}))
    script = f"if (origin === '{url}') sessionStorage['halcytone-console'] ??= {kept};"
    page = await open_page(f"{url}/console", script=script, **options)
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    return page


async def type_number(field: Locator, text: str) -> None:
    """Type into a number field in the place of what stands there, key by key as people do.

    Playwright's ``fill`` does not replace the value of such a field in Firefox: it adds to it.
    """
    await field.select_text()
    await field.press_sequentially(text)
    await expect(field).to_have_value(text)


#: What browsers themselves report of a request that was refused or broken: Chromium as messages, Firefox as errors.
NETWORK_REPORTS = (
    "Failed to load resource",
    "WebSocket connection to",
    "can’t establish a connection to the server at ws://",
    "was interrupted while the page was loading",
    "error loading dynamically imported module",
    "was blocked because of a disallowed MIME type (“”)",
)


def unexpected(text: str) -> bool:
    """Whether a message or an error is the page's own, and not the browser's report of a request that went wrong."""
    return not any(report in text for report in NETWORK_REPORTS)


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A real server in a process of its own, on empty data."""
    async with running_server(tmp_path / "data") as running:
        yield running


#: One address for the servers of a run: a browser keeps what it has loaded from there for the next of them.
_kept_port = 0


@asynccontextmanager
async def serving(
    data: Path, publisher: Sequence[str] | None, *, own_address: bool = False
) -> AsyncIterator[RunningServer]:
    """A real server in this process; ``publisher`` None is the real one.

    ``own_address`` is for a server that answers otherwise than others do what a browser may keep for an hour.
    """
    global _kept_port

    def started(port: int) -> AbstractAsyncContextManager[RunningServer]:
        return quick_server(Settings(port=port, data=data, api_key=SecretStr(KEY)), publisher)

    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(started(0 if own_address else _kept_port))
        except OSError:
            # Another server is open, or somebody else has taken it.
            running = await stack.enter_async_context(started(0))
        if not own_address:
            _kept_port = _kept_port or running.port
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def unpublished(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server for what happens before anything is published: its publisher does nothing."""
    async with serving(tmp_path / "data", IDLE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def publishing(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server that publishes what ends."""
    async with serving(tmp_path / "data", None) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client for the HTTP interface."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def room() -> AsyncIterator[FakeRoom]:
    """A room in the hands of the test."""
    fake = FakeRoom()
    yield fake
    await fake.stop()
