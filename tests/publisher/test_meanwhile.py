"""What somebody decides while pages are being made: the next round has it, whenever exactly it came."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.domain.snapshot import Quote
from engine.storage.migrations import Schema, migrate
from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key
from publisher.catalogue.tables import PUBLISHER
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

QUOTE = Quote(text="Calmer than before.", name="Ada")


class Interruption:
    """Somebody else's decision, made over a connection of their own at one file of a build."""

    def __init__(self) -> None:
        self.files = 0
        self.at: int | None = None
        self.decision: Callable[[Catalogue], object] = lambda _: None
        self.data: Path | None = None

    def __call__(self, _: str) -> None:
        self.files += 1
        if self.files == self.at and self.data is not None:
            with database_of(self.data).connect() as connection:
                self.decision(Catalogue(connection))

    def after(self, files: int, decision: Callable[[Catalogue], object]) -> None:
        """Decide when so many more files were written."""
        self.at, self.decision = self.files + files, decision


@pytest.fixture
def interruption() -> Interruption:
    """What comes in between; nothing until it is told."""
    return Interruption()


@pytest.fixture
def studio(empty_studio: Path, tmp_path: Path, interruption: Interruption) -> Publisher:
    """A publisher of one session with a quote that waits."""
    shutil.copytree(empty_studio, tmp_path / "data")
    made = Publisher(tmp_path / "data", step=interruption)
    interruption.data = made.data
    made.publish(snapshot("first", quotes=(QUOTE,)))
    return made


def settle(studio: Publisher) -> None:
    """Rounds until nothing waits; each takes up what came during the one before."""
    for _ in range(3):
        studio.work(NOW + 1)
    assert not studio.catalogue.dirty.any()


@pytest.mark.parametrize("files", [1, 2, 5, 10, 20, 25])
def test_a_withdrawal_during_a_publication(studio: Publisher, interruption: Interruption, files: int) -> None:
    """Whichever file was being written: the session is gone from every page, as if it had come a moment later."""
    interruption.after(files, lambda catalogue: catalogue.withdraw("first", NOW + 1))
    studio.publish(snapshot("second"), at=NOW + 1)
    settle(studio)
    assert interruption.files > (interruption.at or 0)
    assert not studio.has("sessions/first/index.html")
    assert "/sessions/first/" not in studio.read("feed.xml")
    assert not (studio.data / "drafts/first").exists()
    assert studio.site() == studio.rebuilt()


@pytest.mark.parametrize("files", [1, 5, 10])
def test_a_withdrawal_during_a_rebuild(studio: Publisher, interruption: Interruption, files: int) -> None:
    """The whole site was being made anew with the session in it: it goes in the round after."""
    interruption.after(files, lambda catalogue: catalogue.withdraw("first", NOW + 1))
    studio.outbox.enqueue(snapshot("second"), ("web",), NOW)
    studio.catalogue.dirty.mark_all()
    settle(studio)
    assert interruption.files > (interruption.at or 0)
    assert not studio.has("sessions/first/index.html")
    assert not (studio.data / "drafts/first").exists()
    assert studio.site() == studio.rebuilt()


def test_what_is_deleted_leaves_the_disk_during_a_rebuild(
    studio: Publisher, interruption: Interruption
) -> None:
    """No reader keeps the database's log as it was at the beginning: it is cut, and begins anew for live sessions."""
    discarded: list[bool] = []
    interruption.after(5, lambda catalogue: discarded.append(catalogue.connection.discard_deleted()))
    studio.outbox.enqueue(snapshot("second"), ("web",), NOW)
    studio.catalogue.dirty.mark_all()
    settle(studio)
    assert discarded == [True]


@pytest.mark.parametrize("files", [1, 2])
def test_a_quote_taken_back_while_it_goes_onto_the_page(
    studio: Publisher, interruption: Interruption, files: int
) -> None:
    """Approved, and withdrawn before its page was written: it does not stay there."""
    key = quote_key(QUOTE)
    studio.catalogue.quotes.decide("first", key, "approved", NOW + 1)
    interruption.after(files, lambda catalogue: catalogue.quotes.decide("first", key, "withdrawn", NOW + 2))
    settle(studio)
    assert QUOTE.text not in studio.read("sessions/first/index.html")


def test_the_same_page_marked_twice_is_built_twice_only_if_it_was_built_between(studio: Publisher) -> None:
    """A mark that is renewed outlives the build that began before."""
    studio.catalogue.dirty.mark(["home"])
    studio.catalogue.dirty.mark(["home"])
    began = studio.catalogue.dirty.pages()
    studio.catalogue.dirty.clear(began)
    assert studio.catalogue.dirty.pages() == {}
    studio.catalogue.dirty.mark(["home"])
    began = studio.catalogue.dirty.pages()
    studio.catalogue.dirty.mark(["home", "feed"])
    studio.catalogue.dirty.clear(began)
    assert set(studio.catalogue.dirty.pages()) == {"home", "feed"}


def test_marks_of_an_older_file_are_taken_over(tmp_path: Path) -> None:
    """A publisher of an earlier version had pages waiting: they are built by this one."""
    with database_of(tmp_path).connect() as connection:
        migrate(connection, Schema(PUBLISHER.key, PUBLISHER.steps[:1]))
        connection.execute("INSERT INTO dirty VALUES ('home'), ('feed')")
        site_id = Catalogue(connection).meta("site_id")
        assert set(Catalogue(connection).dirty.pages()) == {"home", "feed"}
        assert Catalogue(connection).meta("site_id") == site_id
        assert not connection.has_table("dirty")
