"""Every endpoint by every role: what an administrator, an instructor, an assistant, a token and a stranger may do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import closing
from urllib.parse import urlencode

import pytest
import pytest_asyncio
import websockets

from engine.api.routes import ENDPOINTS
from engine.storage.keys import Keys
from engine.storage.opening import database_of
from tests.api.conftest import content, creation, moment, refused
from tests.api.team import API, Team, running_team

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    async with running_team(tmp_path_factory.mktemp("team")) as team:
        yield team


ROLES = ("admin", "boss", "mara", "ivy", "adam", "token", "guest", "nobody")
# What each of ROLES gets: a status, or None for "not refused" (anything but 401, 403, 404).
_ALL_KEYS = (None, None, None, None, None, 403, 403, 401)
_STAFF = (None, None, None, 404, 404, None, 403, 401)
_ADMIN = (None, None, 403, 403, 403, 403, 403, 401)
_OWN = (None, None, None, 404, 404, 403, 403, 401)
_PUBLIC = (None, None, None, 404, 404, None, None, None)
TABLE: dict[str, tuple[int | None, ...]] = {
    "POST /sessions/create": _ALL_KEYS,
    "GET /sessions/live": (None,) * 8,
    "GET /sessions": _ALL_KEYS,
    "GET /sessions/{session_id}": _PUBLIC,
    "PATCH /sessions/{session_id}": _STAFF,
    "POST /sessions/{session_id}/cancel": _STAFF,
    "POST /sessions/{session_id}/start": _STAFF,
    "POST /sessions/{session_id}/end": _STAFF,
    "GET /sessions/{session_id}/content": _PUBLIC,
    "GET /sessions/{session_id}/places": _PUBLIC,
    "POST /sessions/{session_id}/registrations": _PUBLIC,
    "GET /sessions/{session_id}/registrations": _STAFF,
    "GET /sessions/{session_id}/letter": _STAFF,
    "POST /sessions/{session_id}/letter": _STAFF,
    "GET /sessions/{session_id}/attendance": _STAFF,
    "GET /sessions/{session_id}/ratings": _STAFF,
    "GET /sessions/{session_id}/hosts": _STAFF,
    # Whoever has a key may come with the token of a session.
    "POST /sessions/{session_id}/hosts": (None, None, None, None, None, None, 403, 401),
    "DELETE /sessions/{session_id}/hosts/{name}": (404, 404, 404, 404, 404, 404, 403, 401),
    "POST /sessions/{session_id}/events": _STAFF,
    "GET /sessions/{session_id}/drafts": (404, 404, 404, 404, 404, 404, 403, 401),
    "GET /sessions/{session_id}/card": (404, 404, 404, 404, 404, 404, 403, 401),
    "POST /sessions/{session_id}/drafts/{channel}/preview": _STAFF,
    # This studio sends no mail.
    "POST /sessions/{session_id}/drafts/{channel}/test": (409, 409, 409, 404, 404, 409, 403, 401),
    "POST /series": _ALL_KEYS,
    "GET /series": _ALL_KEYS,
    "GET /series/{series_id}": (None, None, None, 404, 404, None, None, None),
    "PATCH /series/{series_id}": _OWN,
    "POST /series/{series_id}/sessions": _OWN,
    "POST /series/{series_id}/end": _OWN,
    "GET /series/{series_id}/registrations": _OWN,
    "GET /series/{series_id}/attendance": _OWN,
    "GET /techniques": (None,) * 8,
    "GET /analytics/sessions": _ALL_KEYS,
    "GET /publications/{id}": (404, 404, 404, 404, 404, 403, 403, 401),
    "POST /publications/{id}/retry": (404, 404, 404, 404, 403, 403, 403, 401),
    "DELETE /publications/{id}": (404, 404, 404, 404, 403, 403, 403, 401),
    "POST /sessions/{session_id}/drafts/{channel}/approve": (404, 404, 404, 404, 404, 404, 403, 401),
    "GET /nodes": _ALL_KEYS,
    "GET /keys": _ALL_KEYS,
    "POST /keys": _ADMIN,
    "POST /keys/{name}/renew": (404, 404, 403, 403, 403, 403, 403, 401),
    "DELETE /keys/{name}": (404, 404, 403, 403, 403, 403, 403, 401),
    "GET /passkeys": _ALL_KEYS,
    # Reached by an IP address, for which no browser makes any.
    "POST /passkeys": (409, 409, 409, 409, 409, 403, 403, 401),
    "POST /passkeys/options": _ALL_KEYS,
    "DELETE /passkeys/{passkey_id}": (404, 404, 404, 404, 404, 403, 403, 401),
    "POST /webhooks": _ADMIN,
    "GET /webhooks": _ADMIN,
    "GET /webhooks/{webhook_id}": (404, 404, 403, 403, 403, 403, 403, 401),
    "DELETE /webhooks/{webhook_id}": (404, 404, 403, 403, 403, 403, 403, 401),
    "POST /webhooks/{webhook_id}/test": (404, 404, 403, 403, 403, 403, 403, 401),
    "GET /webhooks/{webhook_id}/deliveries": (404, 404, 403, 403, 403, 403, 403, 401),
}
_ELSEWHERE = {
    "POST /sign-in", "POST /sign-in/link", "POST /sign-in/passkey", "POST /sign-in/passkey/options",
    # Asked for in tests of their own, or by a person's own secret.
    "PUT /sessions/{session_id}/drafts/{channel}", "POST /sessions/{session_id}/drafts/{channel}/withdraw",
    "POST /techniques", "PUT /techniques/{slug}", "DELETE /techniques/{slug}",
    "POST /session-summary", "POST /session-summary/batch", "POST /live-announce",
    "GET /sessions/{session_id}/registrations/{registration}", "DELETE /sessions/{session_id}/registrations/{registration}",
    "POST /series/{series_id}/registrations", "DELETE /series/{series_id}/registrations/{registration}",
}  # fmt: skip


async def test_every_endpoint_has_a_row() -> None:
    """A new one is thought of for every role."""
    described = {
        f"{each.method} {each.path.removeprefix(API)}" for each in ENDPOINTS if each.path.startswith(API)
    }
    assert {each for each in described if "/me" not in each} <= TABLE.keys() | _ELSEWHERE


@pytest.mark.parametrize(("endpoint", "role"), [(each, role) for each in TABLE for role in ROLES])
async def test_what_a_role_may_do(team: Team, endpoint: str, role: str) -> None:
    """On what Mara made: 401 without a credential, 403 for another kind of it, 404 for another key of the team."""
    method, _, path = endpoint.partition(" ")
    for name, value in {
        "{session_id}": "own", "{series_id}": "weekly", "{name}": "nobody", "{id}": "own", "{webhook_id}": "wh_x",
        "{channel}": "email", "{passkey_id}": "AAEC",
    }.items():  # fmt: skip
        path = path.replace(name, value)
    # An empty object changes nothing, whoever sends it: those who may are told what is missing.
    body = (
        {"unknown": 1}
        if method in ("POST", "PATCH") and not path.endswith(("/cancel", "/start", "/end"))
        else None
    )
    if path.endswith(("/cancel", "/start", "/end", "/retry", "/renew", "/test", "/approve", "/options")):
        body = {"unknown": 1} if TABLE[endpoint][ROLES.index(role)] is None else None
    given = {} if body is None else {"json": body}
    answer = await team.ask(role, method, path, **given)
    wanted = TABLE[endpoint][ROLES.index(role)]
    if wanted is None:
        assert answer.status_code in (200, 400, 202), answer.text
    else:
        refused(answer, wanted)


async def test_lists_show_what_a_key_leads(team: Team) -> None:
    """Sessions, series, and what is live."""
    for who, sessions, series in (
        ("mara", {"own"}, {"weekly"}),
        ("ivy", set(), set()),
        ("admin", {"own", "other"}, {"weekly", "elsewhere"}),
        ("boss", {"own", "other"}, {"weekly", "elsewhere"}),
    ):
        listed = (await team.ask(who, "GET", "/sessions?limit=500")).json()["sessions"]
        assert {each["session_id"] for each in listed if each["session_id"] in {"own", "other"}} == sessions
        of_series = {each["session_id"] for each in listed if each["session_id"].startswith("weekly-")}
        assert bool(of_series) == bool(series)
        found = (await team.ask(who, "GET", "/series")).json()["series"]
        assert {each["series_id"] for each in found} == series
    page = (await team.ask("mara", "GET", "/sessions?limit=1")).json()
    assert page["next"] == page["sessions"][0]["session_id"] == "own"
    rest = (await team.ask("mara", "GET", "/sessions?limit=500&after=own")).json()
    assert all(each["session_id"].startswith("weekly-") for each in rest["sessions"])


async def test_a_session_of_ones_series_is_ones_own(team: Team) -> None:
    """Also one that the server makes by itself."""
    sessions = (await team.ask("mara", "GET", "/series/weekly")).json()["sessions"]
    path = f"/sessions/{sessions[0]['session_id']}"
    assert (await team.ask("mara", "PATCH", path, json={"title": "Mine"})).status_code == 200
    refused(await team.ask("ivy", "GET", path), 404)


async def test_somebody_who_was_invited_leads_too(team: Team) -> None:
    """By name, or by the link for a co-host; until they are not any more."""
    await team.ask("mara", "POST", "/sessions/create", json=creation("shared"))
    refused(await team.ask("ivy", "GET", "/sessions/shared"), 404)
    invited = await team.ask("mara", "POST", "/sessions/shared/hosts", json={"name": "Ivy"})
    assert (invited.status_code, invited.json()["hosts"]) == (201, ["Mara", "Ivy"])
    room = (await team.ask("ivy", "GET", "/sessions/shared")).json()
    refused(await team.ask("mara", "POST", "/sessions/shared/hosts", json={"name": "Nobody"}), 404)
    refused(await team.ask("mara", "POST", "/sessions/shared/hosts", json={"name": "A", "token": "b"}), 400)
    path = "/sessions/shared/hosts"
    refused(await team.ask("adam", "POST", path, json={"token": room["tokens"]["participant"]}), 403)
    refused(await team.ask("adam", "POST", path, json={"token": team.secrets["token"]}), 403)
    joined = await team.ask("adam", "POST", path, json={"token": room["tokens"]["instructor"]})
    assert joined.status_code == 201
    assert (await team.ask("adam", "PATCH", "/sessions/shared", json={"title": "Ours"})).status_code == 200
    left = await team.ask("mara", "DELETE", "/sessions/shared/hosts/Ivy")
    assert left.json()["hosts"] == ["Mara", "Adam"]
    refused(await team.ask("ivy", "GET", "/sessions/shared"), 404)


async def test_an_assistant_publishes_nothing(team: Team) -> None:
    """A preview is possible; an instructor publishes, and nobody else may touch that."""
    summary = content("told", session_date=moment(hours=-1))
    preview = await team.ask("adam", "POST", "/session-summary", json=summary)
    assert (preview.status_code, preview.json()["status"]) == (200, "preview")
    at_once = {**summary, "publish_immediately": True, "channels": ["web"]}
    refused(await team.ask("adam", "POST", "/session-summary", json=at_once), 403)
    server = team.server
    with closing(Keys(database_of(server.data, None))) as keys:
        assert keys.identify(team.secrets["adam"]) is not None
    refused(await team.ask("mara", "POST", "/session-summary", json={**at_once, "session_id": "other"}), 404)
    refused(await team.ask("mara", "POST", "/session-summary", json={**summary, "session_id": "other"}), 404)


async def test_sockets_ask_for_the_same(team: Team) -> None:
    """A key that does not lead a session cannot lead it over a socket either."""
    for who, first in (("mara", "welcome"), ("ivy", "unknown_session")):
        query = urlencode({"session_id": "own", "role": "instructor"})
        url = team.server.url.replace("http", "ws", 1) + f"/ws/live-updates?{query}"
        async with websockets.connect(
            url, additional_headers=team.server.bearing(team.secrets[who])
        ) as socket:
            message = json.loads(await socket.recv())
        assert first in (message["type"], message.get("code"))
        url = team.server.url.replace("http", "ws", 1) + "/ws/session/own/events"
        async with websockets.connect(
            url, additional_headers=team.server.bearing(team.secrets[who])
        ) as socket:
            await socket.send(json.dumps({"type": "hrv.milestone", "data": {"improvement": 5}}))
            message = json.loads(await socket.recv())
        assert message["type"] == ("ack" if who == "mara" else "error")


async def test_ones_own_key_is_renewed_and_revoked(team: Team) -> None:
    """The secret before is worthless at once; the administrator sees and does it for everybody."""
    made = await team.ask(
        "admin", "POST", "/keys", json={"name": "New", "role": "assistant", "email": "n@example.org"}
    )
    assert made.status_code == 201
    team.secrets["new"] = made.json()["key"]
    own = (await team.ask("new", "GET", "/keys")).json()["keys"]
    assert [(each["name"], each["role"], each["email"], each["own"]) for each in own] == [
        ("New", "assistant", "n@example.org", True)
    ]
    everybody = (await team.ask("boss", "GET", "/keys")).json()["keys"]
    assert {"Mara", "Ivy", "Adam", "Boss", "New", "administrator"} <= {each["name"] for each in everybody}
    refused(await team.ask("admin", "POST", "/keys", json={"name": "New"}), 409)
    assert refused(
        await team.ask("admin", "POST", "/keys", json={"name": "../x", "role": "admin"}), 400
    ).keys() == {"name"}
    assert refused(
        await team.ask("admin", "POST", "/keys", json={"name": "X", "role": "owner", "email": "x", "y": 1}),
        400,
    ).keys() == {"role", "email", "y"}
    renewed = await team.ask("new", "POST", "/keys/New/renew")
    refused(await team.ask("new", "GET", "/keys"), 401)
    team.secrets["new"] = renewed.json()["key"]
    assert (await team.ask("new", "GET", "/keys")).status_code == 200
    refused(await team.ask("new", "DELETE", "/keys/Mara"), 403)
    assert (await team.ask("new", "DELETE", "/keys/New")).json()["status"] == "revoked"
    refused(await team.ask("new", "GET", "/keys"), 401)
    refused(await team.ask("boss", "DELETE", "/keys/administrator"), 404)
