"""What story pages say of their series and of the next session."""

from __future__ import annotations

from datetime import UTC, datetime

from bs4 import BeautifulSoup
from pydantic import TypeAdapter

from engine.domain.instant import HOUR, from_datetime
from engine.domain.series import Series
from engine.domain.session import Details
from engine.storage.outbox import schedule_row
from engine.storage.rows import ROOMS
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

DAY = 24 * HOUR


def schedule(publisher: Publisher, session_id: str, number: int, **changes: object) -> None:
    row = room(session_id, **{"scheduled_start": NOW + DAY, **changes})
    publisher.connection.execute(ROOMS.upsert, **ROOMS.values(row))
    publisher.outbox.queue([schedule_row(session_id, number, NOW)])
    publisher.work(NOW)


def in_series(publisher: Publisher, time_zone: str) -> None:
    """A series of Fridays, in a zone; where it is there already it moves."""
    series = Series(
        series_id="evening",
        details=Details("Evening", "Mara", 0, series_id="evening"),
        starts="2024-03-22T18:30",
        time_zone=time_zone,
        rule="FREQ=WEEKLY",
        created_at=NOW,
        updated_at=NOW,
        timetable_since=NOW,
    )
    publisher.connection.execute(
        "INSERT INTO series (series_id, document, version, created_at) VALUES ('evening', :document, 1, :at)"
        " ON CONFLICT (series_id) DO UPDATE SET document = excluded.document",
        document=TypeAdapter(Series).dump_json(series).decode(),
        at=NOW,
    )


def text_of(publisher: Publisher, path: str) -> str:
    return " ".join(BeautifulSoup(publisher.read(path), "html.parser").get_text().split())


def links(publisher: Publisher, session_id: str, part: str) -> list[str]:
    soup = BeautifulSoup(publisher.read(f"sessions/{session_id}/index.html"), "html.parser")
    return [str(link["href"]) for link in soup.select(f"{part} a")]


def test_a_story_names_the_next_session_and_its_calendar_file(publisher: Publisher) -> None:
    """Of its series, else of the studio; when that is over, the one after it; nothing where there is none."""
    publisher.publish(snapshot("told", series_id="evening"))
    assert "What comes next" not in publisher.read("sessions/told/index.html")
    schedule(publisher, "studio-1", 1, scheduled_start=NOW + HOUR)
    assert links(publisher, "told", ".following")[1].endswith("sessions/studio-1/event.ics")
    schedule(publisher, "evening-1", 2, series_id="evening")
    schedule(publisher, "evening-2", 3, series_id="evening", scheduled_start=NOW + 2 * DAY)
    assert links(publisher, "told", ".following")[0].endswith("sessions/evening-1/")
    schedule(publisher, "evening-1", 4, series_id="evening", phase="ended")
    assert links(publisher, "told", ".following")[0].endswith("sessions/evening-2/")
    schedule(publisher, "evening-2", 5, series_id="evening", cancelled=True, phase="cancelled")
    schedule(publisher, "studio-1", 6, visibility="unlisted")
    assert "What comes next" not in publisher.read("sessions/told/index.html")
    assert publisher.site() == publisher.rebuilt()
    publisher.close()


def test_the_next_date_of_a_series_is_said_in_its_zone(publisher: Publisher) -> None:
    """On a story and at home. The studio's own is UTC; Kathmandu is 5 h 45 min ahead of it."""
    in_series(publisher, "Asia/Kathmandu")
    publisher.publish(snapshot("told", series_id="evening"))
    at = from_datetime(datetime(2024, 3, 22, 12, 45, tzinfo=UTC))
    schedule(publisher, "evening-1", 1, series_id="evening", scheduled_start=at)
    soup = BeautifulSoup(publisher.read("sessions/told/index.html"), "html.parser")
    (said,) = soup.select(".following")
    assert "Friday, 22 March 2024, 18:30 UTC+0545" in " ".join(said.get_text().split())
    home = BeautifulSoup(publisher.read("index.html"), "html.parser").get_text()
    assert "22 March 2024, 18:30 UTC+0545" in " ".join(home.split())
    publisher.close()


def test_a_story_says_its_times_in_the_zone_of_its_series(publisher: Publisher) -> None:
    """Page, lists with the day that is said, feed, mails; named where the studio's clocks, in UTC, show another time."""
    in_series(publisher, "Asia/Kathmandu")
    late = from_datetime(datetime(2024, 3, 21, 20, 0, tzinfo=UTC))
    publisher.publish(snapshot("told", series_id="evening", session_date=late))
    publisher.publish(snapshot("other", session_date=late))
    assert "22 March 2024, 01:45 UTC+0545" in text_of(publisher, "sessions/told/index.html")
    assert "21 March 2024, 20:00 UTC" in text_of(publisher, "sessions/other/index.html")
    days = BeautifulSoup(publisher.read("sessions/2024/03/index.html"), "html.parser").select("section")
    said = [" ".join(day.get_text().split()) for day in days]
    assert next(line for line in said if "01:45 UTC+0545" in line).startswith("22 March 2024")
    assert "21 March 2024, 20:00 ·" in " ".join(said)
    assert "22 March 2024, 01:45 (UTC+0545)" in publisher.read("feed.xml")
    assert "22 March 2024, 01:45 (UTC+0545)" in (publisher.data / "drafts/told/email.txt").read_text()
    assert publisher.site() == publisher.rebuilt()
    # Told again, and with a studio elsewhere: what was said of the past stays as it was, when the series moved since.
    in_series(publisher, "America/New_York")
    (publisher.data / "studio.toml").write_text('time_zone = "Europe/Berlin"\n')
    publisher.publish(snapshot("told", series_id="evening", session_date=late, version=2, title="Again"))
    assert "22 March 2024, 01:45 UTC+0545" in text_of(publisher, "sessions/told/index.html")
    assert "21 March 2024, 21:00 CET" in text_of(publisher, "sessions/other/index.html")
    assert publisher.site() == publisher.rebuilt()
    publisher.close()


def test_a_story_links_the_earlier_and_later_ones_of_its_series(publisher: Publisher) -> None:
    """Past what lay between them, with the date beside equal titles; older ones leave the next session to the newest."""
    for number in range(5):
        publisher.publish(snapshot(f"e-{number}", series_id="evening", session_date=NOW - (9 - number) * DAY))
        publisher.publish(snapshot(f"o-{number}", session_date=NOW - (9 - number) * DAY + HOUR))
    schedule(publisher, "evening-1", 1, series_id="evening")
    found = links(publisher, "e-2", "nav.around")
    assert [link.split("sessions/")[1] for link in found if "sessions/e-" in link] == ["e-1/", "e-3/"]
    assert any(link.endswith("series/evening/") for link in found)
    assert links(publisher, "e-4", ".following")
    assert links(publisher, "e-0", ".following") == []
    assert links(publisher, "e-0", "nav.around")[0].endswith("sessions/e-1/")
    assert publisher.site() == publisher.rebuilt()
    publisher.close()


def test_a_daily_series_leaves_room_for_others_on_the_home_page(publisher: Publisher) -> None:
    """Three of its dates, and what comes after them."""
    for number in range(9):
        schedule(publisher, f"daily-{number}", number, series_id="daily", scheduled_start=NOW + number * DAY)
    schedule(publisher, "single", 20, scheduled_start=NOW + 30 * DAY)
    home = BeautifulSoup(publisher.read("index.html"), "html.parser")
    found = [str(link["href"]).split("sessions/")[1] for link in home.select(".coming a")]
    assert found == ["daily-0/", "daily-1/", "daily-2/", "single/"]
    publisher.close()
