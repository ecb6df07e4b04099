"""Mail delivery: sends due mails through the studio's SMTP server, each to one recipient, and records the outcome."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aiosmtplib
import structlog

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.storage.database import DatabaseError
from publisher.catalogue.deliveries import Delivery
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.published import Catalogue
from publisher.delivery.messages import message_of_delivery
from publisher.delivery.smtp_address import smtp_arguments
from publisher.drafts.texts import DraftTexts
from publisher.rendering.links import ascii_address

__all__ = ["Outage", "deliver_due", "without_addresses"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 30.0
_PAUSE: Millis = MINUTE
_LONGEST_PAUSE: Millis = HOUR
_ADDRESS = re.compile(r"[^\s<>\"',;:()]+@[^\s<>\"',;:()]+")
_ABOUT_THE_STUDIO = re.compile(
    r"\b5\.7\.\d+\b|\brelay|\bauthenticat|\bhelo\b|\behlo\b|\b(?:access|client host) (?:denied|rejected)|\bblocked\b",
    re.I,
)
"""Refusals of a recipient or a message that say nothing of the mailbox: policy and security (RFC 3463 X.7.x), relaying, HELO."""

_UNKNOWN = re.compile(
    r"^5\d\d (?:.*\b5\.1\.(?:1|2|3|6|10)\b|(?!.*\b5\.\d+\.\d+\b).*\b(?:unknown|no such|not exist|not found|invalid"
    r" (?:recipient|mailbox|address)|no mailbox|undeliverable))",
    re.I | re.S,
)
"""Refusals that say that there is no such mailbox (RFC 3463 X.1.x), or say so in words where they give no such code."""


class Outage:
    """How often in a row the mail server refused the studio itself: pauses grow with it, from a minute to an hour."""

    def __init__(self) -> None:
        self.failures = 0

    def next_pause(self) -> Millis:
        """Count one more; returns how long everything waits now."""
        self.failures += 1
        return min(_LONGEST_PAUSE, _PAUSE << min(self.failures - 1, 10))


async def deliver_due(
    texts: DraftTexts,
    catalogue: Catalogue,
    smtp_url: str,
    now: Callable[[], Millis],
    *,
    timeout_s: float = _TIMEOUT_S,
    outage: Outage | None = None,
) -> int:
    """Send every due mail over one connection; returns how many were begun.

    ``timeout_s`` bounds the wait for each reply of the server. What the server refuses to the studio itself (no
    connection, EHLO, STARTTLS, AUTH, the sender, relaying) is no recipient's fault: everything waits, for a pause that
    grows with each such round, which ``outage`` counts.

    Raises:
        ValueError: the studio has no sender, or ``smtp_url`` is no mail server's address.
    """
    if not texts.studio.sender:
        raise ValueError("studio.toml: mail needs a sender")
    deliveries = DueDeliveries(catalogue)
    outage = outage or Outage()
    begun = 0
    suspect: tuple[Delivery, aiosmtplib.SMTPResponseException] | None = None
    client: aiosmtplib.SMTP | None = None
    try:
        for due in deliveries.due(now()):
            if client is None or not client.is_connected:
                client = aiosmtplib.SMTP(
                    **smtp_arguments(smtp_url), timeout=timeout_s, local_hostname=texts.links.ehlo_name
                )
                try:
                    await client.connect()
                    # Asked once for all: a sender that is refused is no recipient's fault.
                    await client.mail(texts.studio.sender)
                    await client.rset()
                except (aiosmtplib.SMTPException, OSError) as error:
                    _postpone_all(deliveries, error, now(), outage)
                    break
            # Words and address are read once the mail is taken: until then people change them, or withdraw.
            delivery = deliveries.begin(due, now())
            if delivery is None:
                continue
            begun += 1
            try:
                message = message_of_delivery(texts, catalogue, delivery, now())
            except BaseException as error:
                if isinstance(error, DatabaseError) or not isinstance(error, Exception):
                    deliveries.give_back(delivery, now())
                    raise
                # It lies in this one: the others leave all the same.
                _refused(deliveries, delivery, error, now(), for_good=False)
                continue
            if message is None:
                deliveries.refused(delivery, "there is nothing to send any more", now(), for_good=True)
                continue
            try:
                usable = await _send_one(client, texts.studio.sender, delivery, message, deliveries, now)
            except StudioRefused as error:
                if suspect is None and error.by_recipient:
                    # One alone may be a mailbox that takes nothing from outside: the next recipient shows which.
                    suspect = delivery, error.answer
                    client.close()
                    client = None
                    continue
                until = _postpone_all(deliveries, error.answer, now(), outage)
                for each, refusal in ((delivery, error.answer), *(() if suspect is None else (suspect,))):
                    if error.by_recipient:
                        # It counts, so that whoever is refused goes behind the others, and not for ever.
                        deliveries.refused(each, _described(refusal), now(), for_good=False, not_before=until)
                    else:
                        deliveries.give_back(each, now(), until)
                suspect = None
                break
            if usable and suspect is not None:
                # The server lets the studio send: what it said was of that mailbox alone.
                _refused(deliveries, *suspect, now(), for_good=False)
                suspect = None
            outage.failures = 0
            if not usable:
                # The next mail gets a new connection.
                client.close()
                client = None
    finally:
        if suspect is not None:
            _refused(deliveries, *suspect, now(), for_good=False)
        if client is not None:
            client.close()
    return begun


class StudioRefused(Exception):
    """The server refuses the studio, in this ``answer``; ``by_recipient`` where it said so of one recipient."""

    def __init__(self, answer: aiosmtplib.SMTPResponseException, *, by_recipient: bool = False) -> None:
        super().__init__(_described(answer))
        self.answer = answer
        self.by_recipient = by_recipient


def _postpone_all(deliveries: DueDeliveries, error: BaseException, now: Millis, outage: Outage) -> Millis:
    """Let every due mail wait; returns until when."""
    pause = outage.next_pause()
    waiting = deliveries.postpone_due(_described(error), now, now + pause)
    _log.warning("mail_waits", problem=_described(error), waiting=waiting, again_in_s=pause // 1000)
    return now + pause


async def _send_one(
    client: aiosmtplib.SMTP,
    sender: str,
    delivery: Delivery,
    message: bytes,
    deliveries: DueDeliveries,
    now: Callable[[], Millis],
) -> bool:
    """Send one mail and record the outcome; returns whether the connection can be used for the next one.

    Raises:
        StudioRefused: the sender, or that this studio sends through the server at all, is refused; nothing was sent.
    """
    watcher = _DataWatcher(client)
    try:
        await client.mail(sender)
        await client.rcpt(ascii_address(delivery.address))
        await client.data(message)
    except aiosmtplib.SMTPSenderRefused as error:
        raise StudioRefused(error) from error
    except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
        if _ABOUT_THE_STUDIO.search(f"{error.code} {error.message}"):
            raise StudioRefused(error, by_recipient=True) from error
        if isinstance(error, aiosmtplib.SMTPRecipientRefused) and _UNKNOWN.search(
            f"{error.code} {error.message}"
        ):
            _unknown(deliveries, delivery, error, now())
            return False
        _refused(deliveries, delivery, error, now(), for_good=error.code >= 500)
    except aiosmtplib.SMTPResponseException as error:
        # The server refused it.
        _refused(deliveries, delivery, error, now(), for_good=error.code >= 500)
    except Exception as error:  # noqa: BLE001 — of this one mail
        # A line that broke, or something that this one mail brought about: it holds no other one up.
        if watcher.data_begun:
            # Between the message's first byte and the reply nobody knows whether the server took it.
            deliveries.uncertain(delivery, _described(error), now())
            _log.warning("mail uncertain", **_log_fields(delivery), problem=without_addresses(error))
        else:
            _refused(deliveries, delivery, error, now(), for_good=False)
    else:
        deliveries.submitted(delivery, now())
        _log.info("mail sent", **_log_fields(delivery))
        return True
    return False


def _refused(
    deliveries: DueDeliveries, delivery: Delivery, error: BaseException, at: Millis, *, for_good: bool
) -> None:
    deliveries.refused(delivery, _described(error), at, for_good=for_good)
    _log.warning("mail failed", **_log_fields(delivery), problem=without_addresses(error), for_good=for_good)


def _unknown(deliveries: DueDeliveries, delivery: Delivery, error: BaseException, at: Millis) -> None:
    paused = deliveries.unknown(delivery, _described(error), at)
    _log.warning("mail failed", **_log_fields(delivery), problem=without_addresses(error), for_good=True)
    if paused:
        _log.warning("subscriber paused", problem="the mailbox was unknown twice in a row")


def _log_fields(delivery: Delivery) -> dict[str, Any]:
    """What a line of the log says of a mail: never to whom it goes."""
    return {"session_id": delivery.session_id, "kind": delivery.kind, "attempt": delivery.attempts}


def without_addresses(problem: BaseException | str) -> str:
    """What went wrong, without the mail addresses in it."""
    return _ADDRESS.sub("[address]", problem if isinstance(problem, str) else _described(problem))


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
