"""Signing in with a passkey over HTTP: made with one's key, used without it, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from engine.storage.passkeys import CHALLENGE_VALID
from tests.api.conftest import Server, refused, running
from tests.api.soft_authenticator import SoftAuthenticator
from tests.realtime.hand_clock import HandClock

HOST = "breathe.example"
API = "/api/v2"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def named(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that people reach by a name."""
    async with running(tmp_path_factory.mktemp("named"), public_url=f"https://{HOST}") as server:
        yield server


def device() -> SoftAuthenticator:
    return SoftAuthenticator(f"https://{HOST}", HOST)


async def key_of(server: Server, name: str) -> dict[str, str]:
    """The header of a new key; ``name`` is its own in the module."""
    made = await server.client.post(f"{API}/keys", json={"name": name})
    assert made.status_code == 201, made.text
    return server.bearing(made.json()["key"])


async def added(
    server: Server, headers: dict[str, str], authenticator: SoftAuthenticator, name: str = "Phone"
) -> httpx.Response:
    options = await server.stranger.post(f"{API}/passkeys/options", headers=headers)
    assert options.status_code == 200, options.text
    body = {"name": name, "credential": authenticator.make(options.json())}
    return await server.stranger.post(f"{API}/passkeys", json=body, headers=headers)


async def signed_in(server: Server, authenticator: SoftAuthenticator) -> httpx.Response:
    options = (await server.stranger.post(f"{API}/sign-in/passkey/options")).json()
    body = {"credential": authenticator.sign(options)}
    return await server.stranger.post(f"{API}/sign-in/passkey", json=body)


async def listed(server: Server, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await server.stranger.get(f"{API}/passkeys", headers=headers)
    found: list[dict[str, Any]] = answer.json()["passkeys"]
    return found


async def test_a_passkey_stands_for_its_key(named: Server) -> None:
    """Added with the key, it signs in without it; removed, neither it nor what it opened does."""
    await added_used_and_removed(named)


async def test_a_passkey_stands_for_its_key_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """The same where servers share a database."""
    async with running(tmp_path, public_url=f"https://{HOST}", database_url=postgres_url) as server:
        await added_used_and_removed(server)


async def added_used_and_removed(named: Server) -> None:
    sam, phone = await key_of(named, "Sam"), device()
    made = await added(named, sam, phone)
    assert (made.status_code, made.json()["name"], made.json()["used_at"]) == (201, "Phone", None)
    used = await signed_in(named, phone)
    assert (used.status_code, used.json()["name"]) == (200, "Sam")
    headers = named.bearing(used.json()["key"])
    own = (await named.stranger.get(f"{API}/keys", headers=headers)).json()["keys"]
    assert [(each["name"], each["role"]) for each in own] == [("Sam", "instructor")]
    (known,) = await listed(named, headers)
    assert known["id"] == made.json()["id"]
    assert known["used_at"] is not None
    assert "public_key" not in known
    gone = await named.stranger.delete(f"{API}/passkeys/{known['id']}", headers=sam)
    assert gone.json() == {"id": known["id"], "status": "removed"}
    refused(await signed_in(named, phone), 401)
    refused(await named.stranger.get(f"{API}/keys", headers=headers), 401)
    refused(await named.stranger.delete(f"{API}/passkeys/{known['id']}", headers=sam), 404)


async def test_nobody_sees_or_removes_anothers(named: Server) -> None:
    """Not even the administrator, who can renew the key instead; nor is one device two people's."""
    sam, robin, phone = await key_of(named, "Ann"), await key_of(named, "Robin"), device()
    made = (await added(named, sam, phone)).json()
    assert await listed(named, robin) == []
    for headers in (robin, dict(named.client.headers)):
        refused(await named.stranger.delete(f"{API}/passkeys/{made['id']}", headers=headers), 404)
    refused(await added(named, robin, phone), 409)
    options = (await named.stranger.post(f"{API}/passkeys/options", headers=sam)).json()
    body = {"name": "Mine", "credential": device().make(options)}
    refused(await named.stranger.post(f"{API}/passkeys", json=body, headers=robin), 409)
    assert [each["id"] for each in options["excludeCredentials"]] == [made["id"]]


async def test_an_answer_counts_once(named: Server) -> None:
    """Whoever overheard it cannot sign in with it, nor add the passkey again."""
    sam, phone = await key_of(named, "Bea"), device()
    await added(named, sam, phone)
    options = (await named.stranger.post(f"{API}/sign-in/passkey/options")).json()
    body = {"credential": phone.sign(options)}
    assert (await named.stranger.post(f"{API}/sign-in/passkey", json=body)).status_code == 200
    refused(await named.stranger.post(f"{API}/sign-in/passkey", json=body), 401)
    stranger = device()
    refused(await signed_in(named, stranger), 401)


async def test_passkeys_end_with_a_renewed_key(named: Server) -> None:
    """The new secret has none of them."""
    sam, phone = await key_of(named, "Cleo"), device()
    await added(named, sam, phone)
    renewed = await named.stranger.post(f"{API}/keys/Cleo/renew", headers=sam)
    refused(await signed_in(named, phone), 401)
    assert await listed(named, named.bearing(renewed.json()["key"])) == []


async def test_a_challenge_is_over_after_five_minutes(tmp_path: Path) -> None:
    """For signing in and for adding."""
    clock = HandClock()
    async with running(tmp_path, clock=clock, public_url=f"https://{HOST}") as server:
        sam, phone = await key_of(server, "Sam"), device()
        await added(server, sam, phone)
        making = (await server.stranger.post(f"{API}/passkeys/options", headers=sam)).json()
        asking = (await server.stranger.post(f"{API}/sign-in/passkey/options")).json()
        clock.jump(CHALLENGE_VALID)
        late = await server.stranger.post(f"{API}/sign-in/passkey", json={"credential": phone.sign(asking)})
        refused(late, 401)
        body = {"name": "Late", "credential": device().make(making)}
        refused(await server.stranger.post(f"{API}/passkeys", json=body, headers=sam), 409)


async def test_a_server_without_a_name_says_so(tmp_path: Path) -> None:
    """No browser makes passkeys for an IP address."""
    async with running(tmp_path) as server:
        refused(await server.client.post(f"{API}/passkeys/options"), 409)
        refused(await server.stranger.post(f"{API}/sign-in/passkey/options"), 409)
        refused(await server.stranger.post(f"{API}/sign-in/passkey", json={"credential": {}}), 409)


async def test_what_is_no_answer_of_an_authenticator_is_refused(named: Server) -> None:
    """With a reason, and nothing is kept; too many challenges are refused before that."""
    answers: list[dict[str, Any]] = [
        {},
        {"id": 7},
        {"id": "AA", "response": {"clientDataJSON": "e30"}},
        {"response": []},
    ]
    for wrong in answers:
        refused(await named.stranger.post(f"{API}/sign-in/passkey", json={"credential": wrong}), 400)
        body = {"name": "Phone", "credential": wrong}
        refused(await named.client.post(f"{API}/passkeys", json=body), 400)
    assert await listed(named, dict(named.client.headers)) == []
    # The last test of this server: nobody signs in from this address for an hour.
    for _ in range(121):
        answer = await named.stranger.post(f"{API}/sign-in/passkey/options")
        if answer.status_code != 200:
            break
    refused(answer, 429)
    assert int(answer.headers["Retry-After"]) > 3000
