"""The table of drafts: the state of each, and what somebody wrote in place of its text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.storage.database import Row
from publisher.catalogue.published import Catalogue

__all__ = ["DraftRow", "Drafts"]


@dataclass(frozen=True, slots=True)
class DraftRow:
    """The draft of one channel; its text is rendered from the snapshot unless it was edited."""

    channel: str
    version: int
    """Of the snapshot that it was made of."""
    state: str
    """``waiting``, ``approved`` or ``withdrawn``."""
    edited: Mapping[str, str] | None
    """What somebody wrote instead, by field; None while nobody did."""


class Drafts:
    """The table of drafts. Blocking. Each method is one transaction."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._connection = catalogue.connection

    def put(self, session_id: str, version: int, states: Mapping[str, str], at: Millis) -> None:
        """Write the drafts of a version by channel; one that somebody decided keeps its state, and what was edited."""
        self._connection.many(
            "INSERT INTO drafts (session_id, channel, version, state, updated_at)"
            " VALUES (:id, :channel, :version, :state, :at) ON CONFLICT (session_id, channel) DO UPDATE"
            " SET version = excluded.version, updated_at = excluded.updated_at,"
            " state = CASE WHEN drafts.state = 'waiting' THEN excluded.state ELSE drafts.state END",
            [
                {"id": session_id, "channel": channel, "version": version, "state": state, "at": at}
                for channel, state in states.items()
            ],
        )

    def of(self, session_id: str) -> dict[str, DraftRow]:
        """Every draft of a session by its channel, in order."""
        rows = self._connection.rows(
            "SELECT * FROM drafts WHERE session_id = :id ORDER BY channel", id=session_id
        )
        return {row["channel"]: _draft(row) for row in rows}

    def get(self, session_id: str, channel: str) -> DraftRow | None:
        """One draft, or None."""
        row = self._connection.row(
            "SELECT * FROM drafts WHERE session_id = :id AND channel = :channel",
            id=session_id,
            channel=channel,
        )
        return None if row is None else _draft(row)

    def waiting(self, limit: int) -> list[str]:
        """The sessions with a draft that nobody has decided on, the newest first."""
        rows = self._connection.rows(
            "SELECT session_id FROM drafts WHERE state = 'waiting' GROUP BY session_id"
            " ORDER BY max(updated_at) DESC, session_id LIMIT :limit",
            limit=limit,
        )
        return [row["session_id"] for row in rows]

    def edit(self, session_id: str, channel: str, edited: Mapping[str, str], at: Millis) -> None:
        """Keep what somebody wrote in place of a draft's text."""
        self._connection.execute(
            "UPDATE drafts SET edited = :edited, updated_at = :at WHERE session_id = :id AND channel = :channel",
            edited=json.dumps(edited, ensure_ascii=False),
            at=at,
            id=session_id,
            channel=channel,
        )

    def decide(self, session_id: str, channels: Iterable[str], state: str, at: Millis) -> None:
        """Set the state of those of the channels that have a draft."""
        self._connection.many(
            "UPDATE drafts SET state = :state, updated_at = :at WHERE session_id = :id AND channel = :channel",
            [{"state": state, "at": at, "id": session_id, "channel": channel} for channel in channels],
        )


def _draft(row: Row) -> DraftRow:
    edited = json.loads(row["edited"]) if row["edited"] else None
    return DraftRow(row["channel"], row["version"], row["state"], edited)
