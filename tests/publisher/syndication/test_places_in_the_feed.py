"""Where sessions stand in the feed and its archive, and what readers know them by."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

import pytest

from engine.domain.instant import HOUR, MINUTE, SECOND, Millis, from_datetime
from engine.domain.snapshot import Origin
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.publisher.syndication.test_feed import channel_of, text

DAY = 24 * HOUR
IN_2019: Millis = NOW - 1766 * DAY


def of_2019(publisher: Publisher, number: int) -> None:
    """Queue the import of so many evenings of 2019."""
    for n in range(number):
        evening = snapshot(f"old-{n:02}", source="import", session_date=IN_2019 + n * DAY)
        publisher.outbox.enqueue(evening, ["web"], NOW)


def links(publisher: Publisher, path: str = "feed.xml") -> list[str]:
    """The sessions of a feed, in order."""
    return [
        text(item, "link").rstrip("/").rpartition("/")[2]
        for item in channel_of(publisher, path).findall("item")
    ]


@pytest.mark.usefixtures("forked")
def test_an_imported_archive_takes_its_places_in_the_past(publisher: Publisher) -> None:
    """Munin#729, blog#18: an archive of years ago filled the feed, dated to the minute of its import."""
    for n in range(50):
        publisher.outbox.enqueue(snapshot(f"new-{n:02}"), ["web"], NOW - HOUR + n * MINUTE)
    publisher.work(NOW)
    before = publisher.read("feed.json")
    of_2019(publisher, 60)
    publisher.work(NOW)
    assert publisher.read("feed.json") == before
    assert links(publisher) == [f"new-{n:02}" for n in reversed(range(50))]
    archived: list[tuple[str, Millis]] = []
    for path in sorted((publisher.data / "public/feed").iterdir()):
        for item in reversed(channel_of(publisher, f"feed/{path.name}").findall("item")):
            at = from_datetime(parsedate_to_datetime(text(item, "pubDate")))
            archived.append((text(item, "link").rstrip("/").rpartition("/")[2], at))
    old = [each for each in archived if each[0].startswith("old-")]
    assert old == [(f"old-{n:02}", IN_2019 + n * DAY) for n in range(60)]
    site, rebuilt = publisher.site(), publisher.rebuilt()
    # Cards follow the pages.
    assert [path for path, digest in site.items() if digest != rebuilt[path] and "card.png" not in path] == []


def test_what_comes_late_moves_only_the_archive_of_its_month(publisher: Publisher) -> None:
    """An old evening between others: its month's parts are made anew, those of other months keep their bytes."""
    of_2019(publisher, 60)
    publisher.publish(snapshot("today"), ["web"])
    archives = {path.name: path.read_bytes() for path in (publisher.data / "public/feed").iterdir()}
    late = snapshot("late", source="import", session_date=IN_2019 + HOUR)
    publisher.publish(late, ["web"])
    month = "2019-05" if "2019-05-1.xml" in archives else "2019-06"
    for name, data in archives.items():
        same = (publisher.data / "public/feed" / name).read_bytes() == data
        assert same == (not name.startswith(month))
    assert publisher.site() == publisher.rebuilt()


def test_a_place_survives_withdrawal(publisher: Publisher) -> None:
    """The others of a part do not move; one that comes back has its place, date and id again."""
    of_2019(publisher, 60)
    publisher.publish(snapshot("today"), ["web"])

    def orders() -> list[list[str]]:
        return [
            links(publisher, f"feed/{path.name}")
            for path in sorted((publisher.data / "public/feed").iterdir())
        ]

    before, order = publisher.site(), orders()
    publisher.catalogue.withdraw("old-03", NOW + 1)
    publisher.work(NOW + 1)
    parts = {path: digest for path, digest in publisher.site().items() if path.startswith("feed/")}
    assert sum(before[path] != digest for path, digest in parts.items()) == 1
    again = snapshot("old-03", source="import", session_date=IN_2019 + 3 * DAY, version=2)
    publisher.publish(again, ["web"], NOW + 2)
    assert orders() == order


def test_an_id_outlives_the_address(publisher: Publisher) -> None:
    """Feedbin#206: a new address made every item new in every reader."""
    publisher.catalogue.set_meta("public_url", "https://one.example")
    publisher.publish(snapshot("s-1"), ["web"])
    known = [item["id"] for item in json.loads(publisher.read("feed.json"))["items"]]
    publisher.catalogue.set_meta("public_url", "https://two.example/breathe")
    publisher.work(NOW + MINUTE)
    (item,) = json.loads(publisher.read("feed.json"))["items"]
    assert item["url"] == "https://two.example/breathe/sessions/s-1/"
    assert [item["id"]] == known
    (entry,) = channel_of(publisher).findall("item")
    guid = entry.find("guid")
    assert guid is not None
    assert (guid.text, guid.attrib) == (known[0], {"isPermaLink": "false"})


def test_two_studios_with_one_session_id_are_two(publisher: Publisher) -> None:
    """The id is made of the site too."""
    publisher.publish(snapshot("s-1"), ["web"])
    one = json.loads(publisher.read("feed.json"))["items"][0]["id"]
    publisher.catalogue.set_meta("site_id", "0" * 32)
    publisher.publish(snapshot("s-2"), ["web"], NOW + MINUTE)
    publisher.catalogue.withdraw("s-1", NOW + MINUTE)
    publisher.connection.execute("DELETE FROM tombstones")
    publisher.publish(snapshot("s-1", version=2), ["web"], NOW + HOUR)
    assert json.loads(publisher.read("feed.json"))["items"][0]["id"] != one


def test_what_is_told_here_only_goes_up(publisher: Publisher) -> None:
    """Two in one millisecond, and one whose clock is behind: each stands above those before it."""
    for session_id, at in (("z", NOW), ("a", NOW), ("b", NOW - HOUR)):
        publisher.publish(snapshot(session_id), ["web"], at)
    assert links(publisher) == ["b", "a", "z"]


def test_an_exported_time_of_publication_is_kept(publisher: Publisher) -> None:
    """Of publication and of the last change, with the id; a time ahead of the clock becomes that of the import."""
    origin = Origin(published_at=NOW - DAY, updated_at=NOW - HOUR, guid="https://was.example/sessions/s-1/")
    publisher.publish(snapshot("s-1", origin=origin), ["web"], NOW)
    publisher.publish(snapshot("s-2", source="import", session_date=NOW + DAY), ["web"], NOW + SECOND)
    ahead, kept = json.loads(publisher.read("feed.json"))["items"]
    assert (kept["id"], kept["date_published"], kept["date_modified"]) == (
        "https://was.example/sessions/s-1/",
        "2024-03-20T14:00:00.000Z",
        "2024-03-21T13:00:00.000Z",
    )
    assert ahead["date_published"] == "2024-03-21T14:00:01.000Z"
    assert ElementTree.fromstring(publisher.read("feed.xml"))
