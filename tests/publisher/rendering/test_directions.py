"""What people wrote carries their language and its own direction; our words carry ours."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from xml.etree import ElementTree

import pytest
from babel import Locale
from bs4 import BeautifulSoup

from engine.domain.snapshot import Quote
from publisher.rendering.words import Words, words_for
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

TITLE = "جلسة تنفس مسائية"
TEXT = "شهيق وزفير ببطء مع المجموعة."
NAME = "ليلى"


def told(publisher: Publisher, language: str) -> None:
    """A studio in a language, with one session in Arabic whose instructor has a technique of her own."""
    (publisher.data / "studio.toml").write_text(
        f'language = "{language}"\nname = "استوديو التنفس"\n', encoding="utf-8"
    )
    publisher.publish(
        snapshot(
            "a",
            title=TITLE,
            content=f"{TEXT}\n\n{TEXT}",
            instructor_name=NAME,
            breathing_techniques=("Box Breathing", "تنفس الصندوق"),
            quotes=(Quote(text="شكرا", name="نور"),),
            approved=True,
        )
    )


def marks(html: str, text: str) -> tuple[str, str]:
    """The language and direction that hold for a text in what a reader sees."""
    soup = BeautifulSoup(html, "html.parser")
    for unseen in soup(["title", "script"]):
        unseen.decompose()
    found = soup.find(string=lambda each: each is not None and text in each)
    assert found is not None
    around = list(found.parents)
    language, direction = (
        next(str(each[name]) for each in around if each.get(name)) for name in ("lang", "dir")
    )
    return language, direction


@pytest.mark.parametrize(("language", "around"), [("ar", "ar"), ("de", "de"), ("en", "en")])
def test_pages_say_whose_words_stand_where(publisher: Publisher, language: str, around: str) -> None:
    """Title, text, names, quotes, techniques: ``dir="auto"`` and the studio's language; our words as they are."""
    told(publisher, language)
    ours = "de" if language == "de" else "en"
    page, home = publisher.read("sessions/a/index.html"), publisher.read("index.html")
    for text in (TITLE, TEXT, NAME, "شكرا", "نور", "استوديو التنفس"):
        assert marks(page, text) == (around, "auto"), text
    for text in (TITLE, NAME, "استوديو التنفس"):
        assert marks(home, text) == (around, "auto"), text
    for html, text in ((page, words_for(ours)("story.try")), (home, words_for(ours)("home.breathe"))):
        assert marks(html, text) == (ours, "ltr")
    if language != "ar":
        # Nothing is said twice.
        assert page.count(' lang="') == 1


def test_a_feed_and_mails_say_it_too(publisher: Publisher) -> None:
    """The channel is the studio's language, with ours marked; mails are marked the other way around."""
    told(publisher, "ar")
    channel = ElementTree.fromstring(publisher.read("feed.xml")).find("channel")
    assert channel is not None
    assert channel.findtext("language") == "ar"
    rss = channel.findtext("item/{http://purl.org/rss/1.0/modules/content/}encoded") or ""
    (item,) = json.loads(publisher.read("feed.json"))["items"]
    for html in (rss, item["content_html"]):
        assert marks(html, TEXT) == ("ar", "auto")
        assert marks(html, NAME) == ("ar", "auto")
        assert marks(html, words_for("en")("story.practised")) == ("en", "ltr")
    message = message_from_bytes((publisher.data / "drafts/a/email.eml").read_bytes(), policy=policy.default)
    body = message.get_body(("html",))
    assert body is not None
    mail = body.get_content()
    for text in (TITLE, TEXT, NAME, "استوديو التنفس"):
        assert marks(mail, text) == ("ar", "auto"), text
    assert marks(mail, words_for("en")("mail.practised")) == ("en", "ltr")


def test_the_interface_has_the_direction_of_its_language() -> None:
    """By the locale, should there be words of ours in one that is read from the right."""
    assert words_for("de").direction == "ltr"
    # English words, from the left.
    assert words_for("ar").direction == "ltr"
    assert Words("ar", {}, Locale.parse("ar")).direction == "rtl"
