"""The figures of several sessions at once, on both databases: who said that they come, and how a session was rated."""

from __future__ import annotations

from engine.storage.places import Places
from engine.storage.rows import ROOMS
from publisher.catalogue.analytics import ratings_of, record
from publisher.catalogue.registrar import Registrar
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room


def test_how_many_come_and_wait_in_each_session(publisher: Publisher) -> None:
    """A session to which nobody comes is left out, and so is who cancelled."""
    registrar = Registrar(publisher.catalogue)
    for name, said in (("first", 3), ("second", 1), ("third", 0)):
        row = room(name, max_participants=2)
        publisher.connection.execute(ROOMS.upsert, **ROOMS.values(row))
        for _ in range(said):
            made = registrar.register(
                [row], series_id=None, name=None, address=None, mailbox=None, network=name, at=NOW
            )
        if name == "second":
            registrar.leave(made.places[0], NOW)
    counts = Places(publisher.connection).counts_of(["first", "second", "third", "unknown"])
    assert counts == {"first": (2, 1)}
    assert Places(publisher.connection).counts_of([]) == {}


def test_how_several_sessions_were_rated(publisher: Publisher) -> None:
    """Those that too few rated are left out."""
    for name, rating in (("first", 4.5), ("second", None)):
        record(publisher.catalogue, snapshot(name, average_rating=rating))
    assert ratings_of(publisher.catalogue, ["first", "second", "unknown"]) == {"first": 4.5}
    assert ratings_of(publisher.catalogue, []) == {}
