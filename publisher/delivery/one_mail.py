"""Sends one mail over an open connection, and records what the server answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aiosmtplib
import structlog

from engine.domain.instant import Millis
from publisher.catalogue.deliveries import Delivery
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.rendering.links import ascii_address

__all__ = ["StudioRefused", "described", "record_refusal", "send_one", "without_addresses"]

_log = structlog.get_logger(__name__)

_ADDRESS = re.compile(r"[^\s<>\"',;:()]+@[^\s<>\"',;:()]+")
_ABOUT_THE_STUDIO = re.compile(
    r"\b5\.(?:7\.\d+|1\.[78])\b|\brelay|\bauthenticat|\bhelo\b|\behlo\b|\bblocked\b|\bsender (?:address )?rejected\b"
    r"|\b(?:access|client host) (?:denied|rejected)",
    re.I,
)
"""Refusals of a recipient or a message that say nothing of the mailbox: policy and security (RFC 3463 X.7.x), relaying,
HELO, and the sender, as servers that refuse it (X.1.7, X.1.8) often say so only then."""

_ABOUT_THE_MAILBOX = re.compile(
    r"\b5\.(?:1\.(?:1|2|3|6|10)|2\.\d+)\b|\b5\.4\.1 recipient address rejected\b", re.I
)
"""Refusals whose code says that they are the mailbox's, whatever words go with it: "unknown in relay recipient table"."""

_UNKNOWN = re.compile(
    r"^5\d\d (?:.*\b(?:5\.1\.(?:1|2|3|6|10)|5\.4\.1 recipient address rejected)\b"
    r"|(?!.*\b5\.\d+\.\d+\b).*\b(?:unknown|no such|not exist|not found|invalid"
    r" (?:recipient|mailbox|address)|no mailbox|undeliverable))",
    re.I | re.S,
)
"""Refusals that say that there is no such mailbox (RFC 3463 X.1.x, 5.4.1 of Exchange), or in words where they give no code."""


class StudioRefused(Exception):
    """The server refuses the studio, in this ``answer``; ``by_recipient`` where it said so of one recipient."""

    def __init__(self, answer: aiosmtplib.SMTPResponseException, *, by_recipient: bool = False) -> None:
        super().__init__(described(answer))
        self.answer = answer
        self.by_recipient = by_recipient


async def send_one(
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
        said = without_addresses(error)
        if _ABOUT_THE_STUDIO.search(said) and not _ABOUT_THE_MAILBOX.search(said):
            raise StudioRefused(error, by_recipient=True) from error
        if isinstance(error, aiosmtplib.SMTPRecipientRefused) and _UNKNOWN.search(said):
            _unknown(deliveries, delivery, error, now())
            return False
        record_refusal(deliveries, delivery, error, now(), for_good=error.code >= 500)
    except aiosmtplib.SMTPResponseException as error:
        # The server refused it.
        record_refusal(deliveries, delivery, error, now(), for_good=error.code >= 500)
    except Exception as error:  # noqa: BLE001 — of this one mail
        # A line that broke, or something that this one mail brought about: it holds no other one up.
        if watcher.data_begun:
            # Between the message's first byte and the reply nobody knows whether the server took it.
            deliveries.uncertain(delivery, described(error), now())
            _log.warning("mail uncertain", **_log_fields(delivery), problem=without_addresses(error))
        else:
            broken = isinstance(error, aiosmtplib.SMTPException | OSError)
            record_refusal(deliveries, delivery, error, now(), its_own=not broken)
    else:
        deliveries.submitted(delivery, now())
        _log.info("mail sent", **_log_fields(delivery))
        return True
    return False


def record_refusal(
    deliveries: DueDeliveries,
    delivery: Delivery,
    error: BaseException,
    at: Millis,
    *,
    for_good: bool = False,
    its_own: bool = False,
) -> None:
    """Record that a mail was refused, for good or until it is tried again, and log it."""
    failed = deliveries.refused(delivery, described(error), at, for_good=for_good, its_own=its_own)
    _log.warning("mail failed", **_log_fields(delivery), problem=without_addresses(error), for_good=failed)


def _unknown(deliveries: DueDeliveries, delivery: Delivery, error: BaseException, at: Millis) -> None:
    paused = deliveries.unknown(delivery, described(error), at)
    _log.warning("mail failed", **_log_fields(delivery), problem=without_addresses(error), for_good=True)
    if paused:
        _log.warning("subscriber paused", problem="the mailbox was unknown twice in a row")


def _log_fields(delivery: Delivery) -> dict[str, Any]:
    """What a line of the log says of a mail: never to whom it goes. Some, as a confirmation, belong to no session."""
    session = {"session_id": delivery.session_id} if delivery.session_id else {}
    return {**session, "kind": delivery.kind, "attempt": delivery.attempts + 1}


def without_addresses(problem: BaseException | str) -> str:
    """What went wrong, without the mail addresses in it."""
    return _ADDRESS.sub("[address]", problem if isinstance(problem, str) else described(problem))


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


def described(error: BaseException) -> str:
    """Code and reply of the server, or the error's type and text: at most 300 characters."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:300]
    return f"{type(error).__name__}: {error}"[:300]
