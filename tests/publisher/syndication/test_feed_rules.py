"""The feeds against every rule that validators and the RSS Advisory Board know, with texts that try to break them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from xml.etree import ElementTree

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.instant import HOUR, MINUTE
from engine.domain.snapshot import Quote
from publisher.rendering.links import Links
from publisher.rendering.story import story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import built_in
from publisher.syndication.feed import Feeds
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.publisher.syndication.feed_rules import CONTENT, broken

DAY = 24 * HOUR
ROOT = "https://breath.example/"
HOSTILE = (
    "</title><script>alert(1)</script>",
    "]]> & <![CDATA[ <b>bold</b>",
    "Tea &amp; more &copy; &#x41; &nbsp",
    "<img src=x onerror=alert(1)>",
    "R&D <3 a<b",
    "‮moc.elpmaxe‬ שלום مرحبا",
    "🫁 breathe 👩‍👩‍👧 together 🇩🇪",
    "é́́́ n̈ … " + "long " * 35,
    "\ufffd\ufdd0\U0001fffe spoilt",
    "\"quoted\" 'and' <!-- not a comment -->",
    "<?php echo 1 ?> {{ 7 * 7 }} {% raw %}",
)


def hostile(publisher: Publisher) -> None:
    """A studio and sessions whose every text tries to be something else."""
    (publisher.data / "studio.toml").write_text(
        f"name = {json.dumps(HOSTILE[0])}\nabout = {json.dumps(HOSTILE[1])}\n"
        'language = "de-AT"\nwebsub_hub = "https://127.0.0.1:9/?a=1&b=2"\n',
        encoding="utf-8",
    )
    publisher.catalogue.set_meta("public_url", ROOT)
    for number, text in enumerate(HOSTILE):
        publisher.outbox.enqueue(
            snapshot(
                f"h-{number}",
                title=text[:200],
                content=f"{text}\n\n{text}\n{text}",
                instructor_name=text[:100],
                breathing_techniques=("Box Breathing", text[:100]),
                key_achievements=(text,),
                quotes=(Quote(text=text, name=text[:100]),),
                approved=True,
            ),
            ["web"],
            NOW + number * MINUTE,
        )
    publisher.work(NOW + HOUR)


def test_a_plain_feed_breaks_no_rule(publisher: Publisher) -> None:
    """Ordinary sessions, one of them unlisted: not one message."""
    publisher.catalogue.set_meta("public_url", ROOT)
    for number in range(3):
        publisher.publish(snapshot(f"s-{number}"), ["web"], NOW + number * MINUTE)
    publisher.publish(snapshot("hidden", visibility="unlisted"), ["web"], NOW + HOUR)
    assert broken(publisher.read("feed.xml").encode(), f"{ROOT}feed.xml", NOW + HOUR) == []
    assert "hidden" not in publisher.read("feed.xml")


def test_an_empty_feed_breaks_no_rule(publisher: Publisher) -> None:
    """Before the first session there is no date to state, and none is made up."""
    assert broken(publisher.read("feed.xml").encode(), "http://127.0.0.1:8000/feed.xml", NOW) == []
    assert "lastBuildDate" not in publisher.read("feed.xml")


def test_hostile_texts_break_no_rule(publisher: Publisher) -> None:
    """Whatever stands in titles, names, techniques and stories: no message, and nothing of it becomes markup."""
    hostile(publisher)
    data = publisher.read("feed.xml")
    assert broken(data.encode(), f"{ROOT}feed.xml", NOW + HOUR) == []
    items = ElementTree.fromstring(data).findall("channel/item")
    assert len(items) == len(HOSTILE)
    for item in items:
        full = item.findtext(f"{CONTENT}encoded", "")
        assert "<script" not in full
        assert "onerror=" not in re.sub(r"&lt;.*?&gt;", "", full)
    read = feedparser.parse(data)
    assert read.bozo == 0
    assert len(read.entries) == len(HOSTILE)


def test_a_title_reads_as_it_was_written(publisher: Publisher) -> None:
    """Once decoded, a title is the session's, signs and all; a tag's end alone is written with other signs."""
    publisher.publish(snapshot("a", title="Calm & wide <3 &amp; open"), ["web"])
    publisher.publish(snapshot("b", title="No </b> here"), ["web"], NOW + MINUTE)
    data = publisher.read("feed.xml")
    titles = [item.findtext("title") for item in ElementTree.fromstring(data).findall("channel/item")]
    assert titles == ["No ‹/b› here", "Calm & wide <3 &amp; open"]
    assert "<title>Calm &#x26; wide &#x3C;3 &#x26;amp; open</title>" in data


def test_a_description_is_html(publisher: Publisher) -> None:
    """Readers take it for HTML, so a title's signs are escaped in it."""
    publisher.publish(snapshot("a", title="R&D <i>slow</i>"), ["web"])
    (item,) = ElementTree.fromstring(publisher.read("feed.xml")).findall("channel/item")
    assert "R&amp;D &lt;i&gt;slow&lt;/i&gt;" in item.findtext("description", "")


@pytest.mark.parametrize("language", ["en", "de-AT", "gsw"])
def test_only_languages_that_rss_knows_are_stated(publisher: Publisher, language: str) -> None:
    """Two letters and what follows them; of three nothing is said in RSS, and JSON Feed takes them."""
    (publisher.data / "studio.toml").write_text(f'language = "{language}"\n')
    publisher.work()
    assert broken(publisher.read("feed.xml").encode(), "http://127.0.0.1:8000/feed.xml", NOW) == []
    assert (f"<language>{language}<" in publisher.read("feed.xml")) == (language != "gsw")
    assert json.loads(publisher.read("feed.json"))["language"] == language


def test_addresses_beyond_ascii_travel_encoded(publisher: Publisher) -> None:
    """A host with an umlaut and a path with a space are written as browsers send them."""
    publisher.catalogue.set_meta("public_url", "https://übung.example/ruhe & atem/")
    publisher.publish(snapshot(), ["web"])
    root = "https://xn--bung-zra.example/ruhe%20%26%20atem/"
    assert broken(publisher.read("feed.xml").encode(), f"{root}feed.xml", NOW) == []


def test_the_archives_break_no_rule(publisher: Publisher) -> None:
    """Every part is a feed of its own by RFC 5005, from the newest back to the first."""
    publisher.catalogue.set_meta("public_url", ROOT)
    for number in range(120):
        publisher.outbox.enqueue(snapshot(f"a-{number:03}", source="import"), ["web"], NOW + number)
    publisher.jobs.run_due(NOW + MINUTE, limit=200)
    publisher.publish(snapshot("later"), ["web"], NOW + 40 * DAY)
    paths = sorted(file.name for file in (publisher.data / "public/feed").iterdir())
    assert paths == ["2024-03-1.xml", "2024-03-2.xml", "2024-03-3.xml"]
    for path in paths:
        reply = broken(publisher.read(f"feed/{path}").encode(), f"{ROOT}feed/{path}", NOW + 40 * DAY)
        assert reply == [], path


def test_the_json_feed_keeps_its_specification(publisher: Publisher) -> None:
    """Version 1.1: what must be there is, of the right kind, with whole addresses and dates of RFC 3339."""
    hostile(publisher)
    feed = json.loads(publisher.read("feed.json"))
    known = {"version", "title", "home_page_url", "feed_url", "description", "language", "items", "hubs"}
    assert set(feed) <= known
    assert (feed["version"], feed["feed_url"]) == ("https://jsonfeed.org/version/1.1", f"{ROOT}feed.json")
    assert feed["home_page_url"] == ROOT
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids) == len(HOSTILE)
    for item in feed["items"]:
        assert item["id"].startswith("urn:uuid:")
        assert item["url"].startswith(ROOT)
        assert item["image"].startswith(ROOT)
        assert item["content_html"]
        assert all(author["name"] for author in item["authors"])
        assert all(isinstance(tag, str) for tag in item["tags"])
        published, modified = (
            datetime.fromisoformat(item[f"date_{each}"]) for each in ("published", "modified")
        )
        assert published.tzinfo is not None
        assert published <= modified


@settings(max_examples=150)
@given(text=st.text(min_size=1, max_size=60))
def test_no_text_breaks_the_full_text(text: str) -> None:
    """Any text at all: the item's HTML stays HTML."""
    studio = Studio()
    feeds = Feeds(None, studio, Links(ROOT), built_in())  # type: ignore[arg-type]
    reply = snapshot(title=text, content=text, instructor_name=text, key_achievements=(text,))
    html = feeds.item_html(story_of(reply, studio))
    assert "]]>" not in html
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]", html)
