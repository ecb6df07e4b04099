"""Every mail that the studio sends, as a message, from sessions and people that are made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pydantic_core import to_json

from engine.domain.instant import HOUR, Millis
from engine.domain.registrations import PlaceMail
from engine.domain.series import Series
from engine.domain.session import Details
from engine.storage.keys import Keys
from engine.storage.rows import PEOPLE, ROOMS, PersonRow
from engine.storage.sign_ins import SIGN_IN_MAIL
from publisher.catalogue import subscriptions
from publisher.catalogue.deliveries import CONFIRMATION, NEWSLETTER, NEWSLETTER_TEST, PERSONAL, Delivery
from publisher.catalogue.letters import Letters
from publisher.catalogue.registrar import Registrar
from publisher.catalogue.series_mails import GATHERED
from publisher.delivery.messages import message_of_delivery
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.rendering import resources
from tests.publisher.samples import content, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

__all__ = ["NAME", "letters", "string_files"]

NAME = "Atemraum Köln"
_ADDRESS = "mara@example.org"
_STUDIO = """name = "{name}"
sender = "hallo@example.org"
postal_address = "Musterstraße 1, 50667 Köln"
language = "{language}"
"""
_WRITTEN = {
    "en": ("An evening", "Dear all,\n\nit was quiet, and good.\n\nSee you soon."),
    "de": ("Ein Abend", "Liebe alle,\n\nes war still, und schön.\n\nBis bald."),
    "fr": ("Une soirée", "Bonjour à toutes et à tous,\n\nc’était calme, et beau.\n\nÀ bientôt."),
    "es": ("Una tarde", "Hola a todas las personas,\n\nhubo calma, y fue bonito.\n\nHasta pronto."),
}
"""What an instructor writes: subject and text."""


def string_files() -> dict[str, Path]:
    """The file of our own words in each language."""
    return {file.stem: file for file in sorted((resources.path("templates") / "strings").glob("*.toml"))}


def letters(publisher: Publisher, language: str, now: Millis) -> Iterator[tuple[str, bytes]]:
    """Every kind of mail by its name, in a language, as it would go out now."""
    (publisher.data / "studio.toml").write_text(_STUDIO.format(name=NAME, language=language), "utf-8")
    publisher.catalogue.set_meta("sends_mail", "yes")
    publisher.catalogue.set_meta("public_url", "https://breath.example/")
    studio = _Studio(publisher, language, now)
    yield from studio.confirmation()
    yield from studio.about_keys()
    yield from studio.about_stories()
    yield from studio.about_places()
    yield from studio.about_a_series()


class _Studio:
    def __init__(self, publisher: Publisher, language: str, now: Millis) -> None:
        self._publisher, self._now = publisher, now
        self._catalogue, self._connection = publisher.catalogue, publisher.connection
        self._subject, self._text = _WRITTEN[language]
        desk = open_draft_desk(publisher.data, publisher.connection)
        self._desk, self._texts = desk, desk.texts

    def confirmation(self) -> Iterator[tuple[str, bytes]]:
        """To an address that asked for the newsletter, which gets it afterwards."""
        subscriptions.subscribe(self._catalogue, _ADDRESS, self._now)
        yield "confirmation", self._message("", CONFIRMATION, _ADDRESS)
        reader = subscriptions.subscriber(self._catalogue, _ADDRESS)
        assert reader is not None
        subscriptions.confirm(self._catalogue, reader.token, self._now)

    def about_keys(self) -> Iterator[tuple[str, bytes]]:
        """To the owner of a key."""
        with closing(Keys(self._publisher.database)) as keys:
            keys.create("Mara", self._now, email=_ADDRESS)
        yield "sign-in", self._message("", SIGN_IN_MAIL, "Mara")

    def about_stories(self) -> Iterator[tuple[str, bytes]]:
        """The newsletter in the forms that it takes, its test, and somebody's own summary."""
        hour_ago, told = self._now - HOUR, str(content()["content"])
        stories = {
            "newsletter": snapshot("plain", session_date=hour_ago),
            "newsletter, wide": snapshot(
                "wide", title="Ruhe – „weit“ 🫁", content=told, session_date=hour_ago
            ),
            "newsletter, shortened": snapshot(
                "long", content="\n\n".join(["In."] * 3800), session_date=hour_ago
            ),
            "newsletter, of few words": snapshot(
                "few",
                content=None,
                average_hrv_improvement=None,
                achievements=(),
                breathing_techniques=("Box Breathing",),
                session_date=hour_ago,
            ),
            "newsletter, edited": snapshot("edited", session_date=hour_ago),
        }
        for story in stories.values():
            self._catalogue.publish(story, self._texts.studio.zone, self._now)
        self._desk.prepare(stories["newsletter, edited"], "email", self._now)
        written = {"subject": self._subject, "text": self._text}
        self._desk.edit("edited", "email", written, self._now)
        for name, story in stories.items():
            yield name, self._message(story.session_id, NEWSLETTER, _ADDRESS)
        yield "newsletter, test", self._message("plain", NEWSLETTER_TEST, "Mara")
        own = '{"improvement_percent": 7}'
        row = PersonRow("plain", "c1", self._now, name="Mara", email=_ADDRESS, own_summary=own)
        self._connection.execute(PEOPLE.upsert, **PEOPLE.values(row))
        yield "personal", self._message("plain", PERSONAL, "c1")

    def about_places(self) -> Iterator[tuple[str, bytes]]:
        """To somebody who comes to one session."""
        evening = room(
            "evening", title=self._subject, scheduled_start=self._now + 72 * HOUR, max_participants=2
        )
        self._connection.execute(ROOMS.upsert, **ROOMS.values(evening))
        registrar = Registrar(self._catalogue)
        made = registrar.register(
            [evening],
            series_id=None,
            name="Mara",
            address=_ADDRESS,
            mailbox=_ADDRESS,
            network="n",
            at=self._now,
        )
        registrar.confirm(made.registration, self._now)
        Letters(self._catalogue).write("evening", self._subject, self._text, self._now)
        for kind in PlaceMail:
            yield str(kind), self._message("evening", kind, made.registration.registration)

    def about_a_series(self) -> Iterator[tuple[str, bytes]]:
        """To somebody who comes every time: what changes, and that it ends."""
        sessions = [
            room(
                f"weekly-{day}",
                title=self._subject,
                series_id="weekly",
                scheduled_start=self._now + day * 24 * HOUR,
            )
            for day in (3, 10)
        ]
        for session in sessions:
            self._connection.execute(ROOMS.upsert, **ROOMS.values(session))
        made = Registrar(self._catalogue).register(
            sessions,
            series_id="weekly",
            name="Mara",
            address=_ADDRESS,
            mailbox=_ADDRESS,
            network="n",
            at=self._now,
        )
        person = made.registration.registration
        first, second = (session.session_id for session in sessions)
        yield "series place_confirm", self._message(first, PlaceMail.CONFIRM, person)
        for kind in GATHERED:
            yield f"series {kind}", self._message(first, kind, person, (second, str(kind)))
        self._store_series(ended_at=self._now)
        cancelled = PlaceMail.CANCELLED
        yield "series ended", self._message(first, cancelled, person, (second, str(cancelled)))

    def _message(self, session_id: str, kind: str, recipient: str, *others: tuple[str, str]) -> bytes:
        delivery = Delivery(session_id, str(kind), recipient, _ADDRESS, 0, others)
        message = message_of_delivery(self._texts, self._catalogue, delivery, self._now)
        assert message is not None, (session_id, kind)
        return message

    def _store_series(self, ended_at: Millis) -> None:
        series = Series(
            series_id="weekly",
            details=Details(self._subject, "Mara", 0, series_id="weekly"),
            starts="2024-03-24T18:30",
            time_zone="UTC",
            rule="FREQ=WEEKLY",
            created_at=0,
            updated_at=0,
            timetable_since=0,
            ended_at=ended_at,
        )
        self._connection.execute(
            "INSERT INTO series (series_id, document, version, created_at, ended_at)"
            " VALUES ('weekly', :document, 1, 0, :ended_at)",
            document=to_json(series).decode(),
            ended_at=ended_at,
        )
