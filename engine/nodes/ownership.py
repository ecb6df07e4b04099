"""The sessions that this node owns: claimed before they are loaded, kept until they are handed over or lost.

A session is unowned (unknown here), being claimed (``_claims``), owned (``_terms``), or being released (``_releases``).
It stays owned while it is unloaded: its deadlines are looked after here. Claims of one loop tick share a statement, and
those that come while one is under way share the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import structlog

from engine.domain.rejection import Moved, Unavailable, unknown_session
from engine.storage.database import Connection, Database, DatabaseError
from engine.storage.nodes import NodeTable, Owner

__all__ = ["SharedOwnership"]

log = structlog.get_logger()

_FOREIGN_FOR_S = 1.0
_MOST_FOREIGN = 10_000
_MOST_GIVEN_UP = 10_000
_MOST_LINES = 20
"""So many sessions of one statement have lines of their own in the log."""

_Result = TypeVar("_Result")


class SharedOwnership:
    """The sessions of this node among those of all. Used on one loop; statements run on a thread of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.node = ""
        """This node's id; empty while it is no member."""
        self.draining = False
        """The sessions are given up: none is claimed any more, not for somebody who comes either."""
        self._terms: dict[str, int] = {}
        self._claims: dict[tuple[str, bool], asyncio.Future[Owner | None]] = {}
        self._releases: dict[str, asyncio.Future[None]] = {}
        self._foreign: dict[str, tuple[Owner, float]] = {}
        """Owners among the other nodes, and until when (monotonic clock) they are believed."""
        self._given_up: dict[str, int] = {}
        """The terms in which sessions were given up, as the database acknowledged: the newest ones, oldest first."""
        self._tails_lost: set[str] = set()
        self._wanted: dict[bool, list[str]] = {False: [], True: []}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ownership")
        self._connection: Connection | None = None
        self._claiming: dict[bool, asyncio.Task[None]] = {}
        """The statements under way; what is wanted meanwhile shares the next one."""

    def __len__(self) -> int:
        return len(self._terms)

    def term(self, session_id: str) -> int | None:
        """The term in which this node owns a session; None where it does not, as far as it knows."""
        return self._terms.get(session_id)

    def owned(self) -> list[str]:
        """The sessions that this node owns, as far as it knows."""
        return list(self._terms)

    def is_tail_lost(self, session_id: str) -> bool:
        """Whether the newest records of a session may be lost: whoever owned it died with the database that had them."""
        return session_id in self._tails_lost

    async def tail_replaced(self, session_id: str) -> None:
        """Take note that the session has another epoch now. If the database does not, it gets one more some day."""
        self._tails_lost.discard(session_id)
        node, term = self.node, self._terms.get(session_id)
        if term is not None:
            with suppress(DatabaseError):
                await self._ask(lambda table: table.mark_tail(node, session_id, term, lost=False))

    async def claim(self, session_id: str, *, new: bool = False) -> int:
        """Own a session; returns the term. ``new``: nobody has created it yet.

        Raises:
            NotFound: nobody created it.
            Moved: another node owns it.
            Unavailable: this node stops, or the database does not answer, or does not count it among the living.
        """
        term = self._terms.get(session_id)
        if term is not None:
            return term
        if self.draining:
            raise Unavailable("draining", "This server is about to stop; come back in a moment.")
        if session_id in self._releases:
            await asyncio.shield(self._releases[session_id])
        owner = await self._claimed(session_id, new=new)
        if owner is None:
            raise unknown_session(session_id)
        if owner.node != self.node:
            raise Moved(session_id, owner.node, owner.url)
        if owner.tail_lost:
            self._tails_lost.add(session_id)
        return self._terms.setdefault(session_id, owner.term)

    async def owner(self, session_id: str) -> Owner:
        """Who owns a session, claimed for this node if nobody does; without a URL for this node.

        That another node owns it is believed for a second: that node knows better.

        Raises:
            NotFound: nobody created it.
            Unavailable: who owns it cannot be told at present.
        """
        term = self._terms.get(session_id)
        if term is not None:
            return Owner(self.node, "", term)
        # While this node drains, nobody is forwarded either: it would not be for long.
        found, until = self._foreign.get(session_id, (None, 0.0)) if not self.draining else (None, 0.0)
        if found is not None and time.monotonic() < until:
            return found
        try:
            return Owner(self.node, "", await self.claim(session_id))
        except Moved as moved:
            owner = Owner(moved.node, moved.url, 0)
            if len(self._foreign) >= _MOST_FOREIGN:
                self._foreign.clear()
            self._foreign[session_id] = (owner, time.monotonic() + _FOREIGN_FOR_S)
            return owner

    async def release(self, session_ids: Iterable[str]) -> None:
        """Give sessions up, so that other nodes can claim them; those that cannot be given up are lost all the same."""

        def released(table: NodeTable, node: str, given: list[tuple[str, int]]) -> list[tuple[str, int]]:
            table.release(node, given)
            return given

        await self._release(session_ids, released)

    async def give(self, session_id: str, to: str) -> bool:
        """Give a session up to one other node, so that no third one claims it. False where that is no node.

        It is this node's then as before, which finds that out when somebody asks for it.
        """

        def given_to(table: NodeTable, node: str, given: list[tuple[str, int]]) -> list[tuple[str, int]]:
            return [(each, term) for each, term in given if table.give(node, each, term, to)]

        return bool(await self._release([session_id], given_to))

    async def _release(
        self,
        session_ids: Iterable[str],
        how: Callable[[NodeTable, str, list[tuple[str, int]]], list[tuple[str, int]]],
    ) -> list[tuple[str, int]]:
        """Which sessions were given up, with their terms, as the database acknowledged."""
        given = [(each, self._terms.pop(each)) for each in session_ids if each in self._terms]
        self._tails_lost.difference_update(each for each, _ in given)
        if not given:
            return []
        node = self.node
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._releases.update((each, released) for each, _ in given)
        try:
            acknowledged = await self._ask(lambda table: how(table, node, given))
            for session_id, term in acknowledged:
                self._given_up.pop(session_id, None)
                self._given_up[session_id] = term
            while len(self._given_up) > _MOST_GIVEN_UP:
                del self._given_up[next(iter(self._given_up))]
            return acknowledged
        except DatabaseError:
            # The database gives them up when it evicts this node.
            return []
        finally:
            for each, _ in given:
                del self._releases[each]
            released.set_result(None)

    def forget_owner(self, session_id: str) -> None:
        """Believe no longer that another node owns a session: that node gave it up."""
        self._foreign.pop(session_id, None)

    def lose(self, session_id: str) -> None:
        """Forget a session that another node owns, as the journal found."""
        self._terms.pop(session_id, None)
        self._tails_lost.discard(session_id)

    def lose_all(self) -> None:
        """Forget every session: this node was evicted."""
        self._terms.clear()
        self._tails_lost.clear()

    def close(self) -> None:
        """Stop asking the database."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._connection is not None:
            self._connection.close()

    async def _claimed(self, session_id: str, *, new: bool) -> Owner | None:
        claim = self._claims.get((session_id, new))
        if claim is None:
            loop = asyncio.get_running_loop()
            claim = self._claims[session_id, new] = loop.create_future()
            if not self._wanted[new] and new not in self._claiming:
                loop.call_soon(self._send, new)
            self._wanted[new].append(session_id)
        return await asyncio.shield(claim)

    def _send(self, new: bool) -> None:
        wanted, self._wanted[new] = self._wanted[new], []
        self._claiming[new] = asyncio.create_task(self._claim_all(wanted, new=new))
        self._claiming[new].add_done_callback(lambda _: self._sent(new))

    def _sent(self, new: bool) -> None:
        del self._claiming[new]
        if self._wanted[new]:
            self._send(new)

    async def _claim_all(self, wanted: list[str], *, new: bool) -> None:
        node = self.node

        def claimed(table: NodeTable) -> tuple[dict[str, Owner], set[str]]:
            owners = table.claim(node, wanted, new=new)
            for session_id, owner in owners.items():
                if owner.node == node and self._given_up.get(session_id) == owner.term:
                    # A failover lost that it was given up, so also what its next owner wrote.
                    table.mark_tail(node, session_id, owner.term, lost=True)
                    owners[session_id] = replace(owner, tail_lost=True)
            missing = [each for each in wanted if each not in owners]
            # Missing and there: it is this node that is not.
            return owners, set(missing) if new else table.known(missing) if missing else set()

        owners: dict[str, Owner] = {}
        refused = set(wanted)
        # It may have begun to drain while they waited for the statement before.
        if not self.draining:
            with suppress(DatabaseError):
                owners, refused = await self._ask(claimed)
        if node != self.node:
            # Evicted meanwhile, and alive again under another id: what was claimed was claimed by a dead one.
            owners, refused = {}, set(wanted)
        _log_taken_over(node, owners)
        for session_id in wanted:
            claim = self._claims.pop((session_id, new))
            if session_id in refused:
                claim.set_exception(_unavailable())
                claim.exception()  # Known: whoever asked may be gone by now.
            else:
                claim.set_result(owners.get(session_id))

    async def _ask(self, question: Callable[[NodeTable], _Result]) -> _Result:
        def run() -> _Result:
            if self._connection is None:
                self._connection = self._database.connect()
            return question(NodeTable(self._connection))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        except RuntimeError as closed:
            # The pool refuses work after its shutdown.
            raise DatabaseError("the server stops") from closed


def _log_taken_over(node: str, owners: Mapping[str, Owner]) -> None:
    """One line per session that had another owner before; one for all where a server that had many is gone."""
    taken_over = {
        session_id: owner.term
        for session_id, owner in owners.items()
        if owner.node == node and owner.term > 1  # Nobody owned it before the first term.
    }
    if len(taken_over) > _MOST_LINES:
        log.info("sessions taken over", sessions=len(taken_over), node=node)
        return
    for session_id, term in taken_over.items():
        log.info("session taken over", session_id=session_id, node=node, term=term)


def _unavailable() -> Unavailable:
    return Unavailable("unavailable", "The session cannot be reached just now; try again in a moment.")
