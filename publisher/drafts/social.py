"""Renders the post for each social network, within its character limit, and the link that opens its composer."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

import regex

from publisher.drafts.character_counts import LIMITS
from publisher.rendering import formatting
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["ALWAYS", "Post", "composer", "networks", "posts_of"]

ALWAYS = ("twitter", "linkedin", "facebook")
_TAGS_AT_MOST = {"twitter": 2, "linkedin": 5, "facebook": 5, "bluesky": 2, "mastodon": 4}
_GENERAL_TAGS = {
    "twitter": ("breathwork",),
    "linkedin": ("wellness", "breathwork"),
    "facebook": ("mindfulness", "breathwork"),
    "bluesky": ("breathwork",),
    "mastodon": ("breathwork", "mindfulness"),
}
"""Names of strings."""
_LONGEST_TAG = 30
"""Letters. Two such tags, a link and a title fit into every network's limit, in scripts that count double too."""
_TITLE_AT_MOST = 200
_PLAIN_LIMITS = {"twitter": 280}


@dataclass(frozen=True, slots=True)
class Post:
    """A post ready to be pasted: link and hashtags are part of ``content``."""

    network: str
    content: str
    hashtags: tuple[str, ...]
    composer: str | None
    """URL of the network's composer, filled in; None where the network has none."""


def networks(studio: Studio) -> tuple[str, ...]:
    """The networks that drafts are made for: three always, two more where the studio has an account."""
    more = (name for name in ("bluesky", "mastodon") if getattr(studio.handles, name))
    return (*ALWAYS, *more)


def posts_of(story: Story, studio: Studio, *, link: str, templates: Templates) -> tuple[Post, ...]:
    """A post for each network of the studio. No post has a health figure."""
    return tuple(_post(story, studio, network, link, templates) for network in networks(studio))


def _post(story: Story, studio: Studio, network: str, link: str, templates: Templates) -> Post:
    tags = _hashtags(story, studio, network)
    text = _render(story, studio, network, link, tags, templates, _TITLE_AT_MOST)
    if not _fits(network, text):
        # Everything but the title has a bounded length, so the longest title that fits is what remains to find.
        low, high = 1, _TITLE_AT_MOST
        while low < high:
            middle = (low + high + 1) // 2
            candidate = _render(story, studio, network, link, tags, templates, middle)
            low, high = (middle, high) if _fits(network, candidate) else (low, middle - 1)
        text = _render(story, studio, network, link, tags, templates, low)
    if not _fits(network, text):
        # A template of the studio's own may be longer than the limit.
        text = f"{formatting.truncated(story.title, 60)} {link}"
    return Post(network, text, tags, composer(network, text, studio, link))


def _fits(network: str, text: str) -> bool:
    # Networks that count a link shorter than it is: the post must fit by plain count too, as people paste it elsewhere.
    return LIMITS[network].fits(text) and len(text) <= _PLAIN_LIMITS.get(network, len(text))


def _render(
    story: Story,
    studio: Studio,
    network: str,
    link: str,
    tags: tuple[str, ...],
    templates: Templates,
    title_at_most: int,
) -> str:
    return templates.render(
        f"social/{network}.txt",
        story=story,
        studio=studio,
        title=formatting.truncated(story.title, title_at_most),
        techniques=studio.words.listed(tuple(formatting.truncated(p.name, 40) for p in story.practised[:3])),
        link=link,
        hashtags=tags,
    ).strip()


def _hashtags(story: Story, studio: Studio, network: str) -> tuple[str, ...]:
    """General tags, the studio's own or ours, and those of techniques: in the language of the studio, or none."""
    general: tuple[str, ...] = studio.hashtags
    if not general and studio.words.language == studio.language:
        general = tuple(studio.words(f"tags.{name}") for name in _GENERAL_TAGS[network])
    # An instructor's own technique has a name in their own language.
    named = (each.known.name if each.known else each.name for each in story.practised)
    tags = filter(None, map(_hashtag, (*general[: len(_GENERAL_TAGS[network])], *named)))
    return tuple(dict.fromkeys(tags))[: _TAGS_AT_MOST[network]]


def _hashtag(name: str) -> str | None:
    """A name as a tag: its words joined, each with a capital where its script has some; None where networks would see no tag."""
    words = regex.findall(r"[\p{L}\p{M}\p{Nd}_]+", unicodedata.normalize("NFC", regex.sub("['’]", "", name)))
    # Title case, as capitals of some scripts (Georgian) are for signs and headlines only.
    tag = "".join(word[:1].title() + word[1:] if len(words) > 1 else word for word in words)
    if not regex.match(r"\p{L}", tag) or len(regex.findall(r"\X", tag)) > _LONGEST_TAG:
        # A tag that begins with a digit is no tag on most networks.
        return None
    return f"#{tag}"


def composer(network: str, text: str, studio: Studio, link: str) -> str | None:
    """The URL that opens the network's composer with this text; None where there is none."""
    match network:
        case "twitter":
            return f"https://x.com/intent/tweet?text={quote(text, safe='')}"
        case "bluesky":
            return f"https://bsky.app/intent/compose?text={quote(text, safe='')}"
        case "mastodon":
            host = studio.handles.mastodon.rpartition("@")[2]
            return f"https://{host}/share?text={quote(text, safe='')}" if "." in host else None
        case "linkedin":
            return f"https://www.linkedin.com/sharing/share-offsite/?url={quote(link, safe='')}"
        case "facebook":
            return f"https://www.facebook.com/sharer/sharer.php?u={quote(link, safe='')}"
        case _:
            return None
