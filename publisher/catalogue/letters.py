"""The letter of a session: what whoever leads it writes to those who come, once, before it begins.

It goes to confirmed addresses alone, one mail for each, by the rows of ``deliveries``. The row of the letter and those of its
mails are written together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.domain.instant import Millis
from engine.domain.registrations import PlaceMail, PlaceState
from engine.storage.places import Place, Places
from engine.storage.session_reader import SessionReader
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue

__all__ = ["Letter", "LetterWritten", "Letters", "NobodyToWriteTo"]

_AT_ONCE = 500
"""Letters that are looked through in one statement."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was written; ``recipients`` is to how many."""

    session_id: str
    subject: str
    text: str
    written_at: Millis
    recipients: int


class LetterWritten(Exception):
    """There is a letter of this session already."""

    def __init__(self, letter: Letter) -> None:
        super().__init__(letter.session_id)
        self.letter = letter


class NobodyToWriteTo(Exception):
    """Nobody who comes has a confirmed address."""


class Letters:
    """The table over one connection. Blocking."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._connection = catalogue.connection
        self._deliveries = Deliveries(catalogue)
        self._places = Places(catalogue.connection)

    def of(self, session_id: str) -> Letter | None:
        """The letter of a session, or None."""
        row = self._connection.row("SELECT * FROM letters WHERE session_id = :id", id=session_id)
        if row is None:
            return None
        return Letter(row["session_id"], row["subject"], row["text"], row["written_at"], row["recipients"])

    def became_of(self, session_id: str) -> dict[str, Any]:
        """How many of its mails are in each state."""
        return self._deliveries.count_by_state(session_id, PlaceMail.LETTER)

    def readers(self, session_id: str) -> int:
        """To how many a letter would go now."""
        return len(self._recipients(session_id))

    def write(self, session_id: str, subject: str, text: str, at: Millis) -> Letter:
        """Store the letter and its mails, which leave at once; each mailbox gets one.

        Raises:
            LetterWritten: there is one already; nothing is sent.
            NobodyToWriteTo: nobody would get it; nothing is stored.
        """
        with self._catalogue.transaction():
            # Nobody comes or leaves meanwhile, and of two who write at once the second one waits here.
            self._places.lock(session_id)
            known = self.of(session_id)
            if known is not None:
                raise LetterWritten(known)
            recipients = self._recipients(session_id)
            if not recipients:
                raise NobodyToWriteTo
            letter = Letter(session_id, subject, text, at, len(recipients))
            self._connection.execute(
                "INSERT INTO letters (session_id, subject, text, written_at, recipients)"
                " VALUES (:session_id, :subject, :text, :at, :recipients)",
                session_id=session_id,
                subject=subject,
                text=text,
                at=at,
                recipients=letter.recipients,
            )
            for address, place in recipients.items():
                self._deliveries.schedule_one(
                    session_id, PlaceMail.LETTER, place.registration.registration, address, at, at
                )
        return letter

    def forget(self, before: Millis) -> int:
        """Remove the letters of sessions that were over before an instant; returns how many."""
        rows = self._connection.rows("SELECT session_id FROM letters ORDER BY session_id")
        written = [row["session_id"] for row in rows]
        reader = SessionReader(self._connection)
        old = [
            session_id
            for first in range(0, len(written), _AT_ONCE)
            for session_id in sorted(reader.over_before(written[first : first + _AT_ONCE], before))
        ]
        self._connection.many("DELETE FROM letters WHERE session_id = :id", [{"id": each} for each in old])
        return len(old)

    def _recipients(self, session_id: str) -> dict[str, Place]:
        """Those who have a place and confirmed an address, by the address; of a mailbox that came twice the first."""
        found: dict[str, Place] = {}
        mailboxes: set[str] = set()
        for place in self._places.places(session_id):
            owner = place.registration
            if place.state is not PlaceState.COMING or owner.address is None or owner.confirmed_at is None:
                continue
            if owner.address.lower() not in mailboxes:
                mailboxes.add(owner.address.lower())
                found[owner.address] = place
        return found
