"""The mail about what has changed in several sessions of a series, to somebody who comes to every one of them.

It says what is true when it is sent: the dates that fall away, and those that are left.
"""

from __future__ import annotations

from engine.domain.instant import Millis
from engine.domain.registrations import PlaceMail, PlaceState
from engine.storage.places import Place, Places
from engine.storage.registrations import Registration, Registrations
from engine.storage.rows import RoomRow
from engine.storage.series import series_of
from publisher.catalogue.deliveries import Delivery
from publisher.catalogue.place_mails import NOT_BEGUN
from publisher.catalogue.published import Catalogue
from publisher.catalogue.series_mails import GATHERED
from publisher.catalogue.upcoming import room_of
from publisher.delivery.plain_message import plain_message
from publisher.drafts.texts import DraftTexts
from publisher.syndication.calendar import calendar_file

__all__ = ["is_about_series", "series_message"]


def is_about_series(catalogue: Catalogue, delivery: Delivery) -> bool:
    """Whether a mail tells of several sessions of a series, or of one that fell out of it."""
    owner = Registrations(catalogue.connection).get(delivery.recipient)
    if owner is None or owner.series_id is None or delivery.kind not in GATHERED:
        return False
    if delivery.others:
        return True
    series = series_of(catalogue.connection, owner.series_id)
    fallen = delivery.kind == PlaceMail.CANCELLED
    return fallen and series is not None and delivery.session_id in series.dropped


def series_message(texts: DraftTexts, catalogue: Catalogue, delivery: Delivery, now: Millis) -> bytes | None:
    """The message; None where the registration or all of its sessions are gone."""
    places = Places(catalogue.connection)
    owner = Registrations(catalogue.connection).get(delivery.recipient)
    news = _news_of(places, delivery)
    if owner is None or owner.series_id is None or not news:
        return None
    kinds = {kind for kind, _, _ in news}
    fallen = [row for kind, row, _ in news if kind == PlaceMail.CANCELLED]
    series = series_of(catalogue.connection, owner.series_id)
    ended = bool(fallen) and series is not None and series.ended_at is not None
    came_up = kinds == {PlaceMail.CAME_UP}
    kept = [] if ended else [(row, place) for _, row, place in news] if came_up else _to_come(places, owner)
    name = "ended" if ended else "places" if came_up else "changed"
    studio, words, links = texts.studio, texts.studio.words, texts.links
    first = room_of(news[0][1])
    zone = None if series is None else series.time_zone

    def date(row: RoomRow, place: Place | None = None) -> str:
        when = studio.day_and_time(row.scheduled_start, zone)
        waits = place is not None and place.state is PlaceState.WAITING
        return f"{when}, {words('coming.series_waits')}" if waits else when

    rendered = texts.mail_from_template(
        "coming_series",
        words(f"coming.series_{name}_subject", title=first.title),
        heading=first.title,
        led=words("before.with", name=first.instructor),
        sentence=words(f"coming.series_{name}_said"),
        fallen=[date(row) for row in fallen],
        dates=[date(row, place) for row, place in kept],
        changed=name == "changed",
        page=links.absolute(f"series/{owner.series_id}/"),
        own=None if ended else links.absolute(f"coming/{owner.token}"),
    )
    rows = {row.session_id: row for row in (*fallen, *(row for row, _ in kept))}
    seed = "\n".join(
        (delivery.recipient, *(f"{kind} {row.session_id} {row.sequence}" for kind, row, _ in news))
    )
    return plain_message(
        rendered,
        texts,
        delivery,
        now,
        seed=seed,
        calendar=calendar_file(
            map(room_of, rows.values()),
            studio,
            links,
            catalogue.meta("site_id") or "",
            name=first.title,
            refreshed=False,
            time_zone=zone,
        ),
    )


def _news_of(places: Places, delivery: Delivery) -> list[tuple[str, RoomRow, Place]]:
    """What is told: kind, session and place, by the sessions' starts."""
    news = []
    for session_id, kind in ((delivery.session_id, delivery.kind), *delivery.others):
        row, place = places.room(session_id), places.place(session_id, delivery.recipient)
        if row is not None and place is not None:
            news.append((kind, row, place))
    return sorted(news, key=lambda each: (each[1].scheduled_start, each[1].session_id))


def _to_come(places: Places, owner: Registration) -> list[tuple[RoomRow, Place]]:
    """The sessions that somebody comes to and that have not begun, by their starts."""
    found = ((places.room(each.session_id), each) for each in places.places_of(owner.registration))
    return [
        (row, place)
        for row, place in found
        if row is not None and not row.cancelled and row.phase in NOT_BEGUN
    ]
