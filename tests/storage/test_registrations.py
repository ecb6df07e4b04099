"""Registrations and places, on both databases."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine.domain.registrations import PlaceState
from engine.storage.append_rows import write_checked
from engine.storage.database import Connection, Database
from engine.storage.journal import Append, Record
from engine.storage.places import Place, Places
from engine.storage.registrations import Registrations
from engine.storage.request_limits import RequestLimits
from engine.storage.rows import ROOMS, PersonChange, PersonRow, RoomRow
from tests.storage.rows import room

EVENING = room("evening", scheduled_start=5_000_000, max_participants=2)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        connection.execute(ROOMS.upsert, **ROOMS.values(EVENING))
        yield connection


@pytest.fixture
def registrations(connection: Connection) -> Registrations:
    return Registrations(connection)


@pytest.fixture
def held(connection: Connection) -> Places:
    return Places(connection)


def come(connection: Connection, name: str, row: RoomRow = EVENING) -> Place:
    made = Registrations(connection).add(session_id=row.session_id, name=name, address=None, at=10)
    return Places(connection).seat(row, made, 10)


def shown(held: Places) -> list[tuple[str | None, str, int | None]]:
    return [(each.registration.name, str(each.state), each.position) for each in held.places("evening")]


def test_places_are_given_in_order(connection: Connection, held: Places) -> None:
    """And whoever waits comes up in order."""
    places = [come(connection, name) for name in "ABCD"]
    assert [(each.state, each.position) for each in places] == [
        (PlaceState.COMING, None),
        (PlaceState.COMING, None),
        (PlaceState.WAITING, 1),
        (PlaceState.WAITING, 2),
    ]
    assert held.counts("evening") == (2, 2)
    held.leave(places[0], 20)
    assert held.place("evening", places[0].registration.registration) is None
    assert [each.registration.name for each in held.come_up(EVENING)] == ["C"]
    assert shown(held) == [("B", "coming", None), ("C", "coming", None), ("D", "waiting", 1)]


def test_the_last_place_is_given_once(database: Database, connection: Connection) -> None:
    """Two servers, one place: the second waits for the first's transaction, and then for a place."""
    results: list[PlaceState] = []
    together = threading.Barrier(4)

    def register() -> None:
        with database.connect() as own:
            together.wait()
            for _ in range(3):
                with own.transaction():
                    results.append(come(own, "somebody").state)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [PlaceState.COMING] * 2 + [PlaceState.WAITING] * 10
    assert [each.number for each in Places(connection).places("evening")] == list(range(1, 13))


def test_those_of_a_series_get_places_in_new_sessions(
    connection: Connection, registrations: Registrations, held: Places
) -> None:
    """In the order in which they came; once, and not where they said that they do not come."""
    row = room("weekly-1", series_id="weekly", max_participants=1)
    connection.execute(ROOMS.upsert, **ROOMS.values(row))
    for name, at in (("A", 10), ("B", 11)):
        registrations.add(series_id="weekly", name=name, address=None, at=at)
    first, _ = held.seat_those_of_series(row, 20)
    assert [(each.registration.name, each.position) for each in held.places("weekly-1")] == [
        ("A", None),
        ("B", 1),
    ]
    held.leave(first, 30)
    assert held.seat_those_of_series(row, 40) == []
    assert [each.registration.name for each in held.places("weekly-1")] == ["B"]
    assert registrations.get(first.registration.registration) is not None


@pytest.mark.parametrize("of_series", ["public", "unlisted", "private"])
@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_those_of_a_series_have_no_place_where_it_was_closed_alone(
    connection: Connection, registrations: Registrations, held: Places, visibility: str, of_series: str
) -> None:
    """Where a session is more hidden than its series; they get one once it is opened, and single ones stay."""
    connection.execute(
        "INSERT INTO series (series_id, document, version, created_at) VALUES ('weekly', :document, 1, 1)",
        document=json.dumps({"details": {"visibility": of_series, "access": "open"}}),
    )
    row = room("weekly-1", series_id="weekly")
    connection.execute(ROOMS.upsert, **ROOMS.values(row))
    made = registrations.add(series_id="weekly", name="A", address=None, at=10)
    held.seat_those_of_series(row, 20)
    come(connection, "B", row)
    row = replace(row, visibility=visibility)
    connection.execute(ROOMS.upsert, **ROOMS.values(row))

    order = ["public", "unlisted", "private"]
    closed = order.index(visibility) > order.index(of_series)
    assert (held.place("weekly-1", made.registration) is None) == closed
    assert len(held.unseat_those_of_series(row, 30)) == closed
    assert [each.registration.name for each in held.places("weekly-1")] == (["B"] if closed else ["A", "B"])
    assert held.seat_those_of_series(row, 40) == []
    assert len(held.rooms_of_series("weekly")) == (not closed)
    opened = replace(row, visibility="public")
    connection.execute(ROOMS.upsert, **ROOMS.values(opened))
    assert len(held.seat_those_of_series(opened, 50)) == closed
    assert held.place("weekly-1", made.registration) is not None


def test_those_of_a_series_keep_their_places_while_it_is_opened(
    connection: Connection, registrations: Registrations, held: Places
) -> None:
    """A private series becomes public, and its session is still to follow: nobody loses a place meanwhile, or gets one."""

    def store(**changes: object) -> None:
        document = {"details": {"visibility": "public", "access": "open"}} | changes
        connection.execute(
            "INSERT INTO series (series_id, document, version, created_at) VALUES ('weekly', :document, 1, 1)"
            " ON CONFLICT (series_id) DO UPDATE SET document = excluded.document",
            document=json.dumps(document),
        )

    store(unapplied=True)
    row = room("weekly-1", series_id="weekly", visibility="private")
    connection.execute(ROOMS.upsert, **ROOMS.values(row))
    made = registrations.add(series_id="weekly", name="A", address=None, at=10)
    held.seat(row, made, 10)
    assert held.unseat_those_of_series(row, 20) == []
    assert held.place("weekly-1", made.registration) is not None
    registrations.add(series_id="weekly", name="B", address=None, at=20)
    assert held.seat_those_of_series(row, 30) == []
    assert held.rooms_of_series("weekly") == []
    store(unapplied=False)
    assert held.place("weekly-1", made.registration) is None
    assert len(held.unseat_those_of_series(row, 40)) == 1


def test_requests_are_counted_within_a_time(connection: Connection) -> None:
    """Each by itself; once the first is old enough the next may come."""
    limits = RequestLimits(connection)
    waits = [limits.count("a", at, most=2, within=100) for at in (0, 10, 20, 99, 100, 109, 110)]
    assert waits == [0, 0, 80, 1, 0, 1, 0]
    assert limits.count("b", 20, most=2, within=100) == 0


def test_a_withdrawal_takes_the_registration_along(
    connection: Connection, registrations: Registrations, held: Places
) -> None:
    """Whoever joined with it is known by it."""
    place = come(connection, "Anna")
    client_id = place.registration.registration
    for change in (PersonRow("evening", client_id, 7), None):
        position = 1 if change else 2
        entry = Append(
            "evening",
            position - 1,
            [Record(position, None, 7, b"{}")],
            people=[PersonChange(client_id, change)],
        )
        with connection.transaction():
            write_checked(connection, entry)
    assert registrations.get(client_id) is None
    assert held.places("evening") == []


def test_registrations_of_old_sessions_go(
    connection: Connection, registrations: Registrations, held: Places
) -> None:
    """Those of later ones stay."""
    later = room("later", scheduled_start=9_000_000)
    connection.execute(ROOMS.upsert, **ROOMS.values(later))
    come(connection, "Anna")
    kept = come(connection, "Ben", later)
    assert registrations.forget(5_000_001) == 1
    assert held.places("evening") == []
    assert held.place("later", kept.registration.registration) == kept


def test_addresses_that_nobody_confirmed_go(registrations: Registrations) -> None:
    """Those given before an instant, once; places and names stay."""
    made = [
        registrations.add(session_id="evening", name=name, address=f"{name}@x.example", at=at)
        for name, at in (("anna", 10), ("ben", 10), ("carl", 20))
    ]
    registrations.confirm(made[1].registration, 12)
    assert registrations.forget_unconfirmed(20) == 1
    assert registrations.forget_unconfirmed(20) == 0
    assert registrations.with_addresses() == {made[1].registration, made[2].registration}
    found = registrations.get(made[0].registration)
    assert found is not None
    assert (found.name, found.address) == ("anna", None)
