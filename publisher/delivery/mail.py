"""The post office: sends what is due through the studio's mail server, each mail to one person."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from engine.domain.instant import MINUTE, Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import Database, DatabaseError
from engine.storage.session_reader import Recipient, SessionReader
from publisher.catalogue.deliveries import CONFIRMATION, NEWSLETTER, Deliveries, Delivery
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import subscriber
from publisher.drafts.desk import DraftDesk
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.mail.email import Mail
from publisher.mail.message import PICTURE, message_of
from publisher.rendering.card import card_of
from publisher.rendering.story import story_of
from publisher.rendering.studio import InvalidStudio

__all__ = ["MailDelivery", "deliver_due", "smtp_arguments"]

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_TIMEOUT_S = 30.0
_PAUSE: Millis = MINUTE
_PAUSE_S = _PAUSE / 1000


def smtp_arguments(smtp_url: str) -> dict[str, Any]:
    """The arguments of ``aiosmtplib.SMTP`` for ``smtp://user:password@host:587`` or ``smtps://host``.

    ``smtp://`` upgrades to TLS where the server offers it.

    Raises:
        ValueError: the scheme is another, or there is no host.
    """
    parts = urlsplit(smtp_url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("an address such as smtp://user:password@mail.example.org:587")
    tls = parts.scheme == "smtps"
    return {
        "hostname": parts.hostname,
        "port": parts.port or (465 if tls else 587),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "use_tls": tls,
        "start_tls": None if not tls else False,
    }


async def deliver_due(
    desk: DraftDesk,
    catalogue: Catalogue,
    smtp_url: str,
    now: Callable[[], Millis],
    *,
    timeout_s: float = _TIMEOUT_S,
) -> int:
    """Send everything that is due over one connection; returns how many mails were begun.

    ``timeout_s`` bounds each answer that the server is waited for. Where no connection comes about at all, nothing
    is begun and everything waits a minute.

    Raises:
        ValueError: the studio has no sender, or ``smtp_url`` is no mail server's address.
    """
    if not desk.studio.sender:
        raise ValueError("studio.toml: mail needs a sender")
    deliveries = Deliveries(catalogue)
    begun = 0
    client: aiosmtplib.SMTP | None = None
    try:
        for delivery in deliveries.due(now()):
            message = _message(desk, catalogue, delivery, now())
            if client is None or not client.is_connected:
                client = aiosmtplib.SMTP(**smtp_arguments(smtp_url), timeout=timeout_s)
                try:
                    await client.connect()
                except (aiosmtplib.SMTPException, OSError) as error:
                    waiting = deliveries.postpone_due(_told(error), now(), now() + _PAUSE)
                    _log.warning("mail_server_away", problem=_told(error), waiting=waiting)
                    break
            if not deliveries.begin(delivery, now()):
                continue
            begun += 1
            if message is None:
                deliveries.refused(delivery, "there is nothing to send any more", now(), for_good=True)
            elif not await _handed_over(client, desk.studio.sender, delivery, message, deliveries, now):
                # The next mail begins on a clean connection.
                _left(client)
                client = None
    finally:
        _left(client)
    return begun


async def _handed_over(
    client: aiosmtplib.SMTP,
    sender: str,
    delivery: Delivery,
    message: bytes,
    deliveries: Deliveries,
    now: Callable[[], Millis],
) -> bool:
    """Hand one mail over and write down what came of it; whether the connection is as good as before."""
    leaving = _Leaving(client)
    try:
        await client.mail(sender)
        await client.rcpt(delivery.address)
        await client.data(message)
    except aiosmtplib.SMTPResponseException as error:
        # The server answered, and its answer was no.
        deliveries.refused(delivery, _told(error), now(), for_good=error.code >= 500)
    except (aiosmtplib.SMTPException, OSError) as error:
        if leaving.begun:
            # Between the mail's first byte and the answer nobody knows.
            deliveries.uncertain(delivery, _told(error), now())
        else:
            deliveries.refused(delivery, _told(error), now(), for_good=False)
    else:
        deliveries.submitted(delivery, now())
        return True
    return False


class _Leaving:
    """Notes when a mail itself begins to leave: until then a server that falls silent has surely not taken it."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.begun = False
        self._asked = False
        protocol = client.protocol
        assert protocol is not None
        self._write = type(protocol).write.__get__(protocol)
        protocol.write = self._noted  # type: ignore[method-assign]

    def _noted(self, data: bytes) -> None:
        self.begun = self.begun or self._asked
        self._asked = data == b"DATA\r\n"
        self._write(data)


def _left(client: aiosmtplib.SMTP | None) -> None:
    """Leave a connection, so that the next mail begins on a clean one; what is to be kept of it."""
    if client is not None:
        client.close()


def _told(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:300]
    return f"{type(error).__name__}: {error}"[:300]


def _message(desk: DraftDesk, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes | None:
    seed = hashlib.sha256(
        f"{delivery.session_id}\n{delivery.kind}\n{delivery.recipient}".encode()
    ).hexdigest()[:32]
    message_id = f"{seed}@{desk.links.host}"
    if delivery.kind == CONFIRMATION:
        asked = subscriber(catalogue, delivery.recipient)
        if asked is None:
            return None
        link = desk.links.absolute(f"confirm/{asked.token}")
        mail = desk.mail_from_template(
            "confirm", desk.studio.words("mail.confirm_subject", name=desk.studio.name), link=link
        )
        return message_of(
            mail, desk.studio, message_id=message_id, date=now, picture=b"", to=delivery.address
        )
    snapshot = catalogue.snapshot(delivery.session_id)
    if snapshot is None:
        return None
    story = story_of(snapshot, desk.studio)
    unsubscribe = ""
    if delivery.kind == NEWSLETTER:
        reader = subscriber(catalogue, delivery.recipient)
        if reader is None or not reader.confirmed:
            return None
        unsubscribe = desk.links.absolute(f"unsubscribe/{reader.token}")
        mail = desk.newsletter(story, unsubscribe=unsubscribe)
    else:
        person = SessionReader(catalogue.connection).recipient(delivery.session_id, delivery.recipient)
        if person is None:
            return None
        mail = _personal(desk, snapshot, person)
    return message_of(
        mail,
        desk.studio,
        message_id=message_id,
        date=now,
        picture=card_of(story, desk.studio),
        to=delivery.address,
        unsubscribe=unsubscribe,
    )


def _personal(desk: DraftDesk, snapshot: Snapshot, person: Recipient) -> Mail:
    story = story_of(snapshot, desk.studio)
    own = json.loads(person.own_summary or "{}")
    change = own.get("improvement", own.get("improvement_percent"))
    return desk.mail_from_template(
        "personal",
        desk.studio.words("mail.own_subject", title=story.title),
        story=story,
        person=person.name,
        change=desk.studio.words.percent(change) if isinstance(change, int | float) else None,
        picture=PICTURE,
        page=desk.links.absolute(story.path),
    )


class MailDelivery:
    """A thread that sends what is due: a slow mail server holds no page up."""

    def __init__(self, data: Path, database: Database, smtp_url: str) -> None:
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
        # A mail under way is finished or given up within its time; what is cut off is uncertain at the next start.
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        with self._database.connect() as connection:
            catalogue = Catalogue(connection)
            Deliveries(catalogue).recover(_now())
            while not self._closing.wait(_LOOK_EVERY_S):
                if not Deliveries(catalogue).due(_now(), 1):
                    continue
                try:
                    desk = open_draft_desk(self._data, connection)
                    asyncio.run(deliver_due(desk, catalogue, self._smtp_url, _now))
                except (InvalidStudio, ValueError, DatabaseError) as error:
                    _log.error("mail_not_sent", problem=str(error), again_in_s=_PAUSE_S)
                    self._closing.wait(_PAUSE_S)


def _now() -> Millis:
    return time.time_ns() // 1_000_000
