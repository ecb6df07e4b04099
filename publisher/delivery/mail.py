"""Mail delivery: sends due mails through the studio's SMTP server, each to one recipient, and records the outcome."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from engine.domain.instant import MINUTE, Millis
from engine.storage.database import Database, DatabaseError
from publisher.catalogue.deliveries import Deliveries, Delivery
from publisher.catalogue.published import Catalogue
from publisher.delivery.messages import message_of_delivery
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.drafts.texts import DraftTexts
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
    texts: DraftTexts,
    catalogue: Catalogue,
    smtp_url: str,
    now: Callable[[], Millis],
    *,
    timeout_s: float = _TIMEOUT_S,
) -> int:
    """Send every due mail over one connection; returns how many were begun.

    ``timeout_s`` bounds the wait for each reply of the server. Where no connection can be made, no mail is begun and
    all wait a minute.

    Raises:
        ValueError: the studio has no sender, or ``smtp_url`` is no mail server's address.
    """
    if not texts.studio.sender:
        raise ValueError("studio.toml: mail needs a sender")
    deliveries = Deliveries(catalogue)
    begun = 0
    client: aiosmtplib.SMTP | None = None
    try:
        for delivery in deliveries.due(now()):
            message = message_of_delivery(texts, catalogue, delivery, now())
            if client is None or not client.is_connected:
                client = aiosmtplib.SMTP(**smtp_arguments(smtp_url), timeout=timeout_s)
                try:
                    await client.connect()
                except (aiosmtplib.SMTPException, OSError) as error:
                    waiting = deliveries.postpone_due(_described(error), now(), now() + _PAUSE)
                    _log.warning("mail_server_away", problem=_described(error), waiting=waiting)
                    break
            if not deliveries.begin(delivery, now()):
                continue
            begun += 1
            if message is None:
                deliveries.refused(delivery, "there is nothing to send any more", now(), for_good=True)
            elif not await _send_one(client, texts.studio.sender, delivery, message, deliveries, now):
                # The next mail gets a new connection.
                client.close()
                client = None
    finally:
        if client is not None:
            client.close()
    return begun


async def _send_one(
    client: aiosmtplib.SMTP,
    sender: str,
    delivery: Delivery,
    message: bytes,
    deliveries: Deliveries,
    now: Callable[[], Millis],
) -> bool:
    """Send one mail and record the outcome; returns whether the connection can be used for the next one."""
    watcher = _DataWatcher(client)
    try:
        await client.mail(sender)
        await client.rcpt(delivery.address)
        await client.data(message)
    except aiosmtplib.SMTPResponseException as error:
        # The server refused it.
        deliveries.refused(delivery, _described(error), now(), for_good=error.code >= 500)
    except (aiosmtplib.SMTPException, OSError) as error:
        if watcher.data_begun:
            # Between the message's first byte and the reply nobody knows whether the server took it.
            deliveries.uncertain(delivery, _described(error), now())
        else:
            deliveries.refused(delivery, _described(error), now(), for_good=False)
    else:
        deliveries.submitted(delivery, now())
        return True
    return False


class _DataWatcher:
    """Notes when the first byte of the message is written: until then a silent server has surely not taken it.

    aiosmtplib has no hook for that, so its protocol's ``write`` is wrapped: what follows the DATA command is the message.
    """

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.data_begun = False
        self._data_commanded = False
        protocol = client.protocol
        assert protocol is not None
        self._write = type(protocol).write.__get__(protocol)
        protocol.write = self._watched_write  # type: ignore[method-assign]

    def _watched_write(self, data: bytes) -> None:
        self.data_begun = self.data_begun or self._data_commanded
        self._data_commanded = data == b"DATA\r\n"
        self._write(data)


def _described(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:300]
    return f"{type(error).__name__}: {error}"[:300]


class MailDelivery:
    """A thread that sends due mails: a slow mail server must hold no page up."""

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
        # A mail that is cut off here is recovered as uncertain at the next start.
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        with self._database.connect() as connection:
            catalogue = Catalogue(connection)
            Deliveries(catalogue).recover(_now())
            while not self._closing.wait(_LOOK_EVERY_S):
                if not Deliveries(catalogue).due(_now(), 1):
                    continue
                try:
                    texts = open_draft_desk(self._data, connection).texts
                    asyncio.run(deliver_due(texts, catalogue, self._smtp_url, _now))
                except (InvalidStudio, ValueError, DatabaseError) as error:
                    _log.error("mail_not_sent", problem=str(error), again_in_s=_PAUSE_S)
                    self._closing.wait(_PAUSE_S)


def _now() -> Millis:
    return time.time_ns() // 1_000_000
