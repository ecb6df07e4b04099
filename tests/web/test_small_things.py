"""What the pages say stays true: times that have passed, numbers, switches, what stands on a wall."""

from __future__ import annotations

from playwright.async_api import expect

from engine.domain.instant import iso
from tests.web.conftest import NO_STORAGE, Opener
from tests.web.fake_room import BOX, FakeRoom, now


async def test_a_room_that_was_due_to_open_is_not_said_to_open_later(
    room: FakeRoom, open_page: Opener
) -> None:
    """The page was left open beyond the time that it named."""
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(now() - 1_000)})
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("The room opens any moment.")).to_be_visible()


async def test_a_lead_is_a_sentence_and_counts_nobody(room: FakeRoom, open_page: Opener) -> None:
    """It begins with a capital letter, and before the first has come it says that the session is live."""
    room.state |= {"phase": "live", "participant_count": 0}
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await expect(page.locator(".lead")).to_have_text("With Test instructor · live now")


async def test_the_close_counts_whom_the_story_counts(room: FakeRoom, open_page: Opener) -> None:
    """Everybody who took part, and not the most that were there at once."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await page.get_by_role("button", name="Join").click()
    await room.change("Box Breathing", BOX)
    await expect(page.get_by_text("3 others breathe along")).to_be_visible()
    ending = {"summary_available": True, "duration": 720, "participants": 5}
    await room.tell("session_ending", ending)
    await room.close(1000)
    await expect(page.get_by_role("heading", name="You breathed with 4 people")).to_be_visible()


async def test_the_scrollbar_is_dark_beside_the_dark_practice(room: FakeRoom, open_page: Opener) -> None:
    """The page's root has the tone of the screen, and gives it back."""
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", color_scheme="light")
    assert await page.evaluate(scheme) == "light"
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".pacer")).to_be_visible()
    assert await page.evaluate(scheme) == "dark"
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("switch", name="Light screen").click()
    assert await page.evaluate(scheme) == "light"


async def test_a_switch_says_what_is_so(room: FakeRoom, open_page: Opener) -> None:
    """Of the chat and of the door: what holds while it is on, and while it is off."""
    room.state |= {"chat": True, "locked": False}
    page = await open_page(f"{await room.start()}/console#session=morning&token=t", phone=False)
    await expect(page.get_by_role("switch", name="Chat")).to_contain_text("Everybody may write")
    await expect(page.get_by_role("switch", name="Lock the door")).to_contain_text("Everybody with the link")
    await room.tell("session_update", {"chat": False}, update_type="chat_switched")
    await room.tell("session_update", {"locked": True}, update_type="locked")
    await expect(page.get_by_role("switch", name="Chat")).to_contain_text("Nobody writes")
    await expect(page.get_by_role("switch", name="Lock the door")).to_contain_text("Only those here")


async def test_the_wall_has_the_words_and_a_way_in_for_latecomers(room: FakeRoom, open_page: Opener) -> None:
    """While the door is open; the links of the footer do not shine in the dark, and are there for the keyboard."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False)
    # No phone reaches this server, so it has no code of its own.
    await page.evaluate(
        "document.querySelector('.wall-code').textContent = 'Scan to join'; document.body.dataset.code = 'yes'"
    )
    await expect(page.get_by_text("Scan to join")).to_be_visible()
    said = {"title": "From your instructor", "message": "Let the shoulders sink."}
    await room.tell("session_update", said, update_type="announcement")
    await expect(page.get_by_text("Let the shoulders sink.")).to_be_visible()
    await expect(page.locator(".footer")).to_have_css("opacity", "0")
    await page.keyboard.press("Tab")
    await expect(page.locator(".footer")).to_have_css("opacity", "1")
    await room.tell("session_update", {"locked": True}, update_type="locked")
    await expect(page.get_by_text("Scan to join")).to_be_hidden()
    await room.change("Tide", BOX)
    await expect(page.get_by_text("Let the shoulders sink.")).to_be_hidden()


async def test_a_tone_that_does_not_sound_is_not_said_to_be_on(room: FakeRoom, open_page: Opener) -> None:
    """The browser refused, or a call took the sound: the switch says what is so."""
    refusing = """
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        window.player = this;
        return window.refuses ? Promise.reject(new DOMException('No', 'NotAllowedError')) : play.call(this);
      };
      window.refuses = true;
    """
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=refusing)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    tone = page.get_by_role("switch", name="Tone")
    await tone.click()
    await expect(page.get_by_text("no sound").first).to_be_visible()
    await expect(tone).to_have_attribute("aria-checked", "false")
    await page.evaluate("window.refuses = false")
    await tone.click()
    await page.wait_for_function("() => window.player.duration > 60 && window.player.currentTime > 0")
    await expect(tone).to_have_attribute("aria-checked", "true")
    await page.evaluate("window.player.pause()")
    await expect(tone).to_have_attribute("aria-checked", "false")


async def test_a_tone_that_is_taken_while_the_track_changes_is_not_said_to_be_on(
    room: FakeRoom, open_page: Opener
) -> None:
    """A call came between the new track and its first sound."""
    waiting = """
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = async function () {
        window.player = this;
        await play.call(this);
        if (this.duration > 60) await new Promise((go) => (window.go = go));
      };
    """
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=waiting)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    tone = page.get_by_role("switch", name="Tone")
    await tone.click()
    await page.wait_for_function("() => window.go")
    await expect(tone).to_have_attribute("aria-checked", "true")
    await page.evaluate(
        "new Promise((done) => (window.player.addEventListener('pause', done), window.player.pause()))"
    )
    await page.evaluate("window.go()")
    await expect(tone).to_have_attribute("aria-checked", "false")


async def test_a_browser_that_keeps_nothing_still_breathes(room: FakeRoom, open_page: Opener) -> None:
    """A private window whose storage throws: join, practice, console and wall."""
    await room.change("Box Breathing", BOX)
    base = await room.start()
    page = await open_page(f"{base}/sessions/join/{room.session_id}", script=NO_STORAGE)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator(".time-left")).not_to_be_empty()
    console = await open_page(f"{base}/console#session=morning&token=t", script=NO_STORAGE)
    await expect(console.get_by_text("Box Breathing").first).to_be_visible()
    wall = await open_page(f"{base}/wall/{room.session_id}", phone=False, script=NO_STORAGE)
    await expect(wall.get_by_role("heading", name="Box Breathing")).to_be_visible()


async def test_a_switch_is_told_without_own_colours(room: FakeRoom, open_page: Opener) -> None:
    """With forced colours on and off look different."""
    page = await open_page(
        f"{await room.start()}/console#session=morning&token=t", phone=False, forced_colors="active"
    )
    fill = "(one) => getComputedStyle(one.querySelector('.switch-track')).backgroundColor"
    on = await page.get_by_role("switch", name="Chat").evaluate(fill)
    off = await page.get_by_role("switch", name="Lock the door").evaluate(fill)
    assert on != off
