"""What became of mails, for operators: how many are in which state, why they wait, and which addresses are paused."""

from __future__ import annotations

from dataclasses import dataclass

from engine.storage.database import Connection

__all__ = ["MailCount", "mail_counts", "paused_addresses", "waits_because"]


@dataclass(frozen=True, slots=True)
class MailCount:
    """How many mails of a kind are in a state."""

    kind: str
    state: str
    held: bool
    """They wait because the mail server did not take them, or refuses the studio itself."""
    of_session: bool
    """Not of those that one person asked for, to confirm the newsletter or to sign in."""
    mails: int


def mail_counts(connection: Connection) -> list[MailCount]:
    """Of every kind and state there is; nothing where no publisher ever ran on this database."""
    if not connection.has_table("deliveries"):
        return []
    rows = connection.rows(
        "SELECT kind, state, CASE WHEN state = 'preparing' AND error IS NOT NULL THEN 1 ELSE 0 END AS held,"
        " CASE WHEN session_id <> '' THEN 1 ELSE 0 END AS of_session, count(*) AS mails"
        " FROM deliveries GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    return [
        MailCount(row["kind"], row["state"], bool(row["held"]), bool(row["of_session"]), row["mails"])
        for row in rows
    ]


def waits_because(
    connection: Connection, session_id: str | None = None, kind: str | None = None
) -> str | None:
    """What the mail server said last to a mail that waits; of all sessions and kinds, or of one."""
    reason: str | None = connection.value(
        "SELECT error FROM deliveries WHERE state = 'preparing' AND error IS NOT NULL"
        " AND session_id = coalesce(:id, session_id) AND kind = coalesce(:kind, kind)"
        " ORDER BY updated_at DESC LIMIT 1",
        id=session_id,
        kind=kind,
    )
    return reason


def paused_addresses(connection: Connection) -> int:
    """How many subscribers get no newsletter, as their mailbox was unknown twice in a row."""
    return int(connection.value("SELECT count(*) FROM subscribers WHERE state = 'paused'"))
