"""What a publisher polls a database that servers share for, in one statement."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.storage.database import Connection

__all__ = ["OutboxPoll", "poll_outbox"]


@dataclass(frozen=True, slots=True)
class OutboxPoll:
    """Whether there is anything to do."""

    due: Millis | None
    """When the first job that waits is due; None without one."""
    servers: int
    """How many servers take sessions."""
    others_run: bool
    """Another publisher has jobs in hand, or had them when it died."""
    beside: int
    """What the caller asked beside."""


def poll_outbox(connection: Connection, site: str, beside: str) -> OutboxPoll:
    """Poll for the publisher of a copy of the site.

    ``beside`` is a number of the caller's own, as SQL in which ``:site`` stands for that copy: one statement has both.
    """
    row = connection.row(
        "SELECT (SELECT min(next_attempt_at) FROM outbox WHERE state = 'pending') AS due,"
        " (SELECT count(*) FROM nodes WHERE draining = 0) AS servers,"
        " (SELECT count(*) FROM outbox WHERE state = 'running' AND claimed_by <> :site) AS others_run,"
        f" ({beside}) AS beside",
        site=site,
    )
    assert row is not None
    return OutboxPoll(row["due"], row["servers"], row["others_run"] > 0, row["beside"])
