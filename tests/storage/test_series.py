"""The table of series, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from engine.domain.series import Series
from engine.domain.session import Details, TechniquePlan
from engine.storage.database import Database
from engine.storage.series import SeriesTable

THURSDAY = Series(
    series_id="thursday",
    details=Details(
        "Thursday", "Mara", 0, techniques=(TechniquePlan("Box Breathing", 240),), series_id="thursday"
    ),
    starts="2026-12-03T18:30",
    time_zone="Europe/Berlin",
    rule="FREQ=WEEKLY",
    created_at=5,
    updated_at=5,
    timetable_since=0,
)


@pytest.fixture
async def table(database: Database) -> AsyncIterator[SeriesTable]:
    table = SeriesTable(database)
    yield table
    table.close()


async def test_a_series_comes_back_as_it_was_stored(table: SeriesTable) -> None:
    """With the plan of its sessions; an id is taken once."""
    assert await table.add(THURSDAY)
    assert await table.get("thursday") == THURSDAY
    assert not await table.add(replace(THURSDAY, starts="2026-12-03T20:00"))
    assert await table.get("thursday") == THURSDAY
    assert await table.get("friday") is None


async def test_of_two_changes_of_one_state_the_second_is_told(table: SeriesTable) -> None:
    """So that no server overwrites what another one has just stored."""
    assert await table.changes() == 0
    await table.add(THURSDAY)
    assert await table.changes() == 1
    stored = await table.update(replace(THURSDAY, rule="FREQ=DAILY"))
    assert stored == replace(THURSDAY, rule="FREQ=DAILY", version=2)
    assert await table.update(replace(THURSDAY, starts="2026-12-03T20:00")) is None
    assert await table.get("thursday") == stored
    assert await table.changes() == 2


async def test_series_that_ended_may_be_left_out(table: SeriesTable) -> None:
    """All of them stand by their ids."""
    await table.add(THURSDAY)
    await table.add(replace(THURSDAY, series_id="daily", ended_at=9))
    assert [each.series_id for each in await table.all()] == ["daily", "thursday"]
    assert [each.series_id for each in await table.all(ended=False)] == ["thursday"]
