"""Where the page of a socket is from: its Origin against the Host, and what no browser sends."""

from __future__ import annotations

import aiohttp
import pytest
from multidict import CIMultiDict

from tests.realtime.studio import KEY, Studio

PATHS = ("/ws/live-updates?session_id=s", "/ws/session/s/events")


async def status_of(studio: Studio, path: str, **headers: str) -> int:
    """The status with which an upgrade is answered."""
    url = f"http://127.0.0.1:{studio.port}{path}"
    try:
        async with studio.http.ws_connect(url, headers={"Authorization": f"Bearer {KEY}", **headers}) as ws:
            return ws._response.status
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    ["http://[::1", "http://x:port", "http://x:99999", "http://ℂ℀", "http://", "http://me@127.0.0.1", ""],
)
async def test_an_origin_that_is_none_is_refused(studio: Studio, path: str, origin: str) -> None:
    """A page that cannot be named is of another site: 403, on both sockets."""
    assert await status_of(studio, path, Origin=origin) == 403


async def test_each_origin_that_is_named_counts(studio: Studio) -> None:
    """One of this host does not excuse another beside it: 403."""
    url = f"http://127.0.0.1:{studio.port}{PATHS[0]}"
    own, other = ("Origin", f"http://127.0.0.1:{studio.port}"), ("Origin", "https://elsewhere.example")
    for origins in ((own, other), (other, own)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await studio.http.ws_connect(url, headers=CIMultiDict(origins))
        assert refused.value.status == 403


@pytest.mark.parametrize("host", ["[::1", "x:port", ""])
async def test_a_host_that_is_none_has_no_pages(studio: Studio, host: str) -> None:
    """Whatever the Origin says: 403."""
    assert await status_of(studio, PATHS[0], Host=host, Origin=f"http://{host}") == 403


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("x:80", "http://x", 101),
        ("x", "http://x:80", 101),
        ("x:443", "https://x", 101),
        ("X", "https://x:443", 101),
        ("[::1]:80", "http://[::1]", 101),
        ("x:8000", "http://x:8000", 101),
        ("studio:81", "http://studio.example:80", 101),
        ("x:80", "https://x", 403),
        ("x:8000", "http://x", 403),
        ("x", "http://x:8000", 403),
        ("studio:81", "https://studio.example", 403),
    ],
)
async def test_a_port_that_goes_without_saying_is_the_same_said(
    studio: Studio, host: str, origin: str, status: int
) -> None:
    """80 of http and 443 of https, for the Host's pages and the public address's alike."""
    assert await status_of(studio, PATHS[0], Host=host, Origin=origin) == status
