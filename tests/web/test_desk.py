"""The draft desk, as an instructor finds it who has nothing but the session's own link."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from engine.app import RunningServer
from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import confirm, subscribe, subscriber
from tests.journey.server import KEY, asked
from tests.web.conftest import Opener, signed_in
from tests.web.fake_room import FakeRoom
from tests.web.test_accessibility import findings

pytestmark = pytest.mark.long


@pytest_asyncio.fixture(loop_scope="session")
async def evening(publishing: RunningServer, http: aiohttp.ClientSession) -> dict[str, Any]:
    """A session that has begun, with its links and tokens."""
    body = {
        "session_id": "evening",
        "title": "Evening Calm",
        "instructor": "Test instructor",
        "scheduled_start": datetime.now(UTC).isoformat(),
    }
    created = await asked(http, "POST", f"{publishing.url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/evening/start")
    return created


async def test_a_session_link_shows_where_each_channel_stands_and_keeps_what_is_written(
    publishing: RunningServer, http: aiohttp.ClientSession, open_page: Opener, evening: dict[str, Any]
) -> None:
    """Progress without a key; what is approved is what stands there; other drafts keep unsaved words."""
    guest = await open_page(evening["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    desk = await open_page(evening["urls"]["console"])
    await expect(desk.get_by_text("1 person is here")).to_be_visible()
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/evening/end")
    await expect(desk.get_by_text("Page, archive and feed")).to_be_visible(timeout=60_000)
    web = desk.locator(".channels li").filter(has_text="Page, archive and feed")
    await expect(web).to_have_attribute("data-state", "done", timeout=60_000)
    await expect(desk.get_by_text("1 person took part.")).to_be_visible()
    await desk.get_by_label("Text for LinkedIn").fill("Not finished yet")
    mail = desk.locator("[data-draft=email]")
    await mail.get_by_label("Subject").fill("How we breathed")
    await mail.get_by_role("button", name="Approve").click()
    await expect(mail).to_have_attribute("data-state", "approved")
    await expect(mail.get_by_label("Subject")).to_have_value("How we breathed")
    await expect(mail.get_by_role("heading", name="Newsletter")).to_be_focused()
    reply = await asked(http, "GET", f"{publishing.url}/api/v2/sessions/evening/drafts")
    kept = next(draft for draft in reply["drafts"] if draft["channel"] == "email")
    assert (kept["subject"], kept["state"]) == ("How we breathed", "approved")
    await expect(desk.get_by_label("Text for LinkedIn")).to_have_value("Not finished yet")

    await asked(http, "DELETE", f"{publishing.url}/api/v2/publications/evening")
    await expect(desk.locator(".channels")).to_contain_text("The story was withdrawn")
    console = await signed_in(open_page, publishing.url)
    await expect(console.locator("[data-session=evening]")).to_contain_text(
        "Test instructor · story withdrawn"
    )


async def test_a_newsletter_says_to_how_many_it_goes(
    publishing: RunningServer,
    http: aiohttp.ClientSession,
    open_page: Opener,
    evening: dict[str, Any],
    tmp_path: Path,
) -> None:
    """To nobody, which an approval does not hide; then to the one who confirmed, until somebody stops it in time."""
    guest = await open_page(evening["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/evening/end")
    desk = await open_page(evening["urls"]["console"])
    mail = desk.locator("[data-draft=email]")
    await expect(mail).to_be_visible(timeout=60_000)
    with database_of(tmp_path / "data").connect() as connection:
        catalogue = Catalogue(connection)
        # What the publisher wrote at its start: it has no mail server.
        catalogue.set_meta("sends_mail", "yes")
        await desk.reload()
        await expect(mail.get_by_text("Nobody reads the newsletter yet")).to_be_visible()
        await mail.get_by_role("button", name="Approve and send").click()
        await expect(mail.locator(".badge").first).to_have_text("goes to nobody")
        await mail.get_by_role("button", name="Withdraw").click()
        await expect(mail.locator(".badge").first).to_have_text("withdrawn")
        subscribe(catalogue, "ann@example.org", 0)
        reader = subscriber(catalogue, "ann@example.org")
        assert reader is not None
        confirm(catalogue, reader.token, 0)
    await desk.reload()
    await expect(mail.get_by_text("Goes to 1 reader", exact=True)).to_be_visible()
    await mail.get_by_role("button", name="Approve and send").click()
    leaves = mail.get_by_text(re.compile(r"^Leaves at \d\d:\d\d .*Until then you can stop it\.$"))
    await expect(leaves).to_be_visible()
    await expect(mail.get_by_text("1 mail waits", exact=True)).to_be_visible()
    await mail.get_by_role("button", name="Stop it").click()
    await expect(mail).to_have_attribute("data-state", "withdrawn")
    await expect(leaves).to_have_count(0)
    await expect(mail.get_by_text("1 mail waits")).to_have_count(0)


async def test_a_newsletter_is_looked_at_and_tried_before_it_leaves(
    publishing: RunningServer,
    http: aiohttp.ClientSession,
    open_page: Opener,
    evening: dict[str, Any],
    tmp_path: Path,
) -> None:
    """As its readers get it, with words that are not saved and the card; a test goes to oneself, of what is saved."""
    data = tmp_path / "data"
    (data / "studio.toml").write_text('sender = "hello@example.org"\n')
    guest = await open_page(evening["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/evening/end")
    desk = await open_page(f"{publishing.url}/console")
    await desk.get_by_label("Key or session link").fill(KEY)
    await desk.get_by_role("button", name="Sign in").click()
    await desk.get_by_role("button", name="Drafts and page").click()
    mail = desk.locator("[data-draft=email]")
    await expect(mail).to_be_visible(timeout=60_000)
    await expect(desk.get_by_role("img", name="Card of Evening Calm")).to_be_visible()
    await mail.get_by_label("Text for Newsletter").fill("Dear all,\n\nit was <quiet>.")
    await mail.get_by_role("button", name="Look at it").click()
    dialog = desk.get_by_role("dialog")
    seen = dialog.frame_locator("iframe[sandbox='allow-same-origin']")
    await expect(seen.get_by_text("it was <quiet>.")).to_be_visible()
    button = seen.get_by_text("See the session")
    await expect(button).to_have_css("background-color", "rgb(14, 101, 96)")
    await expect(button).not_to_have_attribute("href", re.compile("."))
    await desk.emulate_media(color_scheme="dark")
    await expect(button).to_have_css("background-color", "rgb(124, 212, 198)")
    assert await findings(desk) == []
    await dialog.get_by_role("button", name="Close").click()
    reply = await asked(http, "GET", f"{publishing.url}/api/v2/sessions/evening/drafts")
    assert not next(draft for draft in reply["drafts"] if draft["channel"] == "email")["edited"]
    with database_of(data).connect() as connection:
        Catalogue(connection).set_meta("sends_mail", "yes")
        await mail.get_by_role("button", name="Save").click()
        await expect(mail.get_by_text("changed", exact=True)).to_be_visible()
        await mail.get_by_label("Subject").fill("Not saved")
        await mail.get_by_role("button", name="Send me a test").click()
        await expect(mail.get_by_text("A test has what is saved")).to_be_visible()
        await mail.get_by_role("button", name="Save").click()
        await expect(mail.get_by_role("heading", name="Newsletter")).to_be_focused()
        await mail.get_by_role("button", name="Send me a test").click()
        await expect(mail.get_by_text("A test is on its way to hello@example.org.")).to_be_visible()
        rows = connection.rows("SELECT kind, recipient, address, state FROM deliveries")
        assert [dict(row) for row in rows] == [
            {
                "kind": "newsletter_test",
                "recipient": "administrator",
                "address": "hello@example.org",
                "state": "preparing",
            }
        ]


async def test_the_desk_says_who_came_and_how_it_felt(
    publishing: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """In sums and by name, with both as tables; what is rated meanwhile appears. The series says it of each date."""
    start = datetime.now(UTC) + timedelta(minutes=5)
    series = {
        "series_id": "weekly",
        "title": "Weekly Calm",
        "instructor": "Test instructor",
        "timezone": "UTC",
        "starts": start.strftime("%Y-%m-%dT%H:%M"),
        "rule": "FREQ=WEEKLY",
        "duration_minutes": 30,
    }
    made = await asked(http, "POST", f"{publishing.url}/api/v2/series", 201, series)
    session = made["sessions"][0]["session_id"]
    path = f"{publishing.url}/api/v2/sessions/{session}"
    for name in ("Anna", "Ben"):
        await asked(http, "POST", f"{path}/registrations", 201, {"name": name})
    guest = await open_page(f"{publishing.url}/sessions/join/{session}")
    await guest.get_by_label("Your name, if you like").fill("Cleo")
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_text("until we begin")).to_be_visible()
    await asked(http, "POST", f"{path}/start")
    await asked(http, "POST", f"{path}/end")
    await expect(guest.get_by_text("How was it for you?")).to_be_visible()
    desk = await open_page(f"{publishing.url}/console", phone=False)
    await desk.get_by_label("Key or session link").fill(KEY)
    await desk.get_by_role("button", name="Sign in").click()
    await desk.get_by_role("button", name="Drafts and page").click()
    figures = desk.get_by_role("region", name="Who came, and how it felt")
    await expect(figures.get_by_text("2 had said so; 0 of them came.")).to_be_visible()
    await expect(figures.get_by_text("Nobody has rated it yet.")).to_be_visible()
    await guest.get_by_role("button", name="4: good").click()
    await expect(figures.get_by_text("4 of 5, 1 answer")).to_be_visible(timeout=20_000)
    await figures.get_by_text("By name").click()
    lines = await figures.locator("details li").all_inner_texts()
    assert [line.replace("\n", " ") for line in lines] == [
        "Anna has not come",
        "Ben has not come",
        "Cleo came, 0 minutes",
    ]
    assert await findings(desk) == []
    async with desk.expect_download() as file:
        await figures.get_by_role("button", name="Attendance as CSV").click()
    assert (await file.value).suggested_filename == f"attendance-{session}.csv"
    written = (await (await file.value).path()).read_text()
    assert "Cleo,,true,0" in written
    await desk.get_by_role("button", name="All sessions").click()
    await desk.get_by_role("button", name="Dates and changes").click()
    await expect(desk.get_by_text("1 came, 2 had said so")).to_be_visible()
    assert await findings(desk) == []
    async with desk.expect_download() as file:
        await desk.get_by_role("button", name="Attendance as CSV").click()
    assert (await file.value).suggested_filename == "attendance-weekly.csv"
    await desk.get_by_role("button", name=re.compile("^Who comes on ")).first.click()
    await expect(desk.get_by_role("dialog")).to_contain_text("Nobody has said so yet.")


async def test_what_became_of_the_mails_shows_beside_unsaved_words(room: FakeRoom, open_page: Opener) -> None:
    """In sums, while somebody writes; and why some wait."""
    desk, drafts = await settled(room, open_page, once=True)
    mail = {
        "channel": "email",
        "state": "approved",
        "edited": False,
        "subject": "How we breathed",
        "text": "Hello.",
    }
    drafts.append({**mail, "html": "", "sends_mail": True, "readers": 3, "deliveries": {"preparing": 3}})
    await desk.clock.install()
    await desk.evaluate(SEEN)
    card = desk.locator("[data-draft=email]")
    await expect(card.get_by_text("3 mails wait", exact=True)).to_be_visible()
    await card.get_by_label("Subject").fill("Not finished")
    drafts[1] = {
        **drafts[1],
        "deliveries": {"submitted": 2, "preparing": 1},
        "waits_because": "421 try later",
    }
    await desk.clock.run_for(4_000)
    await expect(card.get_by_text("2 mails were handed over · 1 mail waits")).to_be_visible()
    await expect(card.get_by_text("421 try later")).to_be_visible()
    drafts[1] = {**drafts[1], "deliveries": {"submitted": 3}, "waits_because": None}
    await desk.clock.run_for(4_000)
    await expect(card.get_by_text("3 mails were handed over", exact=True)).to_be_visible()
    await expect(card.get_by_role("button", name="Stop it")).to_have_count(0)
    await expect(card.get_by_label("Subject")).to_have_value("Not finished")


async def test_a_session_that_nobody_came_to_says_so(
    publishing: RunningServer, http: aiohttp.ClientSession, open_page: Opener, evening: dict[str, Any]
) -> None:
    """There is no story to wait for."""
    desk = await open_page(evening["urls"]["console"])
    await expect(desk.get_by_role("button", name="End the session")).to_be_visible()
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/evening/end")
    await expect(desk.get_by_text("Nothing was published: nobody took part")).to_be_visible()


async def test_the_page_of_a_private_session_opens_for_those_who_were_there(
    publishing: RunningServer, http: aiohttp.ClientSession, open_page: Opener
) -> None:
    """A link carries no credential; the close and the desk bring it, and show the page."""
    body = {
        "session_id": "circle",
        "title": "Closed Circle",
        "instructor": "Test instructor",
        "scheduled_start": datetime.now(UTC).isoformat(),
        "access": "invite",
        "visibility": "private",
    }
    room = await asked(http, "POST", f"{publishing.url}/api/v2/sessions/create", 201, body)
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/circle/start")
    guest = await open_page(room["urls"]["join"])
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_role("heading", name="Settle in")).to_be_visible()
    desk = await open_page(room["urls"]["console"])
    await expect(desk.get_by_text("1 person is here")).to_be_visible()
    await asked(http, "POST", f"{publishing.url}/api/v2/sessions/circle/end")
    async with desk.expect_popup() as opened:
        await desk.get_by_role("button", name="Open the page").click(timeout=30_000)
    story = await opened.value
    await expect(story.get_by_role("heading", name="Closed Circle")).to_be_visible()
    await expect(desk.get_by_text("Drafts", exact=True)).to_be_visible()
    await guest.get_by_role("button", name="The page of this session").click()
    await expect(guest.get_by_role("heading", name="Closed Circle")).to_be_visible()
    await expect(guest.get_by_text("How was it for you?")).to_have_count(0)


SEEN = "document.dispatchEvent(new Event('visibilitychange'))"


async def settled(room: FakeRoom, open_page: Opener, **options: Any) -> tuple[Page, list[dict[str, Any]]]:
    """A desk where every channel is settled; the drafts that it shows at its next look."""
    done = {"state": "done", "attempts": 1, "last_error": None}
    post = {"channel": "linkedin", "state": "waiting", "edited": False, "content": "We breathed."}
    drafts = [{**post, "length": 12, "limit": 3000}]
    room.state |= {"phase": "published", "started_at": room.state["scheduled_start"]}
    reply = {"drafts": drafts, "channels": {"web": done, "social": done}}
    room.api[("GET", f"sessions/{room.session_id}/drafts")] = lambda _: (200, reply)
    room.refuse = (4505, "session_over", {})
    address = f"{await room.start()}/console#session={room.session_id}&token=t"
    desk = await open_page(address, **options)
    await expect(desk.locator("[data-draft=linkedin]")).to_be_visible()
    return desk, drafts


async def test_what_comes_after_the_end_appears_at_the_open_desk(room: FakeRoom, open_page: Opener) -> None:
    """A quote that was allowed later is there within seconds, and at once for who comes back to the page."""
    desk, drafts = await settled(room, open_page, once=True)
    await desk.get_by_label("Text for LinkedIn").fill("Not finished")
    await desk.clock.install()
    await desk.evaluate(SEEN)
    drafts.append({"channel": "quote-1", "state": "waiting", "content": "Quiet at last", "name": None})
    await desk.evaluate(SEEN)
    await expect(desk.locator("[data-draft=quote-1]")).to_be_visible()
    await expect(desk.get_by_label("Text for LinkedIn")).to_be_focused()
    await expect(desk.get_by_label("Text for LinkedIn")).to_have_value("Not finished")
    drafts.insert(1, {"channel": "personal", "state": "waiting", "recipients": 1})
    await desk.clock.run_for(4_000)
    await expect(desk.get_by_text("1 person asked for their own")).to_be_visible()
    order = await desk.locator("[data-draft]").evaluate_all("all => all.map((card) => card.dataset.draft)")
    assert order == ["linkedin", "personal", "quote-1"]
    drafts[2] = {**drafts[2], "state": "approved"}
    drafts[0] = {**drafts[0], "content": "Changed elsewhere"}
    await desk.evaluate(SEEN)
    await expect(desk.locator("[data-draft=quote-1]")).to_have_attribute("data-state", "approved")
    await expect(desk.get_by_label("Text for LinkedIn")).to_have_value("Not finished")


async def test_an_own_summary_is_looked_at_before_it_leaves(room: FakeRoom, open_page: Opener) -> None:
    """Without anybody's name and figures, which is said beside it."""
    desk, drafts = await settled(room, open_page)
    drafts.append({"channel": "personal", "state": "waiting", "recipients": 1})
    sample = {"subject": "Your session", "text": "You asked.", "html": '<p style="color: red">You asked.</p>'}
    room.api[("POST", f"sessions/{room.session_id}/drafts/personal/preview")] = lambda _: (200, sample)
    await desk.evaluate(SEEN)
    await desk.locator("[data-draft=personal]").get_by_role("button", name="Look at it").click()
    dialog = desk.get_by_role("dialog")
    await expect(dialog).to_contain_text("Each person’s own has their name")
    await expect(dialog.frame_locator("iframe").get_by_text("You asked.")).to_have_css(
        "color", "rgb(255, 0, 0)"
    )


async def test_unsaved_words_are_not_lost_by_leaving(room: FakeRoom, open_page: Opener) -> None:
    """The page of the session opens beside the desk, and a tab that is closed asks first."""
    desk, _ = await settled(room, open_page)
    page = desk.get_by_role("link", name="Open the page")
    assert await page.get_attribute("target") == "_blank"
    assert await page.get_attribute("rel") == "noopener"
    leaving = "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert await desk.evaluate(leaving) is False
    await desk.get_by_label("Text for LinkedIn").fill("Not finished")
    assert await desk.evaluate(leaving) is True
    room.api[("PUT", f"sessions/{room.session_id}/drafts/linkedin")] = lambda body: (
        200,
        {"channel": "linkedin", "state": "waiting", "edited": True, **body, "length": 12, "limit": 3000},
    )
    await desk.get_by_role("button", name="Save").click()
    await expect(desk.get_by_text("changed", exact=True)).to_be_visible()
    assert await desk.evaluate(leaving) is False


async def test_the_length_follows_what_is_written(room: FakeRoom, open_page: Opener) -> None:
    """About as the network counts, at every key."""
    desk, _ = await settled(room, open_page)
    await expect(desk.get_by_text("12 of 3000", exact=True)).to_be_visible()
    await desk.get_by_label("Text for LinkedIn").fill("We breathed together.")
    await expect(desk.get_by_text("about 21 of 3000")).to_be_visible()


async def test_a_draft_that_cannot_be_taken_says_what_is_wrong_in_german(
    room: FakeRoom, open_page: Opener
) -> None:
    """Which field, and why: too long with the number, or empty."""
    desk, _ = await settled(room, open_page, locale="de-AT")
    answers = [{"content": "at most 280 characters as twitter counts them"}, {"text": "a text is needed"}]
    room.api[("PUT", f"sessions/{room.session_id}/drafts/linkedin")] = lambda _: (
        400,
        {"error": "invalid_data", "message": "The draft is wrong: see details.", "details": answers.pop(0)},
    )
    await desk.get_by_label("Text für LinkedIn").fill("Lang")
    await desk.get_by_role("button", name="Speichern").click()
    await expect(desk.get_by_text("Text: höchstens 280 Zeichen.")).to_be_visible()
    await desk.evaluate(SEEN)
    await desk.get_by_role("button", name="Speichern").click()
    await expect(desk.get_by_text("Text: hier braucht es einen Text.")).to_be_visible()


async def test_a_desk_that_may_not_look_any_more_keeps_what_stands_there(
    room: FakeRoom, open_page: Opener
) -> None:
    """The sign-in ended meanwhile: it says so, and no draft and no unsaved word is lost."""
    desk, _ = await settled(room, open_page)
    await desk.get_by_label("Text for LinkedIn").fill("Not finished")
    refusal = {"error": "token_expired", "message": "This token has expired."}
    room.api[("GET", f"sessions/{room.session_id}/drafts")] = lambda _: (401, refusal)
    await desk.evaluate(SEEN)
    await expect(desk.get_by_text("This sign-in is no longer valid here.")).to_be_visible()
    await expect(desk.get_by_label("Text for LinkedIn")).to_have_value("Not finished")
    await expect(desk.get_by_text("Page, archive and feed")).to_be_visible()
