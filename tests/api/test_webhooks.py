"""Webhooks over HTTP: made, listed, tested, removed; and what they are told of sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from engine.domain.webhooks import EVENTS
from tests.api.conftest import Server, content, refused, running
from tests.protocol.described import check_described
from tests.webhooks.receiver import Receiver, receiving

PATH = "/api/v2/webhooks"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lenient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with its publisher, whose webhooks may lead to this machine."""
    data = tmp_path_factory.mktemp("webhooks")
    async with running(data, None, rate_requests_per_minute=0, webhook_allow_private=True) as here:
        yield here


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def make(server: Server, url: str, *events: str) -> dict[str, Any]:
    made = await server.client.post(PATH, json={"url": url, "events": events or list(EVENTS)})
    assert made.status_code == 201, made.text
    webhook: dict[str, Any] = made.json()
    return webhook


async def test_a_receiver_is_told_what_becomes_of_a_session(lenient: Server, receiver: Receiver) -> None:
    """Scheduled, changed, started, ended; no address, no figure of a heart, no link into the call."""
    webhook = await make(lenient, receiver.url)
    await lenient.create("told", listen_url="https://call.example/secret")
    await lenient.client.patch("/api/v2/sessions/told", json={"title": "Evening"})
    await lenient.client.post("/api/v2/sessions/told/start")
    await lenient.client.post("/api/v2/sessions/told/end")
    await receiver.wait_for(4)
    came = receiver.verified(webhook["secret"])
    assert [each["type"] for each in came] == [
        "session.scheduled",
        "session.changed",
        "session.started",
        "session.ended",
    ]
    assert [each["data"]["title"] for each in came] == ["Morning Mindfulness", *["Evening"] * 3]
    assert [each["data"]["status"] for each in came][-2:] == ["live", "ended"]
    assert came[0]["data"]["url"] == f"{lenient.url}/sessions/told/"
    assert "call.example" not in receiver.got[0][1]
    assert all(check_described(each, "notice") for each in came)
    assert "hrv" not in "".join(body for _, body in receiver.got)
    await lenient.client.delete(f"{PATH}/{webhook['id']}")


async def test_a_cancelled_session_is_told(lenient: Server, receiver: Receiver) -> None:
    """To whoever asks for it alone."""
    await make(lenient, receiver.url, "session.cancelled")
    await lenient.create("off")
    await lenient.client.post("/api/v2/sessions/off/cancel")
    await receiver.wait_for(1)
    assert '"type":"session.cancelled"' in receiver.got[0][1]


async def test_a_story_is_told_once_its_page_is_there(lenient: Server, receiver: Receiver) -> None:
    """And when it is withdrawn."""
    webhook = await make(lenient, receiver.url, "story.published", "story.withdrawn")
    published = await lenient.client.post(
        "/api/v2/session-summary",
        json={**content("story"), "publish_immediately": True, "channels": ["web"]},
        timeout=40,
    )
    assert published.status_code == 200
    await receiver.wait_for(1)
    assert (await lenient.stranger.get("/sessions/story/")).status_code == 200
    await lenient.client.delete("/api/v2/publications/story", timeout=40)
    await receiver.wait_for(2)
    first, second = receiver.verified(webhook["secret"])
    assert (first["type"], second["type"]) == ("story.published", "story.withdrawn")
    assert check_described(first, "notice") != check_described(second, "notice")
    assert first["data"]["content_id"] == published.json()["content_id"]
    assert first["data"]["url"] == f"{lenient.url}/sessions/story/"
    assert "hrv" not in receiver.got[0][1]


async def test_a_test_says_what_became_of_it(lenient: Server, receiver: Receiver) -> None:
    """And stands among the deliveries, the newest first."""
    webhook = await make(lenient, receiver.url, "session.started")
    path = f"{PATH}/{webhook['id']}"
    receiver.status = 500
    failed = (await lenient.client.post(f"{path}/test")).json()
    assert (failed["state"], failed["status"], failed["event"]) == ("failed", 500, "webhook.test")
    receiver.status = 200
    done = await lenient.client.post(f"{path}/test")
    assert done.status_code == 200
    assert done.json()["state"] == "done"
    assert check_described(receiver.verified(webhook["secret"])[-1], "notice") == "notice_webhook_test"
    listed = (await lenient.client.get(f"{path}/deliveries")).json()["deliveries"]
    assert listed == [done.json(), failed]
    one = (await lenient.client.get(f"{path}/deliveries", params={"limit": "1"})).json()["deliveries"]
    assert one == listed[:1]
    assert refused(await lenient.client.get(f"{path}/deliveries?limit=0&x=1"), 400).keys() == {"limit", "x"}


async def test_webhooks_are_listed_without_their_secrets(shared: Server) -> None:
    """The secret is shown once, when it is made; a removed webhook is unknown."""
    url = "https://hooks.example.org/in"
    made = await shared.client.post(
        PATH, json={"url": url, "events": ["session.ended", "session.ended"], "description": " Ours "}
    )
    webhook = made.json()
    assert webhook["secret"].startswith("whsec_")
    listed = (await shared.client.get(PATH)).json()
    shown = {name: value for name, value in webhook.items() if name != "secret"}
    assert listed == {"count": 1, "webhooks": [shown], "events": list(EVENTS)}
    assert (shown["url"], shown["events"], shown["description"]) == (url, ["session.ended"], "Ours")
    assert (shown["state"], shown["off_reason"]) == ("on", None)
    path = f"{PATH}/{webhook['id']}"
    assert (await shared.client.get(path)).json() == shown
    assert (await shared.client.delete(path)).status_code == 200
    for asked in (
        shared.client.get(path),
        shared.client.delete(path),
        shared.client.post(f"{path}/test"),
        shared.client.get(f"{path}/deliveries"),
    ):
        refused(await asked, 404)
    assert (await shared.client.get(PATH)).json()["count"] == 0


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"url", "events"}),
        ({"url": "http://example.org/", "events": ["session.ended"]}, {"url"}),
        ({"url": "https://127.0.0.1/", "events": ["session.ended"]}, {"url"}),
        ({"url": "http://127.0.0.1:80/", "events": ["session.ended"]}, {"url"}),
        ({"url": "https://localhost/", "events": ["session.ended"]}, {"url"}),
        ({"url": "https://10.0.0.1/", "events": ["session.ended"]}, {"url"}),
        ({"url": "https://[::1]/", "events": ["session.ended"]}, {"url"}),
        ({"url": 5, "events": "session.ended"}, {"url", "events"}),
        ({"url": "https://example.org/", "events": []}, {"events"}),
        ({"url": "https://example.org/", "events": ["session.gone", "session.ended"]}, {"events.0"}),
        ({"url": "https://example.org/", "events": [True]}, {"events.0"}),
        ({"url": "https://example.org/", "events": ["session.ended"], "secret": "x"}, {"secret"}),
        (
            {"url": "https://example.org/", "events": ["session.ended"], "description": "x" * 201},
            {"description"},
        ),
        ([], {"body"}),
    ],
)
async def test_what_is_wrong_is_named(shared: Server, body: Any, wrong: set[str]) -> None:
    """Every mistake at once, by its field."""
    assert refused(await shared.client.post(PATH, json=body), 400).keys() == wrong


async def test_only_the_administrator_has_webhooks(shared: Server) -> None:
    """Nobody else may even see them; a session's token does not do."""
    room = await shared.create("guarded")
    token = shared.bearing(room["tokens"]["instructor"])
    for method, path in (
        ("POST", PATH),
        ("GET", PATH),
        ("GET", f"{PATH}/x"),
        ("DELETE", f"{PATH}/x"),
        ("POST", f"{PATH}/x/test"),
        ("GET", f"{PATH}/x/deliveries"),
    ):
        refused(await shared.stranger.request(method, path), 401)
        refused(await shared.stranger.request(method, path, headers=token), 403)
