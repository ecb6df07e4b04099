"""The feed against the rules of its format; the calendar; the sitemap."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest
from icalendar import Calendar

from engine.domain.instant import HOUR, MINUTE, iso, to_datetime
from engine.storage.append_rows import write_rows
from engine.storage.database import Value
from engine.storage.journal import Append
from engine.storage.outbox import schedule_row
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
DAY = 24 * HOUR


def channel_of(publisher: Publisher, path: str = "feed.xml") -> ElementTree.Element:
    """The channel element of a feed."""
    root = ElementTree.fromstring(publisher.read(path))
    assert root.tag == "rss"
    assert root.attrib["version"] == "2.0"
    (channel,) = root
    return channel


def text(element: ElementTree.Element, name: str) -> str:
    """The text of the one child of that name."""
    (child,) = element.findall(name)
    return child.text or ""


@pytest.fixture(scope="module")
def fed_studio(empty_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a studio with a hub and three published sessions, to be copied."""
    data = tmp_path_factory.mktemp("fed") / "data"
    shutil.copytree(empty_studio, data)
    publisher = Publisher(data)
    (data / "studio.toml").write_text(
        'name = "Breath & Room"\nabout = "We breathe <together>."\nwebsub_hub = "http://127.0.0.1:9/"\n'
    )
    publisher.catalogue.set_meta("public_url", "https://breath.example/")
    for n in range(3):
        publisher.publish(snapshot(f"s-{n}", title=f"Calm & <wide> {n}"), ["web"], NOW + n * MINUTE)
    publisher.close()
    return data


@pytest.fixture
def feeding(fed_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of that studio."""
    shutil.copytree(fed_studio, tmp_path / "data")
    publisher = Publisher(tmp_path / "data")
    yield publisher
    publisher.close()


def test_the_channel_follows_the_rules(feeding: Publisher) -> None:
    """Title, alternate link, description, self link, hub, language, dates; nothing twice."""
    channel = channel_of(feeding)
    assert text(channel, "title") == "Breath & Room"
    assert text(channel, "link") == "https://breath.example/"
    assert text(channel, "description") == "We breathe <together>."
    assert text(channel, "language") == "en"
    assert text(channel, "docs") == "https://www.rssboard.org/rss-specification"
    assert parsedate_to_datetime(text(channel, "lastBuildDate")) == to_datetime(NOW + 2 * MINUTE)
    links = {link.attrib["rel"]: link.attrib["href"] for link in channel.findall(f"{ATOM}link")}
    assert links == {"self": "https://breath.example/feed.xml", "hub": "http://127.0.0.1:9/"}
    assert not channel.findall(f"{HISTORY}archive")


def test_items_are_told_apart_by_series(feeding: Publisher) -> None:
    """By a category in RSS, whose domain is the page of the series, and a tag in JSON; others have none."""
    feeding.publish(snapshot("evening-1", series_id="evenings"), ["web"], NOW + HOUR)
    first, *others = channel_of(feeding).findall("item")
    domain = "https://breath.example/series/evenings/"
    named = [each.text for each in first.findall("category") if each.get("domain") == domain]
    assert named == ["evenings"]
    assert not any(each.get("domain") for item in others for each in item.findall("category"))
    items = json.loads(feeding.read("feed.json"))["items"]
    assert ["evenings" in item["tags"] for item in items] == [True, False, False, False]


def test_each_item_follows_the_rules(feeding: Publisher) -> None:
    """Stable guid, plain title, RFC 822 date, full text with absolute links and a picture, dc:creator."""
    items = channel_of(feeding).findall("item")
    assert [text(item, "title") for item in items] == [f"Calm & <wide> {n}" for n in (2, 1, 0)]
    for item in items:
        guid = item.find("guid")
        assert guid is not None
        assert guid.attrib["isPermaLink"] == "false"
        assert str(guid.text).startswith("urn:uuid:")
        assert parsedate_to_datetime(text(item, "pubDate")).tzinfo is not None
        assert item.find("author") is None
        assert text(item, "{http://purl.org/dc/elements/1.1/}creator") == "Sarah Chen"
        full = text(item, "{http://purl.org/rss/1.0/modules/content/}encoded")
        assert "Guided breathing for better sleep." in full
        assert 'href="https://breath.example/techniques/box-breathing/"' in full
        assert 'src="https://breath.example/sessions/' in full
        assert 'href="/' not in full
        assert "<svg" not in full
        assert "style=" not in full
        assert text(item, "description")


def test_feedparser_reads_it(feeding: Publisher) -> None:
    """A feed reader finds no mistake and every entry."""
    read = feedparser.parse(feeding.read("feed.xml"))
    assert read.bozo == 0
    assert read.version == "rss20"
    assert [entry.link for entry in read.entries] == [
        f"https://breath.example/sessions/s-{n}/" for n in (2, 1, 0)
    ]


def test_the_json_feed_says_the_same(feeding: Publisher) -> None:
    """Version 1.1 with the same items, hub and full texts."""
    feed = json.loads(feeding.read("feed.json"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://breath.example/feed.json"
    assert feed["hubs"] == [{"type": "WebSub", "url": "http://127.0.0.1:9/"}]
    assert [item["url"] for item in feed["items"]] == [
        f"https://breath.example/sessions/s-{n}/" for n in (2, 1, 0)
    ]


def test_an_empty_feed_is_a_feed_and_the_same_each_time(publisher: Publisher, tmp_path: Path) -> None:
    """Before the first session it parses, and its date is not of now."""
    read = feedparser.parse(publisher.read("feed.xml"))
    assert read.bozo == 0
    assert read.entries == []
    publisher.jobs.setup.site_builder.rebuild(tmp_path / "again")
    assert (tmp_path / "again/feed.xml").read_text() == publisher.read("feed.xml")


def test_the_archive_is_complete_and_its_parts_never_change(publisher: Publisher) -> None:
    """Following prev-archive from the feed finds every session once; a full part keeps its bytes."""
    for n in range(60):
        publisher.outbox.enqueue(snapshot(f"a-{n:02}", source="import"), ["web"], NOW)
    publisher.jobs.run_due(NOW)
    assert publisher.has("feed/2024-03-1.xml")
    first = publisher.read("feed/2024-03-1.xml")
    for n in range(45):
        publisher.outbox.enqueue(snapshot(f"b-{n:02}", source="import"), ["web"], NOW + 20 * DAY)
    publisher.jobs.run_due(NOW + 20 * DAY)
    assert publisher.read("feed/2024-03-1.xml") == first
    assert publisher.has("feed/2024-03-2.xml")
    assert not publisher.has("feed/2024-04-1.xml")
    seen: list[str] = []
    path: str | None = "feed.xml"
    while path:
        channel = channel_of(publisher, path)
        seen += [text(item, "guid") for item in channel.findall("item")]
        links = {link.attrib["rel"]: link.attrib["href"] for link in channel.findall(f"{ATOM}link")}
        assert bool(channel.findall(f"{HISTORY}archive")) == (path != "feed.xml")
        assert ("current" in links) == (path != "feed.xml")
        before = links.get("prev-archive")
        path = before.removeprefix("http://127.0.0.1:8000/") if before else None
    assert len(set(seen)) == 105


def add_room(publisher: Publisher, session_id: str, *, phase: str = "scheduled", **changed: Value) -> None:
    """Write a room as the engine does, and queue its calendar."""
    fields: dict[str, Value] = {
        "epoch": "e",
        "title": "Morning, wide; open",
        "instructor": "Sarah Chen",
        "session_type": "live",
        "scheduled_start": NOW + HOUR,
        "visibility": "public",
        "access": "open",
        "max_participants": 50,
        "document": json.dumps(
            {"plan": [{"technique": "Box Breathing", "duration": 900}], "place": "online"}
        ),
        "created_at": NOW - HOUR,
        "updated_at": NOW,
        "sequence": 0,
        "cancelled": 0,
        **changed,
    }
    publisher.connection.execute("DELETE FROM rooms WHERE session_id = :id", id=session_id)
    publisher.connection.execute(
        f"INSERT INTO rooms (session_id, phase, {', '.join(fields)})"
        f" VALUES (:session_id, :phase, {', '.join(f':{name}' for name in fields)})",
        session_id=session_id,
        phase=phase,
        **fields,
    )
    publisher.outbox.queue([schedule_row(session_id, int(str(fields["sequence"])), NOW)])
    publisher.work()


def test_the_calendar_follows_the_rooms(publisher: Publisher) -> None:
    """One UID for good, a rising SEQUENCE, CANCELLED when called off; home shows what is to come."""
    add_room(publisher, "r-1")
    (event,) = Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    uid = str(event["UID"])
    assert event.decoded("DTSTART") == to_datetime(NOW + HOUR)
    assert event.decoded("DTEND") == to_datetime(NOW + HOUR + 900_000)
    assert str(event["SUMMARY"]) == "Morning, wide; open"
    assert "Morning, wide; open" in publisher.read("index.html")
    add_room(publisher, "r-1", scheduled_start=NOW + 2 * HOUR, sequence=1)
    (event,) = Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    assert (str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])) == (uid, 1, "CONFIRMED")
    add_room(publisher, "r-1", phase="cancelled", cancelled=1, sequence=2)
    (event,) = Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    assert (str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])) == (uid, 2, "CANCELLED")
    assert "Morning, wide; open" not in publisher.read("index.html")


def test_a_session_that_is_over_stays_in_the_calendar(publisher: Publisher) -> None:
    """calendar#66: it left subscribers' calendars the moment it ended. With its real end, and its page; SEQUENCE rises."""
    add_room(publisher, "r-1")
    (before,) = Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    over = {"started_at": iso(NOW + HOUR + MINUTE), "ended_at": iso(NOW + 2 * HOUR)}
    add_room(publisher, "r-1", phase="ended", ended_at=NOW + 2 * HOUR, document=json.dumps(over))
    (event,) = Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    assert (event["UID"], event["URL"], str(event["STATUS"])) == (before["UID"], before["URL"], "CONFIRMED")
    assert event.decoded("DTSTART") == before.decoded("DTSTART")
    assert event.decoded("DTEND") == to_datetime(NOW + 2 * HOUR)
    assert (event["SEQUENCE"], before["SEQUENCE"]) == (1, 0)
    calendar = publisher.read("calendar.ics")
    publisher.connection.execute("UPDATE rooms SET phase = 'published', updated_at = :at", at=NOW + 3 * HOUR)
    publisher.catalogue.dirty.mark(["calendar"])
    publisher.work()
    assert publisher.read("calendar.ics") == calendar
    publisher.publish(snapshot("r-1"), ["web"])
    publisher.catalogue.withdraw("r-1", NOW + 4 * HOUR)
    publisher.work()
    assert not Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")


def test_the_calendar_keeps_the_newest_of_the_past(publisher: Publisher) -> None:
    """Two hundred, so that it does not grow for ever."""
    over = json.dumps({"started_at": iso(NOW), "ended_at": iso(NOW + HOUR)})
    with publisher.catalogue.transaction():
        for n in range(205):
            row = room(f"r-{n}", phase="ended", scheduled_start=NOW + n, ended_at=NOW + HOUR, document=over)
            write_rows(publisher.connection, Append(f"r-{n}", 0, (), room=row))
    publisher.catalogue.dirty.mark(["calendar"])
    publisher.work()
    kept = {
        str(event["UID"]).partition("@")[0]
        for event in Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    }
    assert kept == {f"r-{n}" for n in range(5, 205)}


def test_hidden_rooms_stand_in_no_calendar(publisher: Publisher) -> None:
    """Unlisted and private rooms are on neither calendar nor home."""
    add_room(publisher, "r-1", visibility="private")
    add_room(publisher, "r-2", visibility="unlisted")
    assert not Calendar.from_ical(publisher.read("calendar.ics")).walk("VEVENT")
    assert "r-1" not in publisher.read("index.html")


def test_the_sitemap_lists_every_public_page_once(feeding: Publisher) -> None:
    """An index, one part a month, one for what stays; dates are those of the content."""
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    index = ElementTree.fromstring(feeding.read("sitemap.xml"))
    parts = [str(each.findtext(f"{space}loc")) for each in index]
    assert parts == ["https://breath.example/sitemap-pages.xml", "https://breath.example/sitemap-2024-03.xml"]
    pages = []
    for part in parts:
        urls = ElementTree.fromstring(feeding.read(part.removeprefix("https://breath.example/")))
        pages += [str(each.findtext(f"{space}loc")) for each in urls]
    assert len(pages) == len(set(pages))
    assert "https://breath.example/sessions/s-1/" in pages
