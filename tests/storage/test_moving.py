"""A studio moves between SQLite and PostgreSQL, and a backup of one is restored into the other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.commands.moving import MoveRefused, move_tables
from engine.storage.data_lock import occupy
from engine.storage.database import Database
from engine.storage.journal import Append
from engine.storage.keys import Keys
from engine.storage.opening import database_of, open_journal
from engine.storage.outbox import Outbox
from engine.storage.rows import PersonChange, PersonRow
from engine.storage.signing_key import signing_key_of
from engine.storage.tables import ENGINE
from publisher.catalogue.published import Catalogue
from publisher.catalogue.tables import PUBLISHER
from tests.publisher.samples import NOW, snapshot
from tests.storage.rows import outcomes, records, room


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


async def fill(database: Database) -> None:
    """Some of everything that a studio has."""
    journal = open_journal(database, asyncio.get_running_loop())
    ann = PersonRow("s7", "ann", 5, name="Ann \u00fc\U0001f600", email="ann@breath.example")
    entries = [Append(f"s{n}", 0, records(1, n), room=room(f"s{n}")) for n in range(1, 40)]
    await outcomes(
        journal, [*entries, Append("s7", 7, (), people=[PersonChange("ann", ann)], event_ids=["e"])]
    )
    await outcomes(journal, [Append("long", 0, records(1, 4500))])
    await journal.close()
    keys = Keys(database)
    keys.create("Sarah", at=1)
    keys.close()
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        for n in range(5):
            reply = Outbox(connection).enqueue(snapshot(f"p-{n}"), ("web", "email"), NOW)
            catalogue.publish(reply, ZoneInfo("UTC"), NOW)


def content(database: Database) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, in the order of the keys; which steps are needed differs where servers share a database."""
    with database.connect() as connection:
        Catalogue(connection)
        return {
            name: [
                dict(row)
                for row in connection.rows(f"SELECT * FROM {name} ORDER BY {', '.join(shape.key)}")
                if row[shape.key[0]] not in ("signing_key", ENGINE.key, PUBLISHER.key)
            ]
            for name, shape in connection.tables().items()
        }


async def test_there_and_back_everything_is_the_same(tmp_path: Path, postgres_url: str) -> None:
    """Rows, the key that signs, and numbers that go on counting."""
    there, back = database_of(tmp_path / "new", postgres_url), database_of(tmp_path / "back")
    (tmp_path / "old").mkdir()
    old = database_of(tmp_path / "old")
    signs = signing_key_of(tmp_path / "old", old)
    await fill(old)
    before = content(old)

    rows = move_tables(str(tmp_path / "old"), postgres_url, quiet)
    assert content(there) == before
    # For which folders the site is built is not copied.
    assert rows >= sum(len(kept) for name, kept in before.items() if name != "sites")
    assert signing_key_of(tmp_path / "new", there) == signs
    move_tables(postgres_url, str(tmp_path / "back"), quiet)
    assert content(back) == before
    assert signing_key_of(tmp_path / "back", back) == signs

    for database in (there, back):
        with database.connect() as connection:
            Outbox(connection).enqueue(snapshot("after"), ("web",), NOW)
            assert Outbox(connection).of("after")[0].id not in {row["id"] for row in before["outbox"]}


async def test_what_cannot_be_moved_is_said_and_left_alone(tmp_path: Path, postgres_url: str) -> None:
    """No studio, a folder in use, a database that holds one already."""
    (tmp_path / "old").mkdir()
    with pytest.raises(MoveRefused, match="no studio"):
        move_tables(str(tmp_path / "old"), postgres_url, quiet)
    await fill(database_of(tmp_path / "old"))
    with occupy(tmp_path / "old"), pytest.raises(MoveRefused, match="stop it first"):
        move_tables(str(tmp_path / "old"), postgres_url, quiet)
    with (
        database_of(tmp_path, postgres_url).hold("server"),
        pytest.raises(MoveRefused, match="stop it first"),
    ):
        move_tables(str(tmp_path / "old"), postgres_url, quiet)
    move_tables(str(tmp_path / "old"), postgres_url, quiet)
    before = content(database_of(tmp_path, postgres_url))
    with pytest.raises(MoveRefused, match="already holds a studio"):
        move_tables(str(tmp_path / "old"), postgres_url, quiet)
    assert content(database_of(tmp_path, postgres_url)) == before


def names_in(folder: Path) -> list[str]:
    """What a folder holds."""
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    "place", ["mysql://here/studio", "postgresql+psycopg://here/studio", "sqlite:///old"]
)
async def test_the_address_of_another_database_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It is refused in either place, and no folder of that name is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    await fill(database_of(tmp_path / "old"))
    for source, target in (("old", place), (place, "new")):
        with pytest.raises(MoveRefused, match="postgresql://"):
            move_tables(source, target, quiet)
    assert names_in(tmp_path) == ["old"]


async def test_the_key_that_signs_moves_into_a_place_that_was_started_once(
    tmp_path: Path, postgres_url: str
) -> None:
    """A first start left a key of its own there, and no studio: the links of the studio that moves in stay good."""
    (tmp_path / "old").mkdir()
    old, there = database_of(tmp_path / "old"), database_of(tmp_path / "new", postgres_url)
    signs = signing_key_of(tmp_path / "old", old)
    await fill(old)
    assert signing_key_of(tmp_path / "new", there) != signs

    move_tables(str(tmp_path / "old"), postgres_url, quiet)
    assert signing_key_of(tmp_path / "new", there) == signs

    (tmp_path / "back").mkdir()
    assert signing_key_of(tmp_path / "back", database_of(tmp_path / "back")) != signs
    move_tables(postgres_url, str(tmp_path / "back"), quiet)
    assert signing_key_of(tmp_path / "back", database_of(tmp_path / "back")) == signs
