"""How often something may be asked for by somebody within a time: a network address, a mailbox, a key."""

from __future__ import annotations

import hashlib

from engine.domain.instant import Millis
from engine.storage.database import Connection

__all__ = ["RequestLimits"]


class RequestLimits:
    """What was asked for lately, over one connection. Blocking; part of its caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, who: str, at: Millis, *, most: int, within: Millis) -> Millis:
        """Count one request of ``who``, unless they had as many as they may within a time.

        Returns 0 when it was counted, else how long to wait. Who it was is kept as a digest, for as long as it counts.
        """
        digest = hashlib.sha256(who.encode()).hexdigest()
        self._connection.execute("DELETE FROM registration_requests WHERE until <= :at", at=at)
        rows = self._connection.rows(
            "SELECT until FROM registration_requests WHERE who = :who ORDER BY until DESC LIMIT :most",
            who=digest,
            most=most,
        )
        if len(rows) >= most:
            return max(1, int(rows[-1]["until"]) - at)
        self._connection.execute(
            "INSERT INTO registration_requests (who, until) VALUES (:who, :until)",
            who=digest,
            until=at + within,
        )
        return 0
