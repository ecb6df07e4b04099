"""The words for each channel."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from publisher import SessionContentStrict, SessionSummaryGenerator
from publisher.content import ANY_AGE
from publisher.drafts.character_counts import LIMITS
from publisher.rendering.studio import Handles, Studio
from publisher.summary import Summary
from tests.publisher.samples import content, snapshot

HOSTILE = "<script>alert(1)</script>[x](javascript:alert(1))\"'&"


def made(**changed: object) -> Summary:
    """The summary of a body with these changes."""
    return SessionSummaryGenerator().generate_session_summary(
        SessionContentStrict.model_validate(content(**changed), context=ANY_AGE)
    )


def test_each_channel_has_its_shape() -> None:
    """Mail, page and posts carry the names that callers rely on."""
    summary = made()
    assert set(summary) == {"email", "web", "social"}
    assert summary["email"]["subject"] == "Session Summary: Morning Mindfulness Session"
    assert summary["web"]["slug"] == "session-2024-03-21-001-summary"
    assert summary["web"]["content"].startswith("<article")
    assert "25 participants" in summary["web"]["seo_description"]
    assert set(summary["social"]) == {"twitter", "linkedin", "facebook"}


def test_only_the_channels_asked_for() -> None:
    """Naming a channel twice is harmless, an unknown one is an error."""
    generator = SessionSummaryGenerator()
    assert set(generator.generate_session_summary(snapshot(), channels=["web", "web"])) == {"web"}
    with pytest.raises(ValueError, match="fax"):
        generator.generate_session_summary(snapshot(), channels=["fax"])


def test_a_mapping_is_checked_first() -> None:
    """Invalid data raises pydantic's error, as the content does on its own."""
    with pytest.raises(ValidationError):
        SessionSummaryGenerator().generate_session_summary({"title": "x"})


def test_the_mail_tells_the_whole_session() -> None:
    """Figures, techniques, achievements and decided feedback stand in HTML and text."""
    mail = made()["email"]
    for reply in ("Best session yet!", "100% completion rate", "Coherent Breathing", "Sarah Chen"):
        assert reply in mail["html"]
        assert reply in mail["text"]
    assert "30 minutes" in mail["text"]
    assert "+12.5%" in mail["text"]


def test_a_minimal_session_is_complete_without_figures() -> None:
    """Nothing missing is printed, and no sign stands before a sign."""
    body = content(
        session_type="guided", average_hrv_improvement=None, participant_count=1, session_duration=45
    )
    for gone in ("instructor_name", "metrics_summary", "participant_feedback", "key_achievements"):
        del body[gone]
    summary = SessionSummaryGenerator().generate_session_summary(
        SessionContentStrict.model_validate(body, context=ANY_AGE)
    )
    everything = str(summary)
    assert not re.search(r"\b(None|null|undefined)\b", everything)
    assert "HRV" not in everything
    assert "45 seconds" in summary["email"]["text"]
    assert "1 participant," in summary["web"]["seo_description"]


def test_a_loss_has_one_sign() -> None:
    """A negative change reads −5%."""
    text = made(average_hrv_improvement=-5.0)["email"]["text"]
    assert "−5%" in text
    assert "+-" not in text


def test_posts_carry_no_health_figure() -> None:
    """The HRV change stays out of subjects and posts."""
    summary = made(average_hrv_improvement=17.25)
    assert "17" not in summary["email"]["subject"] + str(summary["social"])


def test_hostile_texts_reach_no_markup() -> None:
    """Script and links in any field are text on the page and in the mail."""
    summary = made(
        title=HOSTILE,
        content=HOSTILE,
        breathing_techniques=[HOSTILE],
        key_achievements=[HOSTILE],
        instructor_name=HOSTILE,
        participant_feedback={"items": [{"participant_name": HOSTILE, "comment": HOSTILE}]},
    )
    for markup in (summary["web"]["content"], summary["email"]["html"]):
        page = BeautifulSoup(markup, "html.parser")
        assert page.find("script") is None
        assert not [a["href"] for a in page.find_all("a") if "javascript:" in str(a["href"])]
        assert HOSTILE in page.get_text()


def test_every_post_fits_its_network() -> None:
    """The longest texts there can be stay within each network's limit, with few hashtags."""
    studio = Studio(handles=Handles(bluesky="a.bsky.social", mastodon="@a@mastodon.social"))
    generator = SessionSummaryGenerator(studio, public_url="https://a-rather-long-host.example.org/breathe/")
    posts = generator.generate_session_summary(
        SessionContentStrict.model_validate(
            content(
                title="W" * 200,
                session_id="s" * 100,
                breathing_techniques=["呼" * 100] * 10,
                instructor_name="i" * 100,
            ),
            context=ANY_AGE,
        )
    )["social"]
    assert set(posts) == {"twitter", "linkedin", "facebook", "bluesky", "mastodon"}
    for network, post in posts.items():
        assert LIMITS[network].fits(post["content"])
        assert "/sessions/" + "s" * 100 in post["content"]
        assert 1 <= len(post["hashtags"]) <= (2 if network in ("twitter", "bluesky") else 5)
        for tag in post["hashtags"]:
            assert tag in post["content"]


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200))
def test_any_title_gives_a_post_that_fits(title: str) -> None:
    """Emoji, wide letters and bare domains in a title are counted as the network counts them."""
    if not title.strip():
        title = "x"
    posts = SessionSummaryGenerator().generate_session_summary(snapshot(title=title), channels=["social"])[
        "social"
    ]
    assert LIMITS["twitter"].fits(posts["twitter"]["content"])
    assert len(posts["twitter"]["content"]) <= 280


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("a" * 280, 280),
        ("https://example.com/" + "a" * 100, 23),
        ("呼吸", 4),
        ("😀", 2),
        ("👨‍👩‍👧", 2),
        ("🇩🇪", 2),
        ("“quoted” – dash", 15),
        ("é", 1),
    ],
)
def test_x_weighs_as_published(text: str, weight: int) -> None:
    """Links 23, emoji 2, wide letters 2, composed accents 1."""
    assert LIMITS["twitter"].counted(text) == weight


@pytest.mark.parametrize("network", ["twitter", "mastodon"])
@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("https://example.com", 23),
        ("https://example.com:8443/a?b=c&d=ä#e", 23),
        ("https://bücher.example/läsning/", 23),
        ("https://пример.рф/дыхание", 23),
        ("https://example.xn--p1ai/", 23),
        ("https://example.com/breathing_(calm)", 23),
        ("Read https://example.com/a-story/. Breathe!", 5 + 23 + 10),
        ("(https://example.com/a)", 25),
        ('"https://example.com/a"...', 28),
        ("https://example.com/a, https://example.com/b", 23 + 2 + 23),
        ("http://localhost:8000/story", 27),
        ("http://127.0.0.1:8000/sessions/x", 32),
    ],
)
def test_a_link_ends_where_its_sentence_goes_on(network: str, text: str, weight: int) -> None:
    """Only the link itself is shortened to 23; what no network would link counts as it stands."""
    assert LIMITS[network].counted(text) == weight


def test_words_written_without_spaces_are_no_part_of_a_link() -> None:
    """Han after a link counts by itself."""
    assert LIMITS["twitter"].counted("https://example.com/a呼吸") == 23 + 4
    assert LIMITS["mastodon"].counted("https://example.com/a呼吸") == 23 + 2
