"""Reads the versions of sessions' stories. ``stories`` writes them, with the jobs that publish them."""

from __future__ import annotations

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import Connection

__all__ = ["StoryReader"]


class StoryReader:
    """The stored snapshots, over one connection. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def snapshot(self, session_id: str, version: int | None = None) -> Snapshot | None:
        """A version of a session's story, the newest without ``version``; None where there is none."""
        document = self.document(session_id, version)
        return None if document is None else Snapshot.model_validate_json(document)

    def document(self, session_id: str, version: int | None = None) -> str | None:
        """The same as it is stored, to be compared with what is stored later."""
        only = "" if version is None else " AND version = :version"
        values = {} if version is None else {"version": version}
        document: str | None = self._connection.value(
            f"SELECT document FROM snapshots WHERE session_id = :id{only} ORDER BY version DESC LIMIT 1",
            id=session_id,
            **values,
        )
        return document

    def own_story(self, session_id: str) -> Snapshot | None:
        """What a session that was led here tells of itself by now, whatever summary stands over it; None where nothing."""
        rows = self._connection.rows(
            "SELECT document FROM snapshots WHERE session_id = :id ORDER BY version DESC", id=session_id
        )
        stories = (Snapshot.model_validate_json(row["document"]) for row in rows)
        return next((story for story in stories if story.source == "live"), None)

    def by_content_id(self, content_id: str) -> Snapshot | None:
        """The version that was published under a ``content_id``."""
        document = self._connection.value(
            "SELECT document FROM snapshots WHERE content_id = :content_id", content_id=content_id
        )
        return None if document is None else Snapshot.model_validate_json(document)

    def content_id(self, session_id: str, version: int) -> str | None:
        """Under which ``content_id`` a version is published."""
        found: str | None = self._connection.value(
            "SELECT content_id FROM snapshots WHERE session_id = :id AND version = :version",
            id=session_id,
            version=version,
        )
        return found

    def written_at(self, session_id: str, version: int) -> Millis | None:
        """When a version of a session's story was written."""
        at: Millis | None = self._connection.value(
            "SELECT created_at FROM snapshots WHERE session_id = :id AND version = :version",
            id=session_id,
            version=version,
        )
        return at
