"""Renders the mail of a delivery for its recipient, when it is about to be sent."""

from __future__ import annotations

import json

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.session_reader import Recipient, SessionReader
from engine.storage.sign_ins import SIGN_IN_MAIL, SignIns
from publisher.catalogue.deliveries import CONFIRMATION, NEWSLETTER, NEWSLETTER_TEST, Delivery
from publisher.catalogue.place_mails import PLACE_MAILS
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import subscriber
from publisher.catalogue.upcoming import UpcomingRoom, next_after
from publisher.delivery.place_messages import place_message
from publisher.delivery.plain_message import plain_message, seed_of
from publisher.drafts.texts import DraftTexts
from publisher.mail.email import Mail
from publisher.mail.message import message_id_of, message_of
from publisher.rendering.card import card_of
from publisher.rendering.story import story_of

__all__ = ["message_of_delivery"]


def message_of_delivery(
    texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, now: Millis
) -> bytes | None:
    """The message of a delivery; None where there is nothing to send any more: session or recipient are gone."""
    if delivery.kind == CONFIRMATION:
        return _confirmation(texts, catalogue, delivery, now)
    if delivery.kind == SIGN_IN_MAIL:
        return _sign_in(texts, catalogue, delivery, now)
    if delivery.kind in PLACE_MAILS:
        return place_message(texts, catalogue, delivery, now)
    snapshot = catalogue.snapshot(delivery.session_id)
    if snapshot is None:
        return None
    following = next_after(catalogue, snapshot.series_id, now)
    unsubscribe = ""
    keywords = ""
    seed = seed_of(delivery)
    if delivery.kind == NEWSLETTER_TEST:
        mail = texts.test_newsletter(story_of(snapshot, texts.studio), following)
        # Each test is a mail of its own.
        seed = seed_of(delivery, now)
    elif delivery.kind == NEWSLETTER:
        reader = subscriber(catalogue, delivery.recipient)
        if reader is None or not reader.confirmed:
            return None
        unsubscribe = texts.links.absolute(f"unsubscribe/{reader.token}")
        keywords = (snapshot.series_id or "") if snapshot.visibility == "public" else ""
        mail = texts.newsletter(
            story_of(snapshot, texts.studio), unsubscribe=unsubscribe, following=following, to_readers=True
        )
    else:
        person = SessionReader(catalogue.connection).recipient(delivery.session_id, delivery.recipient)
        if person is None:
            return None
        mail = _personal(texts, snapshot, person, following)
    return message_of(
        mail,
        texts.studio,
        message_id=message_id_of(seed, texts.links.host),
        date=now,
        picture=card_of(story_of(snapshot, texts.studio), texts.studio),
        to=delivery.address,
        unsubscribe=unsubscribe,
        keywords=keywords,
    )


def _sign_in(texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes:
    """A link that signs in; made when it is sent, so that its time begins then."""
    token = SignIns(catalogue.connection).make_link(delivery.recipient, now)
    mail = texts.mail_from_template(
        "sign_in",
        texts.studio.words("mail.sign_in_subject", name=texts.studio.name),
        link=texts.links.absolute(f"console#sign_in={token}"),
    )
    return plain_message(mail, texts, delivery, now, seed=token)


def _confirmation(texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes | None:
    reader = subscriber(catalogue, delivery.recipient)
    if reader is None:
        return None
    studio = texts.studio
    mail = texts.mail_from_template(
        "confirm",
        studio.words("mail.confirm_subject", name=studio.name),
        link=texts.links.absolute(f"confirm/{reader.token}"),
    )
    return plain_message(mail, texts, delivery, now, seed=seed_of(delivery))


def _personal(
    texts: DraftTexts, snapshot: Snapshot, person: Recipient, following: UpcomingRoom | None
) -> Mail:
    """A participant's own summary, with the next session at the moment at which it is sent."""
    summary = json.loads(person.own_summary or "{}")
    change = summary.get("improvement", summary.get("improvement_percent"))
    return texts.personal(
        story_of(snapshot, texts.studio),
        person=person.name,
        change=change if isinstance(change, int | float) else None,
        following=following,
    )
