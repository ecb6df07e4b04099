"""Every example of the reference is sent, in the order in which a studio would, and succeeds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import websockets

from engine.api.examples import examples
from engine.api.http.endpoint import Endpoint
from engine.api.routes import ENDPOINTS
from engine.clock import Clock
from engine.storage.opening import database_of
from engine.storage.sign_ins import SignIns
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registrar
from tests.api.conftest import Server, moment, running
from tests.api.soft_authenticator import SoftAuthenticator

HOST = "breathe.example"
EXAMPLES = examples(moment(days=-1)[:10])


def test_every_endpoint_has_an_example_and_no_example_is_without_one() -> None:
    """With a value for each part of its path, and a body where one is needed."""
    assert EXAMPLES.keys() == {endpoint.name for endpoint in ENDPOINTS}
    for endpoint in ENDPOINTS:
        example = EXAMPLES[endpoint.name]
        assert endpoint.path.format(**example.path)
        assert (example.body is None) == (endpoint.body is None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def publishing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """With its real publisher, and a name: passkeys are bound to it."""
    async with running(
        tmp_path_factory.mktemp("examples"), None, rate_requests_per_minute=0, public_url=f"https://{HOST}"
    ) as here:
        yield here


# The loop of the server, which is one for the module.
@pytest.mark.asyncio(loop_scope="module")
async def test_every_example_succeeds(publishing: Server) -> None:
    """With the status that the reference names. Ids of webhooks and registrations, the token of a link, and what an authenticator answers alone are made on the way."""
    today = {"session_id": "today-001", "scheduled_start": moment(minutes=5)}
    await publishing.create(**today)
    socket = f"ws{publishing.url.removeprefix('http')}/ws/live-updates?session_id=today-001&client_id=ada"
    known: dict[str, Any] = {}
    # In the order in which they stand: what is made is there for those that follow.
    by_name = {endpoint.name: endpoint for endpoint in ENDPOINTS}
    refused = []
    phone = SoftAuthenticator(f"https://{HOST}", HOST)
    async with websockets.connect(socket) as ada:
        await ada.recv()
        for name in EXAMPLES:
            if name == "POST /api/v2/sign-in/link":
                # The mail that it came with was sent to nobody.
                with database_of(publishing.data).connect() as connection, connection.transaction():
                    known["token"] = SignIns(connection).make_link("Sam", Clock().now())
            if name == "POST /api/v2/sessions/{session_id}/letter":
                # Nobody has a mail server here to confirm an address with.
                await somebody_comes(publishing, "morning-001")
            if name.endswith("/drafts/{channel}/test"):
                # As if the publisher had started with a mail server.
                with database_of(publishing.data).connect() as connection:
                    Catalogue(connection).set_meta("sends_mail", "yes")
            answer = await send(publishing, by_name[name], known)
            # What an authenticator answers is no fixed text.
            if name == "POST /api/v2/passkeys/options":
                known["credential"] = phone.make(answer.json())
                known["passkey_id"] = known["credential"]["id"]
            if name == "POST /api/v2/sign-in/passkey/options":
                known["credential"] = phone.sign(answer.json())
            if answer.status_code != by_name[name].status:
                refused.append(f"{name}: {answer.status_code} {answer.text[:300]}")
            if name == "POST /api/v2/webhooks":
                known["webhook_id"] = answer.json()["id"]
            if name.startswith("POST") and name.endswith("/registrations"):
                known |= {field: answer.json()[field] for field in ("registration", "secret")}
    assert not refused, "\n".join(refused)


async def somebody_comes(server: Server, session_id: str) -> None:
    """Somebody who confirmed their address comes to a session of a studio that sends mail."""
    (server.data / "studio.toml").write_text('sender = "hello@example.org"\n')
    with database_of(server.data).connect() as connection, connection.transaction():
        registrar = Registrar(Catalogue(connection))
        Catalogue(connection).set_meta("sends_mail", "yes")
        room = registrar.places.room(session_id)
        assert room is not None
        address = "ada@example.org"
        made = registrar.register(
            [room], series_id=None, name=None, address=address, mailbox=address, network="n", at=1
        )
        registrar.confirm(made.registration, 1)


async def send(server: Server, endpoint: Endpoint, known: dict[str, Any]) -> httpx.Response:
    """The request of an example, with the ids that the server made, and with the credential of whom it is for."""
    example = EXAMPLES[endpoint.name]
    path = endpoint.path.format(**{**example.path, **{k: v for k, v in known.items() if k in example.path}})
    body = {"token": known["token"]} if "sign-in/link" in endpoint.path else example.body
    if body is not None and "credential" in body:
        body = {**body, "credential": known["credential"]}
    headers: dict[str, str] | None = None
    if endpoint.access == "person":
        own = "registration" in example.path
        headers = server.bearing(known["secret"]) if own else server.resume("today-001", "ada")
    return await server.client.request(
        endpoint.method,
        path,
        params=dict(example.query) or None,
        json=body,
        headers=headers,
        timeout=30,
    )
