"""Serialises a mail to a message (RFC 5322): the same mail always gives the same bytes."""

from __future__ import annotations

import hashlib
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from engine.domain.instant import Millis, to_datetime
from publisher.mail.email import Mail
from publisher.rendering.links import ascii_address
from publisher.rendering.studio import Studio

__all__ = ["PICTURE", "message_id_of", "message_of"]

PICTURE = "cid:card@halcytone"
"""The ``cid:`` URL by which the HTML refers to the attached picture (RFC 2392)."""

_COLUMNS = 76
"""Of a body's line (RFC 2045 §6.7 and §6.8); an encoded word may have 75 (RFC 2047 §2)."""
_LONGEST_WORD = 60
"""A longer word of a header is encoded: plain it could not be folded."""


class _Policy(EmailPolicy):
    """Lines that every mail server takes: 7 bits, folded; unfolded is List-Unsubscribe alone, as RFC 8058 wants it.

    Subject and names are folded by ``email.header``: the policy's own folding loses blanks between encoded words
    (cpython#76995), and leaves a long word without a blank as long as it is.
    """

    def fold(self, name: str, value: Any) -> str:
        """One header with its line ends."""
        match name.lower():
            case "list-unsubscribe":
                return f"{name}: {value}{self.linesep}"
            case "subject":
                return self._encoded(name, str(value)) or str(super().fold(name, value))
            case "from" | "to":
                (address,) = value.addresses
                encoded = self._encoded(name, address.display_name)
                line = (
                    f"{encoded.removesuffix(self.linesep)}{self.linesep} <{address.addr_spec}>{self.linesep}"
                )
                return line if encoded else str(super().fold(name, value))
            case _:
                return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same as bytes."""
        return self.fold(name, value).encode("ascii")

    def _encoded(self, name: str, text: str) -> str:
        """The header with ``text`` in encoded words; empty where it can stand as it is."""
        # Readers make one blank of several that stand plain.
        plain = text.isascii() and "=?" not in text and "  " not in text
        if plain and all(len(word) <= _LONGEST_WORD for word in text.split()):
            return ""
        words = Header(text, "utf-8", maxlinelen=_COLUMNS - 1, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {words}{self.linesep}"


_POLICY = _Policy(linesep="\r\n", cte_type="7bit", max_line_length=_COLUMNS)


def message_id_of(seed: str, host: str) -> str:
    """The Message-ID of what ``seed`` names: a mail that is sent again has the same one, so that it can be recognised."""
    return f"{hashlib.sha256(seed.encode()).hexdigest()[:32]}@{host}"


def message_of(
    mail: Mail,
    studio: Studio,
    *,
    message_id: str,
    date: Millis,
    picture: bytes,
    to: str = "",
    unsubscribe: str = "",
    unsent: bool = False,
    calendar: bytes = b"",
    keywords: str = "",
) -> bytes:
    """The message: multipart/alternative of the text, and of the HTML with its picture, where it shows one.

    ``to`` is one address; ``unsubscribe`` the https URL of its one-click unsubscription (RFC 8058). An ``unsent`` one
    is opened for editing by mail programs. ``calendar`` is a calendar file (RFC 5545), attached. ``keywords`` is what readers' filters
    know the series by (RFC 5322 §3.6.5).
    """
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = mail.subject
    if studio.sender:
        message["From"] = Address(studio.name, addr_spec=studio.sender)
    if to:
        message["To"] = Address(addr_spec=ascii_address(to))
    message["Date"] = format_datetime(to_datetime(date).replace(microsecond=0))
    message["Message-ID"] = f"<{message_id}>"
    if keywords:
        message["Keywords"] = keywords
    if unsent:
        message["X-Unsent"] = "1"
    else:
        message["Auto-Submitted"] = "auto-generated"
    if unsubscribe:
        # RFC 2919: what readers' filters know the newsletter by.
        message["List-Id"] = f"<newsletter.{message_id.rpartition('@')[2]}>"
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    if picture and PICTURE in mail.html:
        _add_picture(message, picture)
    if calendar:
        message.add_attachment(
            calendar.decode(),
            subtype="calendar",
            params={"method": "PUBLISH", "name": "event.ics"},
            filename="event.ics",
        )
    _set_boundaries(message, hashlib.sha256(message_id.encode()).hexdigest()[:24])
    return message.as_bytes()


def _add_picture(message: EmailMessage, picture: bytes) -> None:
    """Put the PNG beside the HTML that shows it (multipart/related)."""
    parts = message.get_payload()
    assert isinstance(parts, list)
    html = parts[1]
    assert isinstance(html, EmailMessage)
    html.add_related(
        picture,
        "image",
        "png",
        cid=f"<{PICTURE.removeprefix('cid:')}>",
        filename="session.png",
        disposition="inline",
    )


def _set_boundaries(message: EmailMessage, seed: str) -> None:
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"halcytone-{seed}-{number}")
