"""A session whose room is made private, or public, after something of it was published."""

from __future__ import annotations

import pytest

from engine.domain.snapshot import Snapshot
from engine.storage.append_rows import write_rows
from engine.storage.journal import Append
from engine.storage.outbox import schedule_row
from publisher.drafts.desk import DraftNotFound
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import ALL, Publisher
from tests.storage.rows import room


@pytest.fixture
def studio(publisher: Publisher) -> Publisher:
    """A publisher with another session already on its site."""
    publisher.publish(snapshot("other"))
    return publisher


def show_to(studio: Publisher, visibility: str, sequence: int) -> None:
    """The room is changed, and what that leaves for the publisher is done."""
    changed = room("s-1", visibility=visibility, sequence=sequence)
    job = schedule_row("s-1", sequence, NOW + sequence)
    with studio.catalogue.transaction():
        write_rows(studio.connection, Append("s-1", 0, (), room=changed, outbox=(job,)))
    studio.work(NOW + sequence)


def summary_of_version(version: int = 1) -> Snapshot:
    """A summary that came in for the session while it was public."""
    return snapshot("s-1", source="api", version=version, approved=True)


def test_made_private_it_is_off_the_site(studio: Publisher) -> None:
    """Page, feed, archives and posts: as if it had been private from the start; and back again."""
    show_to(studio, "public", 1)
    studio.publish(summary_of_version())
    assert studio.has("sessions/s-1/index.html")
    assert (studio.data / "drafts/s-1/twitter.txt").exists()

    show_to(studio, "private", 2)
    assert not studio.has("sessions/s-1/index.html")
    assert (studio.data / "private/sessions/s-1/index.html").exists()
    listed = [
        file for file in (studio.data / "public").rglob("*") if file.suffix in (".html", ".xml", ".json")
    ]
    assert [file for file in listed if "/sessions/s-1/" in file.read_text(encoding="utf-8")] == []
    assert not (studio.data / "drafts/s-1/twitter.txt").exists()
    assert (studio.data / "drafts/s-1/email.txt").exists()
    assert studio.site() == studio.rebuilt()

    show_to(studio, "public", 3)
    assert studio.has("sessions/s-1/index.html")
    assert not (studio.data / "private/sessions/s-1/index.html").exists()
    assert "/sessions/s-1/" in studio.read("feed.xml")
    assert studio.site() == studio.rebuilt()


def test_published_again_it_stays_private(studio: Publisher) -> None:
    """A retry of what was told while the room was public follows the room as it is now."""
    show_to(studio, "public", 1)
    studio.publish(summary_of_version())
    show_to(studio, "private", 2)
    studio.outbox.retry("s-1", ALL, NOW + 3)
    studio.work(NOW + 3)
    assert not studio.has("sessions/s-1/index.html")
    assert not (studio.data / "drafts/s-1/twitter.txt").exists()


def test_unlisted_it_is_found_by_its_address_alone(studio: Publisher) -> None:
    """Its page stays; nothing leads to it."""
    show_to(studio, "public", 1)
    studio.publish(summary_of_version())
    show_to(studio, "unlisted", 2)
    assert studio.has("sessions/s-1/index.html")
    assert "/sessions/s-1/" not in studio.read("feed.xml")
    assert "/sessions/s-1/" not in studio.read("index.html")
    assert studio.site() == studio.rebuilt()


def test_what_has_drafts_alone_can_be_withdrawn(studio: Publisher) -> None:
    """Published as mail and posts, without a page: the drafts go, and what is published later has its own place."""
    studio.publish(summary_of_version(), ("email", "social"))
    assert studio.catalogue.withdraw("s-1", NOW + 1)
    studio.work(NOW + 1)
    assert not (studio.data / "drafts/s-1").exists()
    with pytest.raises(DraftNotFound):
        studio.jobs.setup.desk.list_drafts("s-1")
    assert not studio.catalogue.withdraw("nobody", NOW + 1)

    studio.publish(snapshot("between"), at=NOW + 2)
    studio.publish(summary_of_version(2), at=NOW + 3)
    feed = studio.read("feed.xml")
    assert feed.index("/sessions/s-1/") < feed.index("/sessions/between/")
    assert studio.site() == studio.rebuilt()


def test_no_draft_is_made_of_what_was_withdrawn_meanwhile(studio: Publisher) -> None:
    """The withdrawal came after the job was looked at and before its drafts were: nothing is left of them."""
    stored = studio.publish(summary_of_version())
    assert studio.catalogue.withdraw("s-1", NOW + 1)
    studio.work(NOW + 1)
    studio.jobs.setup.desk.prepare(stored, "email", NOW)
    assert not (studio.data / "drafts/s-1").exists()
    with pytest.raises(DraftNotFound):
        studio.jobs.setup.desk.list_drafts("s-1")
