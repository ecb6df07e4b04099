"""The message of a mail without a picture, to the one recipient of its delivery."""

from __future__ import annotations

from engine.domain.instant import Millis
from publisher.catalogue.deliveries import Delivery
from publisher.drafts.texts import DraftTexts
from publisher.mail.email import Mail
from publisher.mail.message import message_id_of, message_of

__all__ = ["plain_message", "seed_of"]


def seed_of(delivery: Delivery, *more: object) -> str:
    """What a Message-ID is made of: session, kind and recipient, and what tells several such mails apart."""
    return "\n".join(map(str, (delivery.session_id, delivery.kind, delivery.recipient, *more)))


def plain_message(
    mail: Mail, texts: DraftTexts, delivery: Delivery, now: Millis, *, seed: str, calendar: bytes = b""
) -> bytes:
    """The message, dated ``now``. The same ``seed`` always gives the same Message-ID; ``calendar`` is attached."""
    return message_of(
        mail,
        texts.studio,
        message_id=message_id_of(seed, texts.links.host),
        date=now,
        picture=b"",
        to=delivery.address,
        calendar=calendar,
    )
