"""Taking part, as a person sees it: from the link to the close."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from engine.domain.instant import iso
from tests.web.conftest import WATCH_SHIFTS, Opener
from tests.web.fake_room import BOX, FakeRoom, now

pytestmark = pytest.mark.long

VIGOROUS = {
    "technique": "Bhastrika",
    "duration": 60,
    "instruction": None,
    "pattern": [1, 0, 1, 0],
    "cautions": ["Leave this out with high blood pressure."],
    "opt_in": "A",
    "gentle": {"technique": "Equal Breathing", "instruction": "Calm.", "pattern": [4, 0, 4, 0]},
}
WATCH_SCALE = """() => {
  const orb = document.querySelector(".pacer-orb"); window.scales = [];
  const look = (at) => {
    window.scales.push([at, new DOMMatrix(getComputedStyle(orb).transform).a]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


async def joined(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """Somebody who gave a name and tapped once."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", **options)
    await page.get_by_label("Your name, if you like").fill("Ada")
    await page.get_by_role("button", name="Join").click()
    return page


async def test_one_tap_leads_into_the_waiting_room_and_on_without_a_reload(
    room: FakeRoom, open_page: Opener
) -> None:
    """Title, time and zone, countdown, how many are here; then the circle moves by itself."""
    page = await joined(room, open_page, timezone_id="Europe/Vienna")
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"\d CES?T\b")).first).to_be_visible()
    await expect(page.locator(".countdown")).to_have_text(re.compile(r"^1:\d\d$"))
    await expect(page.get_by_text("4 people are here")).to_be_visible()
    assert room.addresses[0]["name"] == "Ada"
    await room.change("Box Breathing", BOX)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    await expect(page.locator(".pacer-word")).to_have_text("In")


async def test_from_the_link_to_a_moving_pacer_in_ten_seconds(room: FakeRoom, open_page: Opener) -> None:
    """A live session: open, one tap, and the orb moves."""
    address = f"{await room.start()}/sessions/join/{room.session_id}"
    await room.change("Box Breathing", BOX)
    began = now()
    page = await open_page(address, moving=True)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "inhale", timeout=20_000)
    assert now() - began < 10_000


async def test_the_first_view_is_small(room: FakeRoom, browser: Browser) -> None:
    """Everything that the first view loads is at most 60 KB on the wire."""
    address = f"{await room.start()}/sessions/join/{room.session_id}"
    page = await browser.new_page()
    await page.goto(address)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    # The form asks for the title when it stands; what is fetched later is for the first breath.
    sizes = await page.evaluate(
        """() => {
          const all = performance.getEntriesByType("resource");
          const drawn = all.find((entry) => entry.name.includes("/api/v2/")).startTime;
          return [...performance.getEntriesByType("navigation"), ...all.filter((entry) => entry.startTime < drawn)]
            .map((entry) => [entry.name, entry.encodedBodySize]);
        }"""
    )
    await page.close()
    assert len(sizes) > 8
    assert sum(size for _, size in sizes) <= 60 * 1024, sorted(sizes, key=lambda entry: entry[1])


@pytest.mark.parametrize(("path", "last"), [("/console", "/sign-in.js"), ("/wall/morning", "/board.js")])
async def test_the_first_view_of_console_and_wall_is_small(
    room: FakeRoom, browser: Browser, path: str, last: str
) -> None:
    """At most 60 KB as well, until the module is there that draws what is seen first."""
    page = await browser.new_page()
    await page.goto(await room.start() + path)
    await expect(page.get_by_role("heading").first).to_be_visible()
    size = await page.evaluate(
        """(last) => {
          const all = performance.getEntriesByType("resource");
          const drawn = all.find((entry) => entry.name.endsWith(last)).responseEnd;
          return [...performance.getEntriesByType("navigation"), ...all.filter((entry) => entry.startTime < drawn)]
            .reduce((sum, entry) => sum + entry.encodedBodySize, 0);
        }""",
        last,
    )
    await page.close()
    assert 20_000 < size <= 60 * 1024


@pytest.mark.chromium
async def test_the_plan_says_what_to_expect_and_where_the_voice_is(room: FakeRoom, open_page: Opener) -> None:
    """Techniques with their minutes and cautions, and the two steps to the call."""
    room.state["plan"] = [
        {"technique": "Box Breathing", "duration": 300, "cautions": ["Leave the holds out in pregnancy."]}
    ]
    room.state["listen_url"] = "https://call.example/room"
    page = await joined(room, open_page)
    await expect(page.get_by_text("Box Breathing 5 minutes")).to_be_visible()
    await expect(page.get_by_role("link", name="Open the call")).to_have_attribute(
        "href", "https://call.example/room"
    )
    for _ in range(2):
        await page.get_by_role("button", name="Test the sound").click()
    await expect(page.get_by_text("a soft tone rise and fall")).to_be_visible()
    await expect(page.get_by_text("Your connection works.")).to_be_visible()
    await page.get_by_text("Before you try this").click()
    await expect(page.get_by_text("Leave the holds out in pregnancy.")).to_be_visible()


async def test_before_the_room_opens_the_line_is_called_good_and_the_day_is_named(
    room: FakeRoom, open_page: Opener
) -> None:
    """The server has answered: not yet. When the room opens on another day, that day is said."""
    day = 86_400_000
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(now() + day)})
    room.state["scheduled_start"] = iso(now() + day + 900_000)
    page = await joined(room, open_page)
    await expect(page.get_by_text("Your connection works.")).to_be_visible()
    await expect(page.get_by_text("The room opens on ")).to_be_visible()


async def test_the_gentle_choice_is_private_and_the_default(room: FakeRoom, open_page: Opener) -> None:
    """Whoever leaves the question unticked sees the gentle technique when the vigorous one is led."""
    room.state["plan"] = [VIGOROUS]
    page = await joined(room, open_page)
    await expect(page.get_by_role("checkbox")).not_to_be_checked()
    await room.change("Bhastrika", [1, 0, 1, 0])
    await expect(page.get_by_role("heading", name="Equal Breathing")).to_be_visible()


async def test_late_comers_choose_before_they_breathe(room: FakeRoom, open_page: Opener) -> None:
    """In a live session the question comes once, at joining, and the answer goes to the server."""
    room.state["plan"] = [VIGOROUS]
    await room.change("Bhastrika", [1, 0, 1, 0])
    page = await joined(room, open_page)
    await expect(page.get_by_role("heading", name="Gentle, or in full?")).to_be_visible()
    await page.get_by_role("button", name="show it in full").click()
    await expect(page.get_by_role("heading", name="Bhastrika")).to_be_visible()
    assert (await room.wait_for("opt_in"))["data"] == {"technique": "Bhastrika", "accepted": True}
    await page.reload()
    await expect(page.get_by_role("heading", name="Bhastrika")).to_be_visible()


async def test_stopping_is_private_and_names_help(room: FakeRoom, open_page: Opener) -> None:
    """The own circle rests, the instructor is told, the emergency line stands there, and one may return."""
    page = await joined(room, open_page)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="I need to stop").click()
    await room.wait_for("need_to_stop")
    await expect(page.get_by_text("Test instructor knows, and nobody else.")).to_be_visible()
    await expect(page.get_by_text("emergency number")).to_be_visible()
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "still")
    await page.get_by_role("button", name="Come back in").click()
    await expect(page.locator(".pacer")).not_to_have_attribute("data-step", "still")


async def test_moments_wait_for_a_rest(room: FakeRoom, open_page: Opener) -> None:
    """During practice nothing pops up; at the rest the group's moment is told."""
    page = await joined(room, open_page)
    await room.change("Box Breathing", BOX)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    await room.tell("hrv_milestone", {"improvement": 15})
    await room.tell(
        "session_update",
        {"title": "All in one rhythm", "description": "A minute long"},
        update_type="achievement_unlocked",
    )
    await room.tell("participant_joined", {"client_id": "x", "name": "B", "count": 12})
    await expect(page.get_by_text("11 others breathe along")).to_be_visible()
    assert await page.get_by_text("All in one rhythm").count() == 0
    await room.tell("session_update", {"resting": True}, update_type="resting")
    await expect(page.get_by_text("All in one rhythm. A minute long")).to_be_visible()
    await expect(page.get_by_text("The group's HRV is 15 % above its beginning.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Rest")).to_be_visible()


async def test_somebody_who_comes_in_mid_breath_waits_for_the_inhale(
    room: FakeRoom, open_page: Opener
) -> None:
    """The hint stands until the next cycle begins."""
    await room.change("Slow", [6, 0, 6, 0], lead_ms=-2000)
    page = await joined(room, open_page)
    await expect(page.locator(".pacer-hint")).to_have_text("Join on the next inhale")
    await expect(page.locator(".pacer-hint")).to_be_empty(timeout=15_000)
    assert await page.locator(".pacer").get_attribute("data-step") == "inhale"


async def test_a_change_waits_for_its_moment_and_never_jumps(room: FakeRoom, open_page: Opener) -> None:
    """The old technique goes on until the new one starts; no frame moves the orb by more than 2 %."""
    page = await joined(room, open_page, moving=True)
    await room.change("Quick", [2, 0, 2, 0])
    await expect(page.locator(".pacer-word")).to_have_text("Out")
    await page.evaluate(WATCH_SCALE)
    content = {
        "technique": "Tide",
        "pattern": [3, 0, 3, 0],
        "duration": 60,
        "instruction": None,
        # In the middle of a breath on purpose, as a platform may do it.
        "started_at": iso(now() + 3_000),
    }
    await room.tell("technique_changed", content)
    await expect(page.get_by_role("heading", name="Quick")).to_be_visible()
    await expect(page.get_by_role("heading", name="Tide")).to_be_visible(timeout=8_000)
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "exhale", timeout=8_000)
    scales = await page.evaluate("window.scales")
    assert len(scales) > 60
    for (before, old), (after, new) in pairwise(scales):
        # In sixtieths of a second: the page looks less often than the compositor draws, and the frames of Firefox
        # are now and then a millisecond longer.
        frames = max(1, (after - before) * 60 / 1_000)
        assert max(old, new) / min(old, new) <= 1.0201**frames, (before, after, old, new)


async def test_long_words_use_the_free_space_and_scroll_beyond_it(room: FakeRoom, open_page: Opener) -> None:
    """They stand above the orb, which does not move; what does not fit can be reached with the keyboard."""
    page = await joined(room, open_page)
    await room.change("Box Breathing", BOX)
    orb, words = page.locator(".pacer-guide"), page.locator(".practice-words")
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    before = await orb.bounding_box()
    assert before is not None
    fits = "(words) => words.scrollHeight <= words.clientHeight"
    middle = "Let the shoulders sink, and the jaw. " * 6
    said = {"title": "", "message": middle.strip()}
    await room.tell("session_update", said, update_type="announcement")
    await expect(words).to_contain_text("the jaw")
    assert await words.evaluate(fits)
    assert await words.get_attribute("tabindex") is None
    said = {"title": "", "message": "Let the shoulders sink, and the jaw. " * 54}
    await room.tell("session_update", said, update_type="announcement")
    await expect(words).to_have_attribute("tabindex", "0")
    await expect(words).to_have_attribute("data-more", "yes")
    assert not await words.evaluate(fits)
    below = await words.bounding_box()
    assert below is not None
    assert below["y"] + below["height"] <= before["y"]
    assert await orb.bounding_box() == before
    await words.focus()
    await page.keyboard.press("End")
    await expect(words).to_have_attribute("data-more", "no")


@pytest.mark.chromium
async def test_reduced_motion_has_a_pacer_of_its_own(room: FakeRoom, open_page: Opener) -> None:
    """A bar, the word and the count; the orb does not move."""
    page = await joined(room, open_page, reduced_motion="reduce")
    await room.change("Box Breathing", BOX)
    await expect(page.locator(".pacer-bar")).to_be_visible()
    await expect(page.locator(".pacer-stage")).to_be_hidden()
    await expect(page.locator(".pacer-word")).to_have_text("In")
    await expect(page.locator(".pacer-count")).to_have_text("4")
    await expect(page.locator(".pacer-count")).to_have_text("3")
    await expect(page.locator(".pacer-word")).to_have_text("Hold")


async def test_hand_hold_to_inhale_and_light_screen_lie_one_tap_away(
    room: FakeRoom, open_page: Opener
) -> None:
    """The raised hand is sent; holding the circle tells the breath; the screen can be light."""
    page = await joined(room, open_page)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("switch", name="Raise a hand").click()
    assert (await room.wait_for("raise_hand"))["data"] == {"raised": True}
    await page.get_by_role("switch", name="Tone").click()
    await expect(page.get_by_role("switch", name="Tone")).to_have_attribute("aria-checked", "true")
    await page.get_by_role("switch", name="Hold to inhale").click()
    await page.get_by_role("switch", name="Light screen").click()
    assert await page.locator("body").get_attribute("data-tone") == "light"
    await page.get_by_role("button", name="Back to the breath").click()
    await page.locator(".pacer").focus()
    await page.keyboard.down(" ")
    assert (await room.wait_for("breath_tap"))["data"] == {"phase": "inhale"}
    await page.keyboard.up(" ")
    assert (await room.wait_for("breath_tap", 2))["data"] == {"phase": "exhale"}


async def test_the_close_is_warm_and_asks_once(room: FakeRoom, open_page: Opener) -> None:
    """With how many, how long; a rating, words with two unticked permissions, an address on request."""
    given: list[Any] = []

    def take(body: Any) -> tuple[int, Any]:
        given.append(body)
        return 200, {}

    room.api[("POST", f"sessions/{room.session_id}/me/feedback")] = take
    room.api[("PUT", f"sessions/{room.session_id}/me/email")] = take
    page = await joined(room, open_page)
    await room.change("Box Breathing", BOX)
    await expect(page.locator(".pacer")).to_be_visible()
    await room.tell("session_ending", {"summary_available": True, "duration": 720})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="You breathed with 3 people")).to_be_visible()
    await expect(page.get_by_text("12 minutes of Morning Calm")).to_be_visible()
    await page.get_by_role("button", name="5: lovely").click()
    await expect(page.get_by_text("Thank you.", exact=True)).to_be_visible()
    await page.get_by_label("A few words, if you like").fill("Quiet at last")
    await expect(page.get_by_label("These words may stand on the page")).not_to_be_checked()
    await page.get_by_label("These words may stand on the page").check()
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("You can change this for a day.")).to_be_visible()
    await page.get_by_label("My own summary by mail").fill("ada@example.org")
    await page.get_by_role("button", name="Send it to me").click()
    await expect(page.get_by_text("We send it once")).to_be_visible()
    assert given == [
        {"rating": 5, "publish_quote": False, "publish_name": False},
        {
            "rating": 5,
            "comment": "Quiet at last",
            "publish_quote": True,
            "publish_name": False,
            "version": "2026-11",
        },
        {"address": "ada@example.org"},
    ]
    room.refuse = (4505, "session_over", {})
    await page.reload()
    await expect(page.get_by_role("heading", name="You breathed with 3 people")).to_be_visible()


async def at_the_close(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """Somebody who breathed to the end."""
    page = await joined(room, open_page, **options)
    await room.change("Box Breathing", BOX)
    await expect(page.locator(".pacer")).to_be_visible()
    await room.tell("session_ending", {"summary_available": True, "duration": 720})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="You breathed with 3 people")).to_be_visible()
    return page


async def test_deleting_asks_once_and_leaves_nothing_that_collects(room: FakeRoom, open_page: Opener) -> None:
    """A slip of the thumb deletes nothing; after it no form stands there and the browser knows nobody."""
    room.api[("DELETE", f"sessions/{room.session_id}/me")] = lambda _: (200, {"status": "withdrawn"})
    page = await at_the_close(room, open_page)
    await page.get_by_text("My data").click()
    first = await page.get_by_role("button", name="Download").bounding_box()
    second = await page.get_by_role("button", name="Delete everything about me").bounding_box()
    assert first is not None
    assert second is not None
    apart = max(second["y"] - first["y"] - first["height"], second["x"] - first["x"] - first["width"])
    assert apart >= 8
    await page.get_by_role("button", name="Delete everything about me").click()
    await page.get_by_role("button", name="Never mind").click()
    await expect(page.get_by_role("button", name="Delete everything about me")).to_be_focused()
    await page.get_by_role("button", name="Delete everything about me").click()
    await page.get_by_role("button", name="Yes, delete everything").click()
    await expect(page.get_by_text("Nothing here points to you any more.")).to_be_focused()
    assert await page.locator("form, input, textarea, button").count() == 0
    await expect(page.get_by_role("link", name="See the coming sessions")).to_be_visible()
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_sharing_without_a_clipboard_shows_what_to_copy(room: FakeRoom, open_page: Opener) -> None:
    """Where the browser gives no clipboard, nothing claims to be copied: the words stand there, selected."""
    no_clipboard = (
        "Object.defineProperty(navigator, 'clipboard', {value: undefined}); delete Navigator.prototype.share;"
    )
    page = await at_the_close(room, open_page, script=no_clipboard)
    await page.get_by_role("button", name="Share").click()
    await expect(page.get_by_text("Selected: copy it from the menu of your device.")).to_be_visible()
    assert await page.get_by_text("Copied.").count() == 0
    chosen = await page.evaluate("document.getSelection().toString()")
    assert "I breathed with 3 people: Morning Calm" in chosen


@pytest.mark.parametrize(
    ("locale", "join"), [("de-AT", "Dabei sein"), ("fr-CA", "Participer"), ("es-MX", "Participar")]
)
async def test_a_browser_is_answered_in_its_language(
    room: FakeRoom, open_page: Opener, locale: str, join: str
) -> None:
    """The page speaks the language of whoever opens it, and says which one that is."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", locale=locale)
    await expect(page.get_by_role("button", name=join)).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == locale[:2]


@pytest.mark.chromium
async def test_without_scripts_there_is_a_sentence(room: FakeRoom, open_page: Opener) -> None:
    """Whoever has JavaScript switched off reads why nothing moves."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", java_script_enabled=False)
    assert "needs JavaScript" in await page.content()


@pytest.mark.parametrize("path", ["/sessions/join/morning", "/console", "/wall/morning"])
async def test_an_old_browser_reads_what_it_needs(room: FakeRoom, open_page: Opener, path: str) -> None:
    """No blank page: the sentence names the oldest versions that work."""
    page = await open_page(f"{await room.start()}{path}", fresh=True)
    words = page.get_by_text("This browser is too old")
    await expect(words).to_be_hidden()

    async def of_an_older_one(route: Route) -> None:
        sheet = await (await route.fetch()).text()
        await route.fulfill(
            body=sheet.replace("color: color-mix(", "color: unknown-function("), content_type="text/css"
        )

    await page.route("**/base.css", of_an_older_one)
    await page.reload()
    await expect(words).to_be_visible()
    await expect(page.get_by_text("Dieser Browser ist zu alt")).to_be_visible()
    await expect(page.locator("main")).to_be_hidden()


async def test_an_unknown_session_is_no_dead_end(room: FakeRoom, open_page: Opener) -> None:
    """A wrong link says so before anybody taps."""
    page = await open_page(f"{await room.start()}/sessions/join/nowhere")
    await expect(page.get_by_role("heading", name="This link is not complete")).to_be_visible()
    await expect(page.get_by_role("link", name="See the coming sessions")).to_have_attribute("href", "/")


async def test_nothing_shifts_while_the_page_fills(room: FakeRoom, browser: Browser) -> None:
    """Title, time and words arrive without moving what is already there."""
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    await page.add_init_script(WATCH_SHIFTS)
    await page.goto(f"{await room.start()}/sessions/join/{room.session_id}")
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    entry: float = await page.evaluate("window.shift")
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "hold", timeout=10_000)
    await room.tell("participant_joined", {"client_id": "x", "name": "B", "count": 12})
    await expect(page.get_by_text("11 others breathe along")).to_be_visible()
    practice: float = await page.evaluate("window.shift")
    await page.close()
    assert entry < 0.02
    assert practice < 0.05
