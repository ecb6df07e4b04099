"""The client finds back: broken, silent, refused and restarted lines, seen from a participant's page."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from engine.domain.instant import iso
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom, now

pytestmark = pytest.mark.long


async def practising(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """A participant in the middle of box breathing."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", **options)
    await room_live(room)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    return page


async def room_live(room: FakeRoom) -> None:
    """Box breathing goes on."""
    await room.change("Box Breathing", BOX)


async def test_comes_back_after_a_broken_line_and_asks_for_what_it_missed(
    room: FakeRoom, open_page: Opener
) -> None:
    """The return names epoch and position; what was missed arrives once, without a reload."""
    page = await practising(room, open_page)
    await room.drop()
    await room.tell("participant_joined", {"client_id": "x", "name": "Guest", "count": 9}, lose=True)
    await room.wait_for_lines(2)
    assert room.addresses[1]["epoch"] == room.epoch
    assert int(room.addresses[1]["after"]) == room.seq - 1
    assert room.addresses[1]["resume"] == "secret"
    await expect(page.get_by_text("8 others breathe along")).to_be_visible()


async def test_keeps_breathing_while_the_line_is_gone(room: FakeRoom, open_page: Opener) -> None:
    """The pacer goes on by its own clock, and one quiet line says what happens."""
    page = await practising(room, open_page)
    room.refuse = (1001, "away", {})
    await room.close(1001)
    await expect(page.locator("#line")).to_contain_text("Keep breathing")
    before = await page.locator(".pacer").get_attribute("data-step")
    await expect(page.locator(".pacer")).not_to_have_attribute("data-step", before or "", timeout=6000)
    room.refuse = None
    await expect(page.locator("#line")).to_be_empty(timeout=15000)


async def test_asks_again_when_a_message_is_missing(room: FakeRoom, open_page: Opener) -> None:
    """A gap is never shown: the client returns with its position and gets the whole."""
    page = await practising(room, open_page)
    position = room.seq
    await room.tell("participant_joined", {"client_id": "x", "name": "A", "count": 6}, lose=True)
    await room.tell("participant_joined", {"client_id": "y", "name": "B", "count": 7})
    await room.wait_for_lines(2)
    assert int(room.addresses[1]["after"]) == position
    await expect(page.get_by_text("6 others breathe along")).to_be_visible()


async def test_own_chat_leaves_no_gap(room: FakeRoom, open_page: Opener) -> None:
    """The number of one's own line is taken from its receipt; nothing is asked again."""
    page = await practising(room, open_page)
    await page.get_by_role("button", name="More").click()
    await page.get_by_label("Say something to the room").fill("Hello there")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("You Hello there")).to_be_visible()
    await room.tell("participant_joined", {"client_id": "x", "name": "A", "count": 6})
    await page.get_by_role("button", name="Back to the breath").click()
    await expect(page.get_by_text("5 others breathe along")).to_be_visible()
    assert len(room.addresses) == 1


async def test_a_line_whose_fate_is_unknown_goes_out_again_under_its_id(
    room: FakeRoom, open_page: Opener
) -> None:
    """The server says it once; one's own words stand there once, too, when they came back with what was missed."""
    page = await practising(room, open_page)
    await page.get_by_role("button", name="More").click()
    await page.get_by_label("Say something to the room").fill("Hello there")
    room.silent = True
    await page.get_by_role("button", name="Send", exact=True).click()
    first = await room.wait_for("chat")
    room.silent = False
    await room.drop()
    own = {"client_id": "c1", "name": "Guest", "message": "Hello there"}
    await room.wait_for_lines(2)
    await room.tell("chat_message", own)
    room.seq -= 1  # The fake's answer to a chat is its next number: here it is the first one's.
    await expect(page.get_by_text("You Hello there")).to_be_visible()
    await page.get_by_role("button", name="Send", exact=True).click()
    again = await room.wait_for("chat", 2)
    assert again == first
    await expect(page.get_by_label("Say something to the room")).to_be_empty()
    await expect(page.get_by_text("You Hello there")).to_have_count(1)


async def test_the_next_line_can_be_written_before_the_answer_to_the_last(
    room: FakeRoom, open_page: Opener
) -> None:
    """On a slow network nothing typed meanwhile is lost, and a second tap sends nothing twice."""
    page = await practising(room, open_page)
    await page.get_by_role("button", name="More").click()
    field, send = (
        page.get_by_label("Say something to the room"),
        page.get_by_role("button", name="Send", exact=True),
    )
    await field.fill("Hello there")
    room.silent = True
    await send.click()
    first = await room.wait_for("chat")
    await field.fill("and all")
    for socket in room.sockets:
        await socket.send_json({"type": "ack", "reply_to": first["id"], "seq": 900})
    await expect(page.get_by_text("You Hello there")).to_be_visible()
    await expect(field).to_have_value("and all")
    await send.click()
    second = await room.wait_for("chat", 2)
    await send.click()
    await field.fill("of you")
    refusal = {"code": "chat_is_off", "message": "The chat is switched off."}
    for socket in room.sockets:
        await socket.send_json({"type": "error", "reply_to": second["id"], "content": refusal})
    await expect(field).to_have_value("and all of you")
    assert [sent["data"]["message"] for sent in room.of("chat")] == ["Hello there", "and all"]


async def test_who_was_away_too_long_keeps_no_message_on_the_screen(
    room: FakeRoom, open_page: Opener
) -> None:
    """What was missed and does not come may have deleted some of them."""
    page = await practising(room, open_page)
    await page.get_by_role("button", name="More").click()
    await room.tell("chat_message", {"client_id": "b", "name": "Ben", "message": "Good morning"})
    await expect(page.get_by_text("Ben Good morning")).to_be_visible()
    room.epoch = "another"
    await room.drop()
    await room.wait_for_lines(2)
    await expect(page.get_by_text("Ben Good morning")).to_have_count(0)


async def test_notices_a_line_that_is_silent_without_being_closed(room: FakeRoom, open_page: Opener) -> None:
    """A lift freezes a connection; within seconds the client takes a new one."""
    page = await practising(room, open_page)
    room.silent = True
    async with asyncio.timeout(12):
        await room.wait_for_lines(2)
    room.silent = False
    await expect(page.locator("#line")).to_be_empty()
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()


async def test_offline_feedback_is_sent_on_the_return(room: FakeRoom, open_page: Opener) -> None:
    """A rating given without a line is kept, and arrives with the next one."""
    page = await practising(room, open_page)
    await room.tell("session_update", {"resting": True}, update_type="resting")
    await expect(page.get_by_text("How did Box Breathing feel?")).to_be_visible()
    room.refuse = (1001, "away", {})
    await room.close(1001)
    await expect(page.locator("#line")).to_contain_text("Keep breathing")
    await page.get_by_role("button", name="4: good").click()
    await expect(page.get_by_text("We keep it and send it")).to_be_visible()
    assert room.of("technique_feedback") == []
    room.refuse = None
    sent = await room.wait_for("technique_feedback")
    assert sent["data"] == {"technique": "Box Breathing", "rating": 4}


async def test_a_secret_that_is_no_longer_known_makes_a_new_guest(room: FakeRoom, open_page: Opener) -> None:
    """Whoever returns to a server that lost its memory comes in as somebody new, not to a dead end."""
    page = await practising(room, open_page)
    room.refuse = (4500, "client_id_in_use", {})
    await room.drop()
    await room.wait_for_lines(2)
    room.refuse = None
    await room.wait_for_lines(3)
    assert "client_id" not in room.addresses[2]
    assert room.addresses[2]["resume"] == ""
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()


@pytest.mark.parametrize(
    ("code", "title", "way_out"),
    [
        (4501, "This page is out of date", "Try again"),
        (4502, "This session does not exist", "See the coming sessions"),
        (4503, "The room is full", "Try again"),
        (4504, "Too much at once", "Try again"),
        (4505, "This session is over", "The page of this session"),
        (4506, "You are out of this session", "See the coming sessions"),
        (4507, "This needs an invitation", "See the coming sessions"),
        (4508, "You are here in another window", "Go on here"),
        (4509, "The door is closed", "Try again"),
        (4999, "Something went wrong", "Try again"),
    ],
)
async def test_every_final_refusal_says_what_to_do(
    room: FakeRoom, open_page: Opener, code: int, title: str, way_out: str
) -> None:
    """No dead end, and no second attempt by itself."""
    room.refuse = (code, "some_code", {})
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    await expect(page.locator("main .button, main button").filter(has_text=way_out).first).to_be_visible()
    assert len(room.addresses) == 1


async def test_waits_for_a_room_that_is_not_open_yet(room: FakeRoom, open_page: Opener) -> None:
    """The page says when it opens, and opens by itself."""
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(now() + 16_000)})
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("This page opens with it")).to_be_visible()
    room.refuse = None
    await room_live(room)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible(timeout=30_000)


async def test_a_reload_comes_back_as_the_same_person(room: FakeRoom, open_page: Opener) -> None:
    """After a reload nobody is asked again, and the room does not count twice."""
    page = await practising(room, open_page)
    await page.reload()
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    assert room.addresses[1]["client_id"] == "c1"
    assert room.addresses[1]["resume"] == "secret"


async def test_the_wall_finds_back_by_itself(room: FakeRoom, open_page: Opener) -> None:
    """Nobody stands at a projector: a broken line heals, and the next technique arrives."""
    page = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False)
    await room_live(room)
    await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible()
    await room.drop()
    await room.wait_for_lines(2)
    await room.change("Tide", [5, 0, 5, 0])
    await expect(page.get_by_role("heading", name="Tide")).to_be_visible()
    assert [address["role"] for address in room.addresses] == ["observer", "observer"]


async def test_an_expired_invitation_is_told_and_not_tried_for_ever(
    room: FakeRoom, open_page: Opener
) -> None:
    """Only whoever sent the link can renew it: the page says so, and where else to go."""
    room.state["access"] = "invite"
    room.refuse = (4005, "token_expired", {})
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}#token=old")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="This link has run out")).to_be_visible()
    assert len(room.addresses) == 1


def token_until(at: int) -> str:
    """What the token of a session looks like to a page: only the server can tell whether it is one."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": at // 1000}).encode()).decode().rstrip("=")
    return f"eyJh.{payload}.sign"


@pytest.mark.parametrize("moved", [False, True])
async def test_a_link_of_before_a_move_says_that_the_session_was_moved(
    room: FakeRoom, open_page: Opener, moved: bool
) -> None:
    """And when the room opens, not that the link were too old; one of the present time says nothing of it."""
    start = now() // 1000 * 1000 + 5 * 24 * 3_600_000
    made_for = start - (5 * 24 * 3_600_000 if moved else 0)
    room.state |= {"scheduled_start": iso(start), "created_at": iso(now() - 60_000), "phase": "scheduled"}
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(start - 900_000)})
    token = token_until(made_for + 24 * 3_600_000)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}#token={token}")
    words = page.get_by_text("This session was moved")
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    await expect(words).to_have_count(int(moved))
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("The room opens on")).to_be_visible()
    await expect(words).to_have_count(int(moved))


async def test_a_visit_of_before_a_move_says_so_too(room: FakeRoom, open_page: Opener) -> None:
    """An open session has no token: the page remembers which time it saw."""
    address = f"{await room.start()}/sessions/join/{room.session_id}"
    page = await open_page(address)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    room.state["scheduled_start"] = iso(now() + 3 * 24 * 3_600_000)
    await page.reload()
    await expect(page.get_by_text("This session was moved")).to_be_visible()


async def test_an_open_session_is_open_without_the_link_that_opens_nothing(
    room: FakeRoom, open_page: Opener
) -> None:
    """Whoever comes by a token of long ago is not sent away from a door that is open to everybody."""
    room.refuse = (4500, "bad_credential", {"token": "does not open this"})
    answers = iter([(200, {**room.state, "access": "open"}), (401, {"error": "bad_credential"})])

    def answer(_: Any) -> tuple[int, Any]:
        status, data = next(answers, (200, {**room.state, "access": "open"}))
        if status == 401:
            room.refuse = None
        return status, data

    room.api["GET", f"sessions/{room.session_id}"] = answer
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}#token=old")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    assert room.tokens == ["old", None]


async def test_a_secret_of_another_life_does_not_cost_the_link(room: FakeRoom, open_page: Opener) -> None:
    """Of an invitation: who one was is forgotten, the way in is not."""
    address = f"{await room.start()}/sessions/join/{room.session_id}#token=good"
    page = await open_page(address)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    room.refuse = (4500, "bad_credential", {"resume": "is not of this client_id"})
    await room.drop()
    await room.wait_for_lines(2)
    room.refuse = None
    await room.wait_for_lines(3)
    await expect(page.get_by_text("until we begin")).to_be_visible()
    assert (room.tokens[-1], room.addresses[-1]["resume"]) == ("good", "")


async def test_a_token_of_another_life_does_not_cost_the_seat(room: FakeRoom, open_page: Opener) -> None:
    """Who was in comes back by their secret alone."""
    address = f"{await room.start()}/sessions/join/{room.session_id}#token=old"
    page = await open_page(address)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    room.refuse = (4005, "token_expired", {"token": "does not open this"})
    await room.drop()
    await room.wait_for_lines(2)
    room.refuse = None
    await room.wait_for_lines(3)
    await expect(page.get_by_text("until we begin")).to_be_visible()
    assert (room.tokens[-1], room.addresses[-1]["resume"]) == (None, "secret")


async def test_a_demonstration_says_that_it_runs_faster_than_life(room: FakeRoom, open_page: Opener) -> None:
    """Whoever opens the join page of a demonstration is not led to breathe ten times too fast unwarned."""
    room.state["clock_rate"] = 10
    page = await practising(room, open_page)
    await expect(page.get_by_text("runs 10 times faster than life")).to_be_visible()


async def test_the_last_screen_is_there_before_the_network_goes(room: FakeRoom, open_page: Opener) -> None:
    """Every screen is fetched once somebody is in: leaving without a network shows the close."""
    page = await practising(room, open_page, once=True)
    await page.wait_for_load_state("networkidle")
    await page.context.set_offline(True)
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_role("heading", name="Your heart")).to_be_visible()
    await page.get_by_role("button", name="Leave the session").click()
    await expect(page.get_by_role("heading", name="You breathed with 3 people")).to_be_visible()


async def test_a_page_from_before_an_upgrade_loads_itself_anew(room: FakeRoom, open_page: Opener) -> None:
    """Where a file of the old version is gone, nobody is left with a dead button; the name stays."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", fresh=True)
    refused: list[str] = []

    async def gone_once(route: Route) -> None:
        if refused:
            return await route.continue_()
        refused.append(route.request.url)
        return await route.fulfill(status=404)

    await page.route("**/participant/waiting.js", gone_once)
    await page.get_by_label("Your name, if you like").fill("Ada")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("4 people are here")).to_be_visible()
    assert refused
