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


async def test_who_came_up_a_moment_ago_is_not_kept_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody joined just before, when another held the place: whoever has it now is let in. Those who hold none ask once."""
    evening = room("evening", max_participants=1)
    with database.connect() as connection:
        connection.execute(ROOMS.upsert, **ROOMS.values(evening))
        registrations, places = Registrations(connection), Places(connection)
        first, second = (
            registrations.add(session_id="evening", name=name, address=None, at=10) for name in ("One", "Two")
        )
        taken = places.seat(evening, first, 10)
        places.seat(evening, second, 10)
        now = 1000
        held = HeldPlaces(database, lambda: now)
        assert await held.of("evening") == {first.registration}
        places.leave(taken, 1100)
        places.come_up(evening)
        now = 1100
        assert await held.of("evening", "c-somebody") == {first.registration}
        assert await held.of("evening", second.registration) == {second.registration}
        assert await held.of("evening") == {second.registration}
        monkeypatch.delattr(Places, "holders_of")
        assert await held.of("evening", second.registration) == {second.registration}
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
