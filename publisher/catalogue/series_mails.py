"""What changes in several sessions of a series: the rows of ``deliveries`` about it that one mail tells.

A series that ends or moves changes each of its sessions. Whoever comes to every one of them gets one mail.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.domain.instant import Millis
from engine.domain.registrations import PlaceMail
from engine.storage.database import Connection, one_of
from engine.storage.registrations import Registrations

__all__ = ["GATHERED", "Waiting", "waiting_with"]

GATHERED = (PlaceMail.MOVED, PlaceMail.CANCELLED, PlaceMail.CAME_UP)
"""The kinds of mails that are told together."""


class Waiting(NamedTuple):
    """A row that is to be told."""

    session_id: str
    kind: str
    attempts: int
    due_at: Millis


def waiting_with(connection: Connection, recipient: str, session_id: str, kind: str) -> list[Waiting]:
    """What waits to be told with a mail about a change, itself included: of somebody who comes to a series, of all its sessions."""
    owner = Registrations(connection).get(recipient)
    together = owner is not None and owner.series_id is not None
    among, kinds = one_of("kind", map(str, GATHERED))
    rows = connection.rows(
        "SELECT session_id, kind, attempts, due_at FROM deliveries WHERE recipient = :recipient"
        f" AND state = 'preparing' AND kind IN {among} ORDER BY session_id, kind",
        recipient=recipient,
        **kinds,
    )
    waiting = [Waiting(row["session_id"], row["kind"], row["attempts"], row["due_at"]) for row in rows]
    own = (session_id, kind)
    return [each for each in waiting if together or (each.session_id, each.kind) == own]
