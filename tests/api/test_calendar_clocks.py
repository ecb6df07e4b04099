"""Calendar files over changes of clocks: of a series, of one session, and of the studio, read by two parsers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.domain.instant import from_datetime, to_datetime
from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from publisher.rendering.links import Links
from publisher.rendering.studio import load
from publisher.syndication.calendar import calendar_of
from tests.api.conftest import Server, running
from tests.api.test_series import make
from tests.domain.test_series import ZONES, by_reading_the_clock
from tests.publisher.syndication.calendar_readers import ReadEvent, events_of
from tests.realtime.hand_clock import HandClock

# The day before a change, and a time that the clocks skip or show twice; Kathmandu's stay.
SPRING = {
    "Europe/Berlin": "2027-03-27T02:30",
    "America/New_York": "2027-03-13T02:30",
    "Australia/Lord_Howe": "2027-04-03T01:45",
    "Africa/Cairo": "2027-04-29T00:30",
    "Asia/Kathmandu": "2027-03-27T02:30",
}
AUTUMN = {
    "Europe/Berlin": "2027-10-30T02:30",
    "America/New_York": "2027-11-06T01:30",
    "Australia/Lord_Howe": "2027-10-02T02:15",
    "Africa/Cairo": "2027-10-27T23:30",
    "Asia/Kathmandu": "2027-10-30T02:30",
}
DAYS = 3
MINUTES = 45


def expected(zone: str, starts: str) -> list[tuple[datetime, datetime]]:
    """When each session starts and ends, read off a clock of the zone minute by minute."""
    local = datetime.fromisoformat(starts)
    clock = ZoneInfo(zone)
    found = [
        to_datetime(by_reading_the_clock(local + timedelta(days=day), clock)).astimezone(UTC)
        for day in range(DAYS)
    ]
    return [(begins, begins + timedelta(minutes=MINUTES)) for begins in found]


def times(events: list[ReadEvent]) -> list[tuple[datetime, datetime]]:
    return [(event.starts, event.ends) for event in events]


async def file_of(server: Server, path: str) -> bytes:
    answer = await server.stranger.get(path)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    ("today", "changes"),
    [(datetime(2027, 3, 10, tzinfo=UTC), SPRING), (datetime(2027, 9, 25, tzinfo=UTC), AUTUMN)],
    ids=["spring", "autumn"],
)
async def test_calendar_files_have_the_times_that_clocks_show(
    tmp_path: Path, today: datetime, changes: dict[str, str]
) -> None:
    """At the hour of the change and in the evening, the day before, on the day, and after it; each lasts as long as planned."""
    assert changes.keys() == set(ZONES)
    clock = HandClock(start=from_datetime(today))
    of_studio: dict[str, tuple[datetime, datetime]] = {}
    async with running(tmp_path, clock=clock, rate_requests_per_minute=0) as server:
        for zone, at_the_change in changes.items():
            for starts in (at_the_change, f"{at_the_change[:10]}T18:30"):
                series_id = f"{zone.partition('/')[2]}-{starts[11:13]}"
                await make(
                    server,
                    series_id,
                    timezone=zone,
                    starts=starts,
                    rule=f"FREQ=DAILY;COUNT={DAYS}",
                    duration_minutes=MINUTES,
                )
                found = events_of(await file_of(server, f"/series/{series_id}/calendar.ics"))
                assert times(found) == expected(zone, starts), (zone, starts)
                for event in found:
                    assert events_of(await file_of(server, f"/sessions/{event.session_id}/event.ics")) == [
                        event
                    ]
                    of_studio[event.session_id] = (event.starts, event.ends)
        with database_of(tmp_path, None).connect() as connection:
            file = calendar_of(Catalogue(connection), load(tmp_path), Links(server.url), "site")
    read = events_of(file)
    assert {event.session_id: (event.starts, event.ends) for event in read} == of_studio
    assert len(read) == len(of_studio) == 2 * DAYS * len(ZONES)
