"""What a participant says of themselves and of the session, in the table of people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from engine.domain.commands import Consent, RateSession
from engine.domain.instant import Millis
from engine.domain.snapshot import Quote
from engine.storage.rows import PersonRow

__all__ = ["consented", "quotes_of", "rated"]


def quotes_of(people: Iterable[PersonRow]) -> tuple[Quote, ...]:
    """The quotes that their authors allowed, in a stable order; the studio approves each before it is shown.

    A name stands beside one only with its own permission; never beside a figure.
    """
    allowed = [row for row in people if row.publish_quote and row.comment]
    return tuple(
        Quote(text=row.comment or "", name=row.name if row.publish_name else None)
        for row in sorted(allowed, key=lambda row: row.client_id)
    )


def rated(person: PersonRow, opinion: RateSession, at: Millis) -> PersonRow:
    """Rating, comment and permissions, with the version of the words that asked for them.

    A quote waits for the studio's approval; changed words wait again.
    """
    quoted = opinion.publish_quote and opinion.comment is not None
    given = {
        "publish_quote": quoted,
        "publish_name": opinion.publish_name,
        "publish_version": opinion.version,
        "publish_at": at,
    }
    return replace(
        person,
        consents=json.dumps({**json.loads(person.consents), **given}),
        rating=opinion.rating,
        comment=opinion.comment,
        publish_quote=quoted,
        publish_name=opinion.publish_name,
        quote_state="waiting" if quoted else None,
        updated_at=at,
    )


def consented(person: PersonRow, consent: Consent, at: Millis) -> PersonRow:
    """The consents as they stand, with the version of the words that were shown."""
    given = {"heart_rate": consent.heart_rate, "group": consent.group, "version": consent.version, "at": at}
    return replace(person, consents=json.dumps({**json.loads(person.consents), **given}), updated_at=at)
