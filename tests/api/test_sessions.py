"""Sessions over HTTP, from creation to their content after the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Server, content, creation, moment, refused, running


async def test_a_new_session_comes_back_with_its_links_and_tokens(server: Server) -> None:
    """201 with the room echoed and everything needed to go on."""
    room = await server.create(techniques=["Box Breathing", {"technique": "Resonance", "duration": 300}])

    assert room["status"] == "scheduled"
    assert room["max_participants"] == 100
    assert (room["access"], room["visibility"], room["chat"]) == ("open", "public", True)
    assert [item["technique"] for item in room["techniques"]] == ["Box Breathing", "Resonance"]
    assert room["urls"]["join"] == f"{server.url}/sessions/join/morning"
    assert room["urls"]["wall"] == f"{server.url}/wall/morning"
    assert room["urls"]["page"] == f"{server.url}/sessions/morning/"
    assert room["urls"]["console"].endswith(f"#session=morning&token={room['tokens']['instructor']}")
    assert room["tokens"].keys() == {"instructor", "participant", "observer"}
    assert room["warnings"] == []


async def test_the_same_id_twice_is_a_conflict(server: Server) -> None:
    """The first one stays as it is."""
    await server.create(title="First")
    refused(await server.client.post("/api/v2/sessions/create", json=creation(title="Second")), 409)
    assert (await server.client.get("/api/v2/sessions/morning")).json()["title"] == "First"


async def test_an_id_that_differs_by_case_alone_is_taken(server: Server) -> None:
    """Many hosts take both for one folder: 409 over every way in, and for one of two that come at once."""
    ids = ["Case-1", "case-1"]
    answers = await asyncio.gather(
        *(server.client.post("/api/v2/sessions/create", json=creation(session_id=each)) for each in ids)
    )
    assert sorted(each.status_code for each in answers) == [201, 409]
    reply = refused(await server.client.post("/api/v2/session-summary", json=content("CASE-1")), 409)
    assert "by case alone" in reply["session_id"]


async def test_the_instructor_has_two_names(server: Server) -> None:
    """``instructor_name`` is the same field; two different values are a mistake."""
    body = creation(instructor=..., instructor_name="Sarah Chen")
    made = await server.client.post("/api/v2/sessions/create", json=body)
    assert made.json()["instructor"] == "Sarah Chen"
    both = creation("other", instructor="A", instructor_name="B")
    assert refused(await server.client.post("/api/v2/sessions/create", json=both), 400)


async def test_a_past_start_is_allowed_and_said(server: Server) -> None:
    """The waiting room is open at once, and the tokens hold for a day from now."""
    room = await server.create(scheduled_start=moment(days=-3), max_participants=150)
    assert "past" in room["warnings"][0]
    assert "100" in room["warnings"][1]
    assert room["phase"] == "waiting"
    headers = server.bearing(room["tokens"]["instructor"])
    assert (await server.stranger.post("/api/v2/sessions/morning/start", headers=headers)).status_code == 200


async def test_a_plan_that_cannot_be_carried_out_here_is_said(server: Server) -> None:
    """What is for one room together cannot be led online."""
    online = await server.create(techniques=["Wim Hof"], place="online")
    assert "one room" in online["warnings"][0]
    assert (await server.create("together", techniques=["Wim Hof"], place="room"))["warnings"] == []


async def test_times_without_a_zone_are_utc(server: Server) -> None:
    """And offsets are turned into UTC."""
    room = await server.create(scheduled_start="2030-05-01T10:00:00")
    assert room["scheduled_start"] == "2030-05-01T10:00:00.000Z"
    other = await server.create("other", scheduled_start="2030-05-01T10:00:00+02:00")
    assert other["scheduled_start"] == "2030-05-01T08:00:00.000Z"


async def test_a_session_changes_until_it_is_over(server: Server) -> None:
    """What is named changes, the rest stays; once ended, 409."""
    await server.create()
    path = "/api/v2/sessions/morning"
    changed = await server.client.patch(
        path, json={"title": "Dawn", "techniques": ["Resonance"], "chat": False}
    )
    assert changed.status_code == 200
    room = changed.json()
    assert (room["title"], room["chat"], room["instructor"]) == ("Dawn", False, "Sarah Chen")
    assert [item["technique"] for item in room["techniques"]] == ["Resonance"]

    assert refused(await server.client.patch(path, json={}), 400)
    assert "title" in refused(await server.client.patch(path, json={"title": None}), 400)
    assert "session_id" in refused(await server.client.patch(path, json={"session_id": "x"}), 400)

    assert (await server.client.post(f"{path}/start")).json()["phase"] == "live"
    assert (await server.client.post(f"{path}/end")).json()["phase"] == "ended"
    assert (await server.client.post(f"{path}/end")).status_code == 200
    refused(await server.client.patch(path, json={"title": "Late"}), 409)
    refused(await server.client.post(f"{path}/start"), 409)
    refused(await server.client.post(f"{path}/cancel"), 409)


@pytest.mark.parametrize(
    ("made", "change", "warned"),
    [
        ({}, {"scheduled_start": "2030-05-01T10:00:00Z"}, []),
        ({}, {"title": "Dawn", "visibility": "unlisted"}, []),
        ({}, {"access": "invite"}, ["links without a token"]),
        ({}, {"visibility": "private"}, ["links without a token", "the page is shown"]),
        ({"access": "invite"}, {"visibility": "public"}, []),
        ({"access": "invite", "visibility": "public"}, {"visibility": "private"}, ["the page is shown"]),
        ({}, {"scheduled_start": "2020-05-01T10:00:00Z"}, ["scheduled_start lies in the past"]),
        ({}, {"max_participants": 200}, ["up to 100 participants"]),
    ],
)
async def test_a_change_says_which_of_the_links_that_were_sent_stop_working(
    server: Server, made: dict[str, Any], change: dict[str, Any], warned: list[str]
) -> None:
    """None by a move; and what is new among the other things worth saying."""
    await server.create(**made)
    changed = await server.client.patch("/api/v2/sessions/morning", json=change)
    warnings = changed.json()["warnings"]
    assert len(warnings) == len(warned), warnings
    assert all(found.startswith(start) for found, start in zip(warnings, warned, strict=True)), warnings
    again = await server.client.patch("/api/v2/sessions/morning", json=change)
    assert again.json()["warnings"] == []


async def test_a_cancelled_session_does_not_take_place(server: Server) -> None:
    """It cannot be started, and says that it was cancelled."""
    await server.create()
    cancelled = await server.client.post("/api/v2/sessions/morning/cancel")
    assert cancelled.json()["status"] == "cancelled"
    refused(await server.client.post("/api/v2/sessions/morning/start"), 409)


async def test_both_spellings_are_the_same_place(server: Server) -> None:
    """``/session/`` and ``/sessions/``, for every path."""
    made = await server.client.post("/api/v2/session/create", json=creation())
    assert made.status_code == 201
    for path in (
        "session/live",
        "sessions/live",
        "session/morning",
        "sessions/morning/content",
        "session/morning/content",
    ):
        assert (await server.client.get(f"/api/v2/{path}")).status_code == 200
    assert (await server.client.post("/api/v2/session/morning/start")).status_code == 200
    assert (await server.client.get("/session/morning/")).status_code == 308


async def test_an_unknown_session_is_named(server: Server) -> None:
    """404 says which."""
    for path in ("/api/v2/session/never-created/content", "/api/v2/sessions/never-created"):
        answer = await server.client.get(path)
        refused(answer, 404)
        assert "never-created" in answer.text
    refused(await server.event("session.started", "never-created"), 404)


async def test_the_catalogue_is_paged_and_chosen_by_phase(server: Server) -> None:
    """``next`` of one page is ``after`` of the following."""
    for name in ("a", "b", "c"):
        await server.create(name)
    await server.client.post("/api/v2/sessions/b/start")

    first = (await server.client.get("/api/v2/sessions?limit=2")).json()
    assert [room["session_id"] for room in first["sessions"]] == ["a", "b"]
    rest = (await server.client.get(f"/api/v2/sessions?limit=2&after={first['next']}")).json()
    assert [room["session_id"] for room in rest["sessions"]] == ["c"]
    assert rest["next"] is None
    live = (await server.client.get("/api/v2/sessions?phase=live")).json()
    assert [room["session_id"] for room in live["sessions"]] == ["b"]
    for wrong in ("phase=over", "limit=0", "limit=501", "limit=ten", "page=2"):
        assert refused(await server.client.get(f"/api/v2/sessions?{wrong}"), 400)


async def test_a_list_counts_as_the_room_does(tmp_path: Path) -> None:
    """Who is here; of a session that is over, who came: after a restart as well, when its log has not been read."""

    async def participant_counts(server: Server) -> tuple[list[int], list[int]]:
        rooms = (await server.client.get("/api/v2/sessions")).json()["sessions"]
        paths = [f"/api/v2/sessions/{room['session_id']}" for room in rooms]
        each = [(await server.client.get(path)).json()["participant_count"] for path in paths]
        return [room["participant_count"] for room in rooms], each

    async with running(tmp_path) as server:
        for name in ("a-over", "b-cancelled", "c-live"):
            await server.create(name)
            for person in ("ann", "ben"):
                await server.event("participant.joined", name, participant_id=person)
        await server.event("session.started", "a-over")
        await server.event("session.ended", "a-over", total_participants=25)
        await server.client.post("/api/v2/sessions/b-cancelled/cancel")
        await server.event("session.started", "c-live")
        await server.event("participant.joined", "c-live", participant_id="cem")
        assert await participant_counts(server) == ([2, 2, 3], [2, 2, 3])
    async with running(tmp_path) as server:
        assert (await server.client.get("/api/v2/sessions/c-live")).json()["participant_count"] == 3
        assert await participant_counts(server) == ([2, 2, 3], [2, 2, 3])


async def test_a_room_is_found_by_the_word_that_it_says_of_itself(server: Server) -> None:
    """A new room is "scheduled" while its doors are open; asking for open doors leaves the closed ones out."""
    await server.create("now", scheduled_start=moment(minutes=5))
    await server.create("tomorrow", scheduled_start=moment(days=1))
    await server.create("under-way")
    await server.client.post("/api/v2/sessions/under-way/start")

    async def found(phase: str) -> list[tuple[str, str, str]]:
        rooms = (await server.client.get(f"/api/v2/sessions?phase={phase}")).json()["sessions"]
        return [(room["session_id"], room["status"], room["phase"]) for room in rooms]

    waiting, later = ("now", "scheduled", "waiting"), ("tomorrow", "scheduled", "scheduled")
    assert await found("scheduled") == [waiting, later]
    assert await found("waiting") == [waiting]
    assert await found("scheduled,live") == [waiting, later, ("under-way", "live", "live")]


async def test_the_live_list_shows_what_has_started_and_not_ended(server: Server) -> None:
    """With figures when they are asked for."""
    await server.create()
    await server.create("later")
    await server.event("session.started")
    await server.event("hrv.milestone", improvement=8.5)

    reply = (await server.stranger.get("/api/v2/sessions/live?include_metrics=true")).json()
    assert reply["count"] == 1
    (line,) = reply["sessions"]
    assert (line["session_id"], line["active"], line["participant_count"]) == ("morning", True, 0)
    assert line["metrics"]["current_hrv_improvement"] == 8.5
    assert "metrics" not in (await server.stranger.get("/api/v2/sessions/live")).json()["sessions"][0]
    await server.event("session.ended", duration=60)
    assert (await server.stranger.get("/api/v2/sessions/live")).json() == {"count": 0, "sessions": []}


async def test_content_is_kept_after_the_end(server: Server) -> None:
    """``active`` turns false; history, figures and who came stay."""
    await server.create()
    await server.event("session.started")
    await server.event("participant.joined", participant_id="a", name="Ann")
    await server.event("hrv.milestone", improvement=12.5, average_hrv=11.0)
    path = "/api/v2/session/morning/content?include_metrics=true&include_replay=true&include_summary=true"
    during = (await server.client.get(path)).json()
    assert during["active"] is True
    assert during["metrics"]["average_hrv"] == 11.0
    assert during["summary"] is None

    await server.event("session.ended", duration=1800, total_participants=25, average_hrv_improvement=15.3)
    after = (await server.client.get(path)).json()
    assert after["active"] is False
    assert after["replay"]["message_count"] == len(after["replay"]["messages"]) >= 4
    assert [m["seq"] for m in after["replay"]["messages"]] == sorted(
        m["seq"] for m in after["replay"]["messages"]
    )
    assert after["summary"]["participant_count"] == 25
    assert after["summary"]["average_hrv_improvement"] == 15.3
    assert [p["name"] for p in after["session_info"]["participants"]] == ["Ann"]


async def test_a_platform_that_never_said_when_it_started_has_its_story(server: Server) -> None:
    """Somebody came, and what it states was done: that is told."""
    await server.create()
    await server.event("participant.joined", participant_id="a")
    await server.event("technique.changed", technique="Box Breathing")
    await server.event("hrv.milestone", improvement=7)
    await server.event("session.ended", duration=1800, average_hrv_improvement=9)
    path = "/api/v2/session/morning/content?include_summary=true&include_replay=true"
    content = (await server.client.get(path)).json()
    assert content["replay"]["messages"][-1]["content"]["summary_available"] is True
    summary = content["summary"]
    assert (summary["participant_count"], summary["session_duration"]) == (1, 1800)
    assert summary["average_hrv_improvement"] == 9


async def test_only_the_newest_hundred_messages_are_replayed(server: Server) -> None:
    """In order, whatever came before."""
    await server.create()
    await server.event("session.started")
    for start in (0, 60):
        events = [
            {"type": "technique.changed", "data": {"technique": "Resonance", "instruction": f"n{n}"}}
            for n in range(start, start + 60)
        ]
        assert (await server.client.post("/api/v2/sessions/morning/events", json=events)).status_code == 202
    replay = (await server.client.get("/api/v2/session/morning/content?include_replay=true")).json()["replay"]
    assert replay["message_count"] == 100
    assert replay["messages"][-1]["content"]["instruction"] == "n119"
    assert replay["messages"][0]["content"]["instruction"] == "n20"
