"""The site in a real Chromium, under its content policy: the replay, the pacer, no request to anywhere else."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from engine.domain.instant import HOUR
from publisher.catalogue.quotes import quote_key
from publisher.site.search import update_index
from tests.browsers import Contexts, listened
from tests.publisher.rendering.test_words import LANGUAGES
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.web.test_accessibility import findings

Visit = Callable[..., Awaitable[Page]]

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.asyncio(loop_scope="session")]

POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self';"
    " media-src 'self'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
PAGES = (
    "",
    "sessions/s-0/",
    "sessions/",
    "sessions/2024/03/",
    "techniques/",
    "techniques/box-breathing/",
    "techniques/wim-hof/",
    "subscribe/",
    "privacy/",
    "heart-rate/",
    "404.html",
)
WIDE = "document.documentElement.scrollWidth > innerWidth"
#: When a page is there its scripts have only begun: its fonts are still awaited, and a frame that they asked for.
DRAWN = """async () => {
  await document.fonts.ready;
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
}"""


class _Server(http.server.SimpleHTTPRequestHandler):
    """Any web server, below a path, with the policy."""

    def translate_path(self, path: str) -> str:
        """The site stands below ``/breathe/``."""
        return super().translate_path(path.removeprefix("/breathe"))

    def end_headers(self) -> None:
        """Every answer carries the policy."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a folder, served from a sub-path."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Server, directory=str(root))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/breathe/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site with three sessions, that nobody changes."""
    tmp_path = tmp_path_factory.mktemp("site")
    publisher = Publisher(tmp_path / "data")
    for n in range(3):
        publisher.outbox.enqueue(snapshot(f"s-{n}", session_date=NOW - n * HOUR, approved=True), ["web"], NOW)
    publisher.work()
    publisher.close()
    with served(tmp_path / "data/public") as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def visit(contexts: Contexts) -> AsyncIterator[Visit]:
    """Open pages, each in a context of its own; afterwards: no message, no request to anywhere else."""
    wrong: list[str] = []
    used: set[BrowserContext] = set()
    listening = ExitStack()

    async def visited(address: str, **given: Any) -> Page:
        page = await contexts.open(address, **given)
        used.add(page.context)
        listening.enter_context(
            contexts.at_home(page, address, lambda other: wrong.append(f"{page.url} asks for {other}"))
        )
        listening.enter_context(
            listened(
                page,
                console=lambda message: wrong.append(f"{page.url}: {message.text}"),
                pageerror=lambda error: wrong.append(f"{page.url}: {error}"),
            )
        )
        await page.goto(address)
        return page

    with listening:
        yield visited
        # What was on its way fails when its page is left.
        await contexts.leave(used)
    assert wrong == []


async def test_the_pages_work(visit: Visit, site: str) -> None:
    """On a phone, under the policy, with the replay playing and the pacer breathing."""
    page = await visit(site, viewport={"width": 390, "height": 844})
    for path in PAGES:
        if path == "404.html":
            continue
        await page.goto(site + path)
        await page.evaluate(DRAWN)
        assert not await page.evaluate(WIDE), f"{path} is wider than a phone"
    await page.close()
    page = await visit(site + "sessions/s-0/", timezone_id="Asia/Tokyo")
    await expect(page.locator("main")).to_contain_text("for you)")
    # Before the first technique there is none to be between.
    await expect(page.locator(".player-word")).to_have_text("Ready")
    await expect(page.locator(".player-technique")).to_be_empty()
    await page.get_by_role("button", name="Play the session").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await expect(page.locator(".player-seek output")).to_contain_text(re.compile("0:3[1-9]|0:[45]"))
    await page.get_by_role("button", name="Go to Coherent Breathing").click()
    await expect(page.locator(".player-technique")).to_have_text("Coherent Breathing")
    await expect(page.locator(".timeline li.is-now")).to_contain_text("Coherent Breathing")
    await page.close()
    page = await visit(site + "techniques/box-breathing/")
    await page.get_by_role("button", name="Begin").click()
    await expect(page.locator(".player-word")).to_contain_text("Breathe in")


OUTSIDE_THE_ORB = """(seconds) => {
  const seek = document.querySelector(".player-seek input");
  const first = Number(seek.dataset.first ??= seek.value);
  return [...Array(seconds).keys()].flatMap((second) => {
    seek.value = String(first + second);
    seek.dispatchEvent(new Event("input"));
    const orb = document.querySelector(".player-stage .orb").getBoundingClientRect();
    const [x, y] = [orb.left + orb.width / 2, orb.top + orb.height / 2];
    return [...document.querySelectorAll(".player-word > *")].filter((word) => {
      const box = word.getBoundingClientRect();
      const reaches = Math.hypot(Math.max(x - box.left, box.right - x), Math.max(y - box.top, box.bottom - y));
      return reaches > orb.width / 2;
    }).map((word) => `${word.textContent} at ${second} s in ${orb.width} px`);
  });
}"""


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_word_of_the_replay_stays_inside_its_orb(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    """At every second of a breath, also where the orb is smallest, on a small phone, a phone and a desk."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "studio.toml").write_text(f'language = "{language}"\n')
    publisher = Publisher(data)
    publisher.publish(snapshot("s-0", approved=True), ["web"])
    publisher.close()
    with served(data / "public") as site:
        page = await visit(f"{site}sessions/s-0/")
        # To the beginning of the first technique, and stop there.
        await page.locator(".timeline .jump").first.click()
        await page.locator(".player-controls button").click()
        await page.evaluate("document.fonts.ready.then(() => null)")
        outside = {}
        for width, height in ((320, 568), (390, 844), (1280, 800)):
            await page.set_viewport_size({"width": width, "height": height})
            if found := await page.evaluate(OUTSIDE_THE_ORB, 16):
                outside[width] = found
        assert outside == {}
        await page.close()


@pytest.mark.chromium  # Firefox is not made to show a page as on paper.
async def test_paper_does_not_say_where_the_replay_stood(visit: Visit, site: str) -> None:
    """Before it was played the scrubber is at the beginning; on paper no row is "now" and there is no player."""
    page = await visit(site + "sessions/s-0/")
    await expect(page.get_by_label("Where in the session")).to_have_value("0")
    await page.get_by_role("button", name="Go to Coherent Breathing").click()
    row = page.locator(".timeline li.is-now .timeline-name")
    said = "(name) => getComputedStyle(name, '::after').content"
    await expect(row).to_contain_text("Coherent Breathing")
    assert "now" in await row.evaluate(said)
    await page.emulate_media(media="print")
    assert await row.evaluate(said) == "none"
    await expect(page.locator(".player")).to_be_hidden()


@pytest.mark.chromium
async def test_a_story_is_whole_without_scripts(visit: Visit, site: str) -> None:
    """The timeline stands in the page; the player, which could not play, does not."""
    page = await visit(site + "sessions/s-0/", java_script_enabled=False)
    await expect(page.locator(".timeline li")).to_have_count(2)
    await expect(page.locator(".player")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["sessions/s-0/", "techniques/box-breathing/"])
async def test_nothing_jumps_when_the_player_comes(visit: Visit, site: str, path: str, width: int) -> None:
    """The player's place is kept from the first paint: who has begun to read goes on reading."""
    page = await visit(site + path, viewport={"width": width, "height": 844})
    await expect(page.locator(".player button").first).to_be_visible()
    shift = await page.evaluate(
        """() => new Promise((resolve) => new PerformanceObserver((list) => resolve(
            list.getEntries().reduce((sum, each) => sum + each.value, 0)
        )).observe({type: "layout-shift", buffered: true}) || setTimeout(() => resolve(0), 500))"""
    )
    assert shift < 0.03


async def test_the_search_finds_sessions_of_every_month(visit: Visit, tmp_path: Path) -> None:
    """From thirty sessions on there is a search over all months; what is withdrawn is not found any more."""
    publisher = Publisher(tmp_path / "data")
    for n in range(31):
        reply = snapshot(
            f"s-{n}",
            title=f"Lantern {n}",
            source="import",
            session_date=NOW - n * 40 * HOUR,
            timeline=(),
            curves=(),
        )
        publisher.outbox.enqueue(reply, ["web"], NOW)
    publisher.work()
    root = tmp_path / "data/public"
    assert len(update_index(root, publisher.catalogue)) == 3
    assert update_index(root, publisher.catalogue) == []
    publisher.catalogue.withdraw("s-3", NOW + 1)
    publisher.work(NOW + 1)
    assert len(update_index(root, publisher.catalogue)) == 1
    quote = reply.quotes[0]
    for state, found in (("approved", True), ("withdrawn", False)):
        publisher.catalogue.quotes.decide("s-4", quote_key(quote), state, NOW + 2)
        publisher.work(NOW + 2)
        assert len(update_index(root, publisher.catalogue)) == 1
        assert (quote.text in publisher.searchable()) is found
    publisher.close()
    with served(root) as site:
        page = await visit(site + "search/")
        await page.get_by_role("searchbox").fill("lantern")
        await expect(page.locator("[data-said]")).to_have_text("30 sessions")
        assert await findings(page) == []
        first = page.locator("[data-found] .entry-facts").first
        await expect(first).to_contain_text(re.compile(r"^\d+ [A-Z][a-z]+ \d{4} · "))
        day = (await first.inner_text()).partition(" · ")[0]
        assert (await first.inner_text()).count(day) == 1
        link = page.locator("[data-found] a").first
        await link.click()
        await expect(page.locator("h1")).to_contain_text("Lantern")
        await page.close()


async def test_the_search_finds_words_in_a_run_of_letters(visit: Visit, tmp_path: Path) -> None:
    """Japanese has no spaces: a word is found wherever it stands (Pagefind#1184), on pages whose own words are English."""
    publisher = Publisher(tmp_path / "data")
    (tmp_path / "data/studio.toml").write_text('language = "ja"\n')
    plain = {"source": "import", "timeline": (), "curves": ()}
    for n in range(30):
        publisher.outbox.enqueue(
            snapshot(f"s-{n}", title=f"夕べ {n}", content="静かな夕べ", **plain), ["web"], NOW
        )
    publisher.publish(
        snapshot(
            "found",
            title="夜の呼吸法ワークショップ",
            content="深くゆっくりと息を吐いて心と体を落ち着かせます。東京都で開催しました。",
            **plain,
        ),
        ["web"],
    )
    root = tmp_path / "data/public"
    assert len(update_index(root, publisher.catalogue, "ja")) == 1
    publisher.close()
    with served(root) as site:
        page = await visit(site + "search/")
        for word in ("呼吸", "ワークショップ", "息", "心", "東京", "開催"):
            await page.get_by_role("searchbox").fill(word)
            await expect(page.locator("[data-said]")).to_have_text("1 session")
            await expect(page.locator("[data-found] a")).to_have_text("夜の呼吸法ワークショップ")
        await expect(page.locator("[data-found] a")).to_have_attribute("lang", "ja")
        await page.close()


async def test_arabic_and_hebrew_stand_right_to_left(visit: Visit, tmp_path: Path) -> None:
    """Texts of people begin at the right, our words at the left, and a name in a sentence of ours does not turn it around."""
    publisher = Publisher(tmp_path / "data")
    (tmp_path / "data/studio.toml").write_text('language = "he"\nname = "סטודיו נשימה"\n', encoding="utf-8")
    publisher.publish(
        snapshot(
            "a",
            title="נשימת ערב (שקט)",
            content="נשמנו יחד לאט, בשקט.\n\nWe closed in English.",
            instructor_name="ليلى",
            approved=True,
        ),
        ["web"],
    )
    publisher.close()
    with served(tmp_path / "data/public") as site:
        page = await visit(site + "sessions/a/", viewport={"width": 390, "height": 844})
        directions = await page.evaluate(
            """() => Object.fromEntries(
                ["h1", ".prose p:first-child", ".prose p:last-child", ".quote", ".eyebrow", "#practised", "html"].map(
                    (each) => [each, getComputedStyle(document.querySelector(each)).direction]
                )
            )"""
        )
        assert directions == {
            "h1": "rtl",
            ".prose p:first-child": "rtl",
            ".prose p:last-child": "ltr",
            ".quote": "ltr",
            ".eyebrow": "ltr",
            "#practised": "ltr",
            "html": "ltr",
        }
        # The letters themselves: the last one of the title's first line is left of the first.
        first, last = await page.evaluate(
            """() => [0, 4].map((at) => {
                const range = document.createRange();
                const text = document.querySelector("h1").firstChild;
                range.setStart(text, at);
                range.setEnd(text, at + 1);
                return range.getBoundingClientRect().left;
            })"""
        )
        assert last < first
        assert not await page.evaluate(WIDE)
        assert await findings(page) == []
        await page.close()
