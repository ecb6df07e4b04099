"""The documents at ``/docs/``, as the server serves them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.api.conftest import IDLE, Server, running
from tests.browsers import browser

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents, as ``make docs`` builds them."""
    folder = tmp_path_factory.mktemp("documents")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder / "built")],
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    (folder / "secret.html").write_text("no document")
    (folder / "built" / "out.html").symlink_to(folder / "secret.html")
    return folder / "built"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory, built: Path) -> AsyncIterator[Server]:
    """A server that was told where the documents are."""
    async with running(tmp_path_factory.mktemp("data"), IDLE, docs=built) as here:
        yield here


async def test_pages_and_pictures_are_served(server: Server) -> None:
    """Each with its type; the start with and without its name."""
    page = await server.stranger.get("/docs/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == (await server.stranger.get("/docs/index.html")).text
    picture = await server.stranger.get("/docs/images/join.webp")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
    bare = await server.stranger.get("/docs", follow_redirects=False)
    assert (bare.status_code, bare.headers["location"]) == (308, "/docs/")


@pytest.mark.parametrize(
    "path", ["nothing.html", "..%2Fsecret.html", "out.html", "theme/keyboard-modal.html"]
)
async def test_nothing_else_is(server: Server, path: str) -> None:
    """What is not there, lies outside of the folder, or is no document."""
    assert (await server.stranger.get(f"/docs/{path}")).status_code == 404


async def test_without_the_setting_there_is_nothing(tmp_path: Path) -> None:
    """As before."""
    async with running(tmp_path, IDLE) as here:
        assert (await here.stranger.get("/docs/")).status_code == 404


async def test_a_folder_without_documents_stops_nothing(tmp_path: Path) -> None:
    """The server starts; below ``/docs/`` is nothing."""
    async with running(tmp_path / "data", IDLE, docs=tmp_path / "gone") as here:
        assert (await here.stranger.get("/docs/")).status_code == 404
        assert (await here.stranger.get("/readyz")).status_code == 200


@pytest.mark.browser
async def test_the_documents_work_under_the_content_policy(server: Server, browser: Browser) -> None:
    """Their scripts run, the search finds, the browser has nothing to complain of."""
    context = await browser.new_context()
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.extend([message.text] if message.type != "log" else []))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        response = await page.goto(f"{server.url}/docs/decisions/postgresql.html")
        assert response is not None
        assert "'unsafe-inline'" not in response.headers["content-security-policy"]
        # With the word in the address it is searched for once the index is there; typed letters before that are lost.
        await page.goto(f"{server.url}/docs/?q=strap")
        found = page.locator("#mkdocs-search-results article").first
        await expect(found).to_contain_text("strap", ignore_case=True)
    finally:
        await context.close()
    assert wrong == [], "\n".join(wrong)
