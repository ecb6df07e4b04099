"""The places of sessions in the feed, and the ids they are known by, in either database."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from engine.domain.instant import HOUR, MINUTE
from engine.storage.database import Connection, Row, Value
from engine.storage.meta import Meta
from engine.storage.migrations import Schema, migrate
from engine.storage.opening import database_of
from publisher.catalogue.tables import PUBLISHER
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.publisher.syndication.test_feed import channel_of

DAY = 24 * HOUR


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_parts_are_counted_from_the_beginning_of_their_month(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Whatever came first here: by their own time, and with the places of those that were withdrawn."""
    publisher = Publisher(
        tmp_path, url=request.getfixturevalue("postgres_url") if kind == "postgres" else None
    )
    catalogue, zone = publisher.catalogue, publisher.jobs.setup.studio.zone
    for n in reversed(range(60)):
        old = snapshot(f"old-{n:02}", source="import", session_date=NOW - 400 * DAY + n * MINUTE)
        catalogue.publish(old, zone, NOW)
    catalogue.publish(snapshot("today"), zone, NOW)
    assert catalogue.feed.parts() == ["2023-02-1", "2023-02-2"]
    assert [each.session_id for each in catalogue.feed.part("2023-02-2")] == [
        f"old-{n}" for n in reversed(range(50, 60))
    ]
    catalogue.withdraw("old-03", NOW)
    assert [each.session_id for each in catalogue.feed.part("2023-02-1")] == [
        f"old-{n:02}" for n in reversed(range(50)) if n != 3
    ]
    entry = catalogue.published("old-04")
    assert entry is not None
    assert catalogue.feed.parts_from(entry) == ["2023-02-1", "2023-02-2"]
    assert [each.session_id for each in catalogue.feed.newest(3)] == ["today", "old-59", "old-58"]
    publisher.close()


def test_a_part_of_the_archive_is_read_without_a_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 10,000 sessions there are 200 parts: going through everything for each one took a minute."""
    publisher = Publisher(tmp_path)
    connection = publisher.catalogue.connection
    read = type(connection).rows
    plans: list[str] = []

    def explained(self: Connection, statement: str, /, **values: Value) -> list[Row]:
        plans.extend(row["detail"] for row in read(self, f"EXPLAIN QUERY PLAN {statement}", **values))
        return read(self, statement, **values)

    monkeypatch.setattr(type(connection), "rows", explained)
    publisher.catalogue.feed.part("2023-02-1")
    publisher.close()
    assert [plan for plan in plans if "published" in plan] == [
        "SEARCH published USING COVERING INDEX published_by_place (feed_month=?)",
        "SEARCH published USING PRIMARY KEY (session_id=?)",
    ]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_was_published_keeps_the_address_it_is_known_by(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The tables of the version before know no ids: its items keep theirs, and stay permalinks."""
    with ExitStack() as databases:
        # Without a table: other tests get a copy of those of today.
        made = request.getfixturevalue("postgres").database() if kind == "postgres" else nullcontext()
        url = databases.enter_context(made)
        with database_of(tmp_path, url).connect() as connection, connection.transaction():
            migrate(connection, Schema(PUBLISHER.key, PUBLISHER.steps[:2]))
            Meta(connection).set("public_url", "https://one.example")
            connection.execute(
                "INSERT INTO published (session_id, content_id, version, document, gist, title, session_date, day,"
                " visibility, featured, feed_month, feed_number, published_at, updated_at) VALUES ('s-1', 'c', 1,"
                " :document, :document, 'Evening', :at, '2024-03-21', 'public', 0, '2024-03', 1, :at, :at)",
                document=snapshot("s-1").model_dump_json(),
                at=NOW,
            )
            connection.execute("INSERT INTO feed_months VALUES ('2024-03', 1, :at)", at=NOW)
        publisher = Publisher(tmp_path, url=url)
        publisher.catalogue.set_meta("public_url", "https://two.example")
        publisher.publish(snapshot("s-2"), ["web"], NOW + MINUTE)
        new, old = (item.find("guid") for item in channel_of(publisher).findall("item"))
        publisher.close()
        assert new is not None
        assert old is not None
        assert (old.text, old.attrib.get("isPermaLink", "true")) == (
            "https://one.example/sessions/s-1/",
            "true",
        )
        assert str(new.text).startswith("urn:uuid:")
