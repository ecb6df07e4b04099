"""What somebody took back, or whose time is over, goes from what the publisher keeps as well."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.domain.instant import Millis
from engine.domain.snapshot import Quote, Snapshot
from engine.storage.database import connect, scrub
from publisher.catalogue.deliveries import PERSONAL
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key

__all__ = ["enforce_retention", "forget_recipients", "retracts", "strip_quotes"]


def enforce_retention(database: Path, ended_before: Millis) -> int:
    """After the rows of people went: what else is kept of them; returns how many stories lost a quote.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    with closing(connect(database)) as connection:
        changed = strip_quotes(Catalogue(connection), ended_before)
        if changed + forget_recipients(connection):
            scrub(connection)
    return changed


def retracts(before: Snapshot, now: Snapshot) -> bool:
    """Whether a newer version of a story no longer says something that the older said of people."""
    return not set(before.quotes) <= set(now.quotes) or not set(before.curves) <= set(now.curves)


def forget_recipients(connection: sqlite3.Connection) -> int:
    """Remove the mails to people who withdrew, or whose rows are past retention; returns how many."""
    return connection.execute(
        "DELETE FROM deliveries WHERE kind = ? AND state <> 'submitting' AND NOT EXISTS"
        " (SELECT 1 FROM people p WHERE p.session_id = deliveries.session_id"
        " AND p.client_id = deliveries.recipient AND p.email IS NOT NULL)",
        (PERSONAL,),
    ).rowcount


def strip_quotes(catalogue: Catalogue, ended_before: Millis) -> int:
    """Remove the quotes that nobody approved from the stories of sessions that ended before an instant.

    Those on the page stay, as their authors allowed. Returns how many stored stories changed.
    """
    changed = 0
    with catalogue.transaction():
        for table, key in (("snapshots", "version"), ("published", "content_id")):
            rows = catalogue.connection.execute(
                f"SELECT session_id, {key} AS version, document FROM {table}"
                " WHERE json_extract(document, '$.ended_at') < ? AND json_array_length(document, '$.quotes') > 0",
                (ended_before,),
            ).fetchall()
            for row in rows:
                document = json.loads(row["document"])
                states = catalogue.quote_states(row["session_id"])
                kept = [
                    quote
                    for quote in document["quotes"]
                    if states.get(quote_key(Quote.model_validate(quote))) == "approved"
                ]
                if len(kept) == len(document["quotes"]):
                    continue
                catalogue.connection.execute(
                    f"UPDATE {table} SET document = json_set(document, '$.quotes', json(?))"
                    f" WHERE session_id = ? AND {key} = ?",
                    (json.dumps(kept, ensure_ascii=False), row["session_id"], row["version"]),
                )
                changed += 1
        catalogue.connection.execute(
            "DELETE FROM quotes WHERE state <> 'approved' AND session_id IN (SELECT session_id FROM published"
            " WHERE json_extract(document, '$.ended_at') < ?)",
            (ended_before,),
        )
    return changed
