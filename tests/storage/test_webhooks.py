"""Webhooks and their queue, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from engine.storage.append_rows import write_checked
from engine.storage.database import Connection, Database
from engine.storage.journal import Append, Record
from engine.storage.notices import Notice, forget_subject, queue_notice
from engine.storage.webhooks import Webhooks

STARTED, ENDED = "session.started", "session.ended"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def happen(connection: Connection, at: int, event: str = STARTED, subject: str = "") -> None:
    with connection.transaction():
        queue_notice(connection, Notice(event, "morning", {"name": "Anna"}, at, subject))


def test_a_notice_is_queued_for_those_who_ask_for_it(connection: Connection) -> None:
    """And goes with its webhook."""
    webhooks = Webhooks(connection)
    first, secret = webhooks.add("https://a.example/", [STARTED, ENDED], "Ours", 5)
    second, other = webhooks.add("https://b.example/", [ENDED], None, 6)
    assert secret != other
    assert webhooks.all() == [first, second]
    happen(connection, 10)
    happen(connection, 11, ENDED)
    assert webhooks.due(9) == []
    assert webhooks.due(11) == sorted([first.id, second.id])
    assert [each.event for each in webhooks.deliveries(first.id, 10)] == [ENDED, STARTED]
    assert [each.event for each in webhooks.deliveries(second.id, 10)] == [ENDED]
    assert webhooks.remove(second.id)
    assert not webhooks.remove(second.id)
    assert webhooks.due(11) == [first.id]


def test_a_delivery_is_taken_once(database: Database, connection: Connection) -> None:
    """By one of two servers; whoever settles it ends it."""
    webhooks = Webhooks(connection)
    webhook, secret = webhooks.add("https://a.example/", [STARTED], None, 5)
    happen(connection, 10)
    with database.connect() as elsewhere:
        taken = webhooks.claim(webhook.id, 10)
        assert taken is not None
        assert Webhooks(elsewhere).claim(webhook.id, 10) is None
        assert (taken.url, taken.secret, taken.attempts) == ("https://a.example/", secret, 1)
        assert json.loads(taken.payload)["data"]["name"] == "Anna"
        webhooks.failed(taken, "no", 500, 5000, 20)
        assert Webhooks(elsewhere).claim(webhook.id, 4999) is None
        again = Webhooks(elsewhere).claim(webhook.id, 5000)
        assert again is not None
        assert (again.id, again.attempts) == (taken.id, 2)
        Webhooks(elsewhere).done(again, 204, 5001)
    assert webhooks.due(99_999) == []
    settled = webhooks.delivery(taken.id)
    assert settled is not None
    assert (settled.state, settled.status, settled.error, settled.updated_at) == ("done", 204, None, 5001)


def test_after_the_clock_was_set_back_pauses_stay_as_long_as_they_were(connection: Connection) -> None:
    """What was to wait five seconds does not wait for a year."""
    webhooks = Webhooks(connection)
    webhook, _ = webhooks.add("https://a.example/", [STARTED], None, 5)
    happen(connection, 1_000_000)
    taken = webhooks.claim(webhook.id, 1_000_000)
    assert taken is not None
    webhooks.failed(taken, "no", None, 1_005_000, 1_000_000)
    assert webhooks.due(500_000) == []
    assert webhooks.due(505_000) == [webhook.id]


def test_a_notice_is_there_with_its_fact_or_not_at_all(connection: Connection) -> None:
    """Written with the records of a session, once."""
    webhooks = Webhooks(connection)
    webhook, _ = webhooks.add("https://a.example/", [STARTED], None, 5)
    entry = Append("morning", 0, [Record(1, 1, 7, b"{}")], notices=[Notice(STARTED, "morning", {}, 7)])

    def broken() -> None:
        with connection.transaction():
            write_checked(connection, entry)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert webhooks.deliveries(webhook.id, 10) == []
    for _ in range(2):
        with connection.transaction():
            write_checked(connection, entry)
    assert len(webhooks.deliveries(webhook.id, 10)) == 1


def test_a_name_leaves_the_queue_with_its_owner(connection: Connection) -> None:
    """What waits is sent without it."""
    webhooks = Webhooks(connection)
    webhook, _ = webhooks.add("https://a.example/", [STARTED], None, 5)
    happen(connection, 10, subject="reg_1")
    happen(connection, 11, subject="reg_2")
    forget_subject(connection, "reg_1")
    names = []
    while taken := webhooks.claim(webhook.id, 20):
        names.append(json.loads(taken.payload)["data"]["name"])
        webhooks.done(taken, 200, 20)
    assert names == [None, "Anna"]


def test_old_deliveries_go(connection: Connection) -> None:
    """Those that wait stay."""
    webhooks = Webhooks(connection)
    webhook, _ = webhooks.add("https://a.example/", [STARTED], None, 5)
    happen(connection, 10)
    taken = webhooks.claim(webhook.id, 10)
    assert taken is not None
    webhooks.done(taken, 200, 10)
    happen(connection, 11)
    assert webhooks.forget(10) == 0
    assert webhooks.forget(1000) == 1
    assert [each.state for each in webhooks.deliveries(webhook.id, 10)] == ["pending"]
