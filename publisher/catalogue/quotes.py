"""Participants' quotes, each known by a key made of its words, and what the studio decided on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from engine.domain.instant import Millis
from engine.domain.snapshot import Quote, Snapshot
from engine.storage.database import Connection
from publisher.catalogue.dirty_pages import DirtyPages

__all__ = ["Quotes", "approved_quotes", "quote_key"]


def quote_key(quote: Quote) -> str:
    """Twelve hex digits of the words and the name: the same quote in a later version keeps its decision."""
    return hashlib.sha256(f"{quote.name or ''}\n{quote.text}".encode()).hexdigest()[:12]


def approved_quotes(snapshot: Snapshot, states: Mapping[str, str]) -> tuple[Quote, ...]:
    """The quotes that were approved, in the snapshot's order."""
    return tuple(quote for quote in snapshot.quotes if states.get(quote_key(quote)) == "approved")


class Quotes:
    """The table of decisions on quotes, over one connection. Blocking."""

    def __init__(self, connection: Connection, dirty: DirtyPages) -> None:
        self._connection = connection
        self._dirty = dirty

    def states(self, session_id: str) -> dict[str, str]:
        """``waiting``, ``approved`` or ``withdrawn`` by the quote's key."""
        rows = self._connection.rows("SELECT key, state FROM quotes WHERE session_id = :id", id=session_id)
        return {row["key"]: row["state"] for row in rows}

    def approved(self) -> dict[str, list[str]]:
        """The keys of the quotes that stand on pages, by session."""
        quotes: dict[str, list[str]] = {}
        for row in self._connection.rows(
            "SELECT session_id, key FROM quotes WHERE state = 'approved' ORDER BY session_id, key"
        ):
            quotes.setdefault(row["session_id"], []).append(row["key"])
        return quotes

    def decide(self, session_id: str, key: str, state: str, at: Millis) -> bool:
        """Approve or withdraw a quote; whether it exists. Its page is marked."""
        with self._connection.transaction():
            changed = self._connection.execute(
                "UPDATE quotes SET state = :state, updated_at = :at WHERE session_id = :id AND key = :key",
                state=state,
                at=at,
                id=session_id,
                key=key,
            )
            if changed:
                self._dirty.mark([f"session/{session_id}"])
        return bool(changed)

    def store(self, snapshot: Snapshot, at: Millis) -> None:
        """Keep the quotes of a new version, each with the decision that it had; in the caller's transaction."""
        state = "approved" if snapshot.approved else "waiting"
        decided = {} if snapshot.origin is None else snapshot.origin.quotes
        kept = [quote_key(quote) for quote in snapshot.quotes]
        # A quote that is no longer in the snapshot was taken back by whoever said it.
        self._connection.many(
            "DELETE FROM quotes WHERE session_id = :id AND key = :key",
            [
                {"id": snapshot.session_id, "key": key}
                for key in self.states(snapshot.session_id).keys() - set(kept)
            ],
        )
        self._connection.many(
            "INSERT INTO quotes (session_id, key, state, updated_at) VALUES (:id, :key, :state, :at)"
            " ON CONFLICT DO NOTHING",
            [
                {"id": snapshot.session_id, "key": key, "state": decided.get(key, state), "at": at}
                for key in kept
            ],
        )
