"""Who owns what, as the database has it: one owner, who is alive, and writes that only that one can make."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from engine.domain.instant import SET_BACK_TOLERANCE
from engine.nodes.ownership import SharedOwnership
from engine.storage.database import Connection
from engine.storage.journal import Append, NotOwner
from engine.storage.keys import Keys
from engine.storage.nodes import EXPOSED_FILE, Look, NodeTable, exposed_before, lock_name
from engine.storage.notices import Notice, queue_notice
from engine.storage.postgres import PostgresDatabase
from engine.storage.postgres_journal import PostgresJournal
from engine.storage.rows import PersonChange, PersonRow
from engine.storage.webhooks import Webhooks
from tests.storage.rows import all_records, outcomes, records, room


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Connection]:
    with PostgresDatabase(postgres_url).connect() as connected:
        yield connected


@pytest.fixture
def table(connection: Connection) -> NodeTable:
    """Two nodes, and three sessions that somebody created."""
    table = NodeTable(connection)
    for node in ("one", "two"):
        table.join(node, url=f"http://{node}", version="1", studio_hash="h")
    _create(connection, "a", "b", "c")
    return table


def _create(connection: Connection, *session_ids: str) -> None:
    from engine.storage.rows import ROOMS

    for session_id in session_ids:
        connection.execute(ROOMS.upsert, **ROOMS.values(room(session_id, phase="live")))


def test_a_session_has_one_owner_until_that_is_gone(table: NodeTable) -> None:
    """Whoever comes second is told who was first; each new owner has a higher term."""
    assert table.claim("one", ["a", "b"])["a"].node == "one"
    answer = table.claim("two", ["a", "c"])
    assert (answer["a"].node, answer["a"].url, answer["a"].term) == ("one", "http://one", 1)
    assert answer["c"].node == "two"
    assert table.unowned(0) == []

    table.leave("one")

    assert table.unowned(0) == ["a", "b"]
    assert (table.claim("two", ["a"])["a"].node, table.claim("two", ["a"])["a"].term) == ("two", 2)


def test_the_dead_claim_nothing(table: NodeTable) -> None:
    """A node that was evicted and does not know it yet."""
    table.leave("one")
    assert table.claim("one", ["a"]) == {}
    assert table.unowned(0) == ["a", "b", "c"]


def test_a_session_that_nobody_created_is_claimed_to_be_created_only(table: NodeTable) -> None:
    """Whatever ids strangers ask for, no row is made of them."""
    assert table.claim("one", ["nowhere"]) == {}
    assert table.claim("one", ["nowhere"], new=True)["nowhere"].term == 1
    assert table.claim("two", ["nowhere"], new=True)["nowhere"].node == "one"


def test_what_is_given_up_can_be_claimed(table: NodeTable) -> None:
    """By its present owner only, in its present term."""
    table.claim("one", ["a", "b"])
    table.release("two", [("a", 1)])
    table.release("one", [("b", 7)])
    assert table.unowned(0) == ["c"]
    table.release("one", [("a", 1)])
    assert table.unowned(0) == ["a", "c"]


def test_a_session_is_given_to_one_other_node(table: NodeTable) -> None:
    """Nobody else can claim it in between; not to a node that is gone, and only by its owner."""
    table.claim("one", ["a"])
    assert not table.give("two", "a", 1, "two")
    assert not table.give("one", "a", 1, "gone")
    assert table.give("one", "a", 1, "two")
    assert (table.claim("one", ["a"])["a"].node, table.owners(["a"])["a"].term) == ("two", 2)


def test_a_beat_counts_and_looks(table: NodeTable, postgres_url: str) -> None:
    """It shows every node, whose process is connected, and what each says of itself; an evicted one is told so."""
    with PostgresDatabase(postgres_url).hold(lock_name("two")):
        table.beat("two", draining=True, load=3, site_at=9, at=0)
        look = table.beat("one", draining=False, load=0, site_at=None, at=0)
    assert look is not None
    rows = look.nodes
    assert [(row.node, row.beat, row.connected) for row in rows] == [("one", 0, False), ("two", 1, True)]
    assert (rows[1].draining, rows[1].sessions, rows[1].site_at) == (True, 3, 9)
    assert not table.evict("two", 0)
    assert table.evict("two", 1)
    assert table.beat("two", draining=False, load=0, site_at=None, at=0) is None


def test_a_beat_says_what_else_is_new(table: NodeTable, connection: Connection, postgres_url: str) -> None:
    """Sessions without an owner where that is asked, keys that changed or expired, series, a webhook that is due."""

    def looked(at: int = 0, *, search: bool = False) -> Look:
        look = table.beat("one", draining=False, load=0, site_at=None, at=at, search_unowned=search)
        assert look is not None
        return look

    assert not looked().unowned
    assert looked(search=True).unowned
    table.claim("two", ["a", "b", "c"])
    assert not looked(search=True).unowned

    keys, states = Keys(PostgresDatabase(postgres_url)), [looked().keys]
    assert looked().keys == states[0]
    keys.create("Sarah", at=1)
    states.append(looked().keys)
    connection.execute(
        "INSERT INTO sign_ins (digest, key_name, kind, expires_at) VALUES (:digest, 'Sarah', 'secret', 50)",
        digest=b"x",
    )
    states.append(looked(49).keys)
    assert looked(50).keys == states[1]
    keys.revoke("Sarah", at=2)
    states.append(looked().keys)
    assert len(set(states)) == len(states)
    keys.close()

    connection.execute(
        "INSERT INTO series (series_id, document, version, created_at) VALUES ('s', '{}', 3, 0)"
    )
    assert looked().series == 3

    webhooks = Webhooks(connection)
    webhooks.add("https://example.org", ["session.live"], None, 0)
    queue_notice(connection, Notice("session.live", "a", {}, 100))
    assert [looked(at).webhooks_due for at in (0, 99, 100)] == [False, False, True]
    assert looked(100 - SET_BACK_TOLERANCE - 1).webhooks_due


async def _journal(url: str, node: str) -> PostgresJournal:
    journal = PostgresJournal(PostgresDatabase(url), asyncio.get_running_loop())
    journal.node = node
    return journal


async def test_only_the_owner_writes_whatever_it_is(
    table: NodeTable, connection: Connection, postgres_url: str
) -> None:
    """Records, a person's row alone, and a withdrawal, which has a transaction of its own: refused as a whole."""
    table.claim("one", ["a", "b"])
    one, two = await _journal(postgres_url, "one"), await _journal(postgres_url, "two")
    assert await outcomes(one, [Append("a", 0, records(1, 2), term=1)]) == [None]
    ann = PersonRow("a", "ann", 5, name="Ann")
    for entry in (
        Append("a", 2, records(3, 3), term=1),
        Append("a", 2, (), people=[PersonChange("ann", ann)], term=1),
        Append("a", 2, records(3, 3), people=[PersonChange("ann", None)], term=1),
    ):
        (refused,) = await outcomes(two, [entry])
        assert isinstance(refused, NotOwner)
        (stale,) = await outcomes(one, [entry._replace(term=2)])
        assert isinstance(stale, NotOwner)
    assert await all_records(one, "a") == records(1, 2)

    # What is not its own does not keep from being written what is.
    first, other, last = await outcomes(
        one,
        [
            Append("a", 2, records(3, 3), term=1),
            Append("c", 0, records(1, 1), term=1),
            Append("b", 0, records(1, 1), people=[PersonChange("ann", ann)], term=1),
        ],
    )
    assert (first, last) == (None, None)
    assert isinstance(other, NotOwner)

    table.leave("one")
    (late,) = await outcomes(one, [Append("a", 3, records(4, 4), term=1)])
    assert isinstance(late, NotOwner)
    await one.close()
    await two.close()


def test_an_eviction_waits_for_the_write_under_way(table: NodeTable, postgres_url: str) -> None:
    """So that nobody takes over a session into which the dead one is just writing."""
    table.claim("one", ["a"])
    evicted = threading.Event()

    def evict() -> None:
        with PostgresDatabase(postgres_url).connect() as other:
            NodeTable(other).leave("one")
        evicted.set()

    with psycopg.connect(postgres_url) as writing:
        writing.execute("SELECT 1 FROM nodes WHERE node = 'one' FOR KEY SHARE")
        thread = threading.Thread(target=evict)
        thread.start()
        table.beat("one", draining=False, load=0, site_at=None, at=0)
        assert not evicted.wait(0.3)
        writing.commit()
        thread.join()
    assert evicted.is_set()


_OTHER_TIMELINE = "UPDATE nodes SET exposed_on = :exposed_on WHERE node = :node"
"""As a beat before a failover left it."""


@pytest.mark.parametrize(
    ("exposed_on", "rolled_back", "lost"),
    [("F0000000", False, True), (None, False, False), (None, True, True)],
)
def test_what_dies_with_its_database_may_lack_its_newest_records(
    table: NodeTable, connection: Connection, exposed_on: str | None, rolled_back: bool, lost: bool
) -> None:
    """An owner that beat last before a failover, whose commits waited for no standby, or whose later beats are gone.

    Whoever owns its sessions next is told, and again after a death in the meantime, until another epoch has begun.
    """
    table.claim("one", ["a"])
    table.beat("one", draining=False, load=0, site_at=None, at=0)
    connection.execute(_OTHER_TIMELINE, node="one", exposed_on=exposed_on)
    assert table.evict("one", 1, rolled_back=rolled_back)
    assert table.claim("two", ["a", "b"])["a"].tail_lost is lost
    assert not table.owners(["b"])["b"].tail_lost
    table.leave("two")
    table.join("three", url="http://three", version="1", studio_hash="h")
    assert table.claim("three", ["a"])["a"].tail_lost is lost
    table.mark_tail("three", "a", 2, lost=False)
    assert table.owners(["a"])["a"].tail_lost is lost, "in a term that is over"
    table.mark_tail("three", "a", 3, lost=False)
    assert not table.owners(["a"])["a"].tail_lost


def test_a_process_tells_what_the_one_before_it_in_its_folder_lost(
    table: NodeTable, connection: Connection, tmp_path: Path
) -> None:
    """That one remembered in its folder where its commits were exposed; its row may be from before."""
    table.claim("one", ["a"])
    table.claim("two", ["b"])
    look = table.beat("one", draining=False, load=0, site_at=None, at=0)
    assert look is not None
    assert look.exposed_on
    assert exposed_before(tmp_path) == ""
    (tmp_path / EXPOSED_FILE).write_text("F0000000\n")
    assert exposed_before(tmp_path) == "F0000000"
    table.leave("one", exposed_on=exposed_before(tmp_path))
    table.leave("two", exposed_on=look.exposed_on)
    table.join("three", url="http://three", version="1", studio_hash="h")
    owners = table.claim("three", ["a", "b"])
    assert [owners[each].tail_lost for each in ("a", "b")] == [True, False]


def test_until_all_is_written_again_a_beat_does_not_say_where_commits_are_exposed(
    table: NodeTable, connection: Connection
) -> None:
    """Whoever dies after a failover, and before its journal wrote again what that lost, lost it for good."""
    table.claim("one", ["a"])
    before = "SELECT exposed_on FROM nodes WHERE node = 'one'"
    first = table.beat("one", draining=False, load=0, site_at=None, at=0)
    assert first is not None
    assert connection.value(before) == first.timeline == first.exposed_on
    connection.execute(_OTHER_TIMELINE, node="one", exposed_on="F0000000")
    table.beat("one", draining=False, load=0, site_at=None, at=0, whole_on="F0000000")
    assert connection.value(before) == "F0000000"
    table.beat("one", draining=False, load=0, site_at=None, at=0, whole_on=first.timeline)
    assert connection.value(before) == first.timeline
    table.beat("one", draining=False, load=0, site_at=None, at=0, whole_on="F0000000")
    connection.execute(_OTHER_TIMELINE, node="one", exposed_on="F0000000")
    assert table.evict("one", 4)
    assert table.claim("two", ["a"])["a"].tail_lost


def test_a_node_that_dies_on_the_timeline_of_its_beats_lost_nothing(table: NodeTable) -> None:
    """Every other death; and one that nobody waited for on a database of a version before."""
    table.claim("one", ["a"])
    table.claim("two", ["b"])
    table.beat("one", draining=False, load=0, site_at=None, at=0)
    assert table.evict("one", 1)
    table.leave("two")
    table.join("three", url="http://three", version="1", studio_hash="h")
    owners = table.claim("three", ["a", "b"])
    assert [owners[each].tail_lost for each in ("a", "b")] == [False, False]


def test_what_was_given_up_before_a_failover_may_have_had_another_owner_since(
    table: NodeTable, connection: Connection
) -> None:
    """Whose claim is lost with what it wrote. Where commits wait for a standby there was none."""
    table.claim("one", ["a", "b", "c"])
    table.release("one", [("a", 1), ("b", 1)])
    table.leave("one")
    assert [row["exposed_on"] is None for row in connection.rows("SELECT exposed_on FROM owners")] == [
        False
    ] * 3
    connection.execute("UPDATE owners SET exposed_on = 'F0000000' WHERE session_id IN ('a', 'c')")
    # Commits waited for a standby.
    connection.execute("UPDATE owners SET exposed_on = NULL WHERE session_id = 'b'")
    owners = table.claim("two", ["a", "b", "c"])
    assert [owners[each].tail_lost for each in ("a", "b", "c")] == [True, False, True]


async def test_a_node_that_finds_a_session_its_own_again_knows_what_is_lost(
    table: NodeTable, connection: Connection, postgres_url: str
) -> None:
    """It gave the session up, and a failover undid that: whoever had it since cannot have been alone."""
    ownership = SharedOwnership(PostgresDatabase(postgres_url))
    ownership.node = "one"
    try:
        assert await ownership.claim("a") == 1
        await ownership.give("a", "two")
        await ownership.release(["b"])
        connection.execute("UPDATE owners SET node = 'one', term = 1 WHERE session_id = 'a'")
        assert (await ownership.claim("a"), await ownership.claim("b")) == (1, 1)
        assert (ownership.is_tail_lost("a"), ownership.is_tail_lost("b")) == (True, False)
        assert table.owners(["a"])["a"].tail_lost
        await ownership.tail_replaced("a")
        assert not ownership.is_tail_lost("a")
        assert not table.owners(["a"])["a"].tail_lost
    finally:
        ownership.close()
