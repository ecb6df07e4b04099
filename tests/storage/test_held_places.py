"""For whom places are held, as those who let people in ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from engine.storage.database import Database, DatabaseLost
from engine.storage.held_places import HeldPlaces
from engine.storage.places import Places
from engine.storage.registrations import Registrations
from engine.storage.rows import ROOMS
from tests.storage.rows import room


async def test_sessions_that_are_asked_for_together_are_read_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server to which hundreds come back at once sends a few statements; each session has its own answer."""
    evening, morning = room("evening", max_participants=2), room("morning")
    with database.connect() as connection:
        for row in (evening, morning):
            connection.execute(ROOMS.upsert, **ROOMS.values(row))
        one = Registrations(connection).add(session_id="evening", name="One", address=None, at=10)
        Places(connection).seat(evening, one, 10)
    read: list[set[str]] = []
    holders_of = Places.holders_of

    def counted(places: Places, session_ids: Collection[str]) -> dict[str, frozenset[str]]:
        read.append(set(session_ids))
        return holders_of(places, session_ids)

    monkeypatch.setattr(Places, "holders_of", counted)
    held = HeldPlaces(database, lambda: 0)
    answers = await asyncio.gather(*map(held.of, ["evening", "morning", "evening"]))
    assert answers == [{one.registration}, frozenset(), {one.registration}]
    assert read == [{"evening", "morning"}]
    assert await held.of("evening") == {one.registration}
    assert len(read) == 1, "read a moment ago"
    held.close()


async def test_a_database_that_is_away_keeps_no_door_shut(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds a place then; the next who asks a while later reads again."""
    now = 0
    held = HeldPlaces(database, lambda: now)

    def away(*_: object) -> dict[str, frozenset[str]]:
        raise DatabaseLost("away")

    with monkeypatch.context() as patched:
        patched.setattr(Places, "holders_of", away)
        assert await held.of("evening") == frozenset()
    now = 1000
    monkeypatch.setattr(Places, "holders_of", lambda *_: {"evening": frozenset({"one"})})
    assert await held.of("evening") == {"one"}
    held.close()
