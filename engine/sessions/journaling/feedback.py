"""Feedback, consents and names in the table of people: the row that a command makes of the row before it.

The session's actor alone makes these rows, each from the row that it knows at that turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.session import Session
from engine.domain.snapshot import Quote
from engine.storage.rows import PersonRow

__all__ = ["quotes_of", "row_after"]


def row_after(
    command: c.Command, sender: c.Sender, before: Session, people: Mapping[str, PersonRow], at: Millis
) -> PersonRow | None:
    """The row of a person after an accepted command that concerns it; None where it changes nothing.

    ``before`` is the state in which it was accepted. What people say themselves is accepted of those alone who have not
    withdrawn, and who connects comes again; only a platform may speak of somebody who took everything back.
    """

    def known(client_id: str | None) -> PersonRow:
        assert client_id is not None
        return people.get(client_id) or PersonRow(before.session_id, client_id, at)

    match command:
        case c.RateSession():
            return _rated(known(sender.client_id), command, at)
        case c.Consent():
            return _consented(known(sender.client_id), command, at)
        case c.LeaveAddress():
            return replace(known(sender.client_id), email=command.address, updated_at=at)
        case c.Join() | c.ReportJoined() if command.name is not None:
            member = before.members.get(command.client_id)
            row = known(command.client_id)
            taken_back = isinstance(command, c.ReportJoined) and member is not None and member.withdrew
            # A name that somebody has here is theirs: neither a platform nor a later connection overwrites it.
            return None if row.name or taken_back else replace(row, name=command.name, updated_at=at)
        case _:
            return None


def quotes_of(people: Iterable[PersonRow]) -> tuple[Quote, ...]:
    """The quotes that their authors allowed, in a stable order; the studio approves each before it is shown.

    A name stands beside one only with its own permission; never beside a figure.
    """
    allowed = [row for row in people if row.publish_quote and row.comment]
    return tuple(
        Quote(text=row.comment or "", name=row.name if row.publish_name else None)
        for row in sorted(allowed, key=lambda row: row.client_id)
    )


def _rated(person: PersonRow, rating: c.RateSession, at: Millis) -> PersonRow:
    """Rating, comment and permissions, with the version of the words that asked for them.

    A quote waits for the studio's approval; changed words wait again.
    """
    quoted = rating.publish_quote and rating.comment is not None
    given = {
        "publish_quote": quoted,
        "publish_name": rating.publish_name,
        "publish_version": rating.version,
        "publish_at": at,
    }
    return replace(
        person,
        consents=json.dumps({**json.loads(person.consents), **given}),
        rating=rating.rating,
        comment=rating.comment,
        publish_quote=quoted,
        publish_name=rating.publish_name,
        quote_state="waiting" if quoted else None,
        updated_at=at,
    )


def _consented(person: PersonRow, consent: c.Consent, at: Millis) -> PersonRow:
    """The consents as they stand, with the version of the words that were shown."""
    given = {"heart_rate": consent.heart_rate, "group": consent.group, "version": consent.version, "at": at}
    return replace(person, consents=json.dumps({**json.loads(person.consents), **given}), updated_at=at)
