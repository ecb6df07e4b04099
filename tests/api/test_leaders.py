"""Whose sessions and stories are: what is made or published with a key, who is invited, and who was removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
import websockets

from engine.clock import Clock
from engine.storage.keys import Keys
from engine.storage.opening import database_of
from tests.api.conftest import content, creation, moment, refused, running
from tests.api.team import API, Team, running_team
from tests.api.test_series import body as series_body

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    async with running_team(tmp_path_factory.mktemp("leaders")) as team:
        yield team


def told(session_id: str) -> dict[str, Any]:
    """A summary that is published at once; its channels wait, for nobody publishes here."""
    return {
        **content(session_id, session_date=moment(hours=-1)),
        "publish_immediately": True,
        "channels": ["web"],
    }


async def publish(team: Team, who: str, session_id: str) -> Any:
    """Publish, and go once it is queued, for the channels wait here; or the answer of whoever is refused."""
    count = "SELECT count(*) FROM snapshots WHERE session_id = :id"
    with closing(database_of(team.server.data, None).connect()) as connection:
        before = connection.value(count, id=session_id)
        asked = asyncio.ensure_future(
            team.ask(who, "POST", "/session-summary", json=told(session_id), timeout=60)
        )
        while not asked.done() and connection.value(count, id=session_id) == before:
            await asyncio.wait([asked], timeout=0.02)
    if asked.done():
        return asked.result()
    asked.cancel()
    return None


async def test_a_story_does_not_reserve_the_session_of_its_id(team: Team) -> None:
    """Ivy publishes under an id that nobody has; the session that the administrator makes there is not hers."""
    assert await publish(team, "ivy", "claimed") is None
    assert (await team.ask("ivy", "GET", "/publications/claimed")).status_code == 200
    refused(await team.ask("mara", "GET", "/publications/claimed"), 404)
    await team.make("admin", "claimed")
    refused(await team.ask("ivy", "GET", "/sessions/claimed"), 404)
    refused(await team.ask("ivy", "PATCH", "/sessions/claimed", json={"title": "Mine"}), 404)
    refused(await team.ask("ivy", "POST", "/sessions/claimed/end"), 404)
    # What is told there is told by the session from now on.
    refused(await team.ask("ivy", "DELETE", "/publications/claimed"), 404)
    refused(await publish(team, "ivy", "claimed"), 404)


async def test_a_story_is_its_publishers_until_there_is_a_session(team: Team) -> None:
    """They publish it again, and see its drafts and what became of it; nobody else but the administrator does."""
    assert await publish(team, "ivy", "alone") is None
    assert await publish(team, "ivy", "alone") is None
    refused(await publish(team, "mara", "alone"), 404)
    for who, status in (("ivy", 200), ("mara", 404), ("adam", 404), ("boss", 200)):
        shown = await team.ask(who, "GET", "/sessions/alone/drafts")
        assert shown.status_code == status, shown.text
    assert (await team.ask("ivy", "POST", "/publications/alone/retry")).status_code == 200
    refused(await team.ask("mara", "POST", "/publications/alone/retry"), 404)
    room = await team.make("ivy", "alone")
    assert room["tokens"].keys() >= {"instructor"}
    assert (await team.ask("ivy", "GET", "/publications/alone")).status_code == 200


async def test_making_a_session_does_not_take_over_somebody_elses_story(team: Team) -> None:
    """Of another instructor, or of the administrator: the id is taken, and the story stays theirs."""
    assert await publish(team, "ivy", "hers") is None
    assert await publish(team, "boss", "house") is None
    for session_id in ("hers", "house"):
        answer = await team.ask("mara", "POST", "/sessions/create", json=creation(session_id))
        assert refused(answer, 409).keys() == {"session_id"}
        refused(await team.ask("mara", "DELETE", f"/publications/{session_id}"), 404)
    assert (await team.ask("ivy", "GET", "/publications/hers")).status_code == 200


async def test_a_series_makes_no_session_under_the_id_of_a_story(team: Team) -> None:
    """Its sessions are led by whoever leads the series: the date gets another id."""
    made = await team.ask("mara", "POST", "/series", json=series_body("first"))
    dates = [each["session_id"].removeprefix("first-") for each in made.json()["sessions"]]
    assert await publish(team, "ivy", f"second-{dates[0]}") is None
    made = await team.ask("mara", "POST", "/series", json=series_body("second"))
    ids = [each["session_id"] for each in made.json()["sessions"]]
    assert ids[0] == f"second-{dates[0]}-2"
    assert ids[1:] == [f"second-{date}" for date in dates[1:]]
    assert (await team.ask("ivy", "GET", f"/publications/second-{dates[0]}")).status_code == 200
    refused(await team.ask("mara", "GET", f"/publications/second-{dates[0]}"), 404)


async def test_the_maker_of_a_session_is_removed_by_the_administrator_only(team: Team) -> None:
    """Not by somebody whom they invited, nor with the session's token."""
    room = await team.make("mara", "kept")
    team.secrets["link"] = room["tokens"]["instructor"]
    hosts = "/sessions/kept/hosts"
    assert (await team.ask("mara", "POST", hosts, json={"name": "Ivy"})).status_code == 201
    for who in ("ivy", "link", "mara"):
        refused(await team.ask(who, "DELETE", f"{hosts}/Mara"), 403)
    assert (await team.ask("ivy", "GET", hosts)).json()["hosts"] == ["Mara", "Ivy"]
    assert (await team.ask("boss", "DELETE", f"{hosts}/Mara")).json()["hosts"] == ["Ivy"]
    refused(await team.ask("mara", "GET", "/sessions/kept"), 404)


async def test_the_maker_of_a_series_leads_each_of_its_sessions(team: Team) -> None:
    """They are named among its hosts, and somebody invited to one session does not remove them."""
    session_id = (await team.ask("mara", "GET", "/series/weekly")).json()["sessions"][1]["session_id"]
    hosts = f"/sessions/{session_id}/hosts"
    invited = await team.ask("mara", "POST", hosts, json={"name": "Ivy"})
    assert invited.json()["hosts"] == ["Mara", "Ivy"]
    refused(await team.ask("ivy", "DELETE", f"{hosts}/Mara"), 403)
    kept = await team.ask("boss", "DELETE", f"{hosts}/Mara")
    refused(kept, 409)
    assert "made the series" in kept.json()["message"]
    stranger = await team.ask("boss", "DELETE", f"{hosts}/Adam")
    refused(stranger, 404)
    assert stranger.json()["message"] == "Adam does not lead this session."
    assert (
        await team.ask("mara", "PATCH", f"/sessions/{session_id}", json={"title": "Mine"})
    ).status_code == 200


async def test_who_was_removed_does_not_come_back_by_the_link(team: Team) -> None:
    """Nor with the link alone, by name; whoever leads the session with a key invites them again."""
    room = await team.make("mara", "closed")
    link = team.secrets["link"] = room["tokens"]["instructor"]
    hosts = "/sessions/closed/hosts"
    assert (await team.ask("ivy", "POST", hosts, json={"token": link})).status_code == 201
    assert (await team.ask("mara", "DELETE", f"{hosts}/Ivy")).status_code == 200
    refused(await team.ask("ivy", "POST", hosts, json={"token": link}), 403)
    refused(await team.ask("link", "POST", hosts, json={"name": "Ivy"}), 403)
    refused(await team.ask("ivy", "GET", "/sessions/closed"), 404)
    assert (await team.ask("mara", "GET", hosts)).json()["hosts"] == ["Mara"]
    assert (await team.ask("mara", "POST", hosts, json={"name": "Ivy"})).json()["hosts"] == ["Mara", "Ivy"]
    assert (await team.ask("ivy", "GET", "/sessions/closed")).status_code == 200


async def test_a_link_that_has_expired_invites_nobody(tmp_path: Path) -> None:
    """It opens a session until 24 hours after its start, and leads it for ever no later than that."""
    day = 24 * 60 * 60 * 1000
    present = Clock().now()
    async with running(tmp_path, clock=Clock(start=present - 3 * day)) as server:
        start = moment(hours=-71)
        link = (await server.create("past", scheduled_start=start))["tokens"]["instructor"]
        with closing(Keys(database_of(tmp_path, None))) as keys:
            ivy = keys.create("Ivy", 1)
    async with running(tmp_path) as server:
        answer = await server.stranger.post(
            f"{API}/sessions/past/hosts", headers=server.bearing(ivy), json={"token": link}
        )
        refused(answer, 403)
        shown = await server.stranger.get(f"{API}/sessions/past", headers=server.bearing(ivy))
        refused(shown, 404)


async def test_a_token_has_the_rights_of_whom_it_was_given_to(team: Team) -> None:
    """An assistant publishes nothing with the instructor's token either; one from nobody in particular does."""
    await team.make("mara", "assisted")
    await team.ask("mara", "POST", "/sessions/assisted/hosts", json={"name": "Adam"})
    for who in ("admin", "mara", "adam"):
        room = (await team.ask(who, "GET", "/sessions/assisted")).json()
        team.secrets[f"{who}'s"] = room["tokens"]["instructor"]
    approve = "/sessions/assisted/drafts/email/approve"
    for who, status in (("adam", 403), ("adam's", 403), ("mara's", 404), ("admin's", 404)):
        refused(await team.ask(who, "POST", approve), status)
        refused(await team.ask(who, "POST", approve.replace("approve", "withdraw")), status)
    again = (await team.ask("adam's", "GET", "/sessions/assisted")).json()
    assert again["tokens"]["instructor"] == team.secrets["adam's"]
    renamed = await team.ask("adam's", "PATCH", "/sessions/assisted", json={"title": "Ours"})
    assert renamed.status_code == 200


async def test_a_token_beside_a_key_adds_nothing_to_it(team: Team) -> None:
    """Neither the right to publish nor a session that the key does not lead."""
    room = await team.make("admin", "beside")
    token = room["tokens"]["instructor"]
    await team.ask("admin", "POST", "/sessions/beside/hosts", json={"name": "Adam"})
    path = f"{API}/sessions/beside"
    for who, publishing, change in (("adam", 403, 200), ("ivy", 404, 404)):
        headers = {"Authorization": f"Bearer {token}", "X-API-Key": team.secrets[who]}
        answer = await team.server.stranger.post(f"{path}/drafts/email/approve", headers=headers)
        refused(answer, publishing)
        changed = await team.server.stranger.patch(path, headers=headers, json={"title": "New"})
        assert changed.status_code == change, changed.text


async def test_what_a_key_was_given_ends_with_what_it_leads(team: Team) -> None:
    """Its tokens of a session it was removed from open that no more, over HTTP, a socket, or as a link for a co-host."""
    await team.make("mara", "ended")
    hosts = "/sessions/ended/hosts"
    await team.ask("mara", "POST", hosts, json={"name": "Ivy"})
    tokens = (await team.ask("ivy", "GET", "/sessions/ended")).json()["tokens"]
    team.secrets["ivy's"] = tokens["instructor"]
    assert (await team.ask("ivy's", "GET", hosts)).json()["hosts"] == ["Mara", "Ivy"]
    assert await first_message(team, "ended", tokens["instructor"]) == "welcome"
    await team.ask("mara", "DELETE", f"{hosts}/Ivy")
    answer = await team.ask("ivy's", "GET", hosts)
    refused(answer, 401)
    assert answer.json()["error"] == "token_revoked"
    refused(await team.ask("ivy's", "POST", hosts, json={"name": "Ivy"}), 401)
    assert await first_message(team, "ended", tokens["instructor"]) == "token_revoked"
    refused(await team.ask("adam", "POST", hosts, json={"token": tokens["instructor"]}), 403)
    # Whoever was given a participant's link has it from the session.
    team.secrets["guest's"] = tokens["participant"]
    assert (await team.ask("guest's", "GET", "/sessions/ended")).status_code == 200


async def first_message(team: Team, session_id: str, token: str) -> str:
    """The type of the first message to an instructor with a token, or why there is none."""
    query = urlencode({"session_id": session_id, "role": "instructor", "token": token})
    url = team.server.url.replace("http", "ws", 1) + f"/ws/live-updates?{query}"
    async with websockets.connect(url) as socket:
        message = json.loads(await socket.recv())
    return str(message.get("code", message["type"]))


async def test_a_revoked_keys_tokens_are_worthless(team: Team) -> None:
    """A new secret of the key changes nothing for the links that were sent."""
    made = await team.ask("admin", "POST", "/keys", json={"name": "Eve"})
    team.secrets["eve"] = made.json()["key"]
    team.secrets["eve's"] = (await team.make("eve", "hers-alone"))["tokens"]["instructor"]
    team.secrets["eve"] = (await team.ask("eve", "POST", "/keys/Eve/renew")).json()["key"]
    assert (await team.ask("eve's", "GET", "/sessions/hers-alone/hosts")).json()["hosts"] == ["Eve"]
    await team.ask("admin", "DELETE", "/keys/Eve")
    refused(await team.ask("eve's", "GET", "/sessions/hers-alone/hosts"), 401)


async def test_open_sockets_end_with_the_right_to_lead(tmp_path: Path) -> None:
    """Those that a removed or revoked key opened, with itself or a token that it was given, or one that was renewed since."""
    async with running_team(tmp_path, clock=Clock(rate=10)) as team, AsyncExitStack() as stack:
        for name in ("Ivy", "Adam"):
            await team.ask("mara", "POST", "/sessions/own/hosts", json={"name": name})
        room = (await team.ask("ivy", "GET", "/sessions/own")).json()
        url = team.server.url.replace("http", "ws", 1)

        async def opened(secret: str, path: str = "") -> websockets.ClientConnection:
            query = urlencode({"session_id": "own", "role": "instructor"})
            socket = await stack.enter_async_context(
                websockets.connect(
                    url + (path or f"/ws/live-updates?{query}"),
                    additional_headers=team.server.bearing(secret),
                )
            )
            if not path:
                assert json.loads(await socket.recv())["type"] == "welcome"
            return socket

        removed = [
            await opened(team.secrets["ivy"]),
            await opened(room["tokens"]["instructor"]),
            await opened(team.secrets["ivy"], "/ws/session/own/events"),
        ]
        revoked = await opened(team.secrets["adam"])
        renewed = await opened(team.secrets["boss"])
        kept = [await opened(team.secrets["mara"]), await opened(team.secrets["admin"])]
        await team.ask("mara", "DELETE", "/sessions/own/hosts/Ivy")
        await team.ask("admin", "DELETE", "/keys/Adam")
        await team.ask("admin", "POST", "/keys/Boss/renew")
        for socket in (*removed, revoked, renewed):
            await asyncio.wait_for(socket.wait_closed(), 30)
            assert socket.close_code == 4507
        for socket in kept:
            await asyncio.wait_for(await socket.ping(), 30)
