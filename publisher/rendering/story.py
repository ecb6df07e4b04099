"""The view model of a session that every template is given: its snapshot with every number and date as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.domain.instant import iso
from engine.domain.quality import quality_of
from engine.domain.snapshot import Quote, Snapshot
from engine.domain.techniques import lookup
from publisher.rendering import formatting
from publisher.rendering.studio import Studio, zone_name
from publisher.rendering.words import Words

__all__ = ["PractisedTechnique", "Span", "Story", "card_path", "story_of"]


@dataclass(frozen=True, slots=True)
class PractisedTechnique:
    """A technique that the session practised; ``known`` is its entry in the catalogue of techniques, if it has one."""

    name: str
    known: lookup.Technique | None

    @property
    def path(self) -> str | None:
        """The path of its page; None for a technique that is not in the catalogue."""
        return f"techniques/{self.known.slug}/" if self.known else None


@dataclass(frozen=True, slots=True)
class Span:
    """One technique on the timeline. ``start_s`` and ``length_s`` in seconds, ``share`` in percent of the timeline."""

    technique: str
    path: str | None
    start_s: float
    length_s: float
    start: str
    length: str
    share: float
    instruction: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A session as texts in the studio's language. Plain text: the template escapes it.

    Templates of a studio's own use these names.
    """

    snapshot: Snapshot
    began: datetime
    """In its own zone, or the studio's."""
    kind: str
    day: str
    time: str
    zone: str
    began_iso: str
    duration: str
    people: str
    participants: str
    paragraphs: tuple[tuple[str, ...], ...]
    """Each paragraph as its lines."""
    practised: tuple[PractisedTechnique, ...]
    spans: tuple[Span, ...]
    hrv: str | None
    """Signed percent."""
    rating: str | None
    completion: str | None
    achievements: tuple[str, ...]
    quotes: tuple[Quote, ...] = ()
    """Only the approved ones."""
    subject: str = ""
    """Subject of the newsletter: one line, without a health figure."""
    seo_description: str = ""
    teaser: str = ""

    @property
    def id(self) -> str:
        """The session's id."""
        return self.snapshot.session_id

    @property
    def title(self) -> str:
        """The session's title."""
        return self.snapshot.title

    @property
    def path(self) -> str:
        """The path of its page below the site's root."""
        return f"sessions/{self.snapshot.session_id}/"

    @property
    def whole_s(self) -> float:
        """The length of the timeline in seconds."""
        return _timeline_s(self.snapshot)

    @property
    def slug(self) -> str:
        """The slug for content management systems."""
        return f"{self.snapshot.session_id}-summary"

    @property
    def instructor(self) -> str | None:
        """The name of the instructor."""
        return self.snapshot.instructor_name

    @property
    def feedback(self) -> tuple[tuple[str, str], ...]:
        """(name, comment) of participants as the caller of the API stated them."""
        return self.snapshot.participant_feedback


def card_path(story: Story) -> str:
    """The path of the picture shown where the page is shared; imports and private pages have the studio's card."""
    studio_card = story.snapshot.source == "import" or story.snapshot.visibility == "private"
    return "card.png" if studio_card else f"{story.path}card.png"


def story_of(
    snapshot: Snapshot, studio: Studio, *, quotes: Iterable[Quote] = (), own: Iterable[lookup.Technique] = ()
) -> Story:
    """The story of a snapshot in its own zone, or the studio's, and the studio's language; ``quotes`` are those that may be shown.

    ``own`` are techniques of the studio's own, which have pages as those of the catalogue do.
    """
    of_studio = {each.slug: each for each in own}

    def known(name: str) -> lookup.Technique | None:
        return lookup.find(name) or of_studio.get(lookup.slug_of(name))

    words = studio.words
    began = formatting.local(snapshot.session_date, studio.zone_of(snapshot.time_zone))
    length = words.duration(snapshot.session_duration)
    names = snapshot.breathing_techniques
    participants = words.count(snapshot.participant_count, "participant")
    quality = quality_of(snapshot.average_hrv_improvement)
    achievements = snapshot.key_achievements or tuple(a.title for a in snapshot.achievements)
    return Story(
        snapshot=snapshot,
        began=began,
        kind=words(f"kind.{snapshot.session_type}"),
        day=words.day(began),
        time=words.time_of_day(began),
        zone=zone_name(began),
        began_iso=iso(snapshot.session_date),
        duration=length,
        people=words.count(snapshot.participant_count, "person"),
        participants=participants,
        paragraphs=_paragraphs(snapshot.content),
        practised=tuple(PractisedTechnique(name, known(name)) for name in names),
        spans=_spans(snapshot, known),
        hrv=None if quality is None else words.percent(snapshot.average_hrv_improvement or 0.0),
        rating=None if snapshot.average_rating is None else words.number(round(snapshot.average_rating, 1)),
        completion=None if snapshot.completion_rate is None else words.share(snapshot.completion_rate),
        achievements=tuple(dict.fromkeys(achievements)),
        quotes=tuple(quotes),
        subject=words("mail.subject", title=snapshot.title),
        seo_description=_seo_description(snapshot, words, participants, length, 160),
        teaser=formatting.truncated(" ".join((snapshot.content or "").split()), 180),
    )


def _paragraphs(content: str | None) -> tuple[tuple[str, ...], ...]:
    blocks = (content or "").split("\n\n")
    return tuple(tuple(block.strip().split("\n")) for block in blocks if block.strip())


def _seo_description(snapshot: Snapshot, words: Words, participants: str, length: str, longest: int) -> str:
    # The count stands first, so that no long title can push it out.
    text = words(
        "story.described",
        kind=words(f"kind.{snapshot.session_type}"),
        participants=participants,
        length=length,
        title=snapshot.title,
    )
    full = f"{text[:-1]} – {words.listed(snapshot.breathing_techniques)}."
    return full if len(full) <= longest else formatting.truncated(text, longest)


def _timeline_s(snapshot: Snapshot) -> float:
    return max([float(snapshot.session_duration), *(s.start_s + s.duration_s for s in snapshot.timeline)])


def _spans(snapshot: Snapshot, known_as: Callable[[str], lookup.Technique | None]) -> tuple[Span, ...]:
    timeline_s = _timeline_s(snapshot)
    spans = []
    for each in snapshot.timeline:
        known = known_as(each.technique)
        spans.append(
            Span(
                technique=each.technique,
                path=f"techniques/{known.slug}/" if known else None,
                start_s=each.start_s,
                length_s=each.duration_s,
                start=formatting.minutes_and_seconds(each.start_s),
                length=formatting.minutes_and_seconds(each.duration_s),
                share=100 * each.duration_s / timeline_s,
                instruction=each.instruction,
            )
        )
    return tuple(spans)
