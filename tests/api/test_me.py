"""One's own data, with one's own ``resume``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from tests.api.conftest import Server, refused

ME = "/api/v2/sessions/morning/me"


class Person:
    """Somebody with a live socket."""

    def __init__(self, socket: websockets.ClientConnection, welcome: dict[str, Any]) -> None:
        self.socket = socket
        self.client_id: str = welcome["client_id"]
        self.headers = {"Authorization": f"Bearer {welcome['resume']}"}


async def join(server: Server, **query: str) -> Person:
    parameters = "&".join(f"{name}={value}" for name, value in ({"session_id": "morning"} | query).items())
    url = server.url.replace("http", "ws", 1) + f"/ws/live-updates?{parameters}"
    socket = await websockets.connect(url)
    welcome = json.loads(await socket.recv())
    assert welcome["type"] == "welcome", welcome
    return Person(socket, welcome)


@pytest.fixture
async def ann(server: Server) -> AsyncIterator[Person]:
    await server.create()
    person = await join(server, client_id="ann", name="Ann")
    yield person
    await person.socket.close()


async def test_a_person_sees_what_is_known_of_them(server: Server, ann: Person) -> None:
    """As JSON, and as CSV to take along: also what they wrote to everybody."""
    await ann.socket.send(json.dumps({"type": "chat", "data": {"message": "Good morning"}}))
    async with asyncio.timeout(5):
        while json.loads(await ann.socket.recv())["type"] != "message_sent":
            pass
    mine = (await server.stranger.get(ME, headers=ann.headers)).json()
    assert (mine["client_id"], mine["name"], mine["email"]) == ("ann", "Ann", None)
    assert [said["message"] for said in mine["messages"]] == ["Good morning"]
    as_csv = await server.stranger.get(f"{ME}?format=csv", headers=ann.headers)
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert "name,Ann\r\n" in as_csv.text
    assert "format" in refused(await server.stranger.get(f"{ME}?format=xml", headers=ann.headers), 400)


async def test_nobody_else_does(server: Server, ann: Person) -> None:
    """Neither strangers, nor other people, nor keys, nor one's secret of another session."""
    bob = await join(server, client_id="bob", name="Bob")
    await server.create("evening")
    refused(await server.stranger.get(ME), 401)
    refused(await server.client.get(ME), 403)
    refused(await server.stranger.get(ME.replace("morning", "evening"), headers=ann.headers), 401)
    assert (await server.stranger.get(ME, headers=bob.headers)).json()["name"] == "Bob"
    refused(await server.stranger.post("/api/v2/sessions/morning/start", headers=ann.headers), 403)
    await bob.socket.close()


async def test_consent_address_and_feedback_are_kept(server: Server, ann: Person) -> None:
    """Each is answered with everything as it is now."""
    given = {"heart_rate": True, "group": False, "version": "2024-1"}
    consents = (await server.stranger.put(f"{ME}/consent", json=given, headers=ann.headers)).json()[
        "consents"
    ]
    assert (consents["heart_rate"], consents["group"], consents["version"]) == (True, False, "2024-1")

    email = await server.stranger.put(f"{ME}/email", json={"address": "ann@example.org"}, headers=ann.headers)
    assert email.json()["email"] == "ann@example.org"
    email = await server.stranger.put(f"{ME}/email", json={"address": "ann@exämple.org"}, headers=ann.headers)
    assert email.json()["email"] == "ann@xn--exmple-cua.org"
    # As long as an address may be.
    long = f"ann@{'x.' * 124}ex"
    email = await server.stranger.put(f"{ME}/email", json={"address": f" {long} "}, headers=ann.headers)
    assert (len(long), email.json()["email"]) == (254, long)

    said = {"rating": 5, "comment": "Lovely", "publish_quote": True, "version": "2024-2"}
    reply = (await server.stranger.post(f"{ME}/feedback", json=said, headers=ann.headers)).json()
    assert (reply["rating"], reply["comment"], reply["publish_quote"], reply["publish_name"]) == (
        5,
        "Lovely",
        True,
        False,
    )
    assert reply["quote_state"] == "waiting"
    # Three consents, each with the version of its words and the moment it was given.
    assert reply["consents"].keys() >= {"heart_rate", "group", "version", "at"}
    published = {name: reply["consents"][f"publish_{name}"] for name in ("quote", "name", "version")}
    assert published == {"quote": True, "name": False, "version": "2024-2"}
    assert reply["consents"]["publish_at"] >= reply["consents"]["at"]


@pytest.mark.parametrize(
    ("method", "place", "body", "field"),
    [
        ("PUT", "consent", {"heart_rate": "yes", "group": True, "version": "1"}, "heart_rate"),
        ("PUT", "consent", {"heart_rate": True, "group": True}, "version"),
        ("PUT", "email", {"address": "no address"}, "address"),
        ("PUT", "email", {"address": "ann.@example.org"}, "address"),
        ("PUT", "email", {"address": f"ann@{'x.' * 124}exx"}, "address"),
        ("PUT", "email", {"address": "a@b\nBcc: c@d.example"}, "address"),
        ("PUT", "email", {}, "address"),
        ("POST", "feedback", {"rating": 6}, "rating"),
        ("POST", "feedback", {"rating": 5, "comment": "x" * 2001}, "comment"),
        ("POST", "feedback", {"rating": True}, "rating"),
        ("POST", "feedback", {"rating": 5, "stars": 5}, "stars"),
    ],
)
async def test_wrong_data_is_refused_by_its_field(
    server: Server, ann: Person, method: str, place: str, body: dict[str, Any], field: str
) -> None:
    """And nothing changes."""
    answer = await server.stranger.request(method, f"{ME}/{place}", json=body, headers=ann.headers)
    assert field in refused(answer, 400)


async def test_withdrawing_takes_everything_back(server: Server, ann: Person) -> None:
    """Nothing is known any more, the socket ends, and the secret opens nothing."""
    await server.stranger.put(f"{ME}/email", json={"address": "ann@example.org"}, headers=ann.headers)
    assert (await server.stranger.delete(ME, headers=ann.headers)).json() == {"status": "withdrawn"}
    async with asyncio.timeout(5):
        await ann.socket.wait_closed()
    content = await server.client.get("/api/v2/session/morning/content?include_replay=true")
    assert "Ann" not in content.text


@pytest.mark.parametrize("ended", [False, True])
async def test_nothing_is_kept_of_somebody_who_has_withdrawn(
    server: Server, ann: Person, ended: bool
) -> None:
    """The same secret gives nothing and takes nothing any more; to withdraw again does no harm."""
    if ended:
        await server.client.post("/api/v2/sessions/morning/start")
        await server.client.post("/api/v2/sessions/morning/end")
    assert (await server.stranger.delete(ME, headers=ann.headers)).status_code == 200
    said = {"rating": 4, "comment": "Quiet"}
    address = {"address": "ann@example.org"}
    consents = {"heart_rate": True, "group": True, "version": "2024-1"}
    for refusal in (
        await server.stranger.get(ME, headers=ann.headers),
        await server.stranger.post(f"{ME}/feedback", json=said, headers=ann.headers),
        await server.stranger.put(f"{ME}/email", json=address, headers=ann.headers),
        await server.stranger.put(f"{ME}/consent", json=consents, headers=ann.headers),
    ):
        refused(refusal, 404)
        assert refusal.json()["error"] == "unknown_client"
    assert (await server.stranger.delete(ME, headers=ann.headers)).json() == {"status": "withdrawn"}


async def test_who_comes_again_after_a_withdrawal_may_speak_again(server: Server, ann: Person) -> None:
    """They are in the room by their own wish, as if new: only what they say from then on is known."""
    assert (await server.stranger.delete(ME, headers=ann.headers)).status_code == 200
    again = await join(server, client_id="ann", resume=ann.headers["Authorization"].removeprefix("Bearer "))
    mine = (await server.stranger.get(ME, headers=ann.headers)).json()
    assert (mine["name"], mine["rating"]) == (None, None)
    await again.socket.close()


async def test_words_after_the_end_make_a_new_version(server: Server, ann: Person) -> None:
    """Feedback and consents are possible for a day, and the story is told anew with them."""
    await server.client.post("/api/v2/sessions/morning/start")
    await server.client.post("/api/v2/sessions/morning/end")
    path = "/api/v2/session/morning/content?include_summary=true"
    before = (await server.client.get(path)).json()["summary"]["version"]
    said = {"rating": 4, "comment": "Quiet", "publish_quote": True, "publish_name": True}
    assert (await server.stranger.post(f"{ME}/feedback", json=said, headers=ann.headers)).status_code == 200
    assert (await server.client.get(path)).json()["summary"]["version"] == before + 1
    ended = {"heart_rate": False, "group": False, "version": "2024-1"}
    assert (await server.stranger.put(f"{ME}/consent", json=ended, headers=ann.headers)).status_code == 200
    assert (await server.client.get(path)).json()["summary"]["version"] == before + 2
    assert (await server.stranger.delete(ME, headers=ann.headers)).status_code == 200
    assert (await server.client.get(path)).json()["summary"]["version"] == before + 3
