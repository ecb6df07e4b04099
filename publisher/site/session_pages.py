"""The page of a session: what it is made of, read from the catalogue; and the page, a function of that and the studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.domain.instant import iso
from engine.domain.snapshot import Snapshot
from engine.domain.techniques.own import OwnTechnique
from engine.storage.techniques import OwnTechniques
from publisher.catalogue.published import Catalogue, Published
from publisher.catalogue.quotes import approved_quotes
from publisher.catalogue.upcoming import UpcomingRoom, next_room
from publisher.rendering import formatting
from publisher.rendering.links import Links
from publisher.rendering.story import card_path, story_of
from publisher.rendering.studio import Studio, zone_name
from publisher.site.json_ld import json_ld, safe_json
from publisher.site.list_pages import listed_session, month_name
from publisher.site.page import Page
from publisher.site.replay import replay_of

__all__ = ["SessionSource", "path_of_session", "session_page", "session_source", "upcoming_session"]


@dataclass(frozen=True, slots=True)
class SessionSource:
    """Everything of the catalogue that stands on the page of a session. It can be sent to another process."""

    entry: Published
    document: str
    """The snapshot as JSON."""
    quote_states: Mapping[str, str]
    earlier: Published | None
    later: Published | None
    series_earlier: Published | None
    series_later: Published | None
    following: UpcomingRoom | None
    own: tuple[OwnTechnique, ...] = ()
    """Techniques of the studio's own."""


def session_source(catalogue: Catalogue, session_id: str) -> SessionSource | None:
    """What the page of a session is made of; None where it is not published."""
    entry = catalogue.published(session_id)
    document = catalogue.document(session_id)
    if entry is None or document is None:
        return None
    listed = entry.visibility == "public"
    earlier, later = catalogue.neighbours(entry) if listed else (None, None)
    series_earlier, series_later = catalogue.series_neighbours(entry) if listed else (None, None)
    return SessionSource(
        entry=entry,
        document=document,
        quote_states=catalogue.quotes.states(session_id),
        earlier=earlier,
        later=later,
        series_earlier=series_earlier,
        series_later=series_later,
        following=next_room(catalogue, entry) if listed else None,
        own=tuple(OwnTechniques(catalogue.connection).all()),
    )


def path_of_session(session_id: str) -> str:
    """The path of a session's page below the site's root."""
    return f"sessions/{session_id}/index.html"


def session_page(source: SessionSource, studio: Studio, links: Links) -> Page:
    """The page of a session."""
    entry = source.entry
    snapshot = Snapshot.model_validate_json(source.document).model_copy(update={"time_zone": entry.time_zone})
    story = story_of(
        snapshot,
        studio,
        quotes=approved_quotes(snapshot, source.quote_states),
        own=[each.technique for each in source.own],
    )
    listed = entry.visibility == "public"

    def shown(other: Published | None) -> Any:
        return listed_session(other, studio) if other else None

    context = {
        "kind": "session",
        "title": story.title,
        "description": story.seo_description,
        "story": story,
        "earlier": shown(source.earlier),
        "later": shown(source.later),
        "series_earlier": shown(source.series_earlier),
        "series_later": shown(source.series_later),
        "series_path": f"series/{entry.series_id}/" if listed and entry.series_id else None,
        "following": upcoming_session(source.following, studio) if source.following else None,
        "month_path": f"sessions/{entry.month.replace('-', '/')}/" if listed else None,
        "month_name": month_name(entry.month, studio),
        "instructor_path": f"instructors/{entry.instructor_slug}/"
        if listed and entry.instructor_slug
        else None,
        "noindex": not listed,
        "replay": replay_of(snapshot),
        "script_words": safe_json(studio.words.table("script")),
        "json_ld": json_ld(story, entry, studio, links),
        "card": card_path(story),
        "published_iso": iso(entry.published_at),
        "modified_iso": iso(entry.updated_at),
    }
    return Page(
        path_of_session(entry.session_id), "site/session.html", context, entry.visibility == "private"
    )


def upcoming_session(room: UpcomingRoom, studio: Studio) -> dict[str, Any]:
    """A session that is still to come, as pages show it."""
    starts = formatting.local(room.starts, studio.zone_of(room.time_zone))
    words = studio.words
    return {
        "path": f"sessions/{room.session_id}/",
        "calendar": f"sessions/{room.session_id}/event.ics",
        "title": room.title,
        "instructor": room.instructor,
        "day": words.day(starts, weekday=True),
        "time": words.time_of_day(starts),
        "zone": zone_name(starts),
        "iso": iso(room.starts),
        "live": room.live,
        "place": words(f"home.{room.place}") if room.place else "",
    }
