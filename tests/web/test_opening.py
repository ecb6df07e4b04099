"""What the tests of pages are told about the pages that they open."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.browsers import Contexts
from tests.web.conftest import opening

_IMAGE = (
    "(address) => new Promise((done) => { const it = new Image(); it.onerror = done; it.src = address; })"
)
_FETCH = "(address) => fetch(address, { mode: 'no-cors' }).catch(() => null)"


_SOCKET = "(address) => new Promise((done) => { new WebSocket(address).onclose = () => done(); })"
_ASK = "(address) => { new Image().src = address; }"


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html>", content_type="text/html")


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", _page)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}/"


@pytest_asyncio.fixture(loop_scope="session")
async def home() -> AsyncIterator[str]:
    """The address of a page whose policy forbids nothing."""
    async with _server() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def another() -> AsyncIterator[str]:
    """The address of a second server."""
    async with _server() as address:
        yield address


async def _asked(contexts: Contexts, home: str, asking: str, elsewhere: str, **options: Any) -> None:
    """Open a page, which asks for something, and leave it."""
    async with opening(contexts) as open_page:
        page = await open_page(home, **options)
        await page.evaluate(asking, elsewhere)


async def _gone(contexts: Contexts, home: str, elsewhere: str) -> None:
    async with opening(contexts) as open_page:
        page = await open_page(home)
        await page.goto(elsewhere)
        await page.goto(home)


@pytest.mark.parametrize("asking", [_IMAGE, _FETCH], ids=["image", "fetch"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://another.test/",
        "http://192.0.2.1/",
        # Firefox asks no such port.
        pytest.param("http://127.0.0.1:9/", marks=pytest.mark.chromium),
    ],
)
async def test_a_request_to_elsewhere_is_complained_of(
    contexts: Contexts, home: str, elsewhere: str, asking: str
) -> None:
    """By a name or an address."""
    with pytest.raises(AssertionError, match=re.escape(elsewhere)):
        await _asked(contexts, home, asking, elsewhere)


@pytest.mark.parametrize("asking", [_IMAGE, _FETCH], ids=["image", "fetch"])
async def test_a_request_to_another_server_is_complained_of(
    contexts: Contexts, home: str, another: str, asking: str
) -> None:
    """One that answers, at another port."""
    with pytest.raises(AssertionError, match=re.escape(another)):
        await _asked(contexts, home, asking, another)


async def test_a_socket_to_elsewhere_is_complained_of(contexts: Contexts, home: str, another: str) -> None:
    """Whether a server is there or not."""
    # Firefox tells of it as of any request.
    for elsewhere in ("//another.test/", another.removeprefix("http:")):
        with pytest.raises(AssertionError, match=re.escape(elsewhere)):
            await _asked(contexts, home, _SOCKET, f"ws:{elsewhere}")


async def test_a_page_of_another_server_is_complained_of(contexts: Contexts, home: str, another: str) -> None:
    """It stands in the place of the one that was opened."""
    with pytest.raises(AssertionError, match=re.escape(another)):
        await _gone(contexts, home, another)


@pytest.mark.parametrize("fresh", [False, True], ids=["tab", "fresh page"])
async def test_a_request_of_the_last_moment_is_complained_of(
    contexts: Contexts, home: str, fresh: bool
) -> None:
    """It has no answer yet when the page is left."""
    elsewhere = "http://another.test/"
    with pytest.raises(AssertionError, match=re.escape(elsewhere)):
        await _asked(contexts, home, _ASK, elsewhere, fresh=fresh)
