"""The thread that sends due mails, for as long as the publisher runs."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from pathlib import Path

import structlog

from engine.domain.instant import Millis
from engine.storage.database import Database, DatabaseError, DatabaseLocked, DatabaseLost
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.published import Catalogue
from publisher.delivery.due_mail import Outage, deliver_due
from publisher.delivery.one_mail import without_addresses
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.rendering.studio import InvalidStudio

__all__ = ["MailDelivery"]

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_LOOK_FOR_TURN_S = 5.0
_PAUSE_S = 60.0


class MailDelivery:
    """A thread that sends due mails: a slow mail server must hold no page up.

    Of several servers on a database one sends at a time, and another goes on when that one is gone. ``pause_s`` is how long
    it waits after a fault before it tries again.
    """

    def __init__(self, data: Path, database: Database, smtp_url: str, *, pause_s: float = _PAUSE_S) -> None:
        self._pause_s = pause_s
        self._data = data
        self._database = database
        self._smtp_url = smtp_url
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mail-delivery", daemon=True)

    def __enter__(self) -> MailDelivery:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # A mail that is cut off here is recovered as uncertain at the next start.
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            lost = threading.Event()
            try:
                with self._database.hold("mail", lost.set):
                    self._send_until(lost)
            except DatabaseLocked:
                # Another server sends; whatever it leaves half done is then found below.
                self._closing.wait(_LOOK_FOR_TURN_S)
            except Exception as error:  # noqa: BLE001 — logged, and tried again
                _log_fault(error, _LOOK_FOR_TURN_S)
                self._closing.wait(_LOOK_FOR_TURN_S)

    def _send_until(self, lost: threading.Event) -> None:
        """Send what is due until the end, or until another server has the turn."""
        recovered = False
        outage = Outage()
        while not (self._closing.is_set() or lost.is_set()):
            try:
                with self._database.connect() as connection:
                    catalogue = Catalogue(connection)
                    if not recovered:
                        DueDeliveries(catalogue).recover(_now())
                        recovered = True
                    while not (self._closing.wait(_LOOK_EVERY_S) or lost.is_set()):
                        if DueDeliveries(catalogue).due(_now(), 1):
                            texts = open_draft_desk(self._data, connection).texts
                            asyncio.run(deliver_due(texts, catalogue, self._smtp_url, _now, outage=outage))
            except Exception as error:  # noqa: BLE001 — logged, and tried again
                # The thread outlives every fault: without it no mail leaves until the server starts again.
                away = isinstance(error, DatabaseLost | DatabaseLocked)
                pause_s = min(_LOOK_FOR_TURN_S, self._pause_s) if away else self._pause_s
                _log_fault(error, pause_s)
                # What it was sending then, nobody sends any more.
                recovered = False
                self._closing.wait(pause_s)


def _log_fault(error: Exception, pause_s: float) -> None:
    """Log why nothing is sent for a while; of an unforeseen fault also where it came from, without what it was working on."""
    if isinstance(error, InvalidStudio | ValueError | DatabaseError):
        _log.error("mail not sent", problem=without_addresses(str(error)), again_in_s=pause_s)
    else:
        _log.error("mail not sent", problem=without_addresses(error), again_in_s=pause_s, where=_where(error))


def _where(error: Exception) -> str:
    (*_, last) = traceback.extract_tb(error.__traceback__)
    return f"{Path(last.filename).name}:{last.lineno}"


def _now() -> Millis:
    return time.time_ns() // 1_000_000
