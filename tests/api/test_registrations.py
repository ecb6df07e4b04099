"""Saying that one comes over HTTP: places, the waiting list, who may see and cancel what."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets
from pydantic import SecretStr

from tests.api.conftest import Server, moment, refused, running
from tests.api.test_series import body as series_body

on_the_shared_server = pytest.mark.asyncio(loop_scope="module")


def path_of(session_id: str) -> str:
    return f"/api/v2/sessions/{session_id}/registrations"


async def come(server: Server, session_id: str, **body: Any) -> dict[str, Any]:
    made = await server.stranger.post(path_of(session_id), json=body)
    assert made.status_code == 201, made.text
    registration: dict[str, Any] = made.json()
    return registration


async def listed(server: Server, session_id: str) -> list[dict[str, Any]]:
    shown = await server.client.get(path_of(session_id))
    assert shown.status_code == 200, shown.text
    registrations: list[dict[str, Any]] = shown.json()["registrations"]
    return registrations


async def leave(server: Server, session_id: str, registration: dict[str, Any]) -> int:
    left = await server.stranger.delete(
        f"{path_of(session_id)}/{registration['registration']}",
        headers=server.bearing(registration["secret"]),
    )
    return left.status_code


@on_the_shared_server
async def test_the_first_who_waits_comes_up_when_somebody_cancels(shared: Server) -> None:
    """Two places, four people: positions count from one, and nobody overtakes."""
    await shared.create("full", max_participants=2, scheduled_start=moment(days=3))
    people = [await come(shared, "full", name=name) for name in ("Anna", "Ben", "Cleo", "Dan")]
    assert [(each["state"], each.get("position")) for each in people] == [
        ("coming", None),
        ("coming", None),
        ("waiting", 1),
        ("waiting", 2),
    ]
    assert [each["name"] for each in await listed(shared, "full")] == ["Anna", "Ben", "Cleo", "Dan"]
    assert await leave(shared, "full", people[0]) == 200
    now = await listed(shared, "full")
    assert [(each["name"], each["state"], each.get("position")) for each in now] == [
        ("Ben", "coming", None),
        ("Cleo", "coming", None),
        ("Dan", "waiting", 1),
    ]
    left = await shared.stranger.get("/api/v2/sessions/full/places")
    assert left.json() == {"session_id": "full", "max_participants": 2, "coming": 2, "waiting": 1, "left": 0}
    own = await shared.stranger.get(
        f"{path_of('full')}/{people[3]['registration']}", headers=shared.bearing(people[3]["secret"])
    )
    assert (own.json()["state"], own.json()["position"]) == ("waiting", 1)
    assert await leave(shared, "full", people[0]) == 404


@on_the_shared_server
async def test_more_places_let_more_come_up(shared: Server) -> None:
    """And fewer take nobody's place away."""
    await shared.create("grows", max_participants=1, scheduled_start=moment(days=3))
    for name in ("Anna", "Ben", "Cleo"):
        await come(shared, "grows", name=name)
    await shared.client.patch("/api/v2/sessions/grows", json={"max_participants": 2})
    assert [each["state"] for each in await listed(shared, "grows")] == ["coming", "coming", "waiting"]
    await shared.client.patch("/api/v2/sessions/grows", json={"max_participants": 1})
    assert [each["state"] for each in await listed(shared, "grows")] == ["coming", "coming", "waiting"]


@on_the_shared_server
async def test_name_and_address_may_be_left_out(shared: Server) -> None:
    """Also the whole body; where no mail is sent the answer says so."""
    await shared.create("free", scheduled_start=moment(days=3))
    assert (await come(shared, "free")).keys() == {"registration", "session_id", "state", "secret"}
    nothing = await shared.stranger.post(path_of("free"))
    assert nothing.status_code == 201
    assert (await come(shared, "free", name=None, address="anna@example.org"))["mail"] == "none"


@on_the_shared_server
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"name": 5, "address": True}, {"name", "address"}),
        ({"address": "nobody"}, {"address"}),
        ({"address": "a@b@example.org"}, {"address"}),
        ({"email": "anna@example.org", "state": "coming"}, {"email", "state"}),
        ([], {"body"}),
    ],
)
async def test_what_is_wrong_is_named(shared: Server, body: Any, wrong: set[str]) -> None:
    """Every mistake at once, by its field."""
    if (await shared.client.get("/api/v2/sessions/strict")).status_code == 404:
        await shared.create("strict", scheduled_start=moment(days=3))
    assert refused(await shared.stranger.post(path_of("strict"), json=body), 400).keys() == wrong


@on_the_shared_server
async def test_who_may_see_and_cancel(shared: Server) -> None:
    """Staff see names; a registration's own secret cancels it, and no other one does."""
    room = await shared.create("rights", scheduled_start=moment(days=3))
    anna, ben = await come(shared, "rights", name="Anna"), await come(shared, "rights", name="Ben")
    participant = shared.bearing(room["tokens"]["participant"])
    refused(await shared.stranger.get(path_of("rights")), 401)
    refused(await shared.stranger.get(path_of("rights"), headers=participant), 403)
    refused(await shared.stranger.get(path_of("rights"), headers=shared.bearing(anna["secret"])), 403)
    instructor = shared.bearing(room["tokens"]["instructor"])
    assert (await shared.stranger.get(path_of("rights"), headers=instructor)).status_code == 200
    own = f"{path_of('rights')}/{anna['registration']}"
    for method in ("GET", "DELETE"):
        refused(await shared.stranger.request(method, own), 401)
        refused(await shared.stranger.request(method, own, headers=shared.bearing(ben["secret"])), 403)
        refused(await shared.stranger.request(method, own, headers=participant), 403)
        refused(await shared.stranger.request(method, own, headers=shared.bearing("r1.x.y")), 401)
    assert len(await listed(shared, "rights")) == 2
    refused(await shared.client.delete(f"{path_of('rights')}/unknown"), 404)
    refused(await shared.stranger.post(path_of("unknown"), json={}), 404)
    assert (await shared.client.delete(own)).json()["state"] == "cancelled"


@on_the_shared_server
async def test_sessions_by_invitation_need_a_token(shared: Server) -> None:
    """A private one is not even there for strangers."""
    for session_id, extra, status in (
        ("invited", {"access": "invite", "visibility": "public"}, 401),
        ("hidden", {"visibility": "private"}, 404),
    ):
        room = await shared.create(session_id, scheduled_start=moment(days=3), **extra)
        refused(await shared.stranger.post(path_of(session_id), json={}), status)
        token = shared.bearing(room["tokens"]["participant"])
        made = await shared.stranger.post(path_of(session_id), json={}, headers=token)
        assert made.status_code == 201
        assert await leave(shared, session_id, made.json()) == 200
    other = await shared.create("elsewhere", scheduled_start=moment(days=3))
    token = shared.bearing(other["tokens"]["participant"])
    refused(await shared.stranger.post(path_of("invited"), json={}, headers=token), 403)


@on_the_shared_server
async def test_it_is_too_late_once_a_session_is_over_or_cancelled(shared: Server) -> None:
    """Just begun is not too late: a place is kept until five minutes after the start."""
    await shared.create("begun")
    await shared.client.post("/api/v2/sessions/begun/start")
    await come(shared, "begun")
    await shared.client.post("/api/v2/sessions/begun/end")
    refused(await shared.stranger.post(path_of("begun"), json={}), 409)
    await shared.create("cancelled")
    await shared.client.post("/api/v2/sessions/cancelled/cancel")
    refused(await shared.stranger.post(path_of("cancelled"), json={}), 409)


async def test_ten_addresses_an_hour_come_from_one_network_address(server: Server) -> None:
    """Whatever sessions they are for, and with a key too; registrations without one are not counted."""
    await server.create("one", scheduled_start=moment(days=3))
    await server.create("two", scheduled_start=moment(days=3))
    for number in range(10):
        await come(server, "one" if number % 2 else "two", address=f"p{number}@example.org")
    many = await server.stranger.post(path_of("one"), json={"address": "p11@example.org"})
    refused(many, 429)
    assert 3500 < int(many.headers["Retry-After"]) <= 3600
    refused(await server.client.post(path_of("one"), json={"address": "p11@example.org"}), 429)
    await come(server, "one", name="Anna")
    assert len(await listed(server, "one")) == 6


async def test_twenty_an_hour_come_from_one_network_address(tmp_path: Path) -> None:
    """With an address or without, whatever sessions or series they are for.

    Other networks are not held up, nor whoever enters others with a key, nor this machine.
    """

    def from_(address: str) -> dict[str, str]:
        return {"X-Forwarded-For": address}

    async with running(tmp_path, trusted_proxies=["127.0.0.1"], rate_requests_per_minute=0) as server:
        await server.create("one", max_participants=100, scheduled_start=moment(days=3))
        made = await server.client.post("/api/v2/series", json=series_body("weekly", rule="FREQ=WEEKLY"))
        assert made.status_code == 201
        of_series = "/api/v2/series/weekly/registrations"
        for number in range(20):
            path = of_series if number % 5 == 0 else path_of("one")
            here = from_(f"2001:db8::{number + 1:x}")
            answer = await server.stranger.post(path, json={}, headers=here)
            assert answer.status_code == 201, answer.text
        for path in (path_of("one"), of_series):
            many = await server.stranger.post(path, json={"name": "Anna"}, headers=here)
            refused(many, 429)
            assert 3500 < int(many.headers["Retry-After"]) <= 3600
            assert many.json()["message"] == "Too many registrations from this network address."
        form = await server.stranger.post("/sessions/one/coming", data={"name": "Anna"}, headers=here)
        assert form.status_code == 429
        assert 3500 < int(form.headers["Retry-After"]) <= 3600
        assert "Too many registrations have come from your network." in form.text
        assert len(await listed(server, "one")) == 16
        entered = await server.client.post(path_of("one"), json={"name": "Anna"}, headers=here)
        assert entered.status_code == 201
        other = await server.stranger.post(path_of("one"), json={}, headers=from_("203.0.113.9"))
        assert other.status_code == 201
        for _ in range(21):
            await come(server, "one")


async def test_the_last_place_is_given_once(server: Server) -> None:
    """To one of those who come at the same moment."""
    await server.create("one", max_participants=3, scheduled_start=moment(days=3))
    made = await asyncio.gather(*(come(server, "one") for _ in range(12)))
    assert sorted((each["state"], each.get("position", 0)) for each in made) == [
        *[("coming", 0)] * 3,
        *[("waiting", position) for position in range(1, 10)],
    ]


async def test_registrations_outlive_a_restart(tmp_path: Path) -> None:
    """With their secrets."""
    async with running(tmp_path) as before:
        await before.create("lasting", scheduled_start=moment(days=3))
        anna = await come(before, "lasting", name="Anna")
    async with running(tmp_path) as after:
        assert [each["name"] for each in await listed(after, "lasting")] == ["Anna"]
        assert await leave(after, "lasting", anna) == 200


@on_the_shared_server
async def test_who_comes_every_time_has_a_place_in_each_session(shared: Server) -> None:
    """Also in those that are made later; single ones are cancelled alone, or all at once."""
    made = await shared.client.post(
        "/api/v2/series", json=series_body("weekly", rule="FREQ=WEEKLY;COUNT=4", max_participants=1)
    )
    sessions = [each["session_id"] for each in made.json()["sessions"]]
    path = "/api/v2/series/weekly/registrations"
    anna = (await shared.stranger.post(path, json={"name": "Anna"})).json()
    assert (anna["state"], [each["session_id"] for each in anna["sessions"]]) == ("coming", sessions)
    ben = await come(shared, sessions[1], name="Ben")
    assert (ben["state"], ben["position"]) == ("waiting", 1)
    one = anna["sessions"][1]
    left = await shared.stranger.delete(
        f"{path_of(sessions[1])}/{anna['registration']}", headers=shared.bearing(one["secret"])
    )
    assert left.status_code == 200
    assert [each["name"] for each in await listed(shared, sessions[1])] == ["Ben"]
    assert [each["name"] for each in await listed(shared, sessions[2])] == ["Anna"]
    everybody = (await shared.client.get(path)).json()["registrations"]
    assert [each["name"] for each in everybody] == ["Anna"]
    refused(await shared.stranger.get(path), 401)

    first = made.json()["sessions"][0]["scheduled_start"]
    starts = datetime.fromisoformat(first) + timedelta(days=1)
    longer = await shared.client.patch(
        "/api/v2/series/weekly", json={"rule": "FREQ=WEEKLY;COUNT=6", "starts": f"{starts:%Y-%m-%dT%H:%M}"}
    )
    assert longer.status_code == 200, longer.text
    added = [each["session_id"] for each in longer.json()["sessions"] if each["session_id"] not in sessions]
    assert added
    assert [each["name"] for each in await listed(shared, added[-1])] == ["Anna"]

    own = f"{path}/{anna['registration']}"
    refused(await shared.stranger.delete(own), 401)
    refused(await shared.stranger.delete(own, headers=shared.bearing(one["secret"])), 401)
    gone = await shared.stranger.delete(own, headers=shared.bearing(anna["secret"]))
    assert gone.status_code == 200
    assert await listed(shared, sessions[2]) == []
    assert await listed(shared, added[-1]) == []
    refused(await shared.stranger.delete(own, headers=shared.bearing(anna["secret"])), 404)


@on_the_shared_server
@pytest.mark.parametrize("closed", [{"visibility": "private"}, {"access": "invite"}])
async def test_who_comes_every_time_is_not_let_into_a_date_that_was_closed_alone(
    shared: Server, closed: dict[str, str]
) -> None:
    """Their place there is gone, and their secret opens nothing; opened again, they have one."""
    series_id = f"closed-{closed.get('visibility', 'invite')}"
    made = await shared.client.post("/api/v2/series", json=series_body(series_id, rule="FREQ=WEEKLY;COUNT=3"))
    sessions = [each["session_id"] for each in made.json()["sessions"]]
    anna = (
        await shared.stranger.post(f"/api/v2/series/{series_id}/registrations", json={"name": "Anna"})
    ).json()
    secret = anna["sessions"][0]["secret"]
    path = f"/api/v2/sessions/{sessions[0]}"
    await shared.client.patch(path, json={**closed, "listen_url": "https://voice.example/x"})

    for asked in (
        path,
        f"{path}/content",
        f"/sessions/{sessions[0]}/",
        f"{path_of(sessions[0])}/{anna['registration']}",
    ):
        refused(await shared.stranger.get(asked, headers=shared.bearing(secret)), 401)
    socket, refusal = await knock(shared, sessions[0], resume=secret)
    await socket.close()
    assert refusal["code"] == ("unknown_session" if closed.get("visibility") else "not_open_yet")
    assert await listed(shared, sessions[0]) == []
    own = f"/coming/{sessions[0]}/own/{secret}"
    for asked in (own, f"{own}/join"):
        assert (await shared.stranger.get(asked)).status_code == 404
    late = (await shared.stranger.post(f"/api/v2/series/{series_id}/registrations", json={})).json()
    assert [each["session_id"] for each in late["sessions"]] == sessions[1:]
    assert [each["name"] for each in await listed(shared, sessions[1])] == ["Anna", None]

    room = (await shared.client.get(path)).json()
    invited = await shared.stranger.post(
        path_of(sessions[0]), json={"name": "Ben"}, headers=shared.bearing(room["tokens"]["participant"])
    )
    assert invited.status_code == 201
    ben = shared.bearing(invited.json()["secret"])
    assert (await shared.stranger.get(path, headers=ben)).json()["listen_url"] == "https://voice.example/x"

    await shared.client.patch(path, json={"visibility": "public", "access": "open"})
    assert [each["name"] for each in await listed(shared, sessions[0])] == ["Ben", "Anna", None]


@on_the_shared_server
async def test_a_series_by_invitation_lets_in_whom_staff_registered(shared: Server) -> None:
    """Its dates are by invitation as it is: none of them was closed alone."""
    made = await shared.client.post(
        "/api/v2/series", json=series_body("invited-series", rule="FREQ=WEEKLY;COUNT=2", visibility="private")
    )
    first = made.json()["sessions"][0]["session_id"]
    anna = (
        await shared.client.post("/api/v2/series/invited-series/registrations", json={"name": "Anna"})
    ).json()
    headers = shared.bearing(anna["sessions"][0]["secret"])
    assert (await shared.stranger.get(f"/api/v2/sessions/{first}", headers=headers)).status_code == 200
    joined = await shared.stranger.get(f"/coming/{first}/own/{anna['sessions'][0]['secret']}/join")
    assert "token=" in joined.headers["Location"]


async def knock(
    server: Server, session_id: str, **query: str
) -> tuple[websockets.ClientConnection, dict[str, Any]]:
    """Come to the door; the socket and its first message."""
    parameters = urlencode({"session_id": session_id} | query)
    url = server.url.replace("http", "ws", 1) + f"/ws/live-updates?{parameters}"
    socket = await websockets.connect(url)
    first: dict[str, Any] = json.loads(await socket.recv())
    return socket, first


async def test_a_place_is_kept_for_whoever_said_that_they_come(server: Server) -> None:
    """A stranger finds the room full; the registration joins with its secret, and is seen to have come."""
    await server.create("kept", max_participants=1)
    anna = await come(server, "kept", name="Anna")
    socket, refusal = await knock(server, "kept")
    assert refusal["code"] == "full"
    await socket.close()
    await server.client.post("/api/v2/sessions/kept/start")
    assert not (await listed(server, "kept"))[0]["came"]
    socket, welcome = await knock(server, "kept", resume=anna["secret"])
    assert (welcome["type"], welcome["client_id"]) == ("welcome", anna["registration"])
    assert (await listed(server, "kept"))[0]["came"]
    await socket.close()
    withdrawn = await server.stranger.delete(
        "/api/v2/sessions/kept/me", headers=server.bearing(anna["secret"])
    )
    assert withdrawn.status_code == 200
    assert await listed(server, "kept") == []


async def test_an_address_is_taken_before_the_publisher_has_begun(tmp_path: Path) -> None:
    """A server with a mail server knows that it sends mail from its first request on."""
    (tmp_path / "studio.toml").write_text('sender = "hello@example.org"\n')
    async with running(tmp_path, smtp_url=SecretStr("smtp://127.0.0.1:9")) as server:
        await server.create("early", scheduled_start=moment(days=3))
        assert (await come(server, "early", address="anna@example.org"))["mail"] == "asked"
