"""Removes from the publisher's tables what somebody took back, or what is past retention."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from engine.domain.instant import Millis
from engine.domain.snapshot import Quote, Snapshot
from engine.storage import stories
from engine.storage.database import Database, one_of
from engine.storage.session_reader import SessionReader
from engine.storage.sign_ins import SignIns
from publisher.catalogue.deliveries import KEY_MAILS, PERSONAL
from publisher.catalogue.letters import Letters
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key
from publisher.catalogue.registrar import Registrar

__all__ = ["enforce_retention", "forget_recipients", "retracts", "strip_quotes"]


def enforce_retention(database: Database, ended_before: Millis) -> int:
    """Remove what is kept of people whose rows went at the end of retention; returns how many stories lost a quote.

    Raises:
        DatabaseError: the tables cannot be read or written.
    """
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        changed = strip_quotes(catalogue, ended_before)
        gone = Letters(catalogue).forget(ended_before) + _forget_key_mails(catalogue, ended_before)
        if changed + gone + forget_recipients(catalogue):
            connection.discard_deleted()
    return changed


def retracts(before: Snapshot, now: Snapshot) -> bool:
    """Whether a newer version of a snapshot lacks a quote or a figure that the older one had."""
    return not set(before.quotes) <= set(now.quotes) or not set(before.curves) <= set(now.curves)


def forget_recipients(catalogue: Catalogue) -> int:
    """Remove the mails to people who withdrew, or whose rows are past retention; returns how many."""
    connection = catalogue.connection
    rows = connection.rows(
        "SELECT session_id, recipient FROM deliveries WHERE kind = :kind AND state <> 'submitting'"
        " ORDER BY session_id, recipient",
        kind=PERSONAL,
    )
    reader = SessionReader(connection)
    present = {
        session_id: {each.client_id for each in reader.recipients(session_id)}
        for session_id in {row["session_id"] for row in rows}
    }
    return Registrar(catalogue).forget_mails() + sum(
        connection.execute(
            "DELETE FROM deliveries WHERE session_id = :id AND kind = :kind AND recipient = :recipient"
            " AND state <> 'submitting'",
            id=row["session_id"],
            kind=PERSONAL,
            recipient=row["recipient"],
        )
        for row in rows
        if row["recipient"] not in present[row["session_id"]]
    )


def _forget_key_mails(catalogue: Catalogue, before: Millis) -> int:
    """Remove the mails to the owners of keys that are older, or whose key is none any more; returns how many."""
    connection = catalogue.connection
    in_force = SignIns(connection).in_force()
    among, kinds = one_of("kind", KEY_MAILS)
    rows = connection.rows(
        f"SELECT DISTINCT recipient FROM deliveries WHERE kind IN {among} ORDER BY recipient", **kinds
    )
    return sum(
        connection.execute(
            f"DELETE FROM deliveries WHERE kind IN {among} AND recipient = :recipient"
            " AND state <> 'submitting' AND (:gone = 1 OR updated_at < :before)",
            recipient=row["recipient"],
            gone=int(row["recipient"] not in in_force),
            before=before,
            **kinds,
        )
        for row in rows
    )


def strip_quotes(catalogue: Catalogue, ended_before: Millis) -> int:
    """Remove the quotes that nobody approved from the stories of sessions that ended before an instant.

    Those on the page stay, as their authors allowed. Returns how many stored stories changed. Live sessions write beside
    this: a story is read first, and where it changes written in a transaction of its own, which reads it again.
    """
    changed = 0
    connection = catalogue.connection
    for session_id, version in stories.quoted(connection):
        keep = partial(_kept, catalogue, session_id, ended_before)
        if stories.filtered(connection, session_id, version, keep) is not None:
            with catalogue.transaction():
                changed += stories.filter_quotes(connection, session_id, version, keep)
    for session_id in _published_with_quotes(catalogue):
        if _to_strip(catalogue, session_id, ended_before) is not None:
            with catalogue.transaction():
                changed += _strip_published(catalogue, session_id, ended_before)
    return changed


def _kept(catalogue: Catalogue, session_id: str, ended_before: Millis, document: dict[str, Any]) -> list[Any]:
    """The quotes that a story may keep."""
    quotes: list[Any] = document.get("quotes", [])
    if document.get("ended_at", ended_before) >= ended_before:
        return quotes
    states = catalogue.quotes.states(session_id)
    return [quote for quote in quotes if states.get(quote_key(Quote.model_validate(quote))) == "approved"]


def _published_with_quotes(catalogue: Catalogue) -> list[str]:
    rows = catalogue.connection.rows(
        "SELECT session_id FROM published WHERE document LIKE :quoted OR document LIKE :spaced"
        " UNION SELECT q.session_id FROM quotes q JOIN published p ON p.session_id = q.session_id"
        " WHERE q.state <> 'approved' ORDER BY session_id",
        **stories.QUOTED,
    )
    return [row["session_id"] for row in rows]


def _to_strip(catalogue: Catalogue, session_id: str, ended_before: Millis) -> dict[str, Any] | None:
    """The document of a published session that ended before, if any quote of it goes."""
    text = catalogue.connection.value("SELECT document FROM published WHERE session_id = :id", id=session_id)
    document: dict[str, Any] = json.loads(text or "{}")
    if document.get("ended_at", ended_before) >= ended_before:
        return None
    kept = _kept(catalogue, session_id, ended_before, document)
    all_approved = set(catalogue.quotes.states(session_id).values()) <= {"approved"}
    return None if all_approved and len(kept) == len(document.get("quotes", ())) else document


def _strip_published(catalogue: Catalogue, session_id: str, ended_before: Millis) -> bool:
    document = _to_strip(catalogue, session_id, ended_before)
    if document is None:
        return False
    kept = _kept(catalogue, session_id, ended_before, document)
    catalogue.connection.execute(
        "DELETE FROM quotes WHERE session_id = :id AND state <> 'approved'", id=session_id
    )
    if len(kept) == len(document.get("quotes", ())):
        return False
    catalogue.connection.execute(
        "UPDATE published SET document = :document WHERE session_id = :id",
        document=stories.dumped({**document, "quotes": kept}),
        id=session_id,
    )
    return True
