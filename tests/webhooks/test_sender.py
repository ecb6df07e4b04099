"""Deliveries to receivers that take them, are slow, refuse, redirect, or hide inside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.clock import Clock
from engine.domain.instant import HOUR, Millis
from engine.storage.database import Connection, Database
from engine.storage.notices import Notice, queue_notice
from engine.storage.opening import database_of
from engine.storage.webhooks import Delivery, Webhooks
from engine.webhooks import sender as sending
from engine.webhooks.sender import WebhookSender
from tests.webhooks.receiver import Receiver, receiving

STARTED = "session.started"


class HandClock(Clock):
    """The present, and as much later as it was set."""

    ahead: Millis = 0

    def now(self) -> Millis:
        return super().now() + self.ahead


class Names(AbstractResolver):
    """Gives every name the next of some addresses, the last one again and again."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses[0] if len(self.addresses) == 1 else self.addresses.pop(0)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return database_of(tmp_path, None)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


@pytest.fixture
def webhooks(connection: Connection) -> Webhooks:
    return Webhooks(connection)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender(database: Database, clock: HandClock) -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(database, clock, allow_private=True)
    yield sender
    await sender.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def send(sender: WebhookSender) -> None:
    await asyncio.gather(*await sender.look())


def happen(connection: Connection, clock: HandClock, session_id: str = "morning") -> None:
    with connection.transaction():
        queue_notice(connection, Notice(STARTED, session_id, {"title": "Morning"}, clock.now()))


async def test_a_receiver_gets_what_happened_signed(
    sender: WebhookSender, webhooks: Webhooks, connection: Connection, clock: HandClock, receiver: Receiver
) -> None:
    """Verified by the specification's own library; each once, the oldest first while none has to be tried again."""
    webhook, secret = webhooks.add(receiver.url, [STARTED], None, 0)
    webhooks.add(receiver.url, ["session.ended"], None, 0)
    for session_id in ("first", "second", "third"):
        happen(connection, clock, session_id)
    await send(sender)
    await send(sender)
    came = receiver.verified(secret)
    assert [each["data"]["session_id"] for each in came] == ["first", "second", "third"]
    assert came[0].keys() == {"type", "timestamp", "data"}
    assert came[0]["type"] == STARTED
    headers = receiver.got[0][0]
    assert headers["Content-Type"].startswith("application/json")
    deliveries = webhooks.deliveries(webhook.id, 10)
    assert [each.state for each in deliveries] == ["done"] * 3
    assert deliveries[-1].id == headers["webhook-id"]
    assert not connection.rows("SELECT payload FROM webhook_deliveries WHERE payload <> ''")


async def newest(webhooks: Webhooks) -> Delivery:
    return webhooks.deliveries(webhooks.all()[0].id, 1)[0]


@pytest.mark.parametrize(
    ("status", "said"), [(500, "500"), (404, "404"), (302, "redirects are not followed")]
)
async def test_what_is_not_taken_comes_again_with_the_same_id(
    sender: WebhookSender,
    webhooks: Webhooks,
    connection: Connection,
    clock: HandClock,
    receiver: Receiver,
    status: int,
    said: str,
) -> None:
    """After its pause and not before; where the redirect leads nobody asks."""
    _, secret = webhooks.add(receiver.url, [STARTED], None, 0)
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    happen(connection, clock)
    await send(sender)
    await send(sender)
    failed = await newest(webhooks)
    assert (failed.state, failed.attempts, failed.status) == ("pending", 1, status)
    assert said in (failed.error or "")
    assert len(receiver.got) == 1
    receiver.status, clock.ahead = 200, 6_000
    await send(sender)
    assert (await newest(webhooks)).state == "done"
    first, second = receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    assert len(receiver.verified(secret)) == 2


async def test_a_slow_receiver_holds_nobody_up(
    sender: WebhookSender,
    webhooks: Webhooks,
    connection: Connection,
    clock: HandClock,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer is waited for no longer than the limit, which is 5 seconds; others get theirs meanwhile."""
    assert sending._TIMEOUT.total == 5
    monkeypatch.setattr(sending, "_TIMEOUT", ClientTimeout(total=0.5))
    receiver.slow = True
    slow, _ = webhooks.add(receiver.url, [STARTED], None, 0)
    async with receiving() as quick:
        webhooks.add(quick.url, [STARTED], None, 1)
        happen(connection, clock)
        tasks = await sender.look()
        await quick.wait_for(1)
        await receiver.wait_for(1)
        await asyncio.gather(*tasks)
    failed = webhooks.deliveries(slow.id, 1)[0]
    assert (failed.state, failed.status) == ("pending", None)
    assert "no answer within" in (failed.error or "")


async def test_after_three_days_a_webhook_is_off_and_says_so(
    sender: WebhookSender, webhooks: Webhooks, connection: Connection, clock: HandClock, receiver: Receiver
) -> None:
    """Nothing is queued for it any more; a test that succeeds switches it on again."""
    webhook, _ = webhooks.add(receiver.url, [STARTED], None, 0)
    receiver.status = 503
    happen(connection, clock)
    for _ in range(20):
        await send(sender)
        due = (await newest(webhooks)).next_attempt_at
        if due is None:
            break
        clock.ahead += due - clock.now() + 1
    assert 71 * HOUR < clock.ahead < 73 * HOUR
    assert len(receiver.got) == 10
    off = webhooks.all()[0]
    assert off.off_at is not None
    assert "503" in (off.off_reason or "")
    assert (await newest(webhooks)).state == "failed"
    happen(connection, clock)
    assert len(webhooks.deliveries(webhook.id, 100)) == 1

    refused = await sender.test(webhook.id)
    assert refused is not None
    assert (refused.state, refused.status, refused.event) == ("failed", 503, "webhook.test")
    receiver.status = 200
    taken = await sender.test(webhook.id)
    assert taken is not None
    assert taken.state == "done"
    assert webhooks.all()[0].off_at is None


async def test_a_receiver_that_is_gone_is_believed(
    sender: WebhookSender, webhooks: Webhooks, connection: Connection, clock: HandClock, receiver: Receiver
) -> None:
    """410 switches its webhook off at once."""
    webhooks.add(receiver.url, [STARTED], None, 0)
    receiver.status = 410
    happen(connection, clock)
    await send(sender)
    assert "gone" in (webhooks.all()[0].off_reason or "")


@pytest.mark.parametrize("url", ["https://hooks.example.org/", "https://127.0.0.1/", "https://[::1]/"])
async def test_nothing_inside_is_connected_to(
    database: Database, webhooks: Webhooks, receiver: Receiver, url: str
) -> None:
    """A name that leads to this machine is refused where the connection would be made; so is an address alike."""
    strict = WebhookSender(database, Clock(), allow_private=False, resolver=Names("127.0.0.1"))
    port = receiver.url.split(":")[2].split("/")[0]
    webhook, _ = webhooks.add(url[:-1] + f":{port}/", [STARTED], None, 0)
    delivery = await strict.test(webhook.id)
    await strict.close()
    assert delivery is not None
    assert (delivery.state, delivery.status) == ("failed", None)
    assert "no public address" in (delivery.error or "")
    assert receiver.got == []


async def test_a_name_that_changes_its_address_is_checked_each_time(
    database: Database, webhooks: Webhooks, receiver: Receiver
) -> None:
    """Public when it was looked up first, this machine the next time: what is connected to is what was checked."""
    names = Names("198.51.100.1", "127.0.0.1")
    strict = WebhookSender(database, Clock(), allow_private=False, resolver=names)
    port = receiver.url.split(":")[2].split("/")[0]
    webhook, _ = webhooks.add(f"https://hooks.example.org:{port}/", [STARTED], None, 0)
    errors = [(await strict.test(webhook.id)), (await strict.test(webhook.id))]
    await strict.close()
    assert all(each is not None and "no public address" in (each.error or "") for each in errors)
    assert names.addresses == ["127.0.0.1"]
    assert receiver.got == []


async def test_plain_http_does_not_leave_the_private_network(database: Database, webhooks: Webhooks) -> None:
    """Not even where private addresses are allowed: a name of the internet needs https."""
    lenient = WebhookSender(database, Clock(), allow_private=True, resolver=Names("8.8.8.8"))
    webhook, _ = webhooks.add("http://hooks.example.org/", [STARTED], None, 0)
    delivery = await lenient.test(webhook.id)
    await lenient.close()
    assert delivery is not None
    assert "https is needed" in (delivery.error or "")


async def test_what_a_server_that_died_had_begun_is_sent_again(
    sender: WebhookSender, webhooks: Webhooks, connection: Connection, clock: HandClock, receiver: Receiver
) -> None:
    """Once its lease is over, and not before: another server may be sending it."""
    webhook, _ = webhooks.add(receiver.url, [STARTED], None, 0)
    happen(connection, clock)
    assert webhooks.claim(webhook.id, clock.now()) is not None
    await send(sender)
    assert receiver.got == []
    clock.ahead = 61_000
    await send(sender)
    assert len(receiver.got) == 1
    assert (await newest(webhooks)).attempts == 2
