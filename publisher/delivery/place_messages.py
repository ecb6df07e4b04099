"""The mails about somebody's place in a session: to confirm, to remind, and what has changed.

Nothing that whoever registered wrote stands in them: an address need not be that person's. The letter has the words of
whoever leads the session.
"""

from __future__ import annotations

from engine.domain.instant import Millis
from engine.domain.registrations import PlaceMail, PlaceState
from engine.storage.places import Place, Places
from publisher.catalogue.deliveries import Delivery
from publisher.catalogue.letters import Letters
from publisher.catalogue.place_mails import first_open
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import UpcomingRoom, in_own_zone, room_of
from publisher.delivery.plain_message import plain_message, seed_of
from publisher.delivery.series_messages import is_about_series, series_message
from publisher.drafts.texts import DraftTexts
from publisher.syndication.calendar import calendar_file

__all__ = ["place_message"]


def place_message(texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes | None:
    """The message; None where the place or its session is gone."""
    if is_about_series(catalogue, delivery):
        return series_message(texts, catalogue, delivery, now)
    places = Places(catalogue.connection)
    mail = PlaceMail(delivery.kind)
    if mail is PlaceMail.CONFIRM:
        found = first_open(places, delivery.recipient)
        if found is None:
            return None
        place, row = found
    else:
        there, known = (
            places.place(delivery.session_id, delivery.recipient),
            places.room(delivery.session_id),
        )
        if there is None or known is None:
            return None
        place, row = there, known
    room = in_own_zone(catalogue, room_of(row))
    if mail is PlaceMail.LETTER:
        return _letter(texts, catalogue, delivery, room, place, now)
    studio, words, links = texts.studio, texts.studio.words, texts.links
    own = links.absolute(f"coming/{place.registration.token}")
    waits = place.state is PlaceState.WAITING
    kind = mail.removeprefix("place_")
    buttons = {
        PlaceMail.CONFIRM: [("confirm_button", own)],
        PlaceMail.CANCELLED: [],
    }.get(mail, [("join_button", f"{own}/join/{room.session_id}")])
    rendered = texts.mail_from_template(
        "coming",
        words(f"coming.{kind}_subject", title=room.title),
        heading=room.title,
        when=studio.day_and_time(room.starts, room.time_zone),
        led=words("before.with", name=room.instructor),
        sentence=words(f"coming.{kind}_said", name=studio.name),
        waits=waits and mail in (PlaceMail.CONFIRM, PlaceMail.MOVED),
        buttons=[(words(f"coming.{name}"), address) for name, address in buttons],
        page=links.absolute(f"sessions/{room.session_id}/"),
        series=place.registration.series_id is not None and mail is PlaceMail.CONFIRM,
        own=None if mail is PlaceMail.CANCELLED else own,
        unconfirmed=mail is PlaceMail.CONFIRM,
    )
    return plain_message(
        rendered,
        texts,
        delivery,
        now,
        seed=seed_of(delivery, room.sequence),
        calendar=_calendar(texts, catalogue, room, mail),
    )


def _letter(
    texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, room: UpcomingRoom, place: Place, now: Millis
) -> bytes | None:
    """What whoever leads the session wrote to those who come, with the person's own link; None where it is gone."""
    letter = Letters(catalogue).of(delivery.session_id)
    if letter is None:
        return None
    studio, words, links = texts.studio, texts.studio.words, texts.links
    own = links.absolute(f"coming/{place.registration.token}")
    rendered = texts.mail_from_template(
        "letter",
        letter.subject,
        heading=room.title,
        when=studio.day_and_time(room.starts, room.time_zone),
        led=words("before.with", name=room.instructor),
        paragraphs=[block.split("\n") for block in letter.text.split("\n\n") if block.strip()],
        why=words("coming.letter_why", name=room.instructor),
        join=f"{own}/join/{room.session_id}",
        page=links.absolute(f"sessions/{room.session_id}/"),
        own=own,
    )
    return plain_message(rendered, texts, delivery, now, seed=seed_of(delivery, letter.written_at))


def _calendar(texts: DraftTexts, catalogue: Catalogue, room: UpcomingRoom, mail: PlaceMail) -> bytes:
    """The session's calendar file, with the mails that say when it is."""
    if mail in (PlaceMail.DAY, PlaceMail.SOON):
        return b""
    site_id = catalogue.meta("site_id") or ""
    return calendar_file(
        [room],
        texts.studio,
        texts.links,
        site_id,
        name=room.title,
        refreshed=False,
        time_zone=room.time_zone,
    )
