"""Hashtags are in the studio's language and script, and never break a post's limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.drafts.character_counts import LIMITS
from publisher.drafts.social import posts_of
from publisher.rendering.links import Links
from publisher.rendering.story import story_of
from publisher.rendering.studio import Handles, InvalidStudio, Studio, load
from publisher.rendering.templates import built_in
from tests.publisher.samples import snapshot

EVERYWHERE = Handles(bluesky="here.bsky.social", mastodon="@here@mastodon.social")


def tags(studio: Studio, *techniques: str, network: str = "linkedin") -> list[str]:
    """The hashtags of the post for a network about these techniques."""
    story = story_of(snapshot(breathing_techniques=techniques), studio)
    link = Links("https://example.org").absolute(story.path)
    found = {post.network: post for post in posts_of(story, studio, link=link, templates=built_in())}
    assert all(tag in found[network].content for tag in found[network].hashtags)
    return list(found[network].hashtags)


@pytest.mark.parametrize(
    ("language", "general"),
    [
        ("en", ["#wellness", "#breathwork"]),
        ("de", ["#Wohlbefinden", "#Atemarbeit"]),
        ("de-AT", ["#Wohlbefinden", "#Atemarbeit"]),
        # No English in a post that is not English.
        ("ja", []),
        ("ar", []),
    ],
)
def test_general_tags_are_in_the_studios_language(language: str, general: list[str]) -> None:
    """Where we have words; the techniques of the catalogue keep their names."""
    assert tags(Studio(language=language), "Box Breathing") == [*general, "#BoxBreathing"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("Квадратное дыхание", "#КвадратноеДыхание"),
        ("呼吸法", "#呼吸法"),
        ("تنفس الصندوق", "#تنفسالصندوق"),
        ("नाड़ी शोधन", "#नाड़ीशोधन"),
        ("ღრმა სუნთქვა", "#ღრმასუნთქვა"),
        ("Übung für's Herz", "#ÜbungFürsHerz"),
        ("e\u0301lan vital", "#ÉlanVital"),
    ],
)
def test_tags_keep_the_letters_of_every_script(name: str, tag: str) -> None:
    """A technique of the instructor's own is a tag in its own script, composed as networks compare it."""
    assert tags(Studio(language="ja"), name) == [tag]


@pytest.mark.parametrize("name", ["4-7-8", "!!!", "🌿", "呼" * 31])
def test_what_networks_would_not_take_is_no_tag(name: str) -> None:
    """Nothing that begins with a digit, has no letters, or is longer than anybody reads."""
    assert tags(Studio(language="ja"), name) == []


def test_a_studio_names_its_own() -> None:
    """They take the place of ours, as many as a network is given."""
    studio = Studio(language="ja", hashtags=("呼吸法", "#瞑想", "静けさ"))
    assert tags(studio, "Box Breathing") == ["#呼吸法", "#瞑想", "#BoxBreathing"]
    assert tags(studio, "Box Breathing", network="twitter") == ["#呼吸法", "#BoxBreathing"]


def test_studio_toml_takes_hashtags_and_names_wrong_ones(tmp_path: Path) -> None:
    """With and without the sign; no spaces, no digits in front."""
    folder = tmp_path
    (folder / "studio.toml").write_text('hashtags = ["#呼吸法", "calm"]\n', encoding="utf-8")
    assert load(folder).hashtags == ("#呼吸法", "calm")
    (folder / "studio.toml").write_text('hashtags = ["two words"]\n', encoding="utf-8")
    with pytest.raises(InvalidStudio, match="hashtags"):
        load(folder)


@given(
    st.lists(st.text("呼吸ñды ạ😀 ", min_size=1, max_size=60), min_size=1, max_size=3),
    st.text("夜の呼吸 x", min_size=1, max_size=200),
)
def test_no_tag_breaks_a_limit(names: list[str], title: str) -> None:
    """Whatever techniques are called, each post fits its network and keeps its link."""
    studio = Studio(language="ja", hashtags=("静" * 30,) * 4, handles=EVERYWHERE)
    given_names = tuple(name.strip() or "x" for name in names)
    story = story_of(snapshot(title=title.strip() or "x", breathing_techniques=given_names), studio)
    link = Links("https://example.org").absolute(story.path)
    for post in posts_of(story, studio, link=link, templates=built_in()):
        assert LIMITS[post.network].fits(post.content)
        assert link in post.content
