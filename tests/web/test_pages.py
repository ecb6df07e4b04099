"""The shells and files of the live pages, as any client gets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from engine.web import pages
from engine.web.qr_code import reachable_by_phone
from tests.web.fake_room import FakeRoom

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "engine" / "web" / "static"


@pytest.fixture
def console_of() -> Callable[[str], Any]:
    """Fetches the console of a server with a public address."""

    async def fetched(public_url: str) -> str:
        app = web.Application()
        pages.setup(app, pages.StudioPages(public_url=public_url, name="Studio"))
        async with TestClient(TestServer(app)) as client, client.get("/console") as response:
            return await response.text()

    return fetched


@pytest.mark.parametrize("path", ["/sessions/join/x", "/session/join/x", "/console", "/wall/x"])
async def test_every_page_has_the_policy_and_no_inline_code(
    room: FakeRoom, http: aiohttp.ClientSession, path: str
) -> None:
    """No inline script, style or handler, nothing from elsewhere, never in a frame."""
    async with http.get(f"{await room.start()}{path}") as response:
        html = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", html)
    assert not re.search(r"""(?:src|href)="(?:https?:)?//""", html)


@pytest.mark.parametrize("path", ["/sessions/join/s", "/console", "/wall/s"])
async def test_every_page_leads_to_imprint_and_privacy(
    room: FakeRoom, http: aiohttp.ClientSession, path: str
) -> None:
    """Who runs the studio, and what becomes of what is told to it, is one step away everywhere."""
    async with http.get(f"{await room.start()}{path}") as response:
        html = await response.text()
    assert 'href="/imprint/"' in html
    assert 'href="/privacy/"' in html


async def test_below_a_path_every_address_has_it(console_of: Callable[[str], Any]) -> None:
    """A server at https://x.example/breathe/ names its files, its footers and, for its scripts, itself below it."""
    html = await console_of("https://x.example/breathe/")
    assert '<html lang="en" dir="ltr" data-base="/breathe">' in html
    assert all(address.startswith("/breathe/") for address in re.findall(r'(?:src|href)="(/[^"]*)"', html))
    assert "data-base" not in await console_of("https://x.example")


async def test_files_are_lasting_by_their_digest_and_revalidated_without_it(
    room: FakeRoom, http: aiohttp.ClientSession
) -> None:
    """A page names files that may be kept for a year; the plain address answers 304 to its ETag."""
    base = await room.start()
    async with http.get(f"{base}/console") as response:
        lasting = re.search(r'src="(/static/live/\w+/console\.js)"', await response.text())
    assert lasting
    async with http.get(base + lasting[1]) as response:
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["Content-Encoding"] == "gzip"
    plain = f"{base}/static/live/console.js"
    async with http.get(plain) as response:
        assert response.headers["Cache-Control"] == "no-cache"
        tag = response.headers["ETag"]
    async with http.get(plain, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert await response.read() == b""


@pytest.mark.parametrize("path", ["../pages.py", "%2e%2e/pages.py", "nothing.js", "0/console.js"])
async def test_nothing_else_can_be_reached(room: FakeRoom, http: aiohttp.ClientSession, path: str) -> None:
    """Only files of the folder are served."""
    async with http.get(f"{await room.start()}/static/live/{path}") as response:
        assert response.status == 404


async def test_a_join_link_becomes_a_code(room: FakeRoom, http: aiohttp.ClientSession) -> None:
    """A link on the public address becomes an SVG; any other address is refused."""
    base = await room.start()
    link = "http://192.0.2.7:8000/sessions/join/x#token=abc"
    async with http.post(f"{base}/console/qr", json={"url": link}) as response:
        assert response.content_type == "image/svg+xml"
        assert "<svg" in await response.text()
    refused: list[object] = [{"url": "https://elsewhere.example/x"}, {"url": 7}, [], {"other": "x"}]
    for wrong in refused:
        async with http.post(f"{base}/console/qr", json=wrong) as response:
            assert response.status == 400


@pytest.mark.parametrize(
    ("url", "reachable"),
    [
        ("http://192.168.1.5:8000/", True),
        ("https://studio.example/", True),
        ("http://localhost:8000/", False),
        ("http://127.0.0.1:8000/", False),
        ("http://[::1]:8000/", False),
        ("http://0.0.0.0:8000/", False),
        ("ftp://studio.example/", False),
        ("nonsense", False),
    ],
)
def test_only_addresses_that_a_phone_can_reach_become_codes(url: str, reachable: bool) -> None:
    """Loopback and unspecified addresses mean another machine on a phone."""
    assert reachable_by_phone(url) is reachable


@pytest.mark.parametrize(
    ("path", "script"),
    [("/sessions/join/x", "participant.js"), ("/console", "console.js"), ("/wall/x", "wall.js")],
)
async def test_what_a_script_imports_is_asked_for_with_it(
    room: FakeRoom, http: aiohttp.ClientSession, path: str, script: str
) -> None:
    """Each module that is found only when the one before has come costs a phone another way there and back."""
    async with http.get(f"{await room.start()}{path}") as response:
        html = await response.text()
    preloaded = set(re.findall(r'rel="modulepreload" href="[^"]*?/static/live/\w+/([^"]+)"', html))
    imported: set[str] = set()
    left = [script]
    while left:
        file = STATIC / left.pop()
        for found in re.findall(
            r'^(?:import|export)[^;]*?"(\.{1,2}/[^"]+)";', file.read_text(), re.MULTILINE
        ):
            name = (file.parent / found).resolve().relative_to(STATIC).as_posix()
            if name not in imported:
                imported.add(name)
                left.append(name)
    assert len(imported) > 5
    assert sorted(imported - preloaded) == []


def test_modules_are_short_and_every_string_is_used() -> None:
    """One idea a module; every key that a module asks for exists."""
    shared, own = (
        set(re.findall(r'^  "?([\w.]+)"?: ', (STATIC / folder / "en.js").read_text(), re.M))
        for folder in ("strings", "strings/console")
    )
    assert not shared & own
    for module in STATIC.rglob("*.js"):
        source = module.read_text()
        console = module.name == "console.js" or module.parent.name == "console"
        keys = shared | own if console else shared
        if "strings" not in module.parts:
            assert source.count("\n") <= 325, module
        for key in re.findall(r'\bt\("([\w.]+)"', source):
            assert key in keys, f"{module.name}: {key}"


def test_the_oldest_browsers_are_the_same_wherever_they_are_named() -> None:
    """The style sheet asks for one feature: pages and documents name the versions that have it, the documents it too."""
    sheet = (STATIC / "base.css").read_text()
    asked = re.findall(r"@supports not \(\w+: ([\w-]+)\(", sheet)
    assert asked == ["color-mix"]
    versions = re.search(r"\(Safari ([\d.]+), Chrome (\d+), Firefox (\d+)\)", sheet)
    assert versions is not None
    page = (ROOT / "templates" / "live" / "page.html").read_text()
    refusals = re.findall(r"<p[^>]*>([^<]*Safari[^<]*)</p>", page)
    assert len(refusals) == 4
    documents = [(ROOT / file).read_text() for file in ("README.md", "docs/taking-part.md")]
    named = [re.search(r"iOS (?:or|and) Safari [^:]*?`color-mix\(\)`", text) for text in documents]
    for text in [*refusals, *(found[0] for found in named if found)]:
        numbers = re.findall(r"(?<!ESR )\b\d+(?:\.\d+)?", text)
        assert tuple(dict.fromkeys(numbers)) == versions.groups(), text
    assert None not in named


def test_what_an_older_firefox_does_not_know_takes_no_other_rule_with_it() -> None:
    """A selector with ``:has()``, which Firefox has from 121 on, shares its rule with none that is without."""
    sheets = [*STATIC.glob("*.css"), ROOT / "site" / "theme" / "assets" / "site.css"]
    mixed = []
    for sheet in sheets:
        rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{};]*:has\([^{};]*)\{", rules):
            apart = re.split(r",(?![^(]*\))", selectors)
            mixed += [selectors for each in apart if ":has(" not in each]
    assert mixed == []
