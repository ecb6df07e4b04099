"""This process as one of the nodes on a database: it beats, watches the others, and evicts those that stand still.

A thread does what waits for the database, which may be paused for minutes; what it saw is handed to the event loop.
One module, although a long one: which attribute the thread writes, and which the loop,
is the invariant.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import structlog

from engine.domain.instant import Millis
from engine.nodes.failure_detector import (
    BEAT_S,
    TTL_S,
    Beat,
    Verdict,
    View,
    may_serve,
    observe,
    share_of,
    unowned_for_long,
)
from engine.runtime.supervised import supervised
from engine.storage.atomic_file import write_atomically
from engine.storage.database import Connection, Database, DatabaseError
from engine.storage.nodes import (
    EXPOSED_FILE,
    NODE_FILE,
    Look,
    NodeRow,
    NodeTable,
    exposed_before,
    lock_name,
    node_before,
)

__all__ = ["Membership", "MembershipListener", "NodeFacts"]

_GONE_WITHIN_S = 1.0
"""In which the server notices that the connections of a killed process are gone."""

_ANSWERS_BEFORE_LEAVING = 3
"""How often, a beat apart, the others must say that the database answers them. One that was away for everybody and is
back answers one of them first, and this node by its next beat."""

_MOST_REMEMBERED = 1000

_MOST_SHARED_OUT = 1000
"""Sessions without an owner that one beat shares out at most: the next ones wait for the next beat, not for comers again."""

_SEARCH_EVERY = 2
"""Beats between two looks for sessions without an owner, while no node comes or goes."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node says of itself."""

    url: str
    """Where other nodes reach it."""
    version: str
    studio_hash: str


class MembershipListener(Protocol):
    """Is called on the loop."""

    def joined(self, node: str) -> None:
        """This process is a node under a new id, which owns nothing yet."""

    def evicted(self) -> None:
        """It was taken for dead: its sessions are others'."""

    def cut_off(self) -> None:
        """The database answers others, and not this node: its sessions will be others'."""

    def unowned(self, session_ids: Sequence[str]) -> None:
        """Sessions that this node should claim."""

    def failed_over(self, whole: Callable[[], None]) -> None:
        """The database is another server now; call ``whole`` once that has all that was acknowledged here."""


class Membership:
    """Joins, beats from ``join`` to ``leave``, and joins anew under another id when it was evicted."""

    def __init__(
        self,
        database: Database,
        data: Path,
        facts: NodeFacts,
        *,
        now: Callable[[], Millis],
        load: Callable[[], int],
        site_at: Callable[[], Millis | None],
        ask_peer: Callable[[str], Awaitable[bool | None]],
        listener: MembershipListener,
    ) -> None:
        """``ask_peer(url)`` says whether the database answers the node there, None when that node does not answer."""
        self._database = database
        self._data = data
        self._facts = facts
        self._now = now
        self._load = load
        self._site_at = site_at
        self._ask_peer = ask_peer
        self._listener = listener
        self.node = ""
        self.draining = False
        self._nodes: Sequence[NodeRow] = ()
        self._answered = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)
        self._lock = ExitStack()
        self._connection: Connection | None = None
        self._view = View()
        self._over = ""
        """The connection of the newest look."""
        self._known: set[str] = set()
        self._unowned: Mapping[str, float] = {}
        """Sessions that the newest look found without an owner, and when (monotonic clock) one first did."""
        self._latest: dict[str, int] = {}
        """The highest beat that was seen of each node, also of those that are gone: a failover may bring them back."""
        self._whole_on = ""
        """The timeline of the database that has all that was acknowledged here; empty before the first look."""
        self._evicted = False
        """Whether this node was evicted and could not join again yet."""
        self._exposed_on: str | None = None
        """What the folder says of it."""
        self._beats = 0
        self._watchers: list[Callable[[Look], object]] = []
        self._on_news: list[Callable[[], object]] = []
        self._cut_off = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def nodes(self) -> Sequence[NodeRow]:
        """All nodes, as the newest look showed them."""
        return self._nodes

    def watch(self, watcher: Callable[[Look], object]) -> None:
        """Have a function called with what each beat shows, on the thread that beats: it must not wait for anything."""
        self._watchers.append(watcher)

    def on_news(self, callback: Callable[[], object]) -> None:
        """Have a function called whenever somebody announced news, on a thread of its own: it must not wait for anything."""
        self._on_news.append(callback)

    def unanswered_s(self) -> float:
        """Seconds since the database answered a beat."""
        return time.monotonic() - self._answered

    def others(self) -> list[NodeRow]:
        """The other nodes."""
        return [row for row in self._nodes if row.node != self.node]

    def living(self) -> list[NodeRow]:
        """The other nodes that take sessions."""
        return [row for row in self.others() if not row.draining]

    async def join(self) -> None:
        """Become a node. Whoever joined from this data folder before is dead: the folder is held by this process.

        Raises:
            DatabaseError: the database cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._begin)
        self._listener.joined(self.node)
        self._thread.start()
        self._watch = supervised("watch of the database's answers", self._watch_answers)

    async def leave(self) -> None:
        """Stop beating, and take this node out; what it still owns is free at once."""
        if self._watch is None:
            return  # It never joined: something else failed before.
        self._watch.cancel()
        self._stop.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * BEAT_S):
                await asyncio.to_thread(self._thread.join, 2 * BEAT_S)
                if not self._thread.is_alive():
                    await asyncio.to_thread(self._end)

    # -- on the thread --------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._connection = self._database.connect()
        table = NodeTable(self._connection)
        before = node_before(self._data)
        if before is not None:
            self._evict_predecessor(table, before)
        self._enter(table)

    def _evict_predecessor(self, table: NodeTable, node: str) -> None:
        until = time.monotonic() + _GONE_WITHIN_S
        # A folder that was copied while its server runs names a node that lives.
        while self._database.is_held(lock_name(node)):
            if time.monotonic() > until:
                log.warning("another process runs as the node of this folder", other=node)
                return
            time.sleep(_GONE_WITHIN_S / 20)
        table.leave(node, exposed_on=exposed_before(self._data))

    def _enter(self, table: NodeTable) -> None:
        node = uuid4().hex[:12]
        # Written first: a row whose id nobody remembers would live until its beats are missed.
        write_atomically(self._data / NODE_FILE, f"{node}\n")
        # The lock is a hint that this process is connected; another connection's end is not its loss.
        self._lock.close()
        self._lock.enter_context(
            self._database.hold(lock_name(node), lambda: None, on_notice=self._call_on_news)
        )
        table.join(
            node, url=self._facts.url, version=self._facts.version, studio_hash=self._facts.studio_hash
        )
        self.node = node
        log.info("joined", node=node, url=self._facts.url)

    def _call_on_news(self) -> None:
        for callback in self._on_news:
            callback()

    def _run(self) -> None:
        assert self._connection is not None
        table = NodeTable(self._connection)
        due = time.monotonic() - BEAT_S
        while True:
            due = max(due + BEAT_S, time.monotonic())
            if self._stop.wait(due - time.monotonic()):
                return
            try:
                if not self._see(table):
                    self._rejoin(table)
            except (DatabaseError, OSError) as error:
                # Also a folder that cannot be written just now: without a beat nobody claims anything here any more.
                log.warning("no beat", node=self.node, reason=str(error))

    def _see(self, table: NodeTable) -> bool:
        """Beat once and act on what is seen; False when this node was evicted."""
        search = not self.draining and self._beats % _SEARCH_EVERY == 0
        asked_at = time.monotonic()
        look = table.beat(
            self.node,
            draining=self.draining,
            load=self._load(),
            site_at=self._site_at(),
            at=self._now(),
            search_unowned=search,
            whole_on=self._whole_on,
        )
        answered_at = time.monotonic()
        if look is None:
            return False
        self._beats += 1
        rows = look.nodes
        self._nodes, self._answered, self._cut_off = rows, answered_at, False
        others = {row.node: Beat(row.beat, row.connected) for row in rows if row.node != self.node}
        if look.over != self._over:
            # Where this connection ended, so may others have: their locks are taken again a moment later.
            self._over, self._view = look.over, View()
        self._remember(look)
        self._view, dead = observe(self._view, asked_at, answered_at, others)
        for node, beat in dead.items():
            rolled_back = beat < self._latest.get(node, beat)
            if table.evict(node, beat, rolled_back=rolled_back):
                log.warning("node evicted", node=self.node, evicted=node, beat=beat, rolled_back=rolled_back)
        for watcher in self._watchers:
            watcher(look)
        if not self.draining and (self._some_go(rows, dead) or look.unowned or self._unowned):
            self._claim_share(table, [row.node for row in rows if row.node not in dead and not row.draining])
        return True

    def _remember(self, look: Look) -> None:
        for row in look.nodes:
            self._latest[row.node] = max(row.beat, self._latest.pop(row.node, 0))
        while len(self._latest) > _MOST_REMEMBERED:
            del self._latest[next(iter(self._latest))]
        self._whole_on = self._whole_on or look.timeline
        if look.timeline != self._whole_on:
            # A quiet journal does not know of the failover: whoever died before its next entry would be missed.
            self._call(self._listener.failed_over, partial(self._is_whole, look.timeline))
        elif look.exposed_on != self._exposed_on:
            try:
                write_atomically(self._data / EXPOSED_FILE, f"{look.exposed_on}\n")
                self._exposed_on = look.exposed_on
            except OSError as error:
                log.warning("not remembered", file=EXPOSED_FILE, reason=str(error))

    def _is_whole(self, timeline: str) -> None:
        self._whole_on = timeline

    def _some_go(self, rows: Sequence[NodeRow], dead: Mapping[str, int]) -> bool:
        """Whether a node has just gone, or is about to: its sessions may be without an owner."""
        known, self._known = self._known, {row.node for row in rows}
        return bool(dead or known - self._known or any(row.draining for row in rows))

    def _claim_share(self, table: NodeTable, living: list[str]) -> None:
        self._unowned, left = unowned_for_long(self._unowned, table.unowned(self._now()), time.monotonic())
        if left:
            self._call(self._listener.unowned, share_of(left[:_MOST_SHARED_OUT], self.node, living))

    def _rejoin(self, table: NodeTable) -> None:
        if not self._evicted:
            log.error("this node was evicted", node=self.node)
            self._call(self._listener.evicted)
            self._view, self._whole_on = View(), ""
            self._evicted = True
        self._enter(table)
        self._evicted = False
        self._call(self._listener.joined, self.node)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        """Run a callback on the loop, and wait for its end."""
        assert self._loop is not None
        done = threading.Event()

        def run() -> None:
            try:
                callback(*arguments)
            finally:
                done.set()

        with suppress(RuntimeError):  # The loop is closed.
            self._loop.call_soon_threadsafe(run)
            while not done.wait(BEAT_S) and not self._stop.is_set():
                pass

    def _end(self) -> None:
        assert self._connection is not None
        with suppress(DatabaseError):
            NodeTable(self._connection).leave(self.node)
        with suppress(OSError):
            for name in (NODE_FILE, EXPOSED_FILE):
                (self._data / name).unlink(missing_ok=True)
        self._lock.close()
        self._connection.close()

    # -- on the loop ----------------------------------------------------------------------------------

    async def _watch_answers(self) -> None:
        """Let go of the sockets once the database answers others, and not this node."""
        cut_off = 0
        while True:
            await asyncio.sleep(BEAT_S)
            unanswered = self.unanswered_s()
            if self._cut_off or may_serve(unanswered, None) is Verdict.SERVE:
                cut_off = 0
                continue
            urls = [row.url for row in self.others()]
            answers = await asyncio.gather(*map(self._ask_peer, urls))
            whole = [answer for answer in answers if answer is not None]
            cut_off = cut_off + 1 if may_serve(self.unanswered_s(), whole) is Verdict.CUT_OFF else 0
            if cut_off == _ANSWERS_BEFORE_LEAVING:
                log.error(
                    "cut off from the database", node=self.node, seconds=round(unanswered, 1), ttl=TTL_S
                )
                self._cut_off = True
                self._listener.cut_off()
