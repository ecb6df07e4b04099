"""The table of the studio's own techniques, on every database."""

from __future__ import annotations

from engine.domain.techniques.own import OwnTechnique
from engine.storage.database import Database
from engine.storage.migrations import migrate
from engine.storage.tables import ENGINE
from engine.storage.techniques import OwnTechniques

TIDE = OwnTechnique(
    "Tide", (5.0, 0.0, 7.5, 0.0), (10, 30), "A long breath out.", "Follow the circle.", ("Care.",)
)


def test_a_technique_is_kept_changed_and_removed(database: Database) -> None:
    """As it was written; a slug is there once, and what is not there cannot be changed."""
    with database.connect() as connection:
        migrate(connection, ENGINE)
        own = OwnTechniques(connection)
        assert not own.replace(TIDE, 1)
        assert own.add(TIDE, 1)
        assert not own.add(OwnTechnique("TIDE", (4.0, 0.0, 6.0, 0.0)), 2)
        assert own.all() == [TIDE]
        changed = OwnTechnique("TIDE", (4.0, 0.0, 6.0, 0.0))
        assert own.replace(changed, 3)
        assert (own.get("tide"), own.count()) == (changed, 1)
        assert own.remove("tide")
        assert not own.remove("tide")
        assert own.all() == []
