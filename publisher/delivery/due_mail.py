"""Sends due mails through the studio's SMTP server over one connection, each to one recipient, and records the outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import aiosmtplib
import structlog

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.storage.database import DatabaseError
from publisher.catalogue.deliveries import Delivery
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.mail_retries import expire, postpone_due
from publisher.catalogue.published import Catalogue
from publisher.delivery.messages import message_of_delivery
from publisher.delivery.one_mail import (
    StudioRefused,
    described,
    record_refusal,
    send_one,
    without_addresses,
)
from publisher.delivery.smtp_address import smtp_arguments
from publisher.drafts.texts import DraftTexts

__all__ = ["Outage", "deliver_due"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 30.0
_PAUSE: Millis = MINUTE
_LONGEST_PAUSE: Millis = HOUR

_Refusal: TypeAlias = tuple[Delivery, aiosmtplib.SMTPResponseException]
"""A mail, and what the server answered to it."""


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
    grows with each such round, which ``outage`` counts. Short-lived mails whose time is over are given up first.

    Raises:
        ValueError: the studio has no sender, or ``smtp_url`` is no mail server's address.
    """
    if not texts.studio.sender:
        raise ValueError("studio.toml: mail needs a sender")
    sending = _Round(texts, catalogue, smtp_url, now, timeout_s=timeout_s, outage=outage or Outage())
    deliveries = DueDeliveries(catalogue)
    if expired := expire(catalogue.connection, now()):
        _log.warning("mails expired", mails=expired)
    try:
        for due in deliveries.due(now()):
            if not await sending.send(due):
                break
    finally:
        sending.close()
    return sending.begun


class _Round:
    """One round over what is due: one connection, and one recipient's refusal whose reason the next recipient shows."""

    def __init__(
        self,
        texts: DraftTexts,
        catalogue: Catalogue,
        smtp_url: str,
        now: Callable[[], Millis],
        *,
        timeout_s: float,
        outage: Outage,
    ) -> None:
        self.begun = 0
        self._texts = texts
        self._catalogue = catalogue
        self._deliveries = DueDeliveries(catalogue)
        self._smtp_url = smtp_url
        self._now = now
        self._timeout_s = timeout_s
        self._outage = outage
        self._client: aiosmtplib.SMTP | None = None
        self._suspect: _Refusal | None = None
        """Refused, perhaps as the studio is and perhaps as a mailbox that takes nothing from outside."""

    async def send(self, due: Delivery) -> bool:
        """Send one mail; False when the server refuses the studio, and everything waits."""
        client = await self._connected()
        if client is None:
            return False
        # Words and address are read once the mail is taken: until then people change them, or withdraw.
        delivery = self._deliveries.begin(due, self._now())
        if delivery is None:
            return True
        self.begun += 1
        message = self._message_of(delivery)
        if message is None:
            return True
        try:
            usable = await send_one(
                client, self._texts.studio.sender, delivery, message, self._deliveries, self._now
            )
        except StudioRefused as error:
            return self._go_on_after(error, delivery)
        if usable:
            # The server lets the studio send: what it said before was of that mailbox alone.
            self._settle_suspect()
        else:
            self._disconnect()
        self._outage.failures = 0
        return True

    def close(self) -> None:
        self._settle_suspect()
        self._disconnect()

    async def _connected(self) -> aiosmtplib.SMTP | None:
        """The connection, made anew where there is none; None when the server refuses the studio."""
        if self._client is not None and self._client.is_connected:
            return self._client
        self._client = client = aiosmtplib.SMTP(
            **smtp_arguments(self._smtp_url),
            timeout=self._timeout_s,
            local_hostname=self._texts.links.ehlo_name,
        )
        try:
            await client.connect()
            # Asked once for all: a sender that is refused is no recipient's fault.
            await client.mail(self._texts.studio.sender)
            await client.rset()
        except (aiosmtplib.SMTPException, OSError) as error:
            self._let_all_wait(error)
            return None
        return client

    def _message_of(self, delivery: Delivery) -> bytes | None:
        """The message; None where it cannot be made, or there is nothing to send any more, which is recorded."""
        try:
            message = message_of_delivery(self._texts, self._catalogue, delivery, self._now())
        except BaseException as error:
            if isinstance(error, DatabaseError) or not isinstance(error, Exception):
                self._deliveries.give_back(delivery, self._now())
                raise
            # It lies in this one: the others leave all the same.
            record_refusal(self._deliveries, delivery, error, self._now(), its_own=True)
            return None
        if message is None:
            self._deliveries.refused(
                delivery, "there is nothing to send any more", self._now(), for_good=True
            )
        return message

    def _go_on_after(self, error: StudioRefused, delivery: Delivery) -> bool:
        """Whether to go on, for one refused recipient alone; else everything waits."""
        if error.by_recipient and self._deliveries.note_refusal(delivery, self._now()):
            # Others were accepted since it was refused first.
            self._record_its_own(delivery, error.answer)
            self._disconnect()
            return True
        if self._suspect is None and error.by_recipient:
            # One alone may be a mailbox that takes nothing from outside: the next recipient shows which.
            self._suspect = delivery, error.answer
            self._disconnect()
            return True
        self._let_all_wait(error.answer, (delivery, error.answer))
        return False

    def _settle_suspect(self) -> None:
        if self._suspect is not None:
            (delivery, answer), self._suspect = self._suspect, None
            if self._deliveries.note_refusal(delivery, self._now()):
                self._record_its_own(delivery, answer)
            else:
                self._let_all_wait(answer, (delivery, answer))

    def _let_all_wait(self, error: Exception, *refused: _Refusal) -> None:
        """Let every due mail wait, as the server refuses the studio: the refusals of single mails are put down to that too.

        What the server said may name one recipient, and is noted with the mails of all.
        """
        if self._suspect is not None:
            refused, self._suspect = (*refused, self._suspect), None
        for delivery, answer in refused:
            self._deliveries.refused_to_studio(delivery, described(answer), self._now())
        pause, problem, now = self._outage.next_pause(), without_addresses(error), self._now()
        waiting = postpone_due(self._catalogue.connection, problem, now, now + pause)
        _log.warning("mail waits", problem=problem, waiting=waiting, again_in_s=pause // 1000)

    def _record_its_own(self, delivery: Delivery, answer: aiosmtplib.SMTPResponseException) -> None:
        """Record a refusal that concerns one recipient alone: only what is said to be permanent fails in a few attempts."""
        record_refusal(self._deliveries, delivery, answer, self._now(), its_own=answer.code >= 500)

    def _disconnect(self) -> None:
        """The next mail gets a new connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
