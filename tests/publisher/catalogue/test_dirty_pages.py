"""Cards that follow their pages are marked beside the pages that wait, and hold none of them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import pytest

from engine.domain.instant import to_datetime
from engine.storage.database import Value
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher


def test_a_card_that_follows_is_no_dirty_page(publisher: Publisher) -> None:
    """Whoever waits for pages waits for no card; each is unmarked by itself, unless it was marked again."""
    catalogue = publisher.catalogue
    catalogue.dirty.mark(["cards/a", "cards/b", "card/a"])
    assert set(catalogue.dirty.pages()) == {"card/a"}
    assert catalogue.dirty.any()
    catalogue.dirty.clear(catalogue.dirty.pages())
    assert not catalogue.dirty.any()
    marks = catalogue.dirty.cards()
    assert marks == {"cards/a": 1, "cards/b": 1}
    catalogue.dirty.mark(["cards/b"])
    catalogue.dirty.clear(marks)
    assert catalogue.dirty.cards() == {"cards/b": 2}


def test_a_site_with_the_same_days_is_marked_beside_any_writer(publisher: Publisher) -> None:
    """Another name or colour of the studio is another setup, in the same zone: nothing of a session is written."""
    publisher.publish(snapshot("s-1"))
    zone = publisher.jobs.setup.studio.zone
    with publisher.database.connect() as other, other.transaction():
        publisher.catalogue.recompute_days(zone)
    publisher.catalogue.recompute_days(ZoneInfo("Pacific/Auckland"))
    entry = publisher.catalogue.published("s-1")
    assert entry is not None
    assert (
        entry.day
        == to_datetime(entry.session_date).astimezone(ZoneInfo("Pacific/Auckland")).date().isoformat()
    )


def test_many_marks_are_written_in_batches(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each a transaction of its own, which a live session on the same database waits for."""
    catalogue = publisher.catalogue
    sizes: list[int] = []
    many = catalogue.connection.many

    def counted(statement: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        sizes.append(len(rows))
        many(statement, rows)

    monkeypatch.setattr(catalogue.connection, "many", counted)
    catalogue.dirty.mark_here(f"cards/{number:03}" for number in range(120))
    catalogue.dirty.clear(catalogue.dirty.cards())
    assert catalogue.dirty.cards() == {}
    assert sizes == [50, 50, 20] * 2
