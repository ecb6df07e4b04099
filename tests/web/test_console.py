"""Leading from the console, against a real server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from engine.app import RunningServer
from tests.journey.server import KEY, asked
from tests.web.conftest import Opener, signed_in
from tests.web.fake_room import BOX, FakeRoom
from tests.web.test_accessibility import findings

pytestmark = pytest.mark.long


@pytest_asyncio.fixture(loop_scope="session")
async def morning(unpublished: RunningServer, http: aiohttp.ClientSession) -> dict[str, Any]:
    """A session that begins in ten minutes, with its links and tokens."""
    start = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    body = {
        "session_id": "morning",
        "title": "Morning Calm",
        "instructor": "Test instructor",
        "scheduled_start": start,
        "techniques": ["Box Breathing"],
        "chat": False,
    }
    return await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)


async def joined(open_page: Opener, unpublished: RunningServer, name: str) -> Page:
    """A participant in the waiting room."""
    page = await open_page(f"{unpublished.url}/sessions/join/morning")
    await page.get_by_label("Your name, if you like").fill(name)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    return page


async def test_back_does_not_lead_into_the_console_of_who_signed_out(
    unpublished: RunningServer, open_page: Opener
) -> None:
    """On a device that others use: browsers keep a page that was left, as it was, for "Back"."""
    console = await open_page(f"{unpublished.url}/console")
    await console.get_by_label("Key or session link").fill(KEY)
    await console.get_by_role("button", name="Sign in").click()
    await expect(console.get_by_role("heading", name="Sessions")).to_be_visible()
    await console.get_by_role("button", name="Sign out").click()
    await expect(console.get_by_label("Key or session link")).to_be_visible()
    await console.go_back()
    assert console.url == "about:blank"


async def test_a_wrong_key_is_told_in_words(unpublished: RunningServer, open_page: Opener) -> None:
    """What is wrong stands beside the field, and the key can be given again."""
    page = await open_page(f"{unpublished.url}/console")
    await page.get_by_label("Key or session link").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("This key is not known here.")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (429, "too_many_requests", "That was a lot in a short time."),
        (503, "draining", "The server is just restarting."),
    ],
)
async def test_a_server_that_is_busy_says_nothing_of_the_key(
    room: FakeRoom, open_page: Opener, status: int, code: str, said: str
) -> None:
    """Asked too often, or restarting: the key may be right."""
    room.api[("GET", "sessions?limit=1")] = lambda _: (status, {"error": code, "message": "No."})
    page = await open_page(f"{await room.start()}/console")
    await page.get_by_label("Key or session link").fill("right")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text(said)).to_be_visible()
    await expect(page.get_by_text("This key is not known here.")).to_have_count(0)


async def test_a_session_link_opens_that_room_alone(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """The token leaves the address at once; there is no list to go back to."""
    page = await open_page(morning["urls"]["console"])
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(page.get_by_role("button", name="Start the session")).to_be_visible()
    assert "token" not in page.url
    assert await page.get_by_role("button", name="All sessions").count() == 0
    await page.reload()
    await expect(page.get_by_role("button", name="Start the session")).to_be_visible()


async def test_moves_copies_and_cancels_a_session(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """Whoever waits sees the new time, and later that it will not take place."""
    waiting = await joined(open_page, unpublished, "Ada")
    console = await signed_in(open_page, unpublished.url)
    card = console.get_by_role("article").filter(has_text="Morning Calm")
    await card.get_by_role("button", name="Move").click()
    await card.get_by_label("Begins at (your local time)").fill("2030-05-01T07:30")
    await card.get_by_role("button", name="Move it").click()
    await expect(card.get_by_text("Wednesday 1 May")).to_be_visible()
    await expect(waiting.get_by_text("Wednesday 1 May")).to_be_visible()
    await card.get_by_role("button", name="Copy to next week").click()
    await expect(console.get_by_label("Title")).to_have_value("Morning Calm")
    await expect(console.get_by_label("Begins at (your local time)")).to_have_value("2030-05-08T07:30")
    await expect(console.get_by_label("Technique", exact=True)).to_have_value("Box Breathing")
    await console.get_by_role("button", name="All sessions").click()
    await card.get_by_role("button", name="Cancel it").click()
    await card.get_by_role("button", name="Cancel this session").click()
    await expect(console.get_by_text("cancelled")).to_be_visible()
    await expect(waiting.get_by_role("heading", name="This session is cancelled")).to_be_visible()


async def test_removes_and_keeps_out_and_locks_the_door(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """Removal asks once more; the removed one is told and stays out; a locked door stays closed."""
    ada = await joined(open_page, unpublished, "Ada")
    console = await open_page(morning["urls"]["console"])
    await console.get_by_role("button", name="Start the session").click()
    await console.get_by_role("button", name="Remove Ada").click()
    await expect(ada.get_by_role("heading", name="Settle in")).to_be_visible()
    await console.get_by_role("button", name="Remove Ada, and keep out").click()
    await expect(ada.get_by_role("heading", name="You are out of this session")).to_be_visible()
    await expect(console.get_by_text("Nobody is here yet.")).to_be_visible()
    await ada.reload()
    await expect(ada.get_by_role("heading", name="You are out of this session")).to_be_visible()
    await console.get_by_role("switch", name="Lock the door").click()
    late = await open_page(f"{unpublished.url}/sessions/join/morning")
    await late.get_by_role("button", name="Join").click()
    await expect(late.get_by_role("heading", name="The door is closed")).to_be_visible()
    await console.get_by_role("switch", name="Lock the door").click()
    await expect(console.get_by_role("switch", name="Lock the door")).to_have_attribute(
        "aria-checked", "false"
    )
    await late.get_by_role("button", name="Try again").click()
    await late.get_by_role("button", name="Join").click()
    await expect(late.get_by_role("heading", name="Settle in")).to_be_visible()


async def test_words_chat_and_vouching_reach_the_room(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """The instructor's words stand where the instruction was; chat opens; a seat is vouched for."""
    ada = await joined(open_page, unpublished, "Ada")
    ben = await joined(open_page, unpublished, "Ben")
    console = await open_page(morning["urls"]["console"])
    await console.get_by_role("button", name="Start the session").click()
    await console.get_by_role("button", name="Begin Box Breathing").click()
    await expect(ada.get_by_role("heading", name="Box Breathing")).to_be_visible(timeout=10_000)
    await console.get_by_label("Words for everybody").fill("Let the shoulders sink.")
    await console.get_by_role("button", name="Show it").click()
    await expect(ada.get_by_text("Let the shoulders sink.")).to_be_visible()
    await console.get_by_role("checkbox", name="I know this seat Ada").check()
    await console.get_by_role("switch", name="Chat").click()
    await ada.get_by_role("button", name="More").click()
    await ada.get_by_label("Say something to the room").fill("Good morning")
    await ada.get_by_role("button", name="Send", exact=True).click()
    await ben.get_by_role("button", name="More").click()
    await expect(ben.get_by_text("Ada Good morning")).to_be_visible()
    await expect(console.get_by_text("Ada Good morning")).to_be_visible()
    await console.reload()
    await expect(console.get_by_role("checkbox", name="I know this seat Ada")).to_be_checked()


async def test_the_chat_is_kept_in_order(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """The instructor answers and deletes a message; a removal takes the others of somebody along; no screen keeps them."""
    ada = await joined(open_page, unpublished, "Ada")
    ben = await joined(open_page, unpublished, "Ben")
    console = await open_page(morning["urls"]["console"])
    await console.get_by_role("button", name="Start the session").click()
    await expect(console.get_by_text("The chat is switched off: nobody can write.")).to_be_visible()
    await console.get_by_role("switch", name="Chat").click()
    for page in (ada, ben):
        await page.get_by_role("button", name="More").click()
    for words in ("Good morning", "Something rude", "Another thing"):
        await ada.get_by_label("Say something to the room").fill(words)
        await ada.get_by_role("button", name="Send", exact=True).click()
        await expect(ben.get_by_text(words)).to_be_visible()
    await console.get_by_label("Answer in the chat").fill("Welcome, Ada")
    await console.get_by_role("button", name="Send", exact=True).click()
    await expect(console.get_by_text("You Welcome, Ada")).to_be_visible()
    await expect(ben.get_by_text("Test instructor (leads) Welcome, Ada")).to_be_visible()

    await console.get_by_role("button", name="Delete what Ada wrote: Something rude").click()
    await expect(console.get_by_role("button", name="Delete for everybody")).to_be_focused()
    assert await findings(console) == []
    await console.get_by_role("button", name="Delete for everybody").click()
    for page in (ada, ben, console):
        await expect(page.get_by_text("Something rude")).to_have_count(0)
        await expect(page.get_by_text("Good morning")).to_be_visible()
    await expect(console.get_by_role("heading", name="Chat", exact=True)).to_be_focused()
    await console.reload()
    await expect(console.get_by_text("Ada Good morning")).to_be_visible()
    await expect(console.get_by_text("Something rude")).to_have_count(0)

    await console.get_by_role("button", name="Remove Ada").click()
    await console.get_by_label("Delete what they wrote, too").check()
    await console.get_by_role("button", name="Remove Ada, and keep out").click()
    await expect(ada.get_by_role("heading", name="You are out of this session")).to_be_visible()
    for page in (ben, console):
        await expect(page.get_by_text("Welcome, Ada")).to_be_visible()
        await expect(page.get_by_text("Good morning")).to_have_count(0)
        await expect(page.get_by_text("Another thing")).to_have_count(0)


async def test_an_early_guest_reads_when_it_opens(unpublished: RunningServer, open_page: Opener) -> None:
    """A session that lies far ahead can be led into and shared; guests read when its room opens."""
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Tomorrow")
    await console.get_by_label("Led by").fill("Test instructor")
    await console.get_by_label("Begins at (your local time)").fill("2030-05-01T07:30")
    await console.get_by_role("button", name="Set it up").click()
    await expect(console.get_by_role("heading", name="Tomorrow")).to_be_visible()
    await console.get_by_role("button", name="Share").click()
    link = await console.get_by_label("Link for everybody who joins").input_value()
    guest = await open_page(link)
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_text("This page opens with it")).to_be_visible()


async def test_an_invitation_opens_the_door_and_nothing_else_does(
    unpublished: RunningServer, open_page: Opener
) -> None:
    """A room by invitation: the whole link leads in, the bare one says what is missing."""
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Circle")
    await console.get_by_label("Led by").fill("Test instructor")
    await console.get_by_text("More choices").click()
    await console.get_by_label("Who may join").select_option("invite")
    await console.get_by_role("button", name="Set it up").click()
    await console.get_by_role("button", name="Share").click()
    link = await console.get_by_label("Invitation: whoever has this link can join").input_value()
    stranger = await open_page(link.split("#")[0])
    await expect(stranger.get_by_role("heading", name="This link is not complete")).to_be_visible()
    guest = await open_page(link)
    assert "token" not in guest.url
    await expect(guest.get_by_role("heading", name="Circle")).to_be_visible()
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_text("until we begin")).to_be_visible()
    await guest.reload()
    await expect(guest.get_by_text("until we begin")).to_be_visible()


async def test_what_is_for_one_room_is_not_offered_elsewhere(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """The strongest techniques say where they belong before anybody presses a button that is refused."""
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Strong")
    await console.get_by_label("Led by").fill("Test instructor")
    await console.get_by_role("button", name="Add a technique").click()
    await console.get_by_label("Technique", exact=True).fill("Wim Hof")
    note = console.get_by_text("Wim Hof is for people together in one room")
    await expect(note).to_be_visible()
    await console.get_by_label("Where people are").select_option("room")
    await expect(note).to_be_hidden()
    await console.get_by_label("Where people are").select_option("both")
    await expect(note).to_be_visible()
    await console.get_by_role("button", name="Set it up").click()
    await console.get_by_role("button", name="Start the session").click()
    await expect(console.get_by_text("Only together in one room")).to_be_visible()
    assert await console.get_by_role("button", name="Wim Hof").count() == 0


async def test_somebody_in_need_is_in_sight_until_seen(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """Wherever the instructor has scrolled to; and the badge stays with the name."""
    ada = await joined(open_page, unpublished, "Ada")
    console = await open_page(morning["urls"]["console"])
    await console.get_by_role("button", name="Start the session").click()
    await console.get_by_role("button", name="End the session").scroll_into_view_if_needed()
    await ada.get_by_role("button", name="I need to stop").click()
    alert = console.get_by_text("Ada needed to stop. Only you see this.")
    await expect(alert).to_be_in_viewport()
    await console.get_by_role("button", name="Seen").click()
    await expect(alert).to_have_count(0)
    await expect(console.get_by_text("needed to stop", exact=True)).to_be_visible()


async def test_a_refusal_is_read_in_the_instructors_language(
    unpublished: RunningServer, http: aiohttp.ClientSession, open_page: Opener, morning: dict[str, Any]
) -> None:
    """What the server says in English is said in German on a German page."""
    console = await open_page(morning["urls"]["console"], locale="de-DE")
    await expect(console.get_by_role("button", name="Sitzung beginnen")).to_be_visible()
    await console.get_by_text("Etwas, das nicht im Plan steht").click()
    await console.get_by_label("Technik", exact=True).fill("Box Breathing")
    await console.get_by_role("button", name="Am Ende dieses Atemzugs beginnen").click()
    await expect(console.get_by_text("Die Sitzung hat noch nicht begonnen.")).to_be_visible()
    await console.get_by_role("button", name="Sitzung beginnen").click()
    await expect(console.get_by_text(re.compile(r"Live, Dauer \d:\d\d"))).to_be_visible()
    await console.get_by_label("Technik", exact=True).fill("Wim Hof")
    await console.get_by_role("button", name="Am Ende dieses Atemzugs beginnen").click()
    await expect(console.get_by_text("braucht beim Dazukommen die Zustimmung aller")).to_be_visible()


async def leading(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """The console of a room in the hands of the test, in the middle of box breathing."""
    base = await room.start()
    await room.change("Box Breathing", BOX)
    room.state["started_at"] = room.state["scheduled_start"]
    return await open_page(f"{base}/console#session={room.session_id}&token=t", **options)


async def test_words_that_did_not_arrive_are_not_called_shown(room: FakeRoom, open_page: Opener) -> None:
    """The note of the last time goes, the error is in sight where one stands, and says what to do when the line is back."""
    console = await leading(room, open_page)
    words = console.get_by_label("Words for everybody")
    await words.fill("Let the shoulders sink.")
    await console.get_by_role("button", name="Show it").click()
    await expect(console.get_by_text("Shown, quietly.")).to_be_visible()
    room.refuse = (1001, "", {})
    await room.close(1001)
    await expect(console.get_by_text("reconnecting; the room goes on")).to_be_visible()
    await words.fill("And the jaw.")
    await console.get_by_role("button", name="Show it").click()
    error = console.get_by_text("This did not get through.")
    await expect(error).to_be_in_viewport()
    await expect(console.get_by_text("Shown, quietly.")).to_have_count(0)
    await expect(words).to_have_value("And the jaw.")
    room.refuse = None
    await expect(error).to_have_count(0, timeout=20_000)
    again = console.get_by_text("What you pressed last may not have arrived: look, and press it again.")
    await expect(again).to_be_visible()
    await console.get_by_role("button", name="Show it").click()
    assert (await room.wait_for("announce", 2))["data"]["message"] == "And the jaw."
    await expect(again).to_have_count(0)


async def test_a_start_in_the_past_is_said_and_the_address_is_readable(
    unpublished: RunningServer, open_page: Opener
) -> None:
    """What is allowed and worth saying stands in the room; letters with marks stay letters in its name."""
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="New session").click()
    await console.get_by_label("Title").fill("Übung für große Leute")
    await console.get_by_label("Led by").fill("Test instructor")
    await console.get_by_label("Begins at (your local time)").fill("2020-05-01T07:30")
    await console.get_by_role("button", name="Set it up").click()
    await expect(console.get_by_text("This begins in the past: the room is open now.")).to_be_visible()
    assert "#session=ubung-fur-grosse-leute-2020-05-01-" in console.url
    await console.get_by_role("button", name="All sessions").click()
    card = console.get_by_role("article").filter(has_text="Übung")
    await card.get_by_role("button", name="Move").click()
    await card.get_by_label("Begins at (your local time)").fill("2021-05-01T07:30")
    await card.get_by_role("button", name="Move it").click()
    await expect(console.get_by_text("This begins in the past: the room is open now.")).to_be_visible()


async def test_the_keyboard_goes_on_where_it_was(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """After a row, a question or a card is gone, the focus stands at the next thing of its kind."""
    console = await signed_in(open_page, unpublished.url)
    card = console.get_by_role("article").filter(has_text="Morning Calm")
    for name in ("Move", "Cancel it"):
        await card.get_by_role("button", name=name, exact=True).click()
        await card.get_by_role("button", name="Never mind").click()
        await expect(card.get_by_role("button", name=name, exact=True)).to_be_focused()
    await card.get_by_role("button", name="Cancel it").click()
    await card.get_by_role("button", name="Cancel this session").click()
    await expect(console.get_by_role("heading", name="Morning Calm")).to_be_focused()
    await console.get_by_role("button", name="New session").click()
    for technique in ("Box Breathing", "Tide"):
        await console.get_by_role("button", name="Add a technique").click()
        await console.get_by_label("Technique", exact=True).last.fill(technique)
    await console.get_by_role("button", name="Remove Box Breathing").click()
    await expect(console.get_by_role("button", name="Remove Tide")).to_be_focused()
    await expect(console.get_by_label("Technique", exact=True)).to_have_value("Tide")
    await console.get_by_role("button", name="Remove Tide").click()
    await expect(console.get_by_role("button", name="Add a technique")).to_be_focused()


async def test_what_the_numbers_in_a_name_do_is_said_where_it_is_typed(
    unpublished: RunningServer, open_page: Opener, morning: dict[str, Any]
) -> None:
    """In the plan and beside the running session; not of a technique of the catalogue, which has its own pattern."""
    console = await signed_in(open_page, unpublished.url)
    await console.get_by_role("button", name="New session").click()
    await console.get_by_role("button", name="Add a technique").click()
    field = console.get_by_label("Technique", exact=True)
    said = console.get_by_text("From the numbers in this name the circle breathes")
    await field.fill("My own 5-2-6")
    await expect(said).to_have_text(
        "From the numbers in this name the circle breathes, in seconds: in 5, hold 2, out 6."
    )
    await field.fill("4-7-8 Breathing")
    await expect(said).to_have_count(0)
    await field.fill("Tide 5-0-7")
    await expect(said).to_contain_text("in 5, out 7.")
    await field.fill("Tide")
    await expect(said).to_have_count(0)


async def test_a_press_that_has_begun_is_not_lost_to_an_arrival(room: FakeRoom, open_page: Opener) -> None:
    """The button is the same one when the finger is lifted; so is the mark of somebody whom the instructor knows."""
    room.state["participants"] = [
        {"client_id": "b", "name": "Ben", "present": True, "vouched": False, "hand": False}
    ]
    console = await leading(room, open_page)
    await console.get_by_role("button", name="Remove Ben").hover()
    await console.mouse.down()
    await room.tell("participant_joined", {"client_id": "a", "name": "Ada", "count": 2})
    await expect(console.get_by_role("button", name="Remove Ada")).to_be_visible()
    await console.mouse.up()
    await expect(console.get_by_role("button", name="Remove Ben, and keep out")).to_be_focused()


async def test_a_seat_is_shown_as_the_server_has_it(room: FakeRoom, open_page: Opener) -> None:
    """A mark that is refused goes again, however often it was pressed; one that did not arrive, with the next welcome."""
    room.state["participants"] = [
        {"client_id": "b", "name": "Ben", "present": True, "vouched": False, "hand": False}
    ]
    console = await leading(room, open_page)
    seat = console.get_by_label("I know this seat Ben")
    await expect(seat).not_to_be_checked()
    room.denied = {"vouch"}
    room.lag = 0.2
    await seat.evaluate("(box) => (box.click(), box.click())")
    await room.wait_for("vouch", 2)
    await expect(console.get_by_text("This sign-in does not allow it.")).to_be_visible()
    await expect(seat).not_to_be_checked()
    await seat.click()
    await room.wait_for("vouch", 3)
    await expect(seat).not_to_be_checked()
    await seat.evaluate("(box) => (box.checked = true)")
    await room.drop()
    await expect(seat).not_to_be_checked()


async def test_a_press_that_has_begun_is_not_lost_to_a_message(room: FakeRoom, open_page: Opener) -> None:
    """Nor is one that deletes what somebody wrote, while others write."""
    room.state["participants"] = [
        {"client_id": "b", "name": "Ben", "present": True, "vouched": False, "hand": False}
    ]
    console = await leading(room, open_page)
    await expect(console.get_by_role("button", name="Remove Ben")).to_be_visible()
    await room.tell("chat_message", {"client_id": "b", "name": "Ben", "message": "Rude"})
    await console.get_by_role("button", name="Delete what Ben wrote: Rude").hover()
    await console.mouse.down()
    await room.tell("chat_message", {"client_id": "a", "name": "Ada", "message": "Kind"})
    await expect(console.get_by_text("Kind")).to_be_visible()
    await console.mouse.up()
    await expect(console.get_by_role("button", name="Delete for everybody")).to_be_focused()


async def test_an_arrival_leaves_an_open_question_open(room: FakeRoom, open_page: Opener) -> None:
    """Whether somebody is to be removed is still asked when another comes; the keyboard stays with it."""
    people = [
        {"client_id": key, "name": name, "present": True, "vouched": False, "hand": False}
        for key, name in (("a", "Ada"), ("b", "Ben"))
    ]
    room.state["participants"] = people
    console = await leading(room, open_page)
    await console.get_by_role("button", name="Remove Ben").click()
    yes = console.get_by_role("button", name="Remove Ben, and keep out")
    await expect(yes).to_be_focused()
    await room.tell("participant_joined", {"client_id": "c", "name": "Cleo", "count": 3})
    await expect(console.get_by_role("button", name="Remove Cleo")).to_be_visible()
    await expect(yes).to_be_focused()
    await console.get_by_role("button", name="Never mind").click()
    await expect(console.get_by_role("button", name="Remove Ben")).to_be_focused()
    await console.get_by_role("button", name="Remove Ben").click()
    await yes.click()
    await room.wait_for("remove_participant")
    await room.tell("participant_left", {"client_id": "b", "name": "Ben", "count": 2})
    await expect(console.get_by_role("heading", name="2 people are here")).to_be_focused()
