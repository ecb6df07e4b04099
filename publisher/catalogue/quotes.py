"""Identifies the quotes of a session by a key made of their words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from engine.domain.snapshot import Quote, Snapshot

__all__ = ["approved_quotes", "quote_key"]


def quote_key(quote: Quote) -> str:
    """Twelve hex digits of the words and the name: the same quote in a later version keeps its decision."""
    return hashlib.sha256(f"{quote.name or ''}\n{quote.text}".encode()).hexdigest()[:12]


def approved_quotes(snapshot: Snapshot, states: Mapping[str, str]) -> tuple[Quote, ...]:
    """The quotes that were approved, in the snapshot's order."""
    return tuple(quote for quote in snapshot.quotes if states.get(quote_key(quote)) == "approved")
