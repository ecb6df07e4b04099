"""What hours do to a page: sleep, long waits, hundreds of lost lines, a night on a wall."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from engine.domain.instant import HOUR, MINUTE, iso
from tests.web.conftest import NO_STORAGE, Opener
from tests.web.fake_room import BOX, FakeRoom, now
from tests.web.footprint import Footprint, footprint_of

pytestmark = pytest.mark.long

DAY = 24 * HOUR
# A page that can be put to sleep: the date goes on without it, and where the system does so the local clock stands.
CAN_SLEEP = """(() => {
  const [date, local] = [Date.now, performance.now.bind(performance)];
  window.missed = {date: 0, local: 0};
  Date.now = () => date.call(Date) + window.missed.date;
  performance.now = () => local() + window.missed.local;
})()"""
# A lost line is taken anew after a quarter to half a second; hundreds of them need not take minutes.
HURRY = """(() => {
  const later = setTimeout;
  window.setTimeout = (work, ms, ...more) => later(work, ms >= 250 && ms <= 500 ? 5 : ms, ...more);
})()"""
# What is looked for every five minutes is looked for at once.
OFTEN = "(() => { const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms > 250000 ? 300 : ms); })();"
HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
# Locks as a browser gives them: none to a hidden page, and taken away when it is hidden.
FAKE_WAKE_LOCK = """(() => {
  window.locks = {held: 0, given: 0};
  const take = async () => {
    if (document.visibilityState !== "visible") throw new Error("hidden");
    const lock = new EventTarget(); let held = true;
    window.locks.held += 1; window.locks.given += 1;
    lock.release = async () => {
      if (!held) return;
      held = false; window.locks.held -= 1; lock.dispatchEvent(new Event("release"));
    };
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && lock.release());
    return lock;
  };
  Object.defineProperty(navigator, "wakeLock", {value: {request: take}, configurable: true});
})()"""


async def on_the_wall(room: FakeRoom, open_page: Opener, script: str | None = None) -> Page:
    """A wall in the middle of box breathing."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False, script=script)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    return page


async def locks_held(page: Page, count: int) -> None:
    """Wait until the page holds so many locks."""
    async with asyncio.timeout(5):
        while await page.evaluate("window.locks.held") != count:
            await page.wait_for_timeout(20)


async def phase_of(page: Page, room: FakeRoom) -> tuple[str, str]:
    """The word on the screen, and the one that belongs there; not just when one turns into the next."""
    started = await page.evaluate("(at) => Date.parse(at)", room.state["technique"]["started_at"])
    while True:
        into = (room.time() - started) % 16_000
        shown = await page.locator(".pacer").get_attribute("data-step")
        if into % 4_000 > 1_000 and (room.time() - started) % 16_000 // 4_000 == into // 4_000:
            return shown or "", ("inhale", "hold", "exhale", "rest")[into // 4_000]
        await page.evaluate("new Promise(requestAnimationFrame)")


@pytest.mark.parametrize("local_clock_stands", [True, False])
async def test_a_sleep_of_hours_leaves_the_pacer_right(
    room: FakeRoom, open_page: Opener, local_clock_stands: bool
) -> None:
    """After a laptop's nap the page is with the room again within seconds, without a reload."""
    page = await on_the_wall(room, open_page, CAN_SLEEP)
    slept = 3 * HOUR + 6_000
    room.clock_error += slept
    missed = {"date": slept, "local": 0 if local_clock_stands else slept}
    await page.evaluate("(missed) => (window.missed = missed)", missed)
    async with asyncio.timeout(5):
        while True:
            shown, right = await phase_of(page, room)
            if shown == right:
                break
            await page.wait_for_timeout(50)
    await room.change("Tide", [5, 0, 5, 0])
    await expect(page.get_by_role("heading", name="Tide")).to_be_visible()
    assert len(room.addresses) <= 2


async def test_an_answer_from_before_the_sleep_tells_no_time(room: FakeRoom, open_page: Opener) -> None:
    """With a ping under way when the lid closed, the line is taken anew: its answer would be hours old."""
    page = await on_the_wall(room, open_page, CAN_SLEEP)
    room.silent = True
    asked = len(room.of("heartbeat"))
    await room.wait_for("heartbeat", asked + 1)
    await page.evaluate("(missed) => (window.missed = {date: missed, local: 0})", 2 * HOUR)
    room.clock_error += 2 * HOUR
    room.silent = False
    await room.wait_for_lines(2)
    await room.wait_for_goodbyes(1)
    assert room.goodbyes == [4003]


async def test_a_room_that_opens_in_forty_days_is_waited_for_quietly(
    room: FakeRoom, open_page: Opener
) -> None:
    """A timer holds 24.8 days; a wait of more neither hammers the server nor shows nonsense."""
    start = now() + 40 * DAY + HOUR
    room.state["scheduled_start"] = iso(start)
    room.state["phase"] = "scheduled"
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(start - 15 * MINUTE)})
    base = await room.start()
    wall = await open_page(f"{base}/wall/{room.session_id}", phone=False)
    await expect(wall.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(wall.get_by_role("timer")).to_have_text("in 40 days")
    await expect(wall.get_by_text(re.compile(r"We begin on \w+ \d+ \w+ at"))).to_be_visible()
    await wall.wait_for_timeout(2_500)
    assert len(room.addresses) == 1


async def test_whoever_waits_outside_learns_that_it_was_moved_cancelled_or_never_began(
    room: FakeRoom, open_page: Opener
) -> None:
    """A page left open for days is not wrong about when, or whether."""
    start = now() + 40 * DAY + HOUR
    room.state |= {"scheduled_start": iso(start), "phase": "scheduled"}
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(start - 15 * MINUTE)})
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=OFTEN)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("timer")).to_have_text("in 40 days")
    start = now() + 3 * HOUR
    room.state["scheduled_start"] = iso(start)
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(start - 15 * MINUTE)})
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"^2:59:\d\d$"), timeout=12_000)
    room.state["phase"] = "ended"
    room.refuse = (4505, "session_over", {})
    await expect(page.get_by_role("heading", name="This session did not begin")).to_be_visible(timeout=12_000)
    room.state["phase"] = "cancelled"
    await page.reload()
    await expect(page.get_by_role("heading", name="This session is cancelled")).to_be_visible()


async def test_a_wall_counts_down_by_the_servers_clock_before_the_room_opens(
    room: FakeRoom, open_page: Opener
) -> None:
    """Hours before, with a projector's date wrong by a day, it shows title, hour and the time left."""
    room.clock_error = DAY
    start = room.time() + 3 * HOUR
    room.state |= {"scheduled_start": iso(start), "phase": "scheduled"}
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(start - 15 * MINUTE)})
    wall = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False)
    await expect(wall.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(wall.get_by_role("timer")).to_have_text(re.compile(r"^2:59:\d\d$"))
    await expect(wall.get_by_text("We begin at")).to_be_visible()


async def test_a_wall_tells_of_a_session_that_is_cancelled_or_was_not_held(
    room: FakeRoom, open_page: Opener
) -> None:
    """Whoever stands before the wall learns that nothing comes; nobody is thanked for what was not."""
    base = await room.start()
    wall = await open_page(f"{base}/wall/{room.session_id}", phone=False)
    await expect(wall.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await room.tell(
        "session_update", {"cancelled": True, "phase": "cancelled"}, update_type="session_cancelled"
    )
    await room.close(1000)
    await expect(wall.get_by_role("heading", name="This session is cancelled")).to_be_visible()
    await expect(wall.get_by_text("It will not take place.")).to_be_visible()
    await wall.close()
    room.refuse = (4505, "session_over", {})
    for phase, title in (("cancelled", "This session is cancelled"), ("ended", "This session did not begin")):
        room.state["phase"] = phase
        late = await open_page(f"{base}/wall/{room.session_id}", phone=False)
        await expect(late.get_by_role("heading", name=title)).to_be_visible()
        await late.close()
    room.state |= {"started_at": iso(now() - HOUR), "participant_count": 7}
    late = await open_page(f"{base}/wall/{room.session_id}", phone=False)
    await expect(late.get_by_role("heading", name="Thank you for breathing together")).to_be_visible()
    await expect(late.get_by_text("7 breathed together")).to_be_visible()


@pytest.mark.parametrize("script", [None, NO_STORAGE], ids=["storage", "no storage"])
async def test_a_wall_keeps_its_seat_and_its_token_over_a_reload(
    room: FakeRoom, open_page: Opener, script: str | None
) -> None:
    """A browser that restarts its page needs nobody: the token left the address, not the tab."""
    link = f"{await room.start()}/wall/{room.session_id}#token=observer"
    page = await open_page(link, phone=False, script=script)
    await room.wait_for_lines(1)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    assert "token" not in page.url
    await page.reload()
    await room.wait_for_lines(2)
    assert [reply["resume"] for reply in room.addresses] == ["", "secret"]
    assert room.tokens == ["observer", "observer"]


async def test_a_wall_before_a_closed_door_looks_again(room: FakeRoom, open_page: Opener) -> None:
    """Nobody stands at a projector to press a button: what is refused now is asked again later."""
    room.refuse = (4509, "locked", {})
    page = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False, script=OFTEN)
    await expect(page.get_by_role("heading", name="The door is closed")).to_be_visible()
    room.refuse = None
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()


async def test_a_whole_link_pasted_into_a_page_is_followed(room: FakeRoom, open_page: Opener) -> None:
    """The address with its token differs in the fragment only, which browsers do not load anew."""
    room.refuse = (4507, "forbidden", {})
    link = f"{await room.start()}/sessions/join/{room.session_id}"
    page = await open_page(link)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="This needs an invitation")).to_be_visible()
    room.refuse = None
    await page.evaluate("(link) => location.assign(link)", f"{link}#token=whole")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("4 people are here")).to_be_visible()
    assert room.tokens[-1] == "whole"


async def test_a_lost_line_is_no_goodbye(room: FakeRoom, open_page: Opener) -> None:
    """Whoever only lost the network keeps the seat behind a locked door; leaving gives it up."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    room.silent = True
    await room.wait_for_lines(2)
    room.silent = False
    await room.wait_for_goodbyes(1)
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("button", name="Leave the session").click()
    await room.wait_for_goodbyes(2)
    assert room.goodbyes == [4003, 1000]


async def test_the_screen_stays_awake_over_other_windows_until_the_night(
    room: FakeRoom, open_page: Opener
) -> None:
    """A lock that the browser took back is asked for when the page is seen again, and given up at night."""
    page = await on_the_wall(room, open_page, FAKE_WAKE_LOCK + ";" + OFTEN)
    await locks_held(page, 1)
    await page.evaluate(HIDE, "hidden")
    await locks_held(page, 0)
    await page.evaluate(HIDE, "visible")
    await locks_held(page, 1)
    assert await page.evaluate("window.locks.given") == 2
    await room.tell("session_ending", {"summary_available": True, "duration": 1260})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="Thank you for breathing together")).to_be_visible()
    await locks_held(page, 0)


@pytest.mark.parametrize("path", ["/wall/morning", "/sessions/join/morning"])
@pytest.mark.chromium
async def test_two_hundred_lost_lines_leave_nothing_behind(
    room: FakeRoom, open_page: Opener, path: str
) -> None:
    """Neither memory, elements, listeners nor sockets grow with every return."""
    page = await open_page(
        await room.start() + path, phone="join" in path, script=HURRY, moving=True, once=True
    )
    await room.change("Box Breathing", BOX)
    if "join" in path:
        await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()

    async def lose_lines(count: int) -> Footprint:
        for _ in range(count):
            lines = len(room.addresses)
            await room.drop()
            await room.wait_for_lines(lines + 1)
            await room.tell("participant_joined", {"client_id": "x", "name": "Guest", "count": 9})
        return await footprint_of(page)

    before = await lose_lines(50)
    after = await lose_lines(150)
    assert after.grown_from(before) == {}
    assert len(room.sockets) == 1
