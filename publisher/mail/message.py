"""Serialises a mail to a message (RFC 5322): the same mail always gives the same bytes."""

from __future__ import annotations

import hashlib
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from engine.domain.instant import Millis, to_datetime
from publisher.mail.email import Mail
from publisher.rendering.studio import Studio

__all__ = ["PICTURE", "message_of"]

PICTURE = "cid:card@halcytone"
"""The ``cid:`` URL by which the HTML refers to the attached picture (RFC 2392)."""

# RFC 8058 wants List-Unsubscribe unfolded and unencoded, which the usual 78 columns would not leave it.
_POLICY = policy.SMTP.clone(max_line_length=998)


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
) -> bytes:
    """The message: multipart/alternative of the text, and of the HTML with its picture.

    ``to`` is one address; ``unsubscribe`` the https URL of its one-click unsubscription (RFC 8058). An ``unsent`` one
    is opened for editing by mail programs.
    """
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = mail.subject
    if studio.sender:
        message["From"] = Address(studio.name, addr_spec=studio.sender)
    if to:
        message["To"] = Address(addr_spec=to)
    message["Date"] = format_datetime(to_datetime(date).replace(microsecond=0))
    message["Message-ID"] = f"<{message_id}>"
    if unsent:
        message["X-Unsent"] = "1"
    else:
        message["Auto-Submitted"] = "auto-generated"
    if unsubscribe:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    if picture:
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
    _set_boundaries(message, hashlib.sha256(message_id.encode()).hexdigest()[:24])
    return message.as_bytes()


def _set_boundaries(message: EmailMessage, seed: str) -> None:
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"halcytone-{seed}-{number}")
