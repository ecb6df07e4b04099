"""Who is let in, as what, and what the others are told instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.domain import commands as c
from engine.domain.instant import iso
from engine.domain.session import Role
from tests.realtime.studio import DAY, KEY, Studio, running

HOUR = 3_600_000


async def connect(studio: Studio, first: Any, **query: Any) -> dict[str, Any]:
    """Open a socket that announced a hello, send the first frame, and return the first answer."""
    asked = {"session_id": "s", "hello": "1", **query}
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates"
    async with studio.http.ws_connect(url, params=asked) as ws:
        await (ws.send_bytes(first) if isinstance(first, bytes) else ws.send_str(first))
        message: dict[str, Any] = json.loads((await ws.receive(timeout=5)).data)
        if message["type"] == "error":
            await ws.receive(timeout=5)
            message["closed"] = ws.close_code
        return message


def hello(**data: Any) -> str:
    return json.dumps({"type": "hello", "data": data})


async def test_an_open_session_admits_participants_and_observers_without_a_token(studio: Studio) -> None:
    """Participant is the role of whoever asks for none; observers are not counted."""
    assert (await studio.join()).welcome["role"] == "participant"
    watching = await studio.join(role="observer")
    assert watching.welcome["role"] == "observer"
    assert watching.welcome["participant_count"] == 1


async def test_the_welcome_says_who_where_and_what(studio: Studio) -> None:
    """Everything that a client needs stands at the top level of its first message."""
    welcome = (await studio.join("ada")).welcome
    for name in (
        "session_id",
        "role",
        "participant_count",
        "client_id",
        "resume",
        "epoch",
        "seq",
        "recovered",
    ):
        assert name in welcome
    assert welcome["phase"] == "waiting"
    assert welcome["title"] == "Morning"
    assert welcome["technique"] is None
    assert welcome["server_time"].endswith("Z")
    assert 0 < welcome["heartbeat_interval"] < 75


async def test_whoever_brings_no_client_id_gets_one(studio: Studio) -> None:
    """Each their own."""
    one, two = await studio.join(), await studio.join()
    assert one.welcome["client_id"] != two.welcome["client_id"]
    assert one.welcome["resume"] != two.welcome["resume"]


@pytest.mark.parametrize("role", ["instructor", "admin"])
async def test_staff_need_a_credential(studio: Studio, role: str) -> None:
    """The instructor's token or a key opens both roles; nothing, and a participant's token, neither."""
    for credential in ({}, {"token": studio.token("participant")}, {"token": "nonsense"}):
        refused = await studio.turned_away("x", role=role, **credential)
        assert refused.code == 4500
        assert refused.error["code"] == "bad_credential"
    assert (await studio.join("ivy", role=role, token=studio.token("instructor"))).welcome["role"] == role
    assert (await studio.join("eve", role=role, key=True)).welcome["role"] == role
    assert (await studio.join("kim", role=role, token=KEY)).welcome["role"] == role


async def test_a_token_never_opens_more_than_its_role(studio: Studio) -> None:
    """An observer's token is for watching, though the door is open to anybody without one."""
    assert (await studio.turned_away("x", token=studio.token("observer"))).code == 4500
    assert (await studio.join("y", role="observer", token=studio.token("participant"))).welcome


async def test_a_token_of_another_session_opens_nothing(studio: Studio) -> None:
    """Not even a role that needs none."""
    await studio.create("other")
    refused = await studio.turned_away("x", token=studio.token("instructor", "other"))
    assert refused.code == 4500


async def test_a_token_is_valid_until_a_day_after_the_start(studio: Studio) -> None:
    """Then 4005, and which of a client's credentials it is about: who was in may have another."""
    token = studio.token("instructor")
    studio.clock.jump(DAY - 60_000)
    assert (await studio.turned_away("ivy", role="instructor", token=token)).code == 4505
    studio.clock.jump(60_000)
    refused = await studio.turned_away("ivy", role="instructor", token=token)
    assert refused.code == 4005
    assert refused.error["code"] == "token_expired"
    assert refused.error["content"]["details"].keys() == {"token"}


async def test_links_of_a_session_that_was_moved_go_on_opening_it(studio: Studio) -> None:
    """Five days later, as nearer: a guest who leads is let into her own room, and the others when it opens."""
    start = studio.clock.now() + 3_600_000
    await studio.create("moved", scheduled_start=start, access="invite")
    tokens = {
        role: studio.tokens.issue("moved", Role(role), start + DAY) for role in ("instructor", "participant")
    }
    await studio.command(c.ChangeDetails(scheduled_start=start + 5 * DAY), "moved")
    studio.clock.jump(5 * DAY)
    ivy = await studio.join(session_id="moved", role="instructor", token=tokens["instructor"])
    assert ivy.welcome["phase"] == "scheduled"
    early = await studio.turned_away("ada", session_id="moved", token=tokens["participant"])
    assert early.error["code"] == "not_open_yet"
    studio.clock.jump(3_000_000)
    assert await studio.join("ada", session_id="moved", token=tokens["participant"])


async def test_links_of_a_session_that_was_moved_nearer_end_with_it(studio: Studio) -> None:
    """The token's own word is that of its first time."""
    start = studio.clock.now() + 10 * DAY
    await studio.create("moved", scheduled_start=start)
    token = studio.tokens.issue("moved", Role.PARTICIPANT, start + DAY)
    await studio.command(c.ChangeDetails(scheduled_start=studio.clock.now()), "moved")
    await studio.join("ada", session_id="moved", token=token)
    studio.clock.jump(DAY + 1)
    refused = await studio.turned_away("bob", session_id="moved", token=token)
    assert refused.error["code"] == "token_expired"


@pytest.mark.parametrize(
    "query",
    [
        {"role": "king"},
        {"role": ""},
        {"client_id": "with spaces"},
        {"name": "x" * 201},
        {"after": "-1"},
        {"after": "seven"},
    ],
)
async def test_a_wrong_address_is_refused_by_name(studio: Studio, query: dict[str, str]) -> None:
    """An unknown role is never more than nothing; each mistake names its field."""
    refused = await studio.turned_away(**query)
    assert refused.code == 4501
    assert refused.error["content"]["details"].keys() == query.keys()


async def test_an_unknown_session_is_final(studio: Studio) -> None:
    """4502, for ids that nobody created and ids that nobody could."""
    for session_id in ("nowhere", "", "../etc", "live"):
        refused = await studio.turned_away("ada", session_id=session_id)
        assert refused.code == 4502
        assert refused.error["code"] == "unknown_session"


async def test_a_room_that_is_not_open_yet_says_when(studio: Studio) -> None:
    """4008 with opens_at; staff may come early, everybody else from 15 minutes before on."""
    await studio.create("later", scheduled_start=studio.clock.now() + HOUR)
    refused = await studio.turned_away("ada", session_id="later")
    assert refused.code == 4008
    assert refused.error["code"] == "not_open_yet"
    assert refused.error["opens_at"] == refused.error["content"]["details"]["opens_at"]
    assert refused.error["clock_rate"] == 1.0
    staff = await studio.join("ivy", session_id="later", role="instructor", key=True)
    assert staff.welcome["phase"] == "scheduled"
    studio.clock.jump(HOUR - 15 * 60_000)
    assert (await studio.join("ada", session_id="later")).welcome["phase"] == "waiting"


async def test_a_session_that_is_over_is_final(studio: Studio) -> None:
    """4505, ended or cancelled."""
    await studio.command(c.Cancel())
    assert (await studio.turned_away("ada")).code == 4505
    await studio.create("t")
    await studio.command(c.End(), "t")
    refused = await studio.turned_away("ada", session_id="t")
    assert refused.code == 4505
    assert refused.error["code"] == "session_over"


async def test_an_invitation_is_needed_once(studio: Studio) -> None:
    """By invitation: strangers need a token to take part or watch; who was in returns with resume alone."""
    await studio.create("closed", access="invite")
    for role in ("participant", "observer"):
        refused = await studio.turned_away("ada", session_id="closed", role=role)
        assert refused.code == 4500
        assert refused.error["code"] == "token_required"
    ada = await studio.join("ada", session_id="closed", token=studio.token("participant", "closed"))
    await studio.lost(ada, "closed")
    back = await studio.join("ada", session_id="closed", resume=ada.welcome["resume"])
    assert back.welcome["recovered"] is True


async def test_a_private_session_is_one_that_does_not_exist(studio: Studio) -> None:
    """To strangers, in every state and role, whatever they send: the same words and the same close."""
    await studio.create("hidden", visibility="private")
    await studio.create("later", visibility="private", scheduled_start=studio.clock.now() + HOUR)
    await studio.create("ended", visibility="private")
    ada = await studio.join("ada", session_id="hidden", token=studio.token("participant", "hidden"))
    await studio.command(c.End(), "ended")
    elsewhere = studio.token("participant", "s")
    for query in (
        {},
        {"role": "observer"},
        {"client_id": "ada"},
        {"role": "instructor"},
        {"role": "admin"},
        {"token": "nonsense"},
        {"token": elsewhere},
        {"resume": "r1.xxxx.yyyy"},
        {"client_id": "ada", "resume": "r1.xxxx.yyyy"},
        {"after": 3, "epoch": "x"},
    ):
        received = []
        for session_id in ("absent", "hidden", "later", "ended"):
            refused = await studio.turned_away(**{**query, "session_id": session_id})  # type: ignore[arg-type]
            error = {name: value for name, value in refused.error.items() if name != "timestamp"}
            received.append((refused.code, json.dumps(error).replace(session_id, "it")))
        assert len(set(received)) == 1, (query, received)
    refused = await studio.turned_away(session_id="hidden")
    assert (refused.code, refused.error["code"]) == (4502, "unknown_session")
    await studio.lost(ada, "hidden")
    assert (await studio.join(session_id="hidden", resume=ada.welcome["resume"])).welcome["recovered"]


async def test_a_private_session_that_was_stored_as_open_is_by_invitation(studio: Studio) -> None:
    """Those of earlier versions: visibility decides."""
    await studio.create("old", visibility="private", access="open")
    assert (await studio.turned_away(session_id="old")).error["code"] == "unknown_session"
    assert await studio.join(session_id="old", token=studio.token("participant", "old"))


async def test_a_hello_brings_the_secrets_of_a_browser(studio: Studio) -> None:
    """With hello=1 they come in the first frame, and stand in no address."""
    ivy = await connect(studio, hello(token=studio.token("instructor")), client_id="ivy", role="instructor")
    assert ivy["type"] == "welcome"
    assert ivy["role"] == "instructor"
    ada = await connect(studio, hello(), client_id="ada")
    back = await connect(studio, hello(resume=ada["resume"]))
    assert back["client_id"] == "ada"


@pytest.mark.parametrize(
    "first", [b"binary", "no json", '{"type": "heartbeat"}', hello(token=7), hello(x="y")]
)
async def test_another_first_frame_is_refused(studio: Studio, first: Any) -> None:
    """The first frame is a hello."""
    received = await connect(studio, first)
    assert received["code"] == "invalid_message"
    assert received["closed"] == 4501


async def test_a_resume_proves_its_own_client_only(studio: Studio) -> None:
    """One of another person, of another session, or made up is a bad credential."""
    ada = await studio.join("ada")
    await studio.create("other")
    elsewhere = await studio.join("ada", session_id="other")
    for query in (
        {"client_id": "bob", "resume": ada.welcome["resume"]},
        {"client_id": "ada", "resume": elsewhere.welcome["resume"]},
        {"resume": "r1.xxxx.yyyy"},
    ):
        assert (await studio.turned_away(**query)).code == 4500
    await ada.settled()


async def test_a_client_id_keeps_its_role(studio: Studio) -> None:
    """Nobody becomes staff, or an observer, under the id of a participant."""
    ada = await studio.join("ada")
    refused = await studio.turned_away("ada", role="instructor", key=True, resume=ada.welcome["resume"])
    assert refused.error["code"] == "client_id_in_use"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://studio.example.evil.example"])
async def test_pages_of_other_sites_are_refused(studio: Studio, origin: str) -> None:
    """An Origin that is neither the host's nor the public address's does not get a socket."""
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await studio.http.ws_connect(url, headers={"Origin": origin})
    assert refusal.value.status == 403


async def test_our_own_pages_are_let_in(studio: Studio) -> None:
    """From the host as it was asked for, and from the public address."""
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s"
    for origin in (f"http://127.0.0.1:{studio.port}", "http://studio.example"):
        async with studio.http.ws_connect(url, headers={"Origin": origin}) as ws:
            assert json.loads((await ws.receive(timeout=5)).data)["type"] == "welcome"


async def test_an_address_opens_so_many_sockets(tmp_path: Path) -> None:
    """Over its limit it is told when to come back, with a code that comes back."""
    left = [2]

    def take(address: str, at: int) -> int:
        left[0] -= 1
        return 0 if left[0] >= 0 else 1500

    async with running(tmp_path, take=take) as studio:
        await studio.create()
        await studio.join()
        await studio.join()
        refused = await studio.turned_away()
    assert refused.code == 4004
    assert refused.error["code"] == "too_many_connections"
    assert refused.error["content"]["details"] == {"retry_after": "2"}


async def test_a_server_that_stops_opens_no_socket(studio: Studio) -> None:
    """503 before the upgrade, with the time to wait."""
    studio.draining = True
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await studio.http.ws_connect(url)
    assert refusal.value.status == 503


async def test_a_room_that_is_moved_away_lets_nobody_in_before_its_new_time(studio: Studio) -> None:
    """Who waits is told and stays, over a lost connection too; who comes is told when to come again."""
    await studio.create("moved", scheduled_start=studio.clock.now() + HOUR // 12)
    ada = await studio.join("ada", session_id="moved")
    later = studio.clock.now() + 48 * HOUR
    await studio.command(c.ChangeDetails(scheduled_start=later), "moved")
    received = await ada.until("session_update", update_type="room_changed")
    assert received["content"]["scheduled_start"] == iso(later)
    refused = await studio.turned_away("bob", session_id="moved")
    assert (refused.code, refused.error["code"]) == (4008, "not_open_yet")
    assert refused.error["content"]["details"] == {"opens_at": iso(later - HOUR // 4)}
    await studio.lost(ada, "moved")
    back = await studio.join("ada", session_id="moved", resume=ada.welcome["resume"])
    assert (back.welcome["recovered"], back.welcome["phase"]) == (True, "scheduled")
    assert back.welcome["participant_count"] == 1
