"""Several copies of the site: what changes is marked for each, and each is built at its own pace."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.domain.instant import HOUR
from engine.storage.database import Database
from engine.storage.opening import database_of
from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import register_site, site_for, site_of
from tests.publisher.samples import NOW, snapshot

UTC = ZoneInfo("UTC")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    return database_of(tmp_path, url)


def test_each_copy_has_its_own_marks(database: Database) -> None:
    """One that has built them is done; the others still have them before them, after a day too."""
    with database.connect() as connection:
        one, two = Catalogue(connection, "one"), Catalogue(connection, "two")
        for catalogue in (one, two):
            register_site(catalogue, NOW)
            catalogue.dirty.clear(catalogue.dirty.pages())
        one.publish(snapshot("a"), UTC, NOW)
        assert one.dirty.pages() == two.dirty.pages() != {}
        one.dirty.clear(one.dirty.pages())
        assert not one.dirty.any()
        assert "session/a" in two.dirty.pages()
        two.dirty.mark_here(["home"])
        assert not one.dirty.any()


def test_a_new_copy_is_built_as_a_whole_and_an_old_one_is_forgotten(database: Database) -> None:
    """Whoever comes builds everything; for whoever was not seen for a month nothing is marked any more."""
    with database.connect() as connection:
        old, new = Catalogue(connection, "old"), Catalogue(connection, "new")
        register_site(old, NOW)
        register_site(new, NOW + 31 * 24 * HOUR)
        assert ALL_PAGES in new.dirty.pages()
        new.publish(snapshot("a"), UTC, NOW)
        assert old.dirty.pages() == {}
        register_site(old, NOW + 32 * 24 * HOUR)
        assert set(old.dirty.pages()) == {ALL_PAGES}


def test_marks_of_a_folder_that_moved_to_a_shared_database_are_its_own(database: Database) -> None:
    """The drafts that were to be removed there are in this folder."""
    with database.connect() as connection:
        before = Catalogue(connection)
        before.dirty.mark(["drafts/a"])
        after = Catalogue(connection, "one")
        register_site(after, NOW)
        assert set(after.dirty.drafts()) == {"drafts/a"}
        assert before.dirty.drafts() == {}
        after.dirty.mark(["home"])
        assert before.dirty.pages() == {}


def test_a_folder_has_an_id_where_servers_share_the_database(database: Database, tmp_path: Path) -> None:
    """Made once; none for a folder with a database of its own."""
    made = site_for(tmp_path / "data", database)
    assert bool(made) == database.shared
    assert site_for(tmp_path / "data", database) == site_of(tmp_path / "data") == made
