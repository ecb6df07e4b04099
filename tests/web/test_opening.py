"""What the tests of pages are told about the pages that they open."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.browsers import Contexts
from tests.web.conftest import opening

pytestmark = pytest.mark.chromium

_IMAGE = (
    "(address) => new Promise((done) => { const it = new Image(); it.onerror = done; it.src = address; })"
)
_FETCH = "(address) => fetch(address, { mode: 'no-cors' }).catch(() => null)"


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html>", content_type="text/html")


@pytest.mark.parametrize("asking", [_IMAGE, _FETCH], ids=["image", "fetch"])
@pytest.mark.parametrize("elsewhere", ["http://another.test/", "http://192.0.2.1/", "http://127.0.0.1:9/"])
async def test_a_request_to_elsewhere_is_complained_of(
    contexts: Contexts, elsewhere: str, asking: str
) -> None:
    """By a name or an address, from a page whose policy forbids nothing."""
    app = web.Application()
    app.router.add_get("/", _page)
    async with TestServer(app, host="127.0.0.1") as server:
        watched = opening(contexts)
        page = await (await watched.__aenter__())(f"http://127.0.0.1:{server.port}/")
        await page.evaluate(asking, elsewhere)
        with pytest.raises(AssertionError, match=re.escape(elsewhere)):
            await watched.__aexit__(None, None, None)
