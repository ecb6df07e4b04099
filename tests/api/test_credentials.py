"""Who may do and see what."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.clock import Clock
from engine.domain.instant import iso
from engine.storage.keys import KeyRole, Keys
from engine.storage.opening import database_of
from tests.api.conftest import (
    KEY,
    Server,
    asking,
    content,
    creation,
    moment,
    refused,
    refused_over_wire,
    running,
)

WRITING = [
    ("POST", "/api/v2/sessions/create"),
    ("POST", "/api/v2/session-summary"),
    ("POST", "/api/v2/session-summary/batch"),
    ("POST", "/api/v2/live-announce"),
    ("GET", "/api/v2/analytics/sessions"),
    ("GET", "/api/v2/sessions"),
    ("GET", "/api/v2/publications/morning"),
    ("POST", "/api/v2/publications/morning/retry"),
    ("DELETE", "/api/v2/publications/morning"),
    ("PATCH", "/api/v2/sessions/morning"),
    ("POST", "/api/v2/sessions/morning/start"),
    ("POST", "/api/v2/sessions/morning/end"),
    ("POST", "/api/v2/sessions/morning/cancel"),
    ("POST", "/api/v2/sessions/morning/events"),
    ("GET", "/api/v2/sessions/morning/drafts"),
    ("PUT", "/api/v2/sessions/morning/drafts/email"),
    ("GET", "/api/v2/sessions/morning/me"),
    ("DELETE", "/api/v2/sessions/morning/me"),
    ("PUT", "/api/v2/sessions/morning/me/consent"),
]


@pytest.mark.parametrize(("method", "path"), WRITING)
@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_credential_and_with_a_wrong_one_it_is_401(
    unchanged: Server, method: str, path: str
) -> None:
    """Before anything else is looked at, and with a word on how to present one."""
    for headers in ({}, unchanged.bearing("wrong"), {"X-API-Key": "wrong"}):
        answer = await unchanged.stranger.request(method, path, headers=headers)
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}])
async def test_a_key_may_come_in_either_header(server: Server, headers: dict[str, str]) -> None:
    """Bearer in any case, or X-API-Key."""
    answer = await server.stranger.post("/api/v2/sessions/create", json=creation(), headers=headers)
    assert answer.status_code == 201


async def test_public_reads_need_none_but_refuse_a_wrong_one(server: Server) -> None:
    """Whoever presents a credential expects to be known."""
    await server.create()
    assert (await server.stranger.get("/api/v2/sessions/live")).status_code == 200
    assert (await server.stranger.get("/api/v2/session/morning/content")).status_code == 200
    refused(await server.stranger.get("/api/v2/sessions/live", headers=server.bearing("wrong")), 401)


async def test_a_named_key_works_until_it_is_revoked(server: Server) -> None:
    """At once, while the server runs."""
    with closing(Keys(database_of(server.data))) as keys:
        secret = keys.create("Sarah", at=1, role=KeyRole.ADMIN)
        headers = server.bearing(secret)
        assert (await server.stranger.get("/api/v2/sessions", headers=headers)).status_code == 200
        keys.revoke("Sarah", at=2)
    refused(await server.stranger.get("/api/v2/sessions", headers=headers), 401)


async def test_the_instructors_token_leads_its_session_and_no_other(server: Server) -> None:
    """It starts, changes and ends its own; elsewhere and for what needs a key it is forbidden."""
    token = (await server.create())["tokens"]["instructor"]
    await server.create("evening")
    headers = server.bearing(token)

    async def ask(method: str, path: str, body: object = None) -> int:
        answer = await server.stranger.request(method, f"/api/v2{path}", json=body, headers=headers)
        return answer.status_code

    assert await ask("PATCH", "/sessions/morning", {"title": "Dawn"}) == 200
    assert await ask("POST", "/sessions/morning/start") == 200
    assert await ask("POST", "/sessions/evening/start") == 403
    assert await ask("POST", "/sessions/create", creation("third")) == 403
    assert await ask("GET", "/analytics/sessions") == 403
    announcement = {"announcement": {"title": "Soon", "message": "Five minutes"}}
    assert await ask("POST", "/live-announce", announcement | {"session_id": "morning"}) == 200
    assert await ask("POST", "/live-announce", announcement | {"session_id": "evening"}) == 403
    assert await ask("POST", "/live-announce", announcement | {"broadcast_all": True}) == 403
    assert await ask("POST", "/session-summary", content("morning")) == 200
    assert await ask("POST", "/session-summary", content("evening")) == 403
    assert await ask("POST", "/session-summary", content("morning", publish_immediately=True)) == 403


async def test_other_tokens_lead_nothing(server: Server) -> None:
    """A participant's and an observer's token open the door and no more."""
    tokens = (await server.create())["tokens"]
    for role in ("participant", "observer"):
        headers = server.bearing(tokens[role])
        refused(await server.stranger.post("/api/v2/sessions/morning/start", headers=headers), 403)
        assert (await server.stranger.get("/api/v2/sessions/morning", headers=headers)).status_code == 200


async def test_a_token_is_valid_until_a_day_after_the_present_start(tmp_path: Path) -> None:
    """Not the one for which it was made: after that, 401 with a code of its own, wherever it is sent."""
    day = 24 * 3_600_000
    present = time.time_ns() // 1_000_000
    tokens: dict[str, str] = {}
    async with running(tmp_path, clock=Clock(start=present - 6 * day)) as then:
        for session_id in ("moved", "past"):
            start = iso(present - 6 * day + 3_600_000)
            tokens[session_id] = (await then.create(session_id, scheduled_start=start))["tokens"][
                "instructor"
            ]
        moved = await then.client.patch(
            "/api/v2/sessions/moved", json={"scheduled_start": iso(present + 3_600_000)}
        )
        assert moved.json()["warnings"] == []
        assert (
            await then.stranger.get("/api/v2/sessions/past", headers=then.bearing(tokens["past"]))
        ).is_success
    async with running(tmp_path) as now:
        path, own = "/api/v2/sessions/moved", now.bearing(tokens["moved"])
        shown = await now.stranger.get(path, headers=own)
        assert shown.status_code == 200
        assert shown.json()["tokens"]["instructor"]
        assert (await now.stranger.post(f"{path}/start", headers=own)).json()["active"] is True
        for elsewhere in ("/api/v2/sessions/past", "/api/v2/sessions/moved", "/api/v2/sessions/live"):
            answer = await now.stranger.get(elsewhere, headers=now.bearing(tokens["past"]))
            refused(answer, 401)
            assert answer.json()["error"] == "token_expired"


async def test_strangers_see_counts_and_not_names(server: Server) -> None:
    """Names come with a key, any token of the session, or the resume of one of its people."""
    room = await server.create()
    await server.event("session.started")
    await server.event("participant.joined", participant_id="z", name="Zoltan Quist")
    path = "/api/v2/session/morning/content?include_replay=true"

    stranger = await server.stranger.get(path)
    assert stranger.json()["session_info"]["participant_count"] == 1
    assert stranger.json()["session_info"]["participants"] == []
    assert "Zoltan" not in stranger.text
    assert '"z"' not in stranger.text
    for headers in (
        server.bearing(KEY),
        server.bearing(room["tokens"]["observer"]),
        server.resume("morning", "z"),
    ):
        known = await server.stranger.get(path, headers=headers)
        assert [p["name"] for p in known.json()["session_info"]["participants"]] == ["Zoltan Quist"]
        assert "Zoltan" in known.text


async def test_a_private_session_is_not_there_for_strangers(server: Server) -> None:
    """404 without a token, and in no list; with one it is there."""
    room = await server.create("secret", visibility="private", scheduled_start=moment(minutes=-1))
    await server.event("session.started", "secret")
    for path in ("/api/v2/sessions/secret", "/api/v2/session/secret/content", "/sessions/secret/"):
        assert (await server.stranger.get(path)).status_code == 404
    assert (await server.stranger.get("/api/v2/sessions/live")).json()["count"] == 0
    refused(await server.stranger.post("/api/v2/sessions/secret/start"), 404)

    headers = server.bearing(room["tokens"]["participant"])
    assert (await server.stranger.get("/api/v2/sessions/secret", headers=headers)).status_code == 200
    assert (await server.stranger.get("/api/v2/sessions/live", headers=headers)).json()["count"] == 1
    assert (await server.client.get("/api/v2/sessions/live")).json()["count"] == 1
    evening = (await server.create("evening"))["tokens"]["participant"]
    refused(await server.stranger.get("/api/v2/sessions/secret", headers=server.bearing(evening)), 404)


async def test_an_unlisted_session_can_be_read_and_is_in_no_list(server: Server) -> None:
    """Whoever has the address sees it; nothing leads there."""
    await server.create("hidden", visibility="unlisted")
    await server.event("session.started", "hidden")
    assert (await server.stranger.get("/api/v2/sessions/hidden")).status_code == 200
    assert (await server.stranger.get("/api/v2/sessions/live")).json()["count"] == 0


async def test_an_invitation_makes_a_session_private(server: Server) -> None:
    """Unless something else was said; its links carry the token in the fragment."""
    room = await server.create(access="invite")
    assert room["visibility"] == "private"
    assert room["urls"]["join"].endswith(f"/sessions/join/morning#token={room['tokens']['participant']}")
    assert (await server.create("other", access="invite", visibility="public"))["visibility"] == "public"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v2/sessions/morning", {"title": "Hijacked"}),
        ("POST", "/api/v2/sessions/create", creation("hijacked")),
        ("POST", "/api/v2/sessions/morning/start", {}),
        ("POST", "/api/v2/sessions/morning/events", {"type": "session.started", "data": {}}),
        ("POST", "/api/v2/session-summary", content("hijacked", publish_immediately=True)),
        ("PUT", "/api/v2/sessions/morning/drafts/twitter", {"content": "Hijacked"}),
        (
            "POST",
            "/api/v2/live-announce",
            {"announcement": {"type": "x", "title": "x", "message": "x"}, "session_id": "morning"},
        ),
    ],
)
async def test_a_key_revoked_before_the_last_byte_came_does_nothing(
    server: Server, method: str, path: str, body: dict[str, Any]
) -> None:
    """Somebody kept a request open for the day on which their key would be taken from them."""
    await server.create()
    with closing(Keys(database_of(server.data))) as keys:
        secret = keys.create("Sarah", at=1, role=KeyRole.ADMIN)
        parts = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        headers = (f"Authorization: Bearer {secret}", "Connection: close", "Expect: 100-continue")
        request = asking(f"{method} {path}", *headers, body=json.dumps(body).encode())
        writer.write(request[:-1])
        await reader.readuntil(b"\r\n\r\n")
        # The handler has begun once another one that came later is answered.
        await server.client.get("/api/v2/sessions/morning")
        assert keys.revoke("Sarah", at=2)
    writer.write(request[-1:])
    refused_over_wire(await reader.read(), 401)
    writer.close()
    await writer.wait_closed()
    room = (await server.client.get("/api/v2/sessions/morning")).json()
    assert (room["title"], room["phase"]) == ("Morning Mindfulness", "waiting")
    assert (await server.client.get("/api/v2/sessions")).json()["count"] == 1
    assert (await server.client.get("/api/v2/publications/hijacked")).status_code == 404
