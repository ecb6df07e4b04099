"""Pages that other sites may show in a frame: what they say, and who may frame them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.api.pages.embed_pages import framed_by
from publisher.rendering.studio import InvalidStudio, load
from tests.api.conftest import Server, moment, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
SITE = "https://site.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def framed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A studio that one site may show."""
    data = tmp_path_factory.mktemp("framed")
    (data / "studio.toml").write_text(f'name = "Breath Room"\nembed_on = ["{SITE}"]\n')
    async with running(data) as server:
        yield server


async def test_the_next_session_stands_in_the_frame(framed: Server) -> None:
    """Public ones alone, as text; every link opens beside the page around it."""
    none = await framed.stranger.get("/embed/next")
    assert "No session is announced at present." in none.text
    await framed.create("hidden", visibility="private", scheduled_start=moment(minutes=20))
    await framed.create("evening", title="Evening <b>Calm</b>", scheduled_start=moment(hours=3))
    await framed.create("later", title="Later", scheduled_start=moment(hours=9))
    page = await framed.stranger.get("/embed/next")
    assert page.status_code == 200
    assert "Evening &lt;b&gt;Calm&lt;/b&gt;" in page.text
    assert "Later" not in page.text
    assert "Sarah Chen" in page.text
    assert f'href="{framed.url}/sessions/evening/"' in page.text
    assert page.text.count("<a ") == page.text.count('target="_blank" rel="noopener"') == 2


async def test_the_pacer_of_a_technique_stands_in_the_frame(framed: Server) -> None:
    """Not of those that people are asked about before, nor of one that there is none of."""
    page = await framed.stranger.get("/embed/pacer/box-breathing")
    assert page.status_code == 200
    assert "data-pacer hidden" in page.text
    assert '"steps"' in page.text
    assert "/assets/pacer-page.js" in page.text
    own = {"name": "Slow <Wave>", "breath": [4, 0, 8, 0]}
    made = await framed.client.post("/api/v2/techniques", json=own)
    assert made.status_code == 201, made.text
    page = await framed.stranger.get(f"/embed/pacer/{made.json()['slug']}")
    assert "Slow &lt;Wave&gt;</h1>" in page.text
    assert '"ms": 8000' in page.text
    for slug in ("wim-hof", "nothing", "%3Cb%3E"):
        assert (await framed.stranger.get(f"/embed/pacer/{slug}")).status_code == 404


@pytest.mark.parametrize("path", ["/embed/next", "/embed/pacer/box-breathing"])
async def test_only_the_sites_of_the_studio_may_frame_them(framed: Server, path: str) -> None:
    """The header that knows all or nothing is left out there, and stays everywhere else."""
    page = await framed.stranger.get(path)
    assert f"frame-ancestors {SITE}" in page.headers["Content-Security-Policy"]
    assert "'none'" not in page.headers["Content-Security-Policy"].split("frame-ancestors")[1]
    assert "X-Frame-Options" not in page.headers
    assert page.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for other in ("/console", "/sessions/join/evening", "/embed/pacer/nothing", "/api/v2/sessions"):
        answer = await framed.stranger.get(other)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_where_no_site_is_named_nobody_frames_them(framed: Server) -> None:
    """As it is by default, and again once the line is taken out: no restart is needed."""
    file = framed.data / "studio.toml"
    before = file.read_text()
    file.write_text('name = "Breath Room"\n')
    page = await framed.stranger.get("/embed/next")
    file.write_text(before)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert framed_by(())["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "wrong",
    [
        "site.example", "http://site.example", "https://site.example/", "https://site.example/page", "*", "https://*",
        "https://site.example; script-src *", "'self'", "https://user@site.example", "https://-x.example/", "",
    ],
)  # fmt: skip
async def test_what_is_no_origin_is_refused(tmp_path_factory: pytest.TempPathFactory, wrong: str) -> None:
    """Nothing else gets into the header."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "studio.toml").write_text(f'embed_on = ["{wrong}"]\n')
    with pytest.raises(InvalidStudio, match=r"such as https://site\.example"):
        load(folder)


async def test_origins_are_as_browsers_write_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In small letters; this machine needs no https."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "studio.toml").write_text('embed_on = ["https://Site.Example:8443", "http://localhost:8000"]\n')
    assert load(folder).embed_on == ("https://site.example:8443", "http://localhost:8000")
