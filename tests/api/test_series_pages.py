"""The pages of a series and of sessions to come: what is next, calendar files, previews of links."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup
from icalendar import Calendar

from tests.api.conftest import Server, content, moment, refused
from tests.api.test_series import BERLIN, PATH, at, coming, make, session
from tests.publisher.syndication.calendar_readers import events_of

HTML = {"Accept": "text/html"}


async def page(server: Server, path: str, status: int = 200) -> BeautifulSoup:
    answer = await server.stranger.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def tags(soup: BeautifulSoup) -> dict[str, str]:
    """The Open Graph tags of a page."""
    return {
        str(tag["property"]): str(tag["content"])
        for tag in soup.find_all("meta", property=lambda name: bool(name and name.startswith("og:")))
    }


async def events(server: Server, path: str) -> list[dict[str, Any]]:
    """The events of a calendar file, as icalendar reads them."""
    answer = await server.stranger.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return [dict(event) for event in Calendar.from_ical(answer.content).walk("VEVENT")]


@pytest.mark.parametrize("path", ["/series/nowhere/", "/series/nowhere/join", "/series/hidden/"])
async def test_who_follows_a_wrong_link_to_a_series_reads_a_page(server: Server, path: str) -> None:
    """As anywhere else on the site; programs still get an error by its name."""
    await make(server, series_id="hidden", visibility="private")
    soup = await page(server, path, 404)
    assert soup.h1 is not None
    refused(await server.stranger.get(path), 404)
    form = await server.stranger.post("/series/nowhere/coming", data={"name": "Ada"}, headers=HTML)
    assert (form.status_code, form.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


async def test_the_page_of_a_series_names_its_next_dates(server: Server) -> None:
    """With what it is, how often, and the ways to join and to a calendar; gone with the end, and private to strangers."""
    await make(
        server, description="Come as you are.", techniques=[{"technique": "Box Breathing", "duration": 720}]
    )
    await server.client.post(f"/api/v2/sessions/evening-{coming(8)}/cancel")
    assert (await server.stranger.get("/series/evening")).headers["Location"] == "/series/evening/"
    soup = await page(server, "/series/evening/")
    text = soup.get_text()
    assert soup.h1 is not None
    assert soup.h1.get_text() == "Evening breath"
    assert soup.h1["dir"] == "auto"
    for words in (
        "at 18:30 CE",
        "With Mara.",
        "Every week, 18:30 (Europe/Berlin)",
        "Come as you are.",
        "12 minutes",
    ):
        assert words in text
    links = [str(link["href"]) for link in soup.select("main a")]
    assert f"/sessions/evening-{coming()}/" in links
    assert f"/sessions/evening-{coming(8)}/" not in links
    assert f"{server.url}/series/evening/join" in links
    assert "/series/evening/calendar.ics" in links
    assert tags(soup)["og:title"] == "Evening breath"
    for rule, often in (
        ("FREQ=WEEKLY;BYDAY=TH,TU", "Every week: Tuesday and Thursday, 18:30 (Europe/Berlin)."),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "Every 2 weeks: Friday, 18:30"),
        ("FREQ=MONTHLY;BYDAY=1TH", "Every month, 18:30"),
    ):
        await server.client.patch(f"{PATH}/evening", json={"rule": rule})
        assert often in (await page(server, "/series/evening/")).get_text()
    await server.client.post(f"{PATH}/evening/end")
    assert "No date is set" in (await page(server, "/series/evening/")).get_text()
    await make(server, "hidden", visibility="private")
    for path in ("/series/hidden/", "/series/hidden/join", "/series/hidden/calendar.ics", "/series/nowhere/"):
        assert (await server.stranger.get(path)).status_code == 404


async def test_the_join_link_leads_to_what_is_open_or_next_for_ever(server: Server) -> None:
    """Live first, then the next; the page of the series where none is to come. Nothing of it is remembered."""
    await make(server, rule="FREQ=DAILY;COUNT=4")

    async def leads_to() -> str:
        answer = await server.stranger.get("/series/evening/join")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
        return answer.headers["Location"]

    assert await leads_to() == f"/sessions/join/evening-{coming(1)}"
    await server.client.post(f"/api/v2/sessions/evening-{coming(1)}/cancel")
    assert await leads_to() == f"/sessions/join/evening-{coming(2)}"
    await server.client.post(f"/api/v2/sessions/evening-{coming(3)}/start")
    assert await leads_to() == f"/sessions/join/evening-{coming(3)}"
    await server.client.post(f"/api/v2/sessions/evening-{coming(3)}/end")
    await server.client.post(f"{PATH}/evening/end")
    assert await leads_to() == "/series/evening/"


async def test_the_calendar_of_a_series_has_every_date(server: Server) -> None:
    """Those not made yet too, with the same UID as later; moved and cancelled ones say so. Read by two parsers."""
    await make(server)
    moved, cancelled = f"evening-{coming(1)}", f"evening-{coming(8)}"
    await server.client.patch(f"/api/v2/sessions/{moved}", json={"scheduled_start": at(coming(2), "20:00")})
    await server.client.post(f"/api/v2/sessions/{cancelled}/cancel")
    found = {
        str(event["UID"]).split("@")[0]: event
        for event in await events(server, "/series/evening/calendar.ics")
    }
    assert list(found) == [f"evening-{coming(1 + 7 * n)}" for n in range(20)]
    assert found[moved]["DTSTART"].dt == datetime.fromisoformat(at(coming(2), "20:00"))
    assert (found[moved]["SEQUENCE"], str(found[cancelled]["STATUS"])) == (1, "CANCELLED")
    assert found[f"evening-{coming(134)}"]["DTSTART"].dt == datetime.fromisoformat(at(coming(134)))
    assert found[moved]["DTEND"].dt - found[moved]["DTSTART"].dt == timedelta(minutes=30)
    text = (await server.stranger.get("/series/evening/calendar.ics")).text
    assert "X-WR-TIMEZONE:Europe/Berlin\r\n" in text
    read = events_of(text.encode())
    assert [event.starts for event in read] == [event["DTSTART"].dt for event in found.values()]
    assert [event.status for event in read].count("CANCELLED") == 1


async def test_a_session_has_a_calendar_file_of_its_own(server: Server) -> None:
    """One event, for strangers where they may know of it; its page leads there."""
    await server.create(scheduled_start=moment(days=2))
    (event,) = await events(server, "/sessions/morning/event.ics")
    assert str(event["UID"]).startswith("morning@")
    assert str(event["URL"]) == f"{server.url}/sessions/morning/"
    assert await events(server, "/session/morning/event.ics") == [event]
    assert (await page(server, "/sessions/morning/")).select("a[href='/sessions/morning/event.ics']")
    await server.client.post("/api/v2/sessions/morning/cancel")
    (event,) = await events(server, "/sessions/morning/event.ics")
    assert str(event["STATUS"]) == "CANCELLED"
    hidden = await server.create("hidden", visibility="private", scheduled_start=moment(days=2))
    refused(await server.stranger.get("/sessions/hidden/event.ics"), 404)
    token = server.bearing(hidden["tokens"]["participant"])
    assert (await server.stranger.get("/sessions/hidden/event.ics", headers=token)).status_code == 200
    refused(await server.stranger.get("/sessions/nowhere/event.ics"), 404)


async def test_a_join_link_with_a_slip_in_it_opens_the_page_that_says_so(server: Server) -> None:
    """As when it was copied with the bracket that stood behind it."""
    page = await server.stranger.get("/sessions/join/evening-calm)")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/sessions/morning/", "/sessions/join/morning"])
async def test_a_link_to_a_session_has_a_preview(server: Server, path: str) -> None:
    """Title, local time and card; of a private one nothing."""
    await server.create(title="Morning & more", scheduled_start="2030-06-06T10:00:00Z")
    soup = await page(server, path)
    found = tags(soup)
    assert found["og:title"] == "Morning & more"
    assert "Thursday, 6 June 2030, 10:00 UTC" in found["og:description"]
    assert found["og:url"] == f"{server.url}{path}"
    assert found["og:image"] == f"{server.url}/sessions/morning/card.png"
    card = await server.stranger.get("/sessions/morning/card.png")
    assert (card.headers["Content-Type"], card.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert soup.title is not None
    assert "Morning & more" in soup.title.get_text()
    await server.client.patch("/api/v2/sessions/morning", json={"visibility": "private"})
    hidden = await server.stranger.get(path)
    assert "Morning" not in hidden.text
    assert (await server.stranger.get("/sessions/morning/card.png")).status_code == 404


async def test_a_session_of_a_series_says_its_time_in_the_series_zone(server: Server) -> None:
    """At its page, in previews of links to it, to whoever comes, and in its calendar file, as its mails do; the studio is in UTC."""
    await make(server, timezone="Asia/Kathmandu", rule="FREQ=DAILY;COUNT=2")
    held = f"evening-{coming(1)}"
    shown = await page(server, f"/sessions/{held}/")
    starts, opens = (time.get_text() for time in shown.select("main time"))
    assert starts.endswith("at 18:30")
    assert opens == "18:15"
    assert {zone.get_text() for zone in shown.select(".zone")} == {"UTC+0545"}
    for path in (f"/sessions/{held}/", f"/sessions/join/{held}"):
        assert tags(await page(server, path))["og:description"].endswith(", 18:30 UTC+0545.")
    came = await server.stranger.post(f"/sessions/{held}/coming", headers=HTML)
    own = await page(server, came.headers["Location"])
    assert "18:30 UTC+0545" in own.get_text()
    assert "18:30 UTC+0545" in (await page(server, "/embed/next")).get_text()
    file = await server.stranger.get(f"/sessions/{held}/event.ics")
    assert "X-WR-TIMEZONE:Asia/Kathmandu\r\n" in file.text


async def test_a_session_names_the_next_one(server: Server) -> None:
    """Of its series, else of the studio; null where there is none."""
    await server.create()
    shown = await session(server, "morning")
    assert shown["next_session"] is None
    await make(server, rule="FREQ=DAILY;COUNT=3")
    following = (await session(server, "morning"))["next_session"]
    assert following["session_id"] == f"evening-{coming(1)}"
    assert following["urls"]["calendar"] == f"{server.url}/sessions/evening-{coming(1)}/event.ics"
    assert (await session(server, f"evening-{coming(1)}"))["next_session"][
        "session_id"
    ] == f"evening-{coming(2)}"
    last = await session(server, f"evening-{coming(3)}")
    assert last["next_session"]["session_id"] == f"evening-{coming(1)}"


async def test_a_session_that_will_never_have_a_story_says_so(server: Server) -> None:
    """Nobody came, or it was cancelled."""
    await server.create()
    await server.client.post("/api/v2/sessions/morning/start")
    await server.client.post("/api/v2/sessions/morning/end")
    assert "Nobody came" in (await page(server, "/sessions/morning/")).get_text()
    await server.create("waited")
    await server.event("participant.joined", "waited", participant_id="p1", name="Ann")
    await server.client.post("/api/v2/sessions/waited/end")
    assert "did not begin" in (await page(server, "/sessions/waited/")).get_text()
    await server.create("other")
    await server.client.post("/api/v2/sessions/other/cancel")
    assert "no story" in (await page(server, "/sessions/other/")).get_text()
    await server.create("told")
    await server.client.post("/api/v2/sessions/told/start")
    await server.event("participant.joined", "told", participant_id="p1", name="Ann")
    await server.client.post("/api/v2/sessions/told/end")
    assert "appears here" in (await page(server, "/sessions/told/")).get_text()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_story_of_a_series_is_published_and_withdrawn(publishing: Server) -> None:
    """It names the next session and stands on the series' page; withdrawn, its address answers 410."""
    await make(publishing, "weekly", starts=f"{coming(1)}T18:30", rule="FREQ=DAILY;COUNT=3")
    held = f"weekly-{coming(1)}"
    await publishing.client.post(f"/api/v2/sessions/{held}/start")
    await publishing.event("participant.joined", held, participant_id="p1", name="Ann")
    await publishing.client.post(f"/api/v2/sessions/{held}/end")

    async def until(path: str, status: int, words: str = "") -> httpx.Response:
        async with asyncio.timeout(30):
            while True:
                answer = await publishing.stranger.get(path, headers=HTML)
                if answer.status_code == status and words in answer.text:
                    return answer
                await asyncio.sleep(0.05)

    story = await until(f"/sessions/{held}/", 200, "What comes next")
    assert f"/sessions/weekly-{coming(2)}/event.ics" in story.text
    assert "/series/weekly/" in story.text
    shown = await page(publishing, "/series/weekly/")
    (entry,) = (item for item in shown.select("main li") if item.select(f'a[href="/sessions/{held}/"]'))
    zone = entry.select_one(".zone")
    assert zone is not None
    assert zone.get_text() == datetime.now(BERLIN).tzname(), "the series' zone, not the studio's"
    assert (await publishing.client.delete(f"/api/v2/publications/{held}")).status_code in (200, 204)
    listed = (await publishing.client.get("/api/v2/sessions?phase=published")).json()["sessions"]
    assert {each["session_id"]: each["withdrawn_at"] is not None for each in listed}[held]
    gone = await until(f"/sessions/{held}/", 410)
    assert "withdrawn" in gone.text
    refused(await publishing.stranger.get(f"/sessions/{held}/", headers={"Accept": "application/json"}), 410)

    summary = content("elsewhere", session_date=moment(hours=-2)) | {"publish_immediately": True}
    assert (await publishing.client.post("/api/v2/session-summary", json=summary)).status_code == 200
    await until("/sessions/elsewhere/", 200)
    assert (await publishing.client.delete("/api/v2/publications/elsewhere")).status_code in (200, 204)
    await until("/sessions/elsewhere/", 410)


async def test_strangers_do_not_learn_of_dates_that_were_hidden_alone(server: Server) -> None:
    """Neither of private nor of unlisted ones: page, calendar, join link, API and next session pass them over."""
    await make(server, rule="FREQ=DAILY;COUNT=5")
    dates = [f"evening-{coming(n)}" for n in range(1, 6)]
    hidden = {dates[0]: "private", dates[1]: "unlisted", dates[3]: "private"}
    for session_id, visibility in hidden.items():
        changed = await server.client.patch(
            f"/api/v2/sessions/{session_id}", json={"visibility": visibility, "title": f"Guests {visibility}"}
        )
        assert changed.status_code == 200, changed.text
    await server.client.post(f"/api/v2/sessions/{dates[3]}/cancel")

    soup = await page(server, "/series/evening/")
    assert "Guests" not in soup.get_text()
    links = [str(link["href"]) for link in soup.select("main li a")]
    assert links == [f"/sessions/{dates[2]}/", f"/sessions/{dates[4]}/"]
    found = [str(each["UID"]).split("@")[0] for each in await events(server, "/series/evening/calendar.ics")]
    assert found == [dates[2], dates[4]]
    joined = await server.stranger.get("/series/evening/join")
    assert joined.headers["Location"] == f"/sessions/join/{dates[2]}"
    shown = (await server.stranger.get(f"{PATH}/evening")).json()
    assert [each["session_id"] for each in shown["occurrences"]] == [dates[2], dates[4]]
    assert [each["session_id"] for each in shown["sessions"]] == [dates[2], dates[4]]
    last = (await server.stranger.get(f"/api/v2/sessions/{dates[4]}")).json()
    assert last["next_session"]["session_id"] == dates[2]

    led = (await server.client.get(f"{PATH}/evening")).json()
    assert [each["session_id"] for each in led["occurrences"]] == dates
    assert [each["session_id"] for each in led["sessions"]] == [*dates[:3], dates[4]]
    assert (await session(server, dates[4]))["next_session"]["session_id"] == dates[0]
    led_file = Calendar.from_ical((await server.client.get("/series/evening/calendar.ics")).content)
    assert len(led_file.walk("VEVENT")) == 5


async def test_a_series_that_is_unlisted_shows_its_dates(server: Server) -> None:
    """To whoever has its address: they are no more hidden than it is."""
    await make(server, rule="FREQ=DAILY;COUNT=2", visibility="unlisted")
    assert f"/sessions/evening-{coming(1)}/" in str(await page(server, "/series/evening/"))
    assert len(await events(server, "/series/evening/calendar.ics")) == 2
    first = (await server.stranger.get(f"/api/v2/sessions/evening-{coming(1)}")).json()
    assert first["next_session"]["session_id"] == f"evening-{coming(2)}"
