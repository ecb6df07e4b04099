"""Platform events and announcements over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Server, creation, refused

EVENTS = "/api/v2/sessions/morning/events"


async def test_an_event_with_an_id_counts_once(server: Server) -> None:
    """The answer to a repetition is the same acceptance; nothing happens twice."""
    await server.create()
    event = {"type": "achievement.unlocked", "id": "e-1", "data": {"title": "Together"}}
    first = await server.client.post(EVENTS, json=event)
    again = await server.client.post(EVENTS, json=[event, event])
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == {"accepted": 1, "repeated": 0, "ignored": 0}
    counts = {"accepted": 2, "repeated": 2, "ignored": 0}
    assert again.json() == counts | {"results": [{"id": "e-1", "status": "repeated"}] * 2}
    replay = (await server.client.get("/api/v2/session/morning/content?include_replay=true")).json()["replay"]
    assert [m["update_type"] for m in replay["messages"]] == ["achievement_unlocked"]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "session.paused", "data": {}}, "type"),
        ({"data": {}}, "type"),
        ({"type": "technique.changed", "data": {}}, "data.technique"),
        ({"type": "hrv.milestone", "data": {"improvement": "12"}}, "data.improvement"),
        ({"type": "hrv.milestone", "data": {"improvement": 201}}, "data.improvement"),
        ({"type": "session.started", "session_id": "other", "data": {}}, "session_id"),
        ({"type": "session.started", "data": {"tempo": 1}}, "data.tempo"),
        ({"type": "session.started", "data": {}, "when": 1}, "when"),
        ({"type": "participant.joined", "data": {}}, "data"),
        ("text", "body"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_event_is_refused_by_its_field(unchanged: Server, event: object, field: str) -> None:
    """The envelope and the data alike."""
    assert field in refused(await unchanged.client.post(EVENTS, json=event), 400)


async def test_an_announcement_reaches_its_session(server: Server) -> None:
    """Once, in the order of the room's messages."""
    await server.create()
    said = {
        "type": "session_starting",
        "title": "Soon",
        "message": "Five minutes",
        "action_url": "/sessions/join/morning",
    }
    answer = await server.client.post(
        "/api/v2/live-announce", json={"announcement": said, "session_id": "morning"}
    )
    assert answer.json() == {"status": "announced", "sessions_notified": ["morning"], "participant_count": 0}
    replay = (await server.client.get("/api/v2/session/morning/content?include_replay=true")).json()["replay"]
    (message,) = replay["messages"]
    assert message["update_type"] == "announcement"
    assert message["content"]["title"] == "Soon"
    assert message["content"]["action_url"] == "/sessions/join/morning"


async def test_long_links_reach_the_room(server: Server) -> None:
    """2000 characters of an address, in an announcement and for a badge; one more is refused."""
    await server.create()
    link = "https://example.org/" + "x" * 1980

    async def announced(url: str) -> httpx.Response:
        said = {"title": "t", "message": "m", "action_url": url}
        return await server.client.post(
            "/api/v2/live-announce", json={"announcement": said, "session_id": "morning"}
        )

    assert (await announced(link)).status_code == 200
    assert (await server.event("achievement.unlocked", title="a", badge_url=link)).status_code == 202
    assert "announcement.action_url" in refused(await announced(link + "x"), 400)
    assert "data.badge_url" in refused(
        await server.event("achievement.unlocked", title="a", badge_url=link + "x"), 400
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///x",
        "https:/x.org",
        "https:x.org",
        "https://?x",
        "https://#",
        "https://:443/",
        "https://ex ample.org",
        "https://x.org/a b",
        "https://x:99999/",
        "https://[::1/",
        "https://x.org\\@y",
        "https://x.org\u2003/",
        "/ x",
        "/\\evil.example",
        "//evil.example",
        "///evil.example",
        "HTTP://x.org/",
        "x.org",
        "#here",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_link_that_leads_nowhere_or_elsewhere_is_refused(unchanged: Server, url: str) -> None:
    """In announcements and for badges a path on this host or https; where the voice is https alone."""
    said = {"title": "t", "message": "m", "action_url": url}
    body = {"announcement": said, "broadcast_all": True}
    assert refused(await unchanged.client.post("/api/v2/live-announce", json=body), 400).keys() == {
        "announcement.action_url"
    }
    for listen_url in (url, "/on-this-host"):
        made = await unchanged.client.post("/api/v2/sessions/create", json=creation(listen_url=listen_url))
        assert refused(made, 400).keys() == {"listen_url"}


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://X.org/",
        "https://x.org",
        "https://x.org:8443/a?b=%20#c",
        "https://b\u00fccher.example/\u00e4",
        "https://[::1]/",
    ],
)
async def test_a_link_is_kept_as_it_was_given(server: Server, url: str) -> None:
    """Whatever the case of its letters, and whatever letters."""
    room = await server.create(listen_url=url)
    assert room["listen_url"] == url
    said = {"title": "t", "message": "m", "action_url": url}
    body = {"announcement": said, "session_id": "morning"}
    assert (await server.client.post("/api/v2/live-announce", json=body)).status_code == 200
    replay = (await server.client.get("/api/v2/session/morning/content?include_replay=true")).json()["replay"]
    assert replay["messages"][-1]["content"]["action_url"] == url


async def test_an_announcement_to_all_reaches_those_who_wait_or_breathe(server: Server) -> None:
    """Not rooms that are not open yet, nor those that are over."""
    for name in ("a", "b", "ended"):
        await server.create(name)
    await server.create("tomorrow", scheduled_start="2031-01-01T10:00:00Z")
    await server.client.post("/api/v2/sessions/b/start")
    await server.client.post("/api/v2/sessions/ended/start")
    await server.client.post("/api/v2/sessions/ended/end")
    body = {"announcement": {"title": "Hello", "message": "All of you"}, "broadcast_all": True}
    reply = (await server.client.post("/api/v2/live-announce", json=body)).json()
    assert reply["sessions_notified"] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"announcement": ...}, "announcement"),
        ({"announcement": {}}, "announcement.title"),
        ({"announcement": "hello"}, "announcement"),
        ({"announcement": None}, "announcement"),
        ({"session_id": ...}, "session_id"),
        ({"session_id": ..., "broadcast_all": False}, "session_id"),
        ({"broadcast_all": True}, "session_id"),
        ({"broadcast_all": "yes"}, "broadcast_all"),
        ({"volume": 3}, "volume"),
        (
            {"announcement": {"title": "t", "message": "m", "action_url": "javascript:alert(1)"}},
            "announcement.action_url",
        ),
        (
            {"announcement": {"title": "t", "message": "m", "action_url": "//evil.example"}},
            "announcement.action_url",
        ),
        (
            {"announcement": {"title": "t", "message": "m", "action_url": "http://example.org"}},
            "announcement.action_url",
        ),
        ({"announcement": {"title": "t", "message": "x" * 2001}}, "announcement.message"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_announcement_is_refused_by_its_field(
    unchanged: Server, change: dict[str, object], field: str
) -> None:
    """Content, target, and where its link leads."""
    body: dict[str, object] = {"announcement": {"title": "t", "message": "m"}, "session_id": "morning"}
    sent = {name: value for name, value in (body | change).items() if value is not ...}
    assert field in refused(await unchanged.client.post("/api/v2/live-announce", json=sent), 400)


async def test_an_announcement_to_nowhere_says_so(server: Server) -> None:
    """Unknown is 404 and named; over is 409."""
    body = {"announcement": {"title": "t", "message": "m"}, "session_id": "never-created"}
    answer = await server.client.post("/api/v2/live-announce", json=body)
    refused(answer, 404)
    assert "never-created" in answer.text
    await server.create()
    await server.client.post("/api/v2/sessions/morning/cancel")
    refused(await server.client.post("/api/v2/live-announce", json=body | {"session_id": "morning"}), 409)


async def test_the_way_into_a_call_is_for_those_who_belong(server: Server) -> None:
    """A stranger sees the room without it; key and token see it."""
    url = "https://call.example.org/room-1"
    room = await server.create(listen_url=url)
    path = f"/api/v2/sessions/{room['session_id']}"
    assert (await server.stranger.get(path)).json()["listen_url"] is None
    headers = server.bearing(room["tokens"]["participant"])
    assert (await server.stranger.get(path, headers=headers)).json()["listen_url"] == url
    assert (await server.client.get(path)).json()["listen_url"] == url
