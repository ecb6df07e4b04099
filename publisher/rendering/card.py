"""The card: a session's picture of 1200 by 630 pixels for shared links and mails. It shows no health figure."""

from __future__ import annotations

from functools import lru_cache

from publisher.rendering.card_drawing import HEIGHT, WIDTH, CardTexts, draw
from publisher.rendering.pictures import within
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio

__all__ = ["HEIGHT", "WIDTH", "card_of", "card_texts", "coming_session_card", "studio_card"]

_LOGO_BOX = (320, 64)

_drawn = lru_cache(maxsize=32)(draw)


def card_of(story: Story, studio: Studio) -> bytes:
    """The card of a session as PNG; the same story and studio give the same bytes."""
    return _drawn(card_texts(story, studio))


def studio_card(studio: Studio) -> bytes:
    """The card of the studio itself."""
    return _drawn(
        CardTexts("", studio.name, studio.words("story.card"), "", "", studio.name, *_look_of(studio))
    )


def coming_session_card(
    studio: Studio, *, title: str, facts: str, techniques: str, when: str, seed: str
) -> bytes:
    """The card of a session that is still to come; ``seed`` is its id."""
    return _drawn(CardTexts(studio.name, title, facts, techniques, when, seed, *_look_of(studio)))


def card_texts(story: Story, studio: Studio) -> CardTexts:
    """What the card of a session is made of."""
    colours, logo = _look_of(studio)
    return CardTexts(
        above=studio.name,
        title=story.title,
        facts=f"{story.people} · {story.duration}",
        techniques=studio.words.listed(tuple(each.name for each in story.practised[:3])),
        day=story.day,
        seed=story.id,
        colours=colours,
        logo=logo,
    )


def _look_of(studio: Studio) -> tuple[tuple[str, ...], str]:
    """The colours and the logo of a studio's cards; both empty where it has none of its own."""
    look = studio.look
    light = look.colours.light
    colours = (light.accent, light.edge, light.inside) if look.has_accent else ()
    return colours, within(look.logo, *_LOGO_BOX) if look.logo else ""
