"""What the site shows, to whom, and how it is linked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup

from engine.domain.instant import HOUR, MINUTE
from engine.domain.snapshot import Quote, Snapshot
from engine.domain.techniques.lookup import CATALOGUE
from publisher.catalogue.quotes import quote_key
from publisher.content import ANY_AGE, SessionContentStrict, snapshot_of
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.publisher.samples import NOW, content, snapshot
from tests.publisher.studio_data import Publisher

HOSTILE = "<script>alert(1)</script>\"'&</title><img src=x onerror=alert(1)>{{ 7*7 }}[x](javascript:alert(1))"
DAY = 24 * HOUR


def page(publisher: Publisher, path: str) -> BeautifulSoup:
    """A page of the site, parsed."""
    return BeautifulSoup(publisher.read(path), "html.parser")


def test_the_first_start_builds_the_empty_site(publisher: Publisher) -> None:
    """Home, techniques, subscribe, feed, imprint, privacy and 404 are there before any session."""
    for path in (
        "index.html",
        "subscribe/index.html",
        "404.html",
        "imprint/index.html",
        "privacy/index.html",
    ):
        assert "Halcytone Live" in publisher.read(path)
    for slug in CATALOGUE:
        assert publisher.has(f"techniques/{slug}/index.html")
    for path in ("feed.xml", "feed.json", "calendar.ics", "sitemap.xml", "robots.txt", "card.png"):
        assert publisher.has(path)


def test_a_session_page_tells_the_session(publisher: Publisher) -> None:
    """Title, facts, timeline, curves with their table, the label, what to try next."""
    publisher.publish(snapshot())
    soup = page(publisher, "sessions/s-1/index.html")
    text = soup.get_text(" ", strip=True)
    for reply in (
        "Evening Relaxation",
        "12 participants",
        "20 minutes",
        "Sarah Chen",
        "+8%",
        "In step",
        "no medical",
    ):
        assert reply in text
    assert [each.get_text() for each in soup.select(".timeline-name")] == [
        "Box Breathing",
        "Coherent Breathing",
    ]
    assert len(soup.select("svg.chart title")) == 2
    assert len(soup.select(".data tbody tr")) >= 20
    assert soup.find("link", rel="canonical")["href"] == "http://127.0.0.1:8000/sessions/s-1/"  # type: ignore[index]
    reply = json.loads(soup.find("script", type="application/ld+json").string)  # type: ignore[union-attr,arg-type]
    assert reply["about"]["@type"] == "Event"
    assert "investigate" not in text


def test_a_session_without_any_figure_is_complete(publisher: Publisher) -> None:
    """No strap, few people, no timeline: no empty slot, no apology."""
    publisher.publish(
        snapshot(
            average_hrv_improvement=None,
            curves=(),
            timeline=(),
            achievements=(),
            quotes=(),
            participant_count=1,
            breathing_techniques=("My own way",),
            instructor_name=None,
            session_type="practice",
            content=None,
            session_duration=45,
        )
    )
    soup = page(publisher, "sessions/s-1/index.html")
    main = soup.find("main")
    assert main is not None
    text = main.get_text(" ", strip=True)
    assert "45 seconds" in text
    assert "1 participant" in text
    assert not re.search(r"HRV|None|null|0 minutes|heart", text)


def test_quotes_stand_on_the_page_once_approved_and_nowhere_else(publisher: Publisher) -> None:
    """Waiting: nowhere. Approved: on the page. Never in feed or mail. Taken back: nowhere."""
    words = "I felt my shoulders drop."
    publisher.publish(snapshot())
    assert words not in publisher.read("sessions/s-1/index.html")
    desk = open_draft_desk(publisher.data, publisher.connection)
    channel = f"quote-{quote_key(Quote(text=words, name='Mara'))}"
    assert desk.draft("s-1", channel)["state"] == "waiting"
    desk.set_state("s-1", channel, "approved", NOW)
    publisher.work()
    assert words in publisher.read("sessions/s-1/index.html")
    everything = publisher.read("feed.xml") + publisher.read("feed.json")
    everything += (publisher.data / "drafts/s-1/email.html").read_text()
    assert words not in everything
    publisher.publish(snapshot(quotes=(), version=2), at=NOW + 1)
    assert words not in publisher.read("sessions/s-1/index.html")
    documents = publisher.connection.rows(
        "SELECT document FROM snapshots UNION ALL SELECT document FROM published"
    )
    assert not [row for row in documents if words in row["document"]]


def test_an_approving_key_shows_quotes_at_once(publisher: Publisher) -> None:
    """What somebody with a key published at once needs no second approval."""
    publisher.publish(snapshot(approved=True))
    assert "shoulders drop" in publisher.read("sessions/s-1/index.html")


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
def test_what_is_not_public_is_nowhere(publisher: Publisher, visibility: str) -> None:
    """Nothing leads to an unlisted session; a private one has no public page at all."""
    publisher.publish(snapshot("hidden", title="Hidden one", visibility=visibility))
    assert publisher.has("sessions/hidden/index.html") == (visibility == "unlisted")
    assert (publisher.data / "private/sessions/hidden/index.html").exists() == (visibility == "private")
    for path in publisher.site():
        if path.startswith("sessions/hidden/") or path.endswith((".png", ".woff2")):
            continue
        assert "sessions/hidden" not in publisher.read(path), path
        assert "Hidden one" not in publisher.read(path), path
    assert (publisher.data / "drafts/hidden/twitter.txt").exists() == (visibility == "unlisted")
    if visibility == "unlisted":
        robots = page(publisher, "sessions/hidden/index.html").find("meta", attrs={"name": "robots"})
        assert robots is not None


def test_withdrawing_leaves_nothing_but_a_tombstone(publisher: Publisher) -> None:
    """Page, card, lists, feed, sitemap and drafts are rid of it, and an older job does not bring it back."""
    publisher.publish(snapshot("gone", title="Gone soon"))
    publisher.catalogue.withdraw("gone", NOW + 1)
    publisher.work(NOW + 1)
    assert not [path for path in publisher.site() if "gone" in path]
    assert "Gone soon" not in publisher.read("index.html") + publisher.read("feed.xml") + publisher.read(
        "sitemap.xml"
    )
    assert not (publisher.data / "drafts/gone").exists()
    assert publisher.catalogue.withdrawn_at("gone") == NOW + 1
    publisher.outbox.retry("gone", ["web", "email", "social"], NOW + 2)
    publisher.work(NOW + 2)
    assert not publisher.has("sessions/gone/index.html")
    publisher.publish(snapshot("gone", title="Back again", version=2, source="api"), at=NOW + MINUTE)
    assert "Back again" in publisher.read("sessions/gone/index.html")


def test_hostile_texts_stay_text_everywhere(publisher: Publisher) -> None:
    """Markup in any field is shown, never run: on pages, in the feed's full text, in JSON-LD, in the mail."""
    body = content(
        title=HOSTILE,
        content=HOSTILE,
        breathing_techniques=[HOSTILE[:100]],
        key_achievements=[HOSTILE],
        instructor_name=HOSTILE[:100],
        participant_feedback={"items": [{"participant_name": HOSTILE, "comment": HOSTILE}]},
    )
    reply = snapshot_of(
        SessionContentStrict.model_validate(body, context=ANY_AGE), content_id="c-1", approved=True
    ).model_copy(update={"quotes": (Quote(text=HOSTILE, name=HOSTILE),)})
    publisher.publish(reply)
    drafts = publisher.data / "drafts" / reply.session_id
    pages = {path: publisher.read(path) for path in publisher.site() if path.endswith(".html")}
    pages["mail"] = (drafts / "email.html").read_text()
    pages["feed"] = json.loads(publisher.read("feed.json"))["items"][0]["content_html"]
    for path, markup in pages.items():
        soup = BeautifulSoup(markup, "html.parser")
        for script in soup.find_all("script"):
            assert script.get("src") or script.get("type") in ("application/json", "application/ld+json"), (
                path
            )
            assert "alert(1)</script" not in (script.string or "")
        assert not soup.find(onerror=True), path
        assert not [
            a for a in soup.find_all("a") if str(a.get("href", "")).lower().startswith("javascript")
        ], path
        assert "49[x]" not in markup
    message = (drafts / "email.eml").read_bytes()
    assert message.count(b"Subject:") == 1
    heading = BeautifulSoup(pages[f"sessions/{reply.session_id}/index.html"], "html.parser").h1
    assert heading is not None
    assert heading.get_text() == HOSTILE


def links(publisher: Publisher) -> list[tuple[str, str]]:
    """(page, target) of every link, image, style and script of the site."""
    found: list[tuple[str, str]] = []
    for path in publisher.site():
        if path.endswith(".html"):
            soup = page(publisher, path)
            for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src")):
                found += [(path, str(each[attribute])) for each in soup.find_all(tag) if each.get(attribute)]
    return found


@pytest.mark.parametrize("root", ["https://breath.example/", "https://x.example/breathe/"])
def test_every_link_of_the_site_leads_somewhere(publisher: Publisher, root: str) -> None:
    """At the root of a host and below a path alike; and nothing is fetched from another host."""
    publisher.catalogue.set_meta("public_url", root)
    for n in range(12):
        publisher.publish(
            snapshot(f"s-{n}", session_date=NOW - n * HOUR if n < 10 else NOW - n * 9 * DAY), ["web"]
        )
    files = publisher.site()
    outside = 0
    for path, target in links(publisher):
        where = urljoin(root + path, target)
        if not where.startswith(root):
            outside += 1
            assert urlsplit(where).scheme in ("https", "mailto"), (path, target)
            continue
        local = urlsplit(where.removeprefix(root)).path
        wanted = local + "index.html" if local.endswith("/") or not local else local
        assert wanted in files, (path, target)
    for path in files:
        if path.endswith(".html"):
            soup = page(publisher, path)
            loaded = soup.find_all(["script", "img", "iframe", "source"], src=True)
            loaded += soup.find_all("link", rel=["stylesheet", "icon", "preload"])
            for each in loaded:
                assert not urlsplit(str(each.get("src") or each.get("href"))).netloc, path
            # Firefox fetches what is named so, against the policy of the pages.
            assert not soup.find_all("link", rel=["next", "prefetch"]), path
            assert not soup.find(style=True), path
            assert not soup.find("style"), path


def test_many_sessions_of_a_day_have_a_page_of_their_own(publisher: Publisher) -> None:
    """No page grows with the archive: a month shows eight sessions of a day and leads to the rest."""
    for n in range(10):
        publisher.outbox.enqueue(snapshot(f"s-{n}", session_date=NOW - n * MINUTE), ["web"], NOW)
    publisher.work()
    month = page(publisher, "sessions/2024/03/index.html")
    assert len(month.select(".entries li")) == 8
    assert "2 more on this day" in month.get_text()
    assert len(page(publisher, "sessions/2024/03/21/index.html").select(".entries li")) == 10
    publisher.catalogue.withdraw("s-0", NOW)
    publisher.catalogue.withdraw("s-1", NOW)
    publisher.work()
    assert not publisher.has("sessions/2024/03/21/index.html")


def test_days_and_months_follow_the_studios_zone(publisher: Publisher) -> None:
    """An evening in UTC is the next day in Auckland, on the page and in the archive; the change rebuilds all."""
    publisher.publish(snapshot(session_date=NOW - 14 * HOUR - DAY * 20 - MINUTE * 30))
    assert publisher.has("sessions/2024/02/index.html")
    (publisher.data / "studio.toml").write_text('time_zone = "Pacific/Auckland"\n')
    publisher.work()
    assert not publisher.has("sessions/2024/02/index.html")
    assert "1 March 2024, 12:30" in publisher.read("sessions/s-1/index.html").replace("\n", " ")


def test_home_features_the_best_and_else_the_latest(publisher: Publisher) -> None:
    """Above fifteen percent a session is worth a look; without one the latest stands there."""
    publisher.publish(snapshot("plain", title="Plain one", session_date=NOW - HOUR))
    assert "The latest session" in page(publisher, "index.html").get_text()
    publisher.publish(
        snapshot("great", title="Great one", session_date=NOW - 9 * HOUR, average_hrv_improvement=15.1)
    )
    featured = page(publisher, "index.html").select_one(".featured")
    assert featured is not None
    assert "Great one" in featured.get_text()
    assert "15" not in featured.get_text()


def test_instructors_have_a_list_from_two_on(publisher: Publisher) -> None:
    """One instructor has a page; the list appears with the second and goes with them."""
    publisher.publish(snapshot("a"))
    assert publisher.has("instructors/sarah-chen/index.html")
    assert not publisher.has("instructors/index.html")
    publisher.publish(snapshot("b", instructor_name="Omar"))
    assert "Omar" in publisher.read("instructors/index.html")
    publisher.catalogue.withdraw("b", NOW)
    publisher.work()
    assert not publisher.has("instructors/index.html")
    assert not publisher.has("instructors/omar/index.html")


def test_below_zero_the_page_is_as_any_other_and_the_drafts_ask_for_a_look(publisher: Publisher) -> None:
    """Score and action are for staff."""
    publisher.publish(snapshot(average_hrv_improvement=-4.0))
    assert "−4%" in publisher.read("sessions/s-1/index.html")
    assert "investigate" not in publisher.read("sessions/s-1/index.html")
    drafts = open_draft_desk(publisher.data, publisher.connection).list_drafts("s-1")
    assert all("look" in draft["note"] for draft in drafts if not draft["channel"].startswith("quote-"))


def test_a_broken_template_of_the_studio_is_reported_and_left_aside(tmp_path: Path) -> None:
    """Wrong syntax and a failure while rendering name file and line; the built-in one is used, others still hold."""
    own = tmp_path / "data/templates"
    (own / "site").mkdir(parents=True)
    (own / "social").mkdir()
    (own / "site/article.html").write_text("<article>\n{% if %}\n</article>")
    (own / "site/month.html").write_text(
        "{% extends 'site/layout.html' %}{% block main %}\n{{ nothing.here }}{% endblock %}"
    )
    (own / "social/twitter.txt").write_text("Ours: {{ title }} {{ link }}")
    publisher = Publisher(tmp_path / "data")
    reply: list[str] = []
    publisher.jobs.setup.templates._report = reply.append
    publisher.publish(snapshot())
    assert "12 participants" in publisher.read("sessions/s-1/index.html")
    assert "March 2024" in publisher.read("sessions/2024/03/index.html")
    assert any(line.startswith("templates/site/month.html, line 2:") for line in reply)
    assert (publisher.data / "drafts/s-1/twitter.txt").read_text().startswith("Ours: Evening Relaxation")
    publisher.close()


def test_a_poisoned_session_never_blocks_the_next(publisher: Publisher) -> None:
    """A story that cannot be read fails with its error and is tried again later; the next one is published."""
    publisher.outbox.enqueue(snapshot("bad"), ["web", "email"], NOW)
    publisher.connection.execute("UPDATE snapshots SET document = '{}' WHERE session_id = 'bad'")
    publisher.publish(snapshot("good"))
    assert publisher.has("sessions/good/index.html")
    rows = {row.channel: row for row in publisher.outbox.of("bad")}
    assert rows["web"].state == "pending"
    assert rows["web"].attempts == 1
    assert rows["web"].last_error
    at = NOW
    for _ in range(6):
        at += HOUR
        publisher.work(at)
    assert {row.state for row in publisher.outbox.of("bad")} == {"failed"}


def test_publishing_needs_no_web_channel_for_drafts(publisher: Publisher) -> None:
    """One failed channel holds no other up: the drafts come while the page waits."""
    reply: Snapshot = publisher.outbox.enqueue(snapshot(), ["email", "social"], NOW)
    publisher.work()
    files = sorted(file.name for file in (publisher.data / "drafts" / reply.session_id).iterdir())
    expected = ["card.png", "email.eml", "email.html", "email.txt"]
    assert files == [*expected, "facebook.txt", "linkedin.txt", "social.json", "twitter.txt"]
    assert not publisher.has("sessions/s-1/index.html")
