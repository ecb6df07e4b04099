"""The post office: sends what is due through the studio's mail server, each mail to one person."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from engine.domain.instant import MINUTE, Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import FILE_NAME, connect
from publisher.card import card_of
from publisher.catalogue import Catalogue
from publisher.deliveries import CONFIRMATION, NEWSLETTER, Deliveries, Delivery
from publisher.desk import open_desk
from publisher.drafts import Desk
from publisher.email import Mail
from publisher.message import PICTURE, message_of
from publisher.story import story_of
from publisher.studio import StudioWrong

__all__ = ["PostOffice", "deliver_due", "server_of"]

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_TIMEOUT_S = 30.0
_PAUSE: Millis = MINUTE
_PAUSE_S = _PAUSE / 1000


def server_of(smtp_url: str) -> dict[str, Any]:
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
    desk: Desk,
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
        for due in deliveries.due(now()):
            if client is None or not client.is_connected:
                client = aiosmtplib.SMTP(**server_of(smtp_url), timeout=timeout_s)
                try:
                    await client.connect()
                except (aiosmtplib.SMTPException, OSError) as error:
                    waiting = deliveries.held_up(_told(error), now(), now() + _PAUSE)
                    _log.warning("mail_server_away", problem=_told(error), waiting=waiting)
                    break
            # Its words and its address are read once it is taken: until then people change them, or withdraw.
            delivery = deliveries.begin(due, now())
            if delivery is None:
                continue
            begun += 1
            try:
                message = _message(desk, catalogue, delivery, now())
            except BaseException:
                deliveries.give_back(delivery, now())
                raise
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


def _message(desk: Desk, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes | None:
    seed = hashlib.sha256(
        f"{delivery.session_id}\n{delivery.kind}\n{delivery.recipient}".encode()
    ).hexdigest()[:32]
    message_id = f"{seed}@{desk.links.host}"
    if delivery.kind == CONFIRMATION:
        row = _subscriber(catalogue.connection, delivery.recipient)
        if row is None:
            return None
        link = desk.links.absolute(f"confirm/{row['token']}")
        mail = desk.written(
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
        row = _subscriber(catalogue.connection, delivery.recipient)
        if row is None or row["state"] != "confirmed":
            return None
        unsubscribe = desk.links.absolute(f"unsubscribe/{row['token']}")
        mail = desk.mail(story, unsubscribe=unsubscribe)
    else:
        person = catalogue.connection.execute(
            "SELECT name, own_summary FROM people WHERE session_id = ? AND client_id = ? AND email IS NOT NULL",
            (delivery.session_id, delivery.recipient),
        ).fetchone()
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


def _subscriber(connection: sqlite3.Connection, address: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM subscribers WHERE address = ?", (address,)
    ).fetchone()
    return row


def _personal(desk: Desk, snapshot: Snapshot, person: sqlite3.Row) -> Mail:
    story = story_of(snapshot, desk.studio)
    own = json.loads(person["own_summary"] or "{}")
    change = own.get("improvement", own.get("improvement_percent"))
    return desk.written(
        "personal",
        desk.studio.words("mail.own_subject", title=story.title),
        story=story,
        person=person["name"],
        change=desk.studio.words.percent(change) if isinstance(change, int | float) else None,
        picture=PICTURE,
        page=desk.links.absolute(story.path),
    )


class PostOffice:
    """A thread that sends what is due: a slow mail server holds no page up."""

    def __init__(self, data: Path, smtp_url: str) -> None:
        self._data = data
        self._smtp_url = smtp_url
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="post office", daemon=True)

    def __enter__(self) -> PostOffice:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # A mail under way is finished or given up within its time; what is cut off is uncertain at the next start.
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        with closing(connect(self._data / FILE_NAME)) as connection:
            catalogue = Catalogue(connection)
            Deliveries(catalogue).recover(_now())
            while not self._closing.wait(_LOOK_EVERY_S):
                if not Deliveries(catalogue).due(_now(), 1):
                    continue
                try:
                    desk = open_desk(self._data, connection)
                    asyncio.run(deliver_due(desk, catalogue, self._smtp_url, _now))
                except (StudioWrong, ValueError, sqlite3.OperationalError) as error:
                    _log.error("mail_not_sent", problem=str(error), again_in_s=_PAUSE_S)
                    self._closing.wait(_PAUSE_S)


def _now() -> Millis:
    return time.time_ns() // 1_000_000
