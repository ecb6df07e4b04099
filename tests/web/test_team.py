"""Who comes, the team's keys, and webhooks, in the console against a real server."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from engine.app import RunningServer
from engine.clock import Clock
from engine.domain.webhooks import EVENTS
from engine.storage.database import Connection
from engine.storage.opening import database_of
from engine.storage.sign_ins import SignIns
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registrar
from tests.api.conftest import KEY as API_KEY
from tests.api.conftest import quick_server, settings
from tests.journey.server import asked
from tests.web.conftest import WATCH_SHIFTS, Opener, signed_in
from tests.web.test_accessibility import findings
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.long

#: Counts the texts that a page has read, once it has done with them what it does at once.
COUNT_READ = """let count = 0;
const text = Response.prototype.text;
Response.prototype.text = async function () {
  const read = await text.call(this);
  setTimeout(() => document.documentElement.setAttribute("data-read", (count += 1)));
  return read;
};"""


async def first_site(url: str, http: aiohttp.ClientSession) -> None:
    """Return when the empty site is built."""
    for _ in range(600):
        async with http.get(f"{url}/") as answer:
            if answer.status == 200:
                return
        await asyncio.sleep(0.1)
    raise TimeoutError


async def test_somebody_says_that_they_come_and_the_instructor_sees_it(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """On the session's page, without scripts but for the way in; they cancel with one button."""
    body = {
        "session_id": "evening",
        "title": "Evening",
        "instructor": "Mara",
        "max_participants": 1,
        "scheduled_start": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
    }
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/create", 201, body)
    await first_site(publishing.url, http)
    page = await open_page(f"{publishing.url}/sessions/evening/")
    await expect(page.get_by_text("One place is left.")).to_be_visible()
    await page.get_by_label("Your name, if you like").fill("Anna")
    await page.get_by_role("button", name="I come").click()
    await expect(page.get_by_role("heading", name="You come", exact=True)).to_be_visible()
    assert await findings(page) == []

    console = await signed_in(open_page, publishing.url, phone=False)
    await console.get_by_role("button", name="Who comes").click()
    await expect(console.get_by_role("dialog")).to_contain_text("1 of 1 places taken, 0 waiting")
    await expect(console.get_by_role("dialog")).to_contain_text("Anna")
    await console.get_by_role("button", name="Close").click()
    await console.get_by_role("button", name="Share").click()
    cohost = console.get_by_label("For a co-host: this link leads the session")
    await expect(cohost).to_have_value(re.compile(r"/console#session=evening&token=."))
    await console.get_by_role("button", name="Close").click()

    await page.get_by_role("button", name="I do not come after all").click()
    await expect(page.get_by_role("heading", name="You have cancelled")).to_be_visible()


async def test_whoever_has_the_link_of_a_session_sees_who_comes(
    unpublished: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Before it begins, on a phone, without a list of sessions; who says so meanwhile appears by itself.

    A live room shows who is here instead.
    """
    body = {
        "session_id": "evening",
        "title": "Evening",
        "instructor": "Mara",
        "scheduled_start": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
    }
    made = await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    path = f"{unpublished.url}/api/v2/sessions/evening"
    await asked(http, "POST", f"{path}/registrations", 201, {"name": "Anna"})
    console = await open_page(made["urls"]["console"])
    await console.get_by_role("button", name="Who comes").click()
    dialog = console.get_by_role("dialog")
    await expect(dialog).to_contain_text("Anna")
    await expect(dialog).to_contain_text("This studio sends no mail at present.")
    await asked(http, "POST", f"{path}/registrations", 201, {"name": "Ben"})
    await expect(dialog.get_by_role("listitem")).to_have_text(["Annacomes", "Bencomes"])
    await expect(dialog).to_contain_text("2 of ")
    await console.get_by_role("button", name="Close").click()
    assert await findings(console) == []
    await asked(http, "POST", f"{path}/start")
    await expect(console.get_by_role("button", name="Who comes")).to_have_count(0)


async def test_the_instructor_writes_once_to_those_who_come(
    unpublished: RunningServer, tmp_path: Path, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """To how many, with a question before; neither a closed dialog nor another reader loses words.

    A second letter is refused.
    """
    data = tmp_path / "data"
    (data / "studio.toml").write_text('sender = "hello@example.org"\n')
    body = {
        "session_id": "evening",
        "title": "Evening",
        "instructor": "Mara",
        "scheduled_start": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
    }
    await asked(http, "POST", f"{unpublished.url}/api/v2/sessions/create", 201, body)
    console = await signed_in(open_page, unpublished.url, phone=False)
    with database_of(data).connect() as connection:
        await _comes(connection, "unsure", confirms=False)
        held: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
        await console.route(re.compile("/letter$"), lambda route: held.set_result(route), times=1)
        await console.get_by_role("button", name="Who comes").click()
        slow = await held
        assert await findings(console) == []
        await slow.continue_()
        dialog = console.get_by_role("dialog")
        await expect(dialog).to_contain_text("This studio sends no mail at present.")
        await dialog.get_by_role("button", name="Close").click()
        Catalogue(connection).set_meta("sends_mail", "yes")
        await console.get_by_role("button", name="Who comes").click()
        await expect(dialog).to_contain_text("Nobody who comes has confirmed a mail address yet.")
        await dialog.get_by_role("button", name="Close").click()
        await _comes(connection, "anna", confirms=True)
        await console.get_by_role("button", name="Who comes").click()
        await expect(dialog).to_contain_text("Goes to 1 person, who confirmed an address.")
        await dialog.get_by_role("button", name="Send the letter").click()
        await expect(dialog.get_by_role("alert")).to_have_text("Your words: a text is needed.")
        await dialog.get_by_label("Your words").fill("Bring a blanket.")
        await _comes(connection, "ben", confirms=True)
        await expect(dialog).to_contain_text("Goes to 2 people, who confirmed their addresses.")
        await expect(dialog.get_by_label("Your words")).to_have_value("Bring a blanket.")
    await dialog.get_by_role("button", name="Close").click()
    await console.get_by_role("button", name="Who comes").click()
    await expect(dialog.get_by_label("Your words")).to_have_value("Bring a blanket.")
    assert await findings(console) == []
    await dialog.get_by_role("button", name="Send the letter").click()
    await expect(dialog).to_contain_text("It leaves at once, to 2 people, and cannot be taken back.")
    await dialog.get_by_role("button", name="Yes, send it").click()
    await expect(dialog).to_contain_text("You wrote to 2 people: ")
    await expect(dialog).to_contain_text("2 mails wait")
    await expect(dialog.get_by_role("heading", name="Write to those who come")).to_be_focused()
    assert await findings(console) == []
    again = await asked(
        http, "POST", f"{unpublished.url}/api/v2/sessions/evening/letter", 409, {"text": "And a cushion."}
    )
    assert again["error"] == "letter_sent"
    assert "a second letter is not sent" in again["message"]


async def _comes(connection: Connection, who: str, *, confirms: bool) -> None:
    registrar = Registrar(Catalogue(connection))
    room = registrar.places.room("evening")
    assert room is not None
    at, address = Clock().now(), f"{who}@example.org"
    made = registrar.register(
        [room], series_id=None, name=None, address=address, mailbox=address, network="n", at=at
    )
    if confirms:
        registrar.confirm(made.registration, at)


async def test_a_webhook_is_made_tested_and_removed(tmp_path: Path, open_page: Opener) -> None:
    """With its last deliveries; and a key of the team is made, which sees its own key alone."""
    given = settings(tmp_path, webhook_allow_private=True)
    async with receiving() as receiver, quick_server(given) as server:
        console = await signed_in(open_page, server.url, API_KEY, phone=False)
        await console.get_by_role("button", name="Team and programs").click()
        await console.get_by_label("Address", exact=True).fill(receiver.url)
        await console.get_by_label("What it is for").fill("Our calendar")
        await console.get_by_role("button", name="Make the webhook").click()
        secret = await console.get_by_label("The secret that signs").input_value()
        card = console.get_by_role("article").filter(has_text="Our calendar")
        await expect(card).to_contain_text("Nothing was sent yet.")
        await card.get_by_role("button", name="Send a test").click()
        await expect(card).to_contain_text("It was taken.")
        assert receiver.verified(secret)[0]["type"] == "webhook.test"
        receiver.status = 500
        await card.get_by_role("button", name="Send a test").click()
        await expect(card).to_contain_text("It was not taken: the answer was 500")
        await expect(card.get_by_role("listitem")).to_have_count(2)
        assert await findings(console) == []

        await console.get_by_label("Whose key it is").fill("Mara")
        await console.get_by_role("button", name="Make the key").click()
        key = await console.get_by_label("The new key of Mara").input_value()
        await card.get_by_role("button", name="Remove").click()
        await expect(card).to_contain_text("This cannot be taken back.")
        await card.get_by_role("button", name="Never mind").click()
        await expect(card.get_by_role("button", name="Remove")).to_be_focused()
        await card.get_by_role("button", name="Remove").click()
        await card.get_by_role("button", name="Yes, remove it").click()
        await expect(card).to_have_count(0)

        own = await signed_in(open_page, server.url, key, phone=False)
        await own.get_by_role("button", name="Team and programs").click()
        await expect(own.get_by_role("article")).to_have_count(1)
        await own.get_by_role("button", name="Renew").click()
        await expect(own.get_by_role("article")).to_contain_text(
            "The key that Mara had opens nothing any more"
        )
        await own.get_by_role("button", name="Yes, renew it").click()
        field = own.get_by_label("The new key of Mara")
        await expect(field).to_be_focused()
        renewed = await field.input_value()
        assert renewed != key
        await own.get_by_role("button", name="Sessions").click()
        await expect(own.get_by_text("No sessions yet.")).to_be_visible()


async def test_a_key_is_revoked_once_that_is_confirmed(tmp_path: Path, open_page: Opener) -> None:
    """One press of a button locks nobody out; the question says what comes of it. In German too."""
    async with quick_server(settings(tmp_path)) as server:
        page = await open_page(f"{server.url}/console", phone=False, locale="de-AT")
        await page.get_by_label("Schlüssel oder Sitzungslink").fill(API_KEY)
        await page.get_by_role("button", name="Anmelden").click()
        await page.get_by_role("button", name="Team und Programme").click()
        await page.get_by_label("Wem er gehört").fill("Mara")
        await page.get_by_role("button", name="Schlüssel anlegen").click()
        card = page.get_by_role("article").filter(has_text="Mara")
        await card.get_by_role("button", name="Widerrufen").click()
        await expect(card).to_contain_text(
            "Der Schlüssel von Mara öffnet nichts mehr, hier und in Programmen."
        )
        assert await findings(page) == []
        await expect(card).not_to_contain_text("· widerrufen")
        await card.get_by_role("button", name="Ja, widerrufen").click()
        await expect(card).to_contain_text("· widerrufen")
        await expect(card.get_by_role("heading", name="Mara")).to_be_focused()


async def test_a_link_by_mail_signs_in_once(tmp_path: Path, open_page: Opener) -> None:
    """Asked for where one signs in; a press of a button uses it, so that what only follows links does not."""
    (tmp_path / "studio.toml").write_text('sender = "hello@example.org"\n')
    async with quick_server(settings(tmp_path)) as server:
        console = await signed_in(open_page, server.url, API_KEY, phone=False)
        await console.get_by_role("button", name="Team and programs").click()
        await console.get_by_label("Whose key it is").fill("Ivy")
        await console.get_by_label("Mail address, if there is one").fill("ivy@example.org")
        await console.get_by_role("button", name="Make the key").click()
        await expect(console.get_by_label("The new key of Ivy")).to_be_visible()
        page = await open_page(f"{server.url}/console")
        with database_of(tmp_path, None).connect() as connection:
            for sends, said in (
                ("", "This studio sends no mail at present"),
                ("yes", "a link is on its way. It works once, within 15 minutes."),
            ):
                Catalogue(connection).set_meta("sends_mail", sends)
                await page.get_by_label("Or your mail address").fill("ivy@example.org")
                await page.get_by_role("button", name="Send me a link").click()
                await expect(page.get_by_text(said)).to_be_visible()
            link = f"{server.url}/console#sign_in={SignIns(connection).make_link('Ivy', Clock().now())}"
        first, second = [await open_page(link) for _ in range(2)]
        await first.get_by_role("button", name="Sign in with the link").click()
        await expect(first.get_by_role("heading", name="Sessions")).to_be_visible()
        assert "sign_in" not in first.url
        await second.get_by_role("button", name="Sign in with the link").click()
        await expect(second.get_by_text("This link was used, or its 15 minutes are over.")).to_be_visible()
        assert await findings(second) == []


async def test_a_webhook_can_be_told_of_every_event_there_is(tmp_path: Path, open_page: Opener) -> None:
    """The form has a box for each event that the server names."""
    async with quick_server(settings(tmp_path)) as server:
        console = await signed_in(open_page, server.url, API_KEY, phone=False)
        await console.get_by_role("button", name="Team and programs").click()
        boxes = console.get_by_role("group", name="What it is told").get_by_role("checkbox")
        await expect(boxes).to_have_count(len(EVENTS))
        names = await boxes.evaluate_all("(all) => all.map((box) => box.value)")
        assert names == list(EVENTS)


async def evenings(url: str, http: aiohttp.ClientSession, **ahead: timedelta) -> None:
    """Sessions with one place each, by how far ahead they are."""
    for session_id, left in ahead.items():
        body = {
            "session_id": session_id,
            "title": "Evening",
            "instructor": "Mara",
            "max_participants": 1,
            "scheduled_start": (datetime.now(UTC) + left).isoformat(),
        }
        await asked(http, "POST", f"{url}/api/v2/sessions/create", 201, body)


async def test_on_the_join_page_one_says_that_one_comes_and_cancels(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Days before, in place and in the reader's language; who came by the form is who joins, also from the waiting screen."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    anna = await open_page(f"{url}/sessions/join/later", script=WATCH_SHIFTS)
    part = anna.locator("#coming")
    await expect(part).to_contain_text("One place is left.")
    # The footer alone makes room: what one may be about to press stays where it is.
    assert await anna.evaluate("window.shift") < 0.05
    await part.get_by_label("Your name, if you like").fill("Anna")
    await part.get_by_role("button", name="I come").click()
    await expect(part.get_by_role("heading", name="You come", exact=True)).to_be_focused()
    await expect(part).to_contain_text("come back here to join, or to cancel")
    # The name stands in the field above too, and a reload knows who it is.
    await anna.reload()
    await expect(part.get_by_role("button", name="I do not come after all")).to_be_visible()
    await expect(anna.get_by_label("Your name, if you like")).to_have_value("Anna")

    bea = await open_page(f"{url}/sessions/join/later", locale="de-DE")
    await bea.get_by_role("button", name="Dabei sein").click()
    waiting = bea.locator("#coming")
    await expect(waiting).to_contain_text("Alle Plätze sind vergeben.")
    await waiting.get_by_role("button", name="Auf die Warteliste").click()
    await expect(waiting).to_contain_text("Du bist Nummer 1.")
    assert await findings(bea) == []

    await part.get_by_role("button", name="I do not come after all").click()
    await expect(part.get_by_role("heading", name="Say that you come")).to_be_focused()
    await expect(part).to_contain_text("All places are taken.")
    (left,) = (await asked(http, "GET", f"{url}/api/v2/sessions/later/registrations"))["registrations"]
    assert left["state"] == "coming"
    # Back on a page that was left open, one sees that one came up.
    await bea.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(waiting.get_by_role("heading", name="Du kommst", exact=True)).to_be_visible()
    # Whoever said so on the waiting screen is known when the room opens: the place is theirs, and no other one is taken.
    start = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    await asked(http, "PATCH", f"{url}/api/v2/sessions/later", 200, {"scheduled_start": start})
    await bea.reload()
    await bea.get_by_role("button", name="Dabei sein").click()
    await expect(bea.get_by_text("bis wir beginnen")).to_be_visible()
    await expect(waiting).not_to_be_visible()
    info = (await asked(http, "GET", f"{url}/api/v2/sessions/later/content"))["session_info"]
    assert [each["client_id"] for each in info["participants"]] == [left["registration"]]


async def test_an_answer_of_before_does_not_hide_that_one_comes(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Looked at again on a slow line the page asks anew; who says so meanwhile is not offered to say so twice."""
    await evenings(publishing.url, http, later=timedelta(days=3))
    page = await open_page(f"{publishing.url}/sessions/join/later", script=COUNT_READ)
    part = page.locator("#coming")
    await expect(part).to_contain_text("One place is left.")
    held: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    address = "**/sessions/later/coming?lang=*"
    await page.route(address, lambda route: held.set_result(route), times=1)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    slow = await held
    await part.get_by_role("button", name="I come").click()
    await expect(part.get_by_role("heading", name="You come", exact=True)).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-read", "2")
    await slow.fulfill(body='<section id="coming"><h2>Say that you come</h2></section>')
    await expect(page.locator("html")).to_have_attribute("data-read", "3")
    await expect(part.get_by_role("heading")).to_have_text("You come")


async def pressed_on_a_slow_line(page: Page, button: str = "I come") -> Route:
    """The request of somebody who says that they come, or not after all, which goes on when the test lets it."""
    held: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    address = re.compile("/registrations(/[^/]+)?$")
    await page.route(address, lambda route: held.set_result(route), times=1)
    await page.locator("#coming").get_by_role("button", name=button).click()
    return await held


async def answered(page: Page, slow: Route) -> None:
    """Let it go on; returns once the page, which counts what it reads, has looked again at what is so."""
    before = await page.locator("html").get_attribute("data-read")
    await slow.continue_()
    await expect(page.locator("html")).not_to_have_attribute("data-read", before or "")


async def starts_in(url: str, http: aiohttp.ClientSession, left: timedelta) -> None:
    """Move the session."""
    start = (datetime.now(UTC) + left).isoformat()
    await asked(http, "PATCH", f"{url}/api/v2/sessions/later", 200, {"scheduled_start": start})


async def identity(page: Page) -> Any:
    """Who the page's person is in the session."""
    return await page.evaluate("JSON.parse(localStorage['halcytone:later']).identity")


async def joins(page: Page) -> Any:
    """Go into the room; who one is there."""
    await page.get_by_role("button", name="Join").click()
    await page.wait_for_function("() => JSON.parse(localStorage['halcytone:later']).joined")
    return await identity(page)


async def test_what_was_said_before_the_next_screen_is_shown_there(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """On a slow line one says that one comes, and joins before the answer is here, which then takes no focus."""
    await evenings(publishing.url, http, later=timedelta(days=3))
    page = await open_page(f"{publishing.url}/sessions/join/later")
    part = page.locator("#coming")
    slow = await pressed_on_a_slow_line(page)
    await page.get_by_role("button", name="Join").click()
    sound = page.get_by_role("button", name="Test the sound")
    await sound.focus()
    await expect(part).to_be_visible()
    await slow.continue_()
    await expect(part.get_by_role("heading")).to_have_text("You come")
    # It is made ready for the focus in the same turn in which that would be taken.
    await expect(part.get_by_role("heading")).to_have_attribute("tabindex", "-1")
    await expect(sound).to_be_focused()


async def test_who_is_in_the_room_before_the_answer_stays_who_they_are(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The place that the late answer brings is given back: it would shut them out of the seat that they have."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later")
    await expect(page.locator("#coming")).to_contain_text("One place is left.")
    slow = await pressed_on_a_slow_line(page)
    await starts_in(url, http, timedelta(minutes=5))
    seat = await joins(page)
    async with page.expect_response("**/registrations/*"):
        await slow.continue_()
    assert await identity(page) == seat
    told = await asked(http, "GET", f"{url}/api/v2/sessions/later/registrations")
    assert told["registrations"] == []
    await page.reload()
    await expect(page.get_by_text("until we begin")).to_be_visible()


async def test_who_joins_while_the_answer_is_on_its_way_takes_their_place(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The only one, which would shut them out if they came as somebody else."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later")
    slow = await pressed_on_a_slow_line(page)
    answer = await slow.fetch()
    await starts_in(url, http, timedelta(minutes=5))
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("button", name="Joining")).to_be_visible()
    await slow.fulfill(response=answer)
    await expect(page.get_by_text("until we begin")).to_be_visible()
    (place,) = (await asked(http, "GET", f"{url}/api/v2/sessions/later/registrations"))["registrations"]
    info = (await asked(http, "GET", f"{url}/api/v2/sessions/later/content"))["session_info"]
    assert [each["client_id"] for each in info["participants"]] == [place["registration"]]


async def test_who_cancels_and_is_let_in_before_the_answer_keeps_the_seat(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The registration is gone, and who came by its secret is in the room, also after a reload."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later", script=COUNT_READ)
    part = page.locator("#coming")
    await part.get_by_role("button", name="I come").click()
    await expect(part.get_by_role("heading", name="You come", exact=True)).to_be_focused()
    slow = await pressed_on_a_slow_line(page, "I do not come after all")
    await starts_in(url, http, timedelta(minutes=5))
    seat = await joins(page)
    await answered(page, slow)
    assert await identity(page) == seat
    await page.reload()
    await expect(page.get_by_text("until we begin")).to_be_visible()
    info = (await asked(http, "GET", f"{url}/api/v2/sessions/later/content"))["session_info"]
    assert len(info["participants"]) == 1


async def test_who_says_it_in_two_tabs_comes_once(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The later answer brings a second place, which is given back; both tabs show the one that stays."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later")
    slow = await pressed_on_a_slow_line(page)
    other = await page.context.new_page()
    await other.goto(f"{url}/sessions/join/later")
    await other.locator("#coming").get_by_role("button", name="I come").click()
    await expect(other.locator("#coming").get_by_role("heading", name="You come", exact=True)).to_be_visible()
    said = await identity(other)
    await slow.continue_()
    await expect(page.locator("#coming").get_by_role("heading", name="You come", exact=True)).to_be_visible()
    assert await identity(page) == said
    told = await asked(http, "GET", f"{url}/api/v2/sessions/later/registrations")
    assert [each["state"] for each in told["registrations"]] == ["coming"]


NEWEST_SOCKET = """const Real = WebSocket;
window.WebSocket = class extends Real { constructor(...given) { super(...given); window.newest = this; } };"""


@dataclass
class MovableRoom:
    """A session in three days that opens for a page, and is moved back and forth under it."""

    page: Page
    url: str
    http: aiohttp.ClientSession
    opens_in: timedelta | None = None
    """What is told to whoever comes while it is not open."""

    async def join(self) -> Any:
        """Open, and go in; who one is there."""
        await self.page.route_web_socket("**/ws/live-updates*", self._connect)
        await self.open()
        seat = await joins(self.page)
        await self.shown()
        return seat

    async def open(self) -> None:
        """Move it to now."""
        await starts_in(self.url, self.http, timedelta(minutes=5))
        self.opens_in = None

    async def shown(self) -> None:
        """Return once the page shows the room."""
        await expect(self.page.get_by_text("until we begin")).to_be_visible()
        await expect(self.page.locator("#coming")).not_to_be_visible()

    async def move(self, opens_in: timedelta = timedelta(days=3)) -> None:
        """Move it by three days, and send everybody back; clients try again when it is said to open."""
        await starts_in(self.url, self.http, timedelta(days=3))
        self.opens_in = opens_in
        await self.page.evaluate(
            "() => { const last = newest; last.dispatchEvent(new CloseEvent('close', { code: 1006 })); last.close(); }"
        )

    async def _connect(self, socket: WebSocketRoute) -> None:
        if self.opens_in is None:
            socket.connect_to_server()
            return
        now = datetime.now(UTC)
        details = {"opens_at": (now + self.opens_in).isoformat()}
        content = {"code": "not_open_yet", "message": "Not yet.", "details": details}
        said = {"type": "error", "session_id": "later", "timestamp": now.isoformat(), "content": content}
        socket.send(json.dumps(said))
        await socket.close(code=4008)


async def test_who_is_sent_back_from_a_room_that_moved_sees_what_is_so_now(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """The form was looked at before the room opened; it is asked for anew when it comes into view again."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later", script=NEWEST_SOCKET, fresh=True)
    part = page.locator("#coming")
    await expect(part).to_contain_text("One place is left.")
    room = MovableRoom(page, url, http)
    await room.join()
    await asked(http, "POST", f"{url}/api/v2/sessions/later/registrations", 201, {"name": "Bea"})
    await room.move()
    await expect(part).to_be_visible(timeout=20_000)
    await expect(part).to_contain_text("All places are taken.")


async def test_a_form_that_was_not_shown_in_the_open_room_is_shown_once_it_moved(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Also before the session's details are known anew, and though the form itself is as it was before."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    script = f"{NEWEST_SOCKET}\n{COUNT_READ}"
    page = await open_page(f"{url}/sessions/join/later", script=script, fresh=True)
    part = page.locator("#coming")
    await expect(part).to_contain_text("One place is left.")
    slow = await pressed_on_a_slow_line(page)
    room = MovableRoom(page, url, http)
    await room.join()
    await answered(page, slow)
    await expect(part).not_to_be_attached()
    # The details that the page asks for are on a slow line.
    await page.route(re.compile("/api/v2/sessions/later$"), lambda _: None)
    await room.move()
    await expect(part).to_be_visible(timeout=20_000)
    await expect(part).to_contain_text("One place is left.")


async def test_who_is_back_in_the_seat_before_the_answer_keeps_it(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Somebody who was in says that they come, and the room opens again: they are who they were, and nobody beside."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    script = f"{NEWEST_SOCKET}\n{COUNT_READ}"
    page = await open_page(f"{url}/sessions/join/later", script=script, fresh=True)
    room = MovableRoom(page, url, http)
    seat = await room.join()
    await room.move(opens_in=timedelta(seconds=1))
    await expect(page.locator("#coming")).to_be_visible(timeout=20_000)
    await expect(page.locator("#coming")).to_contain_text("One place is left.")
    slow = await pressed_on_a_slow_line(page)
    await room.open()
    await room.shown()
    await answered(page, slow)
    assert await identity(page) == seat
    told = await asked(http, "GET", f"{url}/api/v2/sessions/later/registrations")
    assert told["registrations"] == []


async def test_what_no_screen_shows_is_not_asked_for(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """In the practice one has other things to look at, and the studio to do."""
    url = publishing.url
    await evenings(url, http, later=timedelta(days=3))
    page = await open_page(f"{url}/sessions/join/later", fresh=True)
    part = page.locator("#coming")
    await part.get_by_role("button", name="I come").click()
    await expect(part.get_by_role("heading", name="You come", exact=True)).to_be_visible()
    await starts_in(url, http, timedelta(minutes=5))
    await asked(http, "POST", f"{url}/api/v2/sessions/later/start", 200)
    await joins(page)
    await expect(part).not_to_be_attached()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.evaluate(
        "async () => { document.dispatchEvent(new Event('visibilitychange')); await fetch('/healthz'); }"
    )
    assert f"{url}/healthz" in sent
    assert [address for address in sent if "/coming" in address] == []


async def test_a_private_session_takes_those_with_its_link(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """Its page has no form, since a form sends no token; the join page sends it. A room that is open has no form."""
    url = publishing.url
    body = {
        "session_id": "between-us",
        "title": "Between us",
        "instructor": "Mara",
        "visibility": "private",
        "scheduled_start": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
    }
    made = await asked(http, "POST", f"{url}/api/v2/sessions/create", 201, body)
    page = await open_page(made["urls"]["join"])
    part = page.locator("#coming")
    await part.get_by_role("button", name="I come").click()
    await part.get_by_role("button", name="I do not come after all").click()
    await expect(part.get_by_role("button", name="I come")).to_be_visible()
    await evenings(url, http, soon=timedelta(minutes=5))
    page = await open_page(f"{url}/sessions/join/soon", fresh=True)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.reload()
    await expect(page.get_by_role("heading", name="Evening")).to_be_visible()
    # With its name the page knows that it is open, and would have asked for the form by now.
    await page.evaluate("fetch('/healthz')")
    assert f"{url}/healthz" in sent
    assert [address for address in sent if "/coming" in address] == []
    await expect(page.get_by_role("heading", name="Say that you come")).to_have_count(0)


async def test_somebody_comes_to_a_whole_series_by_its_page(
    publishing: RunningServer, open_page: Opener, http: aiohttp.ClientSession
) -> None:
    """On a phone and by the form alone: a page with every date, of which one is left out; axe finds nothing serious."""
    starts = datetime.now(UTC) + timedelta(days=2)
    body = {
        "series_id": "weekly",
        "title": "Evening",
        "instructor": "Mara",
        "timezone": "UTC",
        "starts": f"{starts:%Y-%m-%dT%H:%M}",
        "rule": "FREQ=WEEKLY;COUNT=3",
        "duration_minutes": 30,
    }
    await asked(http, "POST", f"{publishing.url}/api/v2/series", 201, body)
    await first_site(publishing.url, http)
    page = await open_page(f"{publishing.url}/series/weekly/")
    await expect(page.get_by_role("heading", name="Say that you come every time")).to_be_visible()
    field = page.get_by_label("Your name, if you like")
    box = await field.bounding_box()
    assert box is not None
    assert box["height"] >= 48
    assert await findings(page) == []
    await field.fill("Anna")
    await page.get_by_role("button", name="I come every time").click()
    await expect(page.get_by_role("heading", name="You come", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Not this time")).to_have_count(3)
    assert await findings(page) == []
    own = page.url
    await page.get_by_role("button", name="Not this time").nth(1).click()
    await expect(page.get_by_role("heading", name="You have cancelled")).to_be_visible()
    await page.goto(own)
    await expect(page.get_by_role("button", name="Not this time")).to_have_count(2)
    await page.get_by_role("link", name="Your own link to join").click()
    await expect(page.get_by_role("heading", name="Evening")).to_be_visible()
    await expect(field).to_have_value("Anna")
