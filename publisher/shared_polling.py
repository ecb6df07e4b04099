"""Polls a database that publishers share: when this one makes a round, and whose jobs it takes.

A round takes a dozen statements, of a database that has many publishers: it is made when a poll finds something to do.
"""

from __future__ import annotations

import time
from contextlib import suppress

import structlog

from engine.domain.instant import SECOND, Millis
from engine.storage.database import Database, DatabaseError, DatabaseLocked, DatabaseLost
from engine.storage.outbox import Outbox
from engine.storage.outbox_poll import poll_outbox
from publisher.catalogue.dirty_pages import MARKED
from publisher.catalogue.published import Catalogue

__all__ = ["SharedPolling", "lock_name"]

_POLL_EVERY_S = 2.5
"""What another publisher marks is told at once; a server of an older version tells nothing."""
_ASK_FOR_OTHERS_EVERY_S = 5.0
_ROUND_EVERY_S = 60.0
"""Within it a setting that another server changed is noticed; ``studio.toml`` is looked at each time."""
_PATIENCE: Millis = 5 * SECOND
"""Jobs are left so long to the publisher whose server queued them: it reports to those who wait for them."""

_log = structlog.get_logger(__name__)


def lock_name(site: str) -> str:
    """What the publisher of a copy of the site holds (``Database.hold``)."""
    return f"publisher of {site}"


class SharedPolling:
    """Polls, with one statement each, whether a round would find anything to do."""

    def __init__(self, database: Database, catalogue: Catalogue, outbox: Outbox) -> None:
        self._database = database
        self._catalogue = catalogue
        self._outbox = outbox
        self._round_due = 0.0
        self._others_due = 0.0
        self._due: Millis | None = None
        self.patience: Millis = 0
        """How long a job must have been due before it is taken from those who know of it first."""

    def round_done(self, *, busy: bool) -> None:
        """A whole round was made; another one follows at once where something is going on."""
        self._round_due = time.monotonic() + (0.0 if busy else _ROUND_EVERY_S)

    def nothing_to_do(self) -> bool:
        """Whether a round can be left out: it would find no page marked and no job due."""
        try:
            seen = poll_outbox(self._catalogue.connection, self._catalogue.site, MARKED)
        except (DatabaseLocked, DatabaseLost):
            self._due = None
            return True
        self.patience = _PATIENCE if seen.servers > 1 else 0
        self._due = seen.due
        now = time.monotonic()
        if seen.others_run and now >= self._others_due:
            self._others_due = now + _ASK_FOR_OTHERS_EVERY_S
            with suppress(DatabaseError):
                self._queue_left_behind()
        return now < self._round_due and not seen.beside and self.seconds() > 0

    def seconds(self) -> float:
        """How long until the next poll."""
        if self._due is None:
            return _POLL_EVERY_S
        left = (self._due + self.patience) / 1000 - time.time()
        return min(_POLL_EVERY_S, max(0.0, left))

    def _queue_left_behind(self) -> None:
        """Queue the jobs again that a publisher had in hand when it died."""
        for claimer in self._outbox.other_claimers():
            if not self._database.is_held(lock_name(claimer)):
                jobs = self._outbox.requeue_interrupted(claimer)
                _log.warning("jobs of a dead publisher", site=claimer, queued_again=jobs)
