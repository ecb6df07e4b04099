"""A process as one of the nodes: what goes on whatever fails once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.nodes import membership
from engine.nodes.failure_detector import BEAT_S, LEFT_TO_COMERS_S, TTL_S, Unchanged, View
from engine.nodes.membership import Membership, MembershipListener, NodeFacts
from engine.storage.nodes import EXPOSED_FILE, NodeRow, NodeTable, exposed_before, lock_name
from engine.storage.postgres import PostgresDatabase
from engine.storage.rows import ROOMS
from tests.postgres import PostgresCluster
from tests.storage.rows import room

_Node = TypeVar("_Node", bound=Membership)


class _Listener:
    """Is told, and does nothing."""

    def joined(self, node: str) -> None:
        pass

    def evicted(self) -> None:
        pass

    def cut_off(self) -> None:
        pass

    def unowned(self, session_ids: Sequence[str]) -> None:
        pass

    def failed_over(self, whole: Callable[[], None]) -> None:
        pass


class _FailingOnce(Membership):
    """Its first look at the database's answers goes wrong."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.looks = 0
        self.looked_again = asyncio.Event()

    def unanswered_s(self) -> float:
        self.looks += 1
        if self.looks == 1:
            raise RuntimeError("a look went wrong")
        self.looked_again.set()
        return super().unanswered_s()


async def _no_peer_answers(url: str) -> bool | None:
    return None


def _node(
    kind: type[_Node],
    database: PostgresDatabase,
    data: Path,
    listener: MembershipListener,
    ask_peer: Callable[[str], Awaitable[bool | None]] = _no_peer_answers,
) -> _Node:
    return kind(
        database,
        data,
        NodeFacts("http://one", "1", "h"),
        now=lambda: 0,
        load=lambda: 0,
        site_at=lambda: None,
        ask_peer=ask_peer,
        listener=listener,
    )


async def test_the_watch_of_the_databases_answers_goes_on_after_a_failure(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and started again: a node that nobody watches would keep its people when it is cut off."""
    monkeypatch.setattr(membership, "BEAT_S", 0.01)

    node = _node(_FailingOnce, PostgresDatabase(postgres_url), tmp_path, _Listener())
    await node.join()
    try:
        async with asyncio.timeout(10):
            await node.looked_again.wait()
    finally:
        await node.leave()
    assert any("watch of the database" in record.getMessage() for record in caplog.records)


class _Unanswered(Membership):
    """The database has not answered it for some seconds; there is one other node."""

    seconds = 60.0

    def unanswered_s(self) -> float:
        return self.seconds

    def others(self) -> list[NodeRow]:
        return [NodeRow("two", "http://two", 1, True, False, "1", "h", None, 0)]


async def _asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_after: int) -> tuple[int, int]:
    """How often the other node was asked in ten beats, and how often the sockets were let go.

    The database answers this node again once the other one was asked ``back_after`` times.
    """
    monkeypatch.setattr(membership, "BEAT_S", 0.005)
    asked, beats = 0, 0
    listener = _Listener()
    let_go: list[str] = []
    monkeypatch.setattr(listener, "cut_off", lambda: let_go.append("all"), raising=True)

    async def ask_peer(url: str) -> bool | None:
        nonlocal asked
        asked += 1
        if asked == back_after:
            node.seconds = 0.0
        return True

    over = asyncio.Event()
    sleep = asyncio.sleep

    async def beat(seconds: float) -> None:
        nonlocal beats
        beats += 1
        if beats == 10:
            over.set()
        await sleep(seconds)

    unreachable = PostgresDatabase("postgresql://nobody@127.0.0.1:1/none")
    node = _node(_Unanswered, unreachable, tmp_path, listener, ask_peer)
    monkeypatch.setattr(asyncio, "sleep", beat)
    watching = asyncio.create_task(node._watch_answers())
    async with asyncio.timeout(10):
        await over.wait()
    watching.cancel()
    return asked, len(let_go)


@pytest.mark.parametrize("back_after", [1, 2])
async def test_a_database_that_is_back_for_another_node_first_costs_nobody_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_after: int
) -> None:
    """It was away for everybody: the answer to this node's own beat comes a moment later."""
    assert await _asked(tmp_path, monkeypatch, back_after) == (back_after, 0)


async def test_a_node_that_is_cut_off_lets_its_sockets_go_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the other one said three times that the database answers it."""
    assert await _asked(tmp_path, monkeypatch, 1000) == (3, 1)


@pytest.mark.parametrize("cut", [False, True])
def test_a_fast_failover_evicts_nobody(tmp_path: Path, postgres_url: str, cut: bool) -> None:
    """Whose lock is gone was killed, unless this node's own connection is another one too: then all of them were cut."""

    async def ask_peer(url: str) -> bool | None:
        return None

    node = Membership(
        PostgresDatabase(postgres_url),
        tmp_path,
        NodeFacts("http://one", "1", "h"),
        now=lambda: 0,
        load=lambda: 0,
        site_at=lambda: None,
        ask_peer=ask_peer,
        listener=_Listener(),
    )
    node._begin()
    assert node._connection is not None
    table = NodeTable(node._connection)
    table.join("two", url="http://two", version="1", studio_hash="h")
    assert node._see(table)
    # As if it had been seen for some seconds, the last time a beat ago.
    seen = time.monotonic() - BEAT_S
    node._view = View(seen - TTL_S, seen, {"two": Unchanged(0, seen)})
    if cut:
        PostgresCluster.cut_connections(postgres_url)
    assert node._see(table)
    assert [row.node for row in table.all() if row.node != node.node] == (["two"] if cut else [])
    node._end()


async def _becomes(fact: Callable[[], bool]) -> None:
    for _ in range(1000):
        if fact():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


class _SharesOut(_Listener):
    """Keeps what it is to claim."""

    def __init__(self) -> None:
        self.shares: list[list[str]] = []

    def unowned(self, session_ids: Sequence[str]) -> None:
        self.shares.append(sorted(session_ids))


async def test_sessions_of_a_server_that_is_gone_are_shared_out_unless_somebody_comes(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody came, that server has it. The wait for comers is one for all, however many there are."""
    monkeypatch.setattr(membership, "_MOST_SHARED_OUT", 2)
    listener = _SharesOut()
    node = _node(Membership, PostgresDatabase(postgres_url), tmp_path, listener)
    node._loop = asyncio.get_running_loop()
    node._begin()
    assert node._connection is not None
    table = NodeTable(node._connection)
    for session_id in ("a", "b", "c", "d", "e", "f"):
        node._connection.execute(ROOMS.upsert, **ROOMS.values(room(session_id, phase="live")))
    assert await asyncio.to_thread(node._see, table)
    assert listener.shares == [], "they are left to whoever comes"
    table.join("two", url="http://two", version="1", studio_hash="h")
    table.claim("two", ["b"])
    # As if nobody had come to the others for as long as they are left to comers.
    node._unowned = {each: since - LEFT_TO_COMERS_S for each, since in node._unowned.items()}
    for _ in "acdef":
        assert await asyncio.to_thread(node._see, table)
        table.claim(node.node, listener.shares[-1])
    node._end()
    assert [len(share) for share in listener.shares] == [1] * 5, "of two at most, for two servers"
    assert sorted(chain(*listener.shares)) == ["a", "c", "d", "e", "f"]


async def test_a_node_that_comes_back_from_before_its_last_beat_lost_more_than_that(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover undid what another node did last, in beats and so perhaps in records: its sessions are marked."""
    monkeypatch.setattr(membership, "BEAT_S", 0.02)

    database = PostgresDatabase(postgres_url)
    node = _node(Membership, database, tmp_path, _Listener())
    with database.connect() as connection:
        table = NodeTable(connection)
        table.join("two", url="http://two", version="1", studio_hash="h")
        for _ in range(3):
            table.beat("two", draining=False, load=0, site_at=None, at=0)
        table.claim("two", ["a"], new=True)
        with database.hold(lock_name("two")):
            await node.join()
            await _becomes(lambda: any(row.node == "two" for row in node.nodes))
        try:
            connection.execute("UPDATE nodes SET beat = 2 WHERE node = 'two'")
            await _becomes(lambda: connection.value("SELECT tail_lost FROM owners WHERE node IS NULL") == 1)
            assert exposed_before(tmp_path) != "", "commits wait for no standby here"
        finally:
            await node.leave()


async def test_an_evicted_node_joins_again_once_its_folder_can_be_written(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full in that moment: without its beat it would answer that it is ready, and serve no session."""
    monkeypatch.setattr(membership, "BEAT_S", 0.02)
    database = PostgresDatabase(postgres_url)
    node = _node(Membership, database, tmp_path, _Listener())
    await node.join()
    first = node.node
    refused: list[str] = []

    def full(file: Path, text: str) -> None:
        refused.append(text)
        raise OSError(28, "No space left on device")

    try:
        with database.connect() as connection:
            with monkeypatch.context() as patched:
                patched.setattr(membership, "write_atomically", full)
                connection.execute("DELETE FROM nodes")
                await _becomes(lambda: len(refused) >= 2)
            await _becomes(lambda: connection.value("SELECT node FROM nodes") == node.node != first)
    finally:
        await node.leave()


class _FailedOver(_Listener):
    """Keeps what is to be called once everything is written again."""

    def __init__(self) -> None:
        self.wholes: list[Callable[[], None]] = []

    def failed_over(self, whole: Callable[[], None]) -> None:
        self.wholes.append(whole)


async def test_after_a_failover_the_journal_is_asked_to_write_again_what_that_lost(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the row says where commits were exposed before. A folder that cannot be written stops no beat."""
    monkeypatch.setattr(membership, "BEAT_S", 0.02)
    listener = _FailedOver()
    database = PostgresDatabase(postgres_url)
    node = _node(Membership, database, tmp_path, listener)
    (tmp_path / EXPOSED_FILE).mkdir()
    await node.join()
    try:
        with database.connect() as connection:
            beat = "SELECT beat FROM nodes"
            await _becomes(lambda: connection.value(beat) >= 3)
            present = connection.value("SELECT exposed_on FROM nodes")
            (tmp_path / EXPOSED_FILE).rmdir()
            await _becomes(lambda: exposed_before(tmp_path) == present)
            node._whole_on = "F0000000"
            # A beat under way may still write the present one.
            await _becomes(lambda: len(listener.wholes) >= 1)
            connection.execute("UPDATE nodes SET exposed_on = 'F0000000'")
            told = len(listener.wholes)
            await _becomes(lambda: len(listener.wholes) >= told + 2)
            assert connection.value("SELECT exposed_on FROM nodes") == "F0000000"
            listener.wholes[0]()
            await _becomes(lambda: connection.value("SELECT exposed_on FROM nodes") == present)
    finally:
        await node.leave()
    assert exposed_before(tmp_path) == ""
