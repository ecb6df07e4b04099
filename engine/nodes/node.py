"""One server among several on a database: its membership, the sessions that it owns, and what follows from both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from engine.domain.instant import Millis
from engine.nodes.membership import Membership, NodeFacts
from engine.nodes.ownership import SharedOwnership
from engine.storage.database import Database
from engine.storage.journal import Append, Done
from engine.storage.nodes import BUILDS_FIRST_SITE

__all__ = ["Node", "NodeJournal", "NodeSessions"]

_PEER_ANSWERS_WITHIN_S = 3.0


class NodeJournal(Protocol):
    """The journal, which writes for a node."""

    node: str | None

    def append(self, entry: Append, done: Done) -> None:
        """Write an entry after all those before it, and what the database lacks before it."""
        ...


class NodeSessions(Protocol):
    """The sessions in memory."""

    async def take_over(self, session_ids: Sequence[str]) -> None:
        """Claim and load sessions that have no owner."""
        ...

    def let_go(self) -> None:
        """Close every socket, and drop every session without writing anything more."""
        ...


class Node:
    """This server among the others. ``join`` before sessions are loaded, ``leave`` after the last of them is written."""

    def __init__(
        self,
        database: Database,
        data: Path,
        facts: NodeFacts,
        now: Callable[[], Millis],
        site_at: Callable[[], Millis | None] = lambda: None,
    ) -> None:
        self.ownership = SharedOwnership(database)
        self.membership = Membership(
            database,
            data,
            facts,
            now=now,
            load=lambda: len(self.ownership),
            site_at=site_at,
            ask_peer=self._ask_peer,
            listener=self,
        )
        self._journal: NodeJournal | None = None
        self._sessions: NodeSessions | None = None
        self._http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def join(self, journal: NodeJournal, sessions: NodeSessions) -> None:
        """Become a node whose entries ``journal`` writes, and whose sessions are ``sessions``.

        Raises:
            DatabaseError: the database cannot be used.
        """
        self._journal, self._sessions = journal, sessions
        await self.membership.join()

    async def leave(self) -> None:
        """Stop being a node."""
        for task in self._tasks:
            task.cancel()
        await self.membership.leave()
        self.ownership.close()
        if self._http is not None:
            await self._http.close()

    # -- as the membership's listener ---------------------------------------------------------------

    def joined(self, node: str) -> None:
        """From now on claim and write as this node."""
        self.ownership.node = node
        if self._journal is not None:
            self._journal.node = node

    def evicted(self) -> None:
        """Nothing is written any more until this process has joined anew: the journal's node is a dead one."""
        self.ownership.node = ""
        self.ownership.lose_all()
        self.cut_off()

    def cut_off(self) -> None:
        """Send everybody away, to where the sessions are or will be."""
        if self._sessions is not None:
            self._sessions.let_go()

    def unowned(self, session_ids: Sequence[str]) -> None:
        """Take sessions over."""
        if self._sessions is not None:
            task = asyncio.create_task(self._sessions.take_over(session_ids))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def failed_over(self, whole: Callable[[], None]) -> None:
        """Have the journal write again what the server of now lacks: an entry of nothing waits for that."""
        if self._journal is not None:
            self._journal.append(Append("", 0, ()), lambda error: whole() if error is None else None)

    async def _ask_peer(self, url: str) -> bool | None:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_PEER_ANSWERS_WITHIN_S), trust_env=False
            )
        try:
            async with self._http.get(f"{url}/readyz") as response:
                return response.status == 200 or BUILDS_FIRST_SITE in await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return None
