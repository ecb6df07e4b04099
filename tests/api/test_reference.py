"""The references: shown from this server alone, under its policy, in a browser; every file as it was published."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bs4 import BeautifulSoup

import engine.api.http
from engine.api.http.middleware import CONTENT_POLICY
from tests.api.conftest import Server

FOLDER = Path(engine.api.http.__file__).parent / "swagger_ui"
DIGESTS = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "a6a4cf68f069eb89984d5d43644e6a812e749df08d2b1320c6e06e6973847d10",
}


def test_the_renderer_is_the_one_that_was_taken_in() -> None:
    """Nobody edits what is somebody else's: the digests are those of the release, without its source map's name."""
    assert {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in DIGESTS} == DIGESTS
    assert "Apache License" in (FOLDER / "LICENSE").read_text()


async def test_the_pages_need_nothing_from_outside(server: Server) -> None:
    """No inline script or style; whatever they load is of this host, and is there."""
    for path in ("/api/docs", "/api/docs/", "/api/events"):
        page = await server.stranger.get(path)
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == CONTENT_POLICY
        tree = BeautifulSoup(page.text, "html.parser")
        assert tree.html is not None
        assert tree.html["lang"] == "en"
        assert not tree.find_all("style")
        assert not tree.find_all(style=True)
        assert all(tag.get("src") for tag in tree.find_all("script"))
        for tag in tree.find_all(["a", "link", "script"]):
            address = str(tag.get("href") or tag.get("src"))
            assert re.match(r"[/#]|data:,$", address), address
            if address.startswith("/api/"):
                assert (await server.stranger.get(address)).status_code == 200


async def test_the_page_of_sockets_names_every_message(server: Server) -> None:
    """Contents with links that lead somewhere, and no literal of a docstring."""
    text = (await server.stranger.get("/api/events")).text
    document = (await server.stranger.get("/api/asyncapi.json")).json()
    tree = BeautifulSoup(text, "html.parser")
    ids = {tag["id"] for tag in tree.find_all(id=True)}
    assert {str(tag["href"])[1:] for tag in tree.select('a[href^="#"]')} <= ids
    for message in document["components"]["messages"].values():
        assert f"<code>{message['name']}</code>" in text
    assert "`" not in text


async def test_no_other_file_is_served(server: Server) -> None:
    """Neither what lies beside them, nor anything above."""
    for name in ("README.md", "LICENSE", "..%2Fplain.css"):
        assert (await server.stranger.get(f"/api/reference/{name}")).status_code == 404
