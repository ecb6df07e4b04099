"""The published site at ``/``, and what stands there before a session is published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pytest_asyncio
from bs4 import BeautifulSoup
from PIL import Image

from engine.api.http import site_wait
from publisher.rendering.assets import assets
from publisher.rendering.studio import load
from tests.api.conftest import LAST, Server, asking, on_one_connection


def write_site(data: Path) -> Path:
    """A small site in the data folder, with what is not of it inside and beside."""
    folder = data / "public"
    (folder / "techniques" / "resonance").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>Home</h1>")
    (folder / "404.html").write_text("<h1>Nothing here</h1>")
    (folder / "techniques" / "resonance" / "index.html").write_text("<h1>Resonance</h1>")
    (folder / "feed.xml").write_text("<rss/>")
    (folder / "feed.json").write_text("{}")
    (folder / "feed").mkdir()
    (folder / "feed" / "2024-03-1.xml").write_text("<rss/>")
    (folder / "calendar.ics").write_text("BEGIN:VCALENDAR")
    (folder / "theme.css").write_text("body {}")
    (folder / ".secret").write_text("no")
    (data / "outside.txt").write_text("no")
    (folder / "link.txt").symlink_to(data / "outside.txt")
    return folder


@pytest.fixture
def public(server: Server) -> Path:
    """A site that the test may change."""
    return write_site(server.data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def published(unchanged: Server) -> Server:
    """A server with a site, for tests that read it."""
    write_site(unchanged.data)
    return unchanged


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/techniques/resonance/", "text/html; charset=utf-8"),
        ("/feed.xml", "application/rss+xml; charset=utf-8"),
        ("/feed.json", "application/feed+json; charset=utf-8"),
        ("/feed/2024-03-1.xml", "application/rss+xml; charset=utf-8"),
        ("/calendar.ics", "text/calendar; charset=utf-8"),
        ("/theme.css", "text/css; charset=utf-8"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_file_has_its_type_and_is_revalidated(published: Server, path: str, kind: str) -> None:
    """Same ETag, 304; changed bytes, 200."""
    answer = await published.stranger.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "no-cache"
    again = await published.stranger.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    head = await published.stranger.head(path)
    assert (head.status_code, head.content) == (200, b"")


async def test_a_changed_file_is_sent_again(server: Server, public: Path) -> None:
    """The old ETag is not good any more."""
    etag = (await server.stranger.get("/feed.xml")).headers["etag"]
    (public / "feed.xml").write_text("<rss>new</rss>")
    answer = await server.stranger.get("/feed.xml", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.text) == (200, "<rss>new</rss>")


async def test_feeds_name_their_hub_in_the_head(server: Server, public: Path) -> None:
    """WebSub, section 4: hub and own address; without a hub nothing is said, and of other files never."""
    assert "link" not in (await server.stranger.get("/feed.xml")).headers
    (public.parent / "studio.toml").write_text('websub_hub = "https://hub.example/"\n')
    for path in ("/feed.xml", "/feed.json"):
        for answer in (await server.stranger.get(path), await server.stranger.head(path)):
            assert answer.headers.get_list("link") == [
                '<https://hub.example/>; rel="hub"',
                f'<{server.url}{path}>; rel="self"',
            ]
    assert "link" not in (await server.stranger.get("/calendar.ics")).headers


async def test_texts_are_sent_packed_to_who_takes_that(server: Server, public: Path) -> None:
    """The same bytes in fewer, with the same ETag; a part of a file, and who takes nothing packed, get it as it is."""
    words = "<h1>Home</h1>" * 200
    (public / "index.html").write_text(words)
    packed = await server.stranger.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.text == words
    plain = await server.stranger.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == words
    again = await server.stranger.get(
        "/", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    )
    assert again.status_code == 304
    part = await server.stranger.get("/", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-3"})
    assert (part.status_code, part.text) == (206, "<h1>")


@pytest.mark.parametrize(
    "asked",
    [
        "parts=1-2",
        "bytes=0-1,3-4",
        "bytes=4-2",
        "bytes=x-",
        "bytes=",
        "bytes=-",
        "bytes=-0",
        "bytes=0-" + "9" * 5000,
    ],
)
async def test_a_range_that_cannot_be_served_as_one_part_is_not_one(
    server: Server, public: Path, asked: str
) -> None:
    """RFC 9110, 14.2: of a unit that is not known, several parts, or nonsense, the whole file is the answer."""
    (public / "part.png").write_text("0123456789")
    whole = await server.stranger.get("/part.png", headers={"Range": asked})
    assert (whole.status_code, whole.text) == (200, "0123456789")
    assert "content-range" not in whole.headers


async def test_a_part_is_of_the_file_that_the_reader_has(server: Server, public: Path) -> None:
    """RFC 9110, 13.1.5: a download goes on only where its file is the same byte for byte; else it begins anew."""
    (public / "part.png").write_text("0123456789")
    etag = (await server.stranger.get("/part.png")).headers["etag"]

    async def rest(kept: str, method: str = "GET") -> int:
        headers = {"Range": "bytes=4-", "If-Range": kept}
        return (await server.stranger.request(method, "/part.png", headers=headers)).status_code

    assert await rest(etag) == 206
    for other in (
        '"other"',
        f"W/{etag}",
        etag.strip('"'),
        f"{etag}, {etag}",
        "Sat, 01 Jan 2000 00:00:00 GMT",
    ):
        assert await rest(other) == 200
    assert await rest(etag, "HEAD") == 200


@pytest.mark.parametrize("packing", ["gzip", "deflate", "gzip, deflate, br"])
@pytest.mark.parametrize(
    ("method", "condition", "status"),
    [
        ("GET", "If-None-Match: *", 304),
        ("GET", 'If-None-Match: "other", *', 200),
        ("GET", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("GET", 'If-Match: "other"', 412),
        ("GET", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 412),
        ("GET", "Range: bytes=999999-", 416),
        ("GET", "Range: bytes=-0", 200),
        ("GET", "Range: parts=1", 200),
        ("HEAD", "If-None-Match: *", 304),
        ("HEAD", "X-Nothing: asked", 200),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_without_a_body_has_no_bytes_to_pack(
    published: Server, packing: str, method: str, condition: str, status: int
) -> None:
    """Whatever the condition: the next answer on the connection begins where this one says that it ends."""
    first, *rest = await on_one_connection(
        published, asking(f"{method} /feed.xml", f"Accept-Encoding: {packing}", condition), LAST
    )
    assert first.startswith(f"HTTP/1.1 {status} ".encode())
    assert [answer.split(b"\r\n")[0] for answer in rest] == [b"HTTP/1.1 200 OK"]
    head, _, body = first.partition(b"\r\n\r\n")
    if status == 304 or method == "HEAD":
        assert body == b""
    if status != 200:
        assert b"Content-Encoding" not in head


async def test_an_asset_with_a_version_is_kept_for_good(server: Server, public: Path) -> None:
    """Its address changes with its bytes; without the version it is revalidated."""
    (public / "assets").mkdir()
    (public / "assets" / "site.css").write_text("body {}")
    kept = await server.stranger.get("/assets/site.css?v=3f2a")
    assert "immutable" in kept.headers["cache-control"]
    assert (await server.stranger.get("/assets/site.css")).headers["cache-control"] == "no-cache"


async def test_a_folder_without_its_slash_leads_to_it(server: Server, public: Path) -> None:
    """So that relative links work."""
    answer = await server.stranger.get("/techniques/resonance")
    assert (answer.status_code, answer.headers["location"]) == (308, "/techniques/resonance/")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/.secret",
        "/link.txt",
        "/techniques/",
        "/feed.xml/",
        "/../outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/techniques/..%5c..%5coutside.txt",
        "/a%00b",
        "/" + "x" * 4000,
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_of_the_site_is_404(published: Server, path: str) -> None:
    """With the site's own page for people, and JSON for programs."""
    answer = await published.stranger.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.text) == (404, "<h1>Nothing here</h1>")
    program = await published.stranger.get(path, headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["error"]) == (404, "not_found")


async def test_a_first_site_that_does_not_come_is_said_to_be_late(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that cannot build: after a minute nobody is told of a few seconds any more, and the browser asks less often."""
    monkeypatch.setattr(site_wait, "_FIRST_SITE_WITHIN_S", 0.0)
    home = await server.stranger.get("/", headers={"Accept": "text/html"})
    assert home.status_code == 503
    assert "This page is not there yet" in home.text
    assert "a few seconds" not in home.text
    assert (home.headers["refresh"], home.headers["retry-after"]) == ("30", "30")


async def test_before_publication_the_session_itself_answers(server: Server) -> None:
    """When it starts and how to join; live, the way in; cancelled, that it is. Everything escaped."""
    (server.data / "studio.toml").write_text('time_zone = "Europe/Berlin"')
    await server.create(
        "dawn",
        title="<b>Dawn</b>",
        scheduled_start="2031-05-01T10:00:00Z",
        description="Slow\n\nand <i>quiet</i>",
    )
    page = await server.stranger.get("/sessions/dawn/")
    assert page.status_code == 200
    reply = re.sub(r"<[^>]+>", "", page.text)
    assert "Starts Thursday, 1 May 2031 at 12:00 CEST" in reply
    assert "The waiting room opens at 11:45 CEST." in reply
    assert "</nav></header>" in page.text
    assert '<meta property="og:title" content="&lt;b&gt;Dawn&lt;/b&gt;">' in page.text
    assert f"{server.url}/sessions/join/dawn" in page.text
    assert "&lt;b&gt;Dawn" in page.text
    assert "<i>quiet" not in page.text
    assert "/imprint/" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await server.stranger.get("/sessions/dawn")).headers["location"] == "/sessions/dawn/"

    await server.client.post("/api/v2/sessions/dawn/start")
    assert "Join now" in (await server.stranger.get("/sessions/dawn/")).text
    await server.create("noon")
    await server.client.post("/api/v2/sessions/noon/cancel")
    assert "cancelled" in (await server.stranger.get("/sessions/noon/")).text
    assert (await server.stranger.get("/sessions/never-created/")).status_code == 404


async def test_the_plain_pages_have_the_accent_of_the_studio(server: Server) -> None:
    """As soon as it is set; nothing is added before."""
    before = (await server.stranger.get("/api/plain.css")).text
    (server.data / "studio.toml").write_text('accent = "#7A3E9D"')
    after = (await server.stranger.get("/api/plain.css")).text
    assert "7A3E9D" not in before
    assert after.startswith(before)
    assert "--accent: #7A3E9D" in after


async def test_what_the_servers_own_pages_are_made_with_is_there_before_the_first_site(
    server: Server,
) -> None:
    """In the studio's look, with type and packed as later from the site; what is none of it is not there."""
    (server.data / "studio.toml").write_text('accent = "#7A3E9D"\nlogo = "logo.png"')
    Image.new("RGB", (64, 64), "#7A3E9D").save(server.data / "logo.png")
    await server.create("dawn")
    page = BeautifulSoup((await server.stranger.get("/sessions/dawn/")).text, "html.parser")
    named = {str(each[name]) for name in ("href", "src") for each in page.select(f"[{name}]")}
    asked = {link for link in named if link.startswith("/assets/")}
    assert {link.partition("?")[0] for link in asked} >= {
        "/assets/site.css",
        "/assets/local-time.js",
        "/assets/logo.png",
    }
    for link in asked:
        assert (await server.stranger.get(link)).status_code == 200, link
    for path, data in assets(load(server.data).look):
        answer = await server.stranger.get(f"/assets/{path}?v=1")
        assert (answer.status_code, answer.content) == (200, data), path
        # The site that is being built may be another one already.
        assert answer.headers["cache-control"] == "no-cache"
    styles = await server.stranger.get("/assets/site.css", headers={"Accept-Encoding": "gzip"})
    assert "7A3E9D" in styles.text
    assert styles.headers["content-type"] == "text/css; charset=utf-8"
    assert styles.headers["content-encoding"] == "gzip"
    for path in ("/assets/", "/assets/none.css", "/assets/../studio.toml", "/assets/%2e%2e/main.html"):
        assert (await server.stranger.get(path)).status_code == 404, path


async def test_what_the_site_has_of_its_assets_goes_before_ours(server: Server, public: Path) -> None:
    """A site that was built keeps its own."""
    (public / "assets").mkdir()
    (public / "assets" / "site.css").write_text("body {}")
    assert (await server.stranger.get("/assets/site.css")).text == "body {}"


async def test_before_the_first_site_its_home_page_says_that_it_comes(server: Server) -> None:
    """In words, which the browser asks for again by itself; other pages are not there, for programs as an error."""
    as_reader = {"Accept": "text/html"}
    home = await server.stranger.get("/", headers=as_reader)
    assert home.status_code == 503
    assert "This page is being set up" in home.text
    assert (home.headers["refresh"], home.headers["retry-after"]) == ("3", "3")
    assert home.headers["cache-control"] == "no-store"
    other = await server.stranger.get("/imprint/", headers=as_reader)
    assert other.status_code == 404
    assert "There is no page here" in other.text
    assert "refresh" not in other.headers
    program = await server.stranger.get("/", headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["error"]) == (404, "not_found")
