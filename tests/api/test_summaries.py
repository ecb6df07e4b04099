"""Summaries over HTTP: previews, and what is really published."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from typing import Any

import httpx
import pytest

from engine.storage.opening import database_of
from tests.api.conftest import Server, content, refused
from tests.api.test_me import join
from tests.api.test_series import make

# One server with its publisher does for all.
pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = "/api/v2/session-summary"
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def wrapped(session_id: str, *, data: dict[str, Any] | None = None, **beside: Any) -> dict[str, Any]:
    return {"session_data": content(session_id, **(data or {})), **beside}


async def published(server: Server, session_id: str, **changes: Any) -> dict[str, Any]:
    body = content(session_id, publish_immediately=True, **changes)
    reply: dict[str, Any] = (await server.client.post(SUMMARY, json=body)).json()
    assert reply["status"] == "success", reply
    return reply


async def test_a_preview_has_only_the_channels_that_were_asked_for(publishing: Server) -> None:
    """Flat body; nothing is published."""
    answer = await publishing.client.post(
        SUMMARY, json=content("preview", channels=["email", "web", "email"])
    )
    reply = answer.json()
    assert reply["status"] == "preview"
    assert UUID.fullmatch(reply["content_id"])
    assert reply["preview_urls"] == {"session": "/sessions/preview"}
    assert {"newsletter", "web_update"} <= reply.keys()
    assert "social_posts" not in reply
    assert reply["web_update"]["slug"] == "preview-summary"
    assert reply["metadata"]["quality_score"] == 4.0
    assert reply["published_to"] == reply["delivered"] == reply["failed_channels"] == reply["warnings"] == []
    refused(await publishing.client.get("/api/v2/publications/preview"), 404)


async def test_a_preview_says_the_time_in_the_zone_of_the_series(publishing: Server) -> None:
    """As the page will: Kathmandu is 5 h 45 min ahead of the studio's UTC."""
    made = await make(publishing, "peaks", timezone="Asia/Kathmandu")
    body = content(made["sessions"][0]["session_id"])
    answer = await publishing.client.post(SUMMARY, json=body)
    assert answer.status_code == 200, answer.text
    assert "UTC+0545" in answer.json()["web_update"]["content"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (wrapped("x", title="Other"), "session_data"),
        (wrapped("x", colour="red"), "colour"),
        (wrapped("x", data={"session_duration": 0}), "session_data.session_duration"),
        (wrapped("x", data={"published": False}, publish_immediately=True), "publish_immediately"),
        ({"session_data": None}, "session_data"),
        (content("x", published=False, publish_immediately=True), "publish_immediately"),
        (content("x", channels=["email", "fax"]), "channels.1"),
        (content("x", channels=[]), "channels"),
        (content("x", channels="email"), "channels"),
        (content("x", channels=[1]), "channels.0"),
        (content("x", publish_immediately="soon"), "publish_immediately"),
        (content("x", participent_count=3), "participent_count"),
        (content("x", session_date="2024-03-21T09:00:00Z"), "session_date"),
        (content("x", instructor_name=None), "instructor_name"),
        (content("x", session_type="workshop", participant_count=4), "participant_count"),
    ],
)
async def test_a_wrong_summary_is_refused_by_its_field(
    publishing: Server, body: dict[str, Any], field: str
) -> None:
    """In either shape; mixing the two is refused, not guessed."""
    assert field in refused(await publishing.client.post(SUMMARY, json=body), 400)


async def test_both_shapes_tell_every_mistake_at_once(publishing: Server) -> None:
    """That content may not go live is told beside what else is wrong with it."""
    wrong = {"published": False, "title": ""}
    flat = content("x", publish_immediately=True, **wrong)
    assert refused(await publishing.client.post(SUMMARY, json=flat), 400).keys() == {
        "title",
        "publish_immediately",
    }
    reply = refused(
        await publishing.client.post(SUMMARY, json=wrapped("x", data=wrong, publish_immediately=True)), 400
    )
    assert reply.keys() == {"session_data.title", "publish_immediately"}


async def test_numbers_that_json_does_not_know_are_refused_by_field(publishing: Server) -> None:
    """NaN, Infinity and 1e400, at the top and deep in the metrics."""
    for raw in ("NaN", "Infinity", "1e400"):
        for field, value in (("average_hrv_improvement", "@"), ("metrics_summary", {"a": [{"b": "@"}]})):
            text = json.dumps(content("x", **{field: value})).replace('"@"', raw)
            assert field in refused(await publishing.client.post(SUMMARY, content=text.encode()), 400)


async def test_published_at_once_means_that_it_is_there(publishing: Server) -> None:
    """When the answer comes, page, feed item and drafts exist."""
    reply = await published(publishing, "at-once", title="Breathing at Dawn")
    assert reply["published_to"] == ["email", "web", "social"]
    assert "newsletter" in reply

    page = await publishing.stranger.get("/sessions/at-once/")
    assert page.status_code == 200
    assert "Breathing at Dawn" in page.text
    assert "Breathing at Dawn" in (await publishing.stranger.get("/feed.xml")).text
    drafts = publishing.data / "drafts" / "at-once"
    assert {"email.eml", "email.html", "email.txt", "twitter.txt", "social.json"} <= {
        f.name for f in drafts.iterdir()
    }

    for name in ("at-once", reply["content_id"]):
        shown = (await publishing.client.get(f"/api/v2/publications/{name}")).json()
        assert shown["content_id"] == reply["content_id"]
        assert shown["published"] is True
        assert {shown["channels"][c]["state"] for c in ("web", "email", "social")} == {"done"}


async def test_publishing_again_replaces_it(publishing: Server) -> None:
    """The page says what the newest publication says."""
    first = await published(publishing, "again", title="First title")
    second = await published(publishing, "again", title="Second title")
    assert first["content_id"] != second["content_id"]
    page = (await publishing.stranger.get("/sessions/again/")).text
    assert "Second title" in page
    assert "First title" not in page
    shown = (await publishing.client.get(f"/api/v2/publications/{first['content_id']}")).json()
    assert (shown["version"], shown["newest_content_id"]) == (1, second["content_id"])


async def test_the_same_ten_times_at_once_is_answered_ten_times(publishing: Server) -> None:
    """Also when they are published: none waits for a version that was overtaken."""
    answers = await asyncio.gather(
        *(
            publishing.client.post(SUMMARY, json=content("tenfold", publish_immediately=True), timeout=60)
            for _ in range(10)
        )
    )
    assert {answer.json()["status"] for answer in answers} == {"success"}
    assert len({answer.json()["content_id"] for answer in answers}) == 10


async def test_a_batch_keeps_its_order_and_survives_a_bad_item(publishing: Server) -> None:
    """Each item has its own outcome, published ones included."""
    batch = [
        content("b1"),
        content("b2", session_duration=0),
        "text",
        wrapped("b4", publish_immediately=True),
        wrapped("B4", publish_immediately=True),
    ]
    results = (await publishing.client.post(f"{SUMMARY}/batch", json=batch)).json()["results"]
    assert [item["status"] for item in results] == ["preview", "refused", "refused", "success", "refused"]
    assert "session_duration" in results[1]["details"]
    assert "by case alone" in results[4]["details"]["session_id"]
    assert (await publishing.stranger.get("/sessions/b4/")).status_code == 200
    assert refused(await publishing.client.post(f"{SUMMARY}/batch", json=[content()] * 101), 400)
    assert refused(await publishing.client.post(f"{SUMMARY}/batch", json=content()), 400)


async def test_a_withdrawn_session_is_gone_from_everywhere(publishing: Server) -> None:
    """When the answer is 200, page, feed and drafts do not have it; a second withdrawal is harmless."""
    await published(publishing, "goes", title="Soon to be gone")
    answer = await publishing.client.delete("/api/v2/publications/goes", timeout=30)
    assert answer.json() == {"session_id": "goes", "status": "withdrawn"}
    assert (await publishing.stranger.get("/sessions/goes/")).status_code == 410
    for path in ("/", "/feed.xml", "/feed.json", "/sitemap.xml"):
        assert "goes" not in (await publishing.stranger.get(path)).text
    assert not (publishing.data / "drafts" / "goes").exists()
    assert (await publishing.client.delete("/api/v2/publications/goes", timeout=30)).status_code == 200
    refused(await publishing.client.delete("/api/v2/publications/never-published"), 404)


async def test_a_retry_does_it_again(publishing: Server) -> None:
    """What is missing afterwards is there again."""
    reply = await published(publishing, "retried")
    (publishing.data / "drafts" / "retried" / "twitter.txt").unlink()
    answer = await publishing.client.post(f"/api/v2/publications/{reply['content_id']}/retry")
    assert answer.status_code == 200
    await eventually_done(publishing, "retried")
    assert (publishing.data / "drafts" / "retried" / "twitter.txt").exists()


async def test_what_failed_is_told_without_a_path_of_the_machine(publishing: Server) -> None:
    """State, attempts and the error's own words."""
    await published(publishing, "failing")
    await eventually_done(publishing, "failing")
    with database_of(publishing.data).connect() as connection:
        connection.execute(
            "UPDATE outbox SET state = 'failed', attempts = 6, last_error = :error WHERE session_id = 'failing'"
            " AND channel = 'web'",
            error="OSError: No space left on device: '/srv/live/public/sessions/x/index.html'",
        )
    web = (await publishing.client.get("/api/v2/publications/failing")).json()["channels"]["web"]
    assert (web["state"], web["attempts"]) == ("failed", 6)
    assert web["last_error"] == "OSError: No space left on device: 'index.html'"


async def test_figures_of_all_sessions_as_json_and_csv(publishing: Server) -> None:
    """Chosen by date; a title that looks like a formula is harmless in a spreadsheet."""
    await published(publishing, "figures", title='=HYPERLINK("x")')
    await eventually_done(publishing, "figures")
    rows = (await publishing.client.get("/api/v2/analytics/sessions")).json()
    assert rows["count"] == len(rows["sessions"])
    row = next(row for row in rows["sessions"] if row["session_id"] == "figures")
    assert row["participant_count"] == 25
    assert row["quality_score"] == 4.0

    answer = await publishing.client.get("/api/v2/analytics/sessions?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert next(line for line in lines if line["session_id"] == "figures")["title"].startswith("'=")
    assert (await publishing.client.get("/api/v2/analytics/sessions?to=2020-01-01")).json()["count"] == 0
    for wrong in ("from=yesterday", "format=xml", "from=2024-02-01&to=2024-01-01", "since=2024-01-01"):
        assert refused(await publishing.client.get(f"/api/v2/analytics/sessions?{wrong}"), 400)


async def test_drafts_are_edited_approved_and_withdrawn(publishing: Server) -> None:
    """What is written stands in the file; what is withdrawn has none."""
    await published(publishing, "desk")
    drafts = "/api/v2/sessions/desk/drafts"
    listed = (await publishing.client.get(drafts)).json()["drafts"]
    states = {draft["channel"]: draft["state"] for draft in listed}
    assert states["email"] == "waiting"
    assert states["twitter"] == "approved"
    assert next(d for d in listed if d["channel"] == "twitter")["composer_url"].startswith("https://")

    edited = await publishing.client.put(f"{drafts}/twitter", json={"content": "We breathed together."})
    assert edited.json()["content"] == "We breathed together."
    file = publishing.data / "drafts" / "desk" / "twitter.txt"
    assert file.read_text() == "We breathed together.\n"
    assert "content" in refused(
        await publishing.client.put(f"{drafts}/twitter", json={"content": "x" * 300}), 400
    )
    assert "tone" in refused(await publishing.client.put(f"{drafts}/twitter", json={"tone": "x"}), 400)
    assert (await publishing.client.post(f"{drafts}/email/approve")).json()["state"] == "approved"
    assert (await publishing.client.post(f"{drafts}/twitter/withdraw")).json()["state"] == "withdrawn"
    assert not file.exists()
    refused(await publishing.client.put(f"{drafts}/fax", json={"content": "x"}), 404)
    refused(await publishing.client.get("/api/v2/sessions/never-published/drafts"), 404)


async def test_the_desk_tells_an_instructor_where_each_channel_stands(publishing: Server) -> None:
    """With the session's own token, which opens no publication list; also while nothing is written yet."""
    room = await publishing.create("own-desk")
    as_instructor = {"Authorization": f"Bearer {room['tokens']['instructor']}"}
    await published(publishing, "own-desk")
    reply = await publishing.client.get("/api/v2/sessions/own-desk/drafts", headers=as_instructor)
    known = (await publishing.client.get("/api/v2/publications/own-desk")).json()["channels"]
    assert reply.json()["channels"] == known
    assert {"web", "email", "social"} <= set(known)
    refused(await publishing.client.get("/api/v2/publications/own-desk", headers=as_instructor), 403)


@pytest.mark.parametrize("channels", [["web", "email", "social"], ["email"]])
async def test_a_withdrawal_leaves_standing_what_was_published_over_the_session(
    publishing: Server, channels: list[str]
) -> None:
    """The summary keeps its channels; what the person said goes from those that still tell the session's own story."""
    name = f"over-{len(channels)}"
    await publishing.create(name, title="As it was led")
    ann = await join(publishing, session_id=name, client_id="ann", name="Ann")
    await publishing.client.post(f"/api/v2/sessions/{name}/start")
    await publishing.client.post(f"/api/v2/sessions/{name}/end")
    said = {"rating": 5, "comment": "I slept at last.", "publish_quote": True, "publish_name": True}
    me = f"/api/v2/sessions/{name}/me"
    assert (await publishing.client.post(f"{me}/feedback", json=said, headers=ann.headers)).status_code == 200
    await eventually_done(publishing, name)
    drafts = (await publishing.client.get(f"/api/v2/sessions/{name}/drafts")).json()["drafts"]
    (quote,) = (draft["channel"] for draft in drafts if draft["channel"].startswith("quote-"))
    await publishing.client.post(f"/api/v2/sessions/{name}/drafts/{quote}/approve")
    await shows(publishing, name, "I slept at last.")

    reply = await published(publishing, name, title="As it was summed up", channels=channels)
    assert (await publishing.client.delete(me, headers=ann.headers)).status_code == 200
    await shows(publishing, name, "As it was summed up" if "web" in channels else "As it was led")
    await shows(publishing, name, "I slept at last.", gone=True)
    await eventually_done(publishing, name)

    content = (await publishing.client.get(f"/api/v2/session/{name}/content?include_summary=true")).json()
    assert content["summary"]["title"] == "As it was summed up"
    assert content["summary"]["participant_count"] == 25
    email = publishing.data / "drafts" / name / "email.txt"
    assert "As it was summed up" in email.read_text()
    shown = (await publishing.client.get(f"/api/v2/publications/{name}")).json()
    assert shown["content_id"] == reply["content_id"]
    with database_of(publishing.data).connect() as connection:
        kept = connection.rows("SELECT document FROM snapshots UNION ALL SELECT document FROM published")
        assert not [row for row in kept if "I slept at last." in row["document"]]


async def shows(server: Server, session_id: str, text: str, *, gone: bool = False) -> None:
    """Wait until a session's page has a text, or has it no more."""
    async with asyncio.timeout(30):
        while (text in (await server.stranger.get(f"/sessions/{session_id}/")).text) == gone:
            pass


async def test_a_private_sessions_page_needs_its_token(publishing: Server) -> None:
    """It is published for those who belong, and 404 for everybody else."""
    room = await publishing.create("behind", visibility="private", title="Behind the door")
    await publishing.event("session.started", "behind")
    await publishing.event("session.ended", "behind", duration=600, total_participants=7)
    await eventually_done(publishing, "behind")
    assert (await publishing.stranger.get("/sessions/behind/")).status_code == 404
    headers = publishing.bearing(room["tokens"]["participant"])
    page = await publishing.stranger.get("/sessions/behind/", headers=headers)
    assert page.status_code == 200
    assert "Behind the door" in page.text
    assert "Behind the door" not in (await publishing.stranger.get("/")).text


async def test_no_post_is_made_of_a_private_session(publishing: Server) -> None:
    """What was published to is named, and why a channel is not; where nothing else was asked for it is refused."""
    await publishing.create("quiet", visibility="private")
    body = content("quiet", publish_immediately=True, channels=["web", "email", "social"])
    reply = (await publishing.client.post("/api/v2/session-summary", json=body)).json()
    assert reply["status"] == "success"
    assert reply["published_to"] == ["web", "email"]
    assert any(warning.startswith("social: ") for warning in reply["warnings"])
    drafts = (await publishing.client.get("/api/v2/sessions/quiet/drafts")).json()["drafts"]
    assert "twitter" not in {draft["channel"] for draft in drafts}

    alone = await publishing.client.post("/api/v2/session-summary", json={**body, "channels": ["social"]})
    assert alone.status_code == 400
    assert "private" in alone.json()["details"]["channels"]


async def eventually_done(server: Server, session_id: str) -> httpx.Response:
    """Wait until every channel of a session is done."""
    async with asyncio.timeout(30):
        while True:
            shown = await server.client.get(f"/api/v2/publications/{session_id}")
            if shown.status_code == 200 and {c["state"] for c in shown.json()["channels"].values()} == {
                "done"
            }:
                return shown
