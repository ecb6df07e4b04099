"""The HTML pages of the site: from a key (see ``catalogue.changes``) to a path, a template and its context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.domain.instant import iso
from engine.domain.techniques import lookup
from publisher.catalogue.published import Catalogue, Published
from publisher.catalogue.quotes import approved_quotes
from publisher.catalogue.upcoming import UpcomingRoom, next_room, upcoming_rooms
from publisher.rendering import formatting
from publisher.rendering.links import Links
from publisher.rendering.story import Story, card_path, story_of
from publisher.rendering.studio import Studio
from publisher.site.json_ld import json_ld, safe_json
from publisher.site.list_pages import LATEST, SEARCH_FROM, ListPages
from publisher.site.replay import replay_of

__all__ = ["Page", "Pages"]

_OF_A_TECHNIQUE = 6
_UPCOMING = 6
_UPCOMING_READ = 200
_OF_A_SERIES = 3


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page before it is rendered: its path below the site's root, its template and the template's context."""

    path: str
    template: str
    context: dict[str, Any]
    private: bool = False
    """Whether it is written into ``private/``, which only the server hands out, to those with a token."""


class Pages:
    """Which pages there are, where they stand, and what is in them; read from the catalogue at each call."""

    def __init__(self, catalogue: Catalogue, studio: Studio, links: Links) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._lists = ListPages(catalogue, studio)

    def keys(self) -> Iterator[str]:
        """The keys of everything that a whole site has: HTML pages, cards, sitemaps, feeds and calendar."""
        for session_id, _ in self._catalogue.all_ids():
            yield f"session/{session_id}"
            yield f"card/{session_id}"
        months = [month for month, _ in self._catalogue.months()]
        for month in months:
            yield f"month/{month}"
            yield f"sitemap/{month}"
            yield from (f"day/{day}" for day, _ in self._catalogue.days(month))
        yield from (f"year/{year}" for year in dict.fromkeys(month[:4] for month in months))
        yield from (f"technique/{slug}" for slug in lookup.CATALOGUE)
        yield from (f"instructor/{slug}" for slug, _, _ in self._catalogue.instructors())
        yield from (f"archive/{name}" for name in self._catalogue.archives())
        yield from ("sessions", "techniques", "instructors", "search", "subscribe", "imprint", "privacy")
        yield from ("docs", "404", "home", "sitemap", "feed", "calendar")

    def path_of(self, key: str) -> str | None:
        """The path of an HTML page, whether there is anything to show on it or not; None for a key of another file."""
        kind, _, name = key.partition("/")
        match kind:
            case "session":
                return f"sessions/{name}/index.html"
            case "day" | "month" | "year":
                return f"sessions/{name.replace('-', '/')}/index.html"
            case "technique" | "instructor":
                return f"{kind}s/{name}/index.html"
            case "sessions" | "techniques" | "instructors" | "search" | "subscribe" | "imprint" | "privacy":
                return f"{kind}/index.html"
            case "home":
                return "index.html"
            case "404":
                return "404.html"
            case _:
                return None

    def page(self, key: str) -> Page | None:
        """The page of a key; None where there is nothing to show, and no file may be."""
        path = self.path_of(key)
        if path is None:
            return None
        kind, _, name = key.partition("/")
        context = self._context(kind, name)
        if context is None:
            return None
        private = bool(context.pop("private", False))
        return Page(path, f"site/{kind}.html", {"kind": kind, **context}, private)

    def _context(self, kind: str, name: str) -> dict[str, Any] | None:
        match kind:
            case "session":
                return self._session(name)
            case "day":
                return self._lists.day(name)
            case "month":
                return self._lists.month(name)
            case "year":
                return self._lists.year(name)
            case "sessions":
                return self._lists.sessions()
            case "technique":
                return self._technique(name)
            case "instructor":
                return self._lists.instructor(name)
            case "instructors":
                return self._lists.instructors()
            case "search":
                return self._search()
            case "home":
                return self._home()
            case _:
                return self._fixed(kind)

    def _session(self, session_id: str) -> dict[str, Any] | None:
        entry = self._catalogue.published(session_id)
        snapshot = self._catalogue.snapshot(session_id)
        if entry is None or snapshot is None:
            return None
        quotes = approved_quotes(snapshot, self._catalogue.quote_states(session_id))
        story = story_of(snapshot, self._studio, quotes=quotes)
        listed = entry.visibility == "public"
        earlier, later = self._catalogue.neighbours(entry) if listed else (None, None)
        before, after = self._catalogue.series_neighbours(entry) if listed else (None, None)
        following = next_room(self._catalogue, entry) if listed else None
        return {
            "title": story.title,
            "description": story.seo_description,
            "story": story,
            "earlier": self._lists.listed(earlier) if earlier else None,
            "later": self._lists.listed(later) if later else None,
            "series_earlier": self._lists.listed(before) if before else None,
            "series_later": self._lists.listed(after) if after else None,
            "series_path": f"series/{entry.series_id}/" if listed and entry.series_id else None,
            "following": self._upcoming_room(following) if following else None,
            "month_path": f"sessions/{entry.month.replace('-', '/')}/" if listed else None,
            "month_name": self._lists.month_name(entry.month),
            "instructor_path": f"instructors/{entry.instructor_slug}/"
            if listed and entry.instructor_slug
            else None,
            "noindex": not listed,
            "replay": replay_of(snapshot),
            "script_words": safe_json(self._studio.words.table("script")),
            "json_ld": json_ld(story, entry, self._studio, self._links),
            "card": card_path(story),
            "published_iso": iso(entry.published_at),
            "modified_iso": iso(entry.updated_at),
            "private": entry.visibility == "private",
        }

    def _technique(self, slug: str) -> dict[str, Any] | None:
        technique = lookup.CATALOGUE.get(slug)
        if technique is None:
            return None
        entries, total = self._catalogue.with_technique(slug, _OF_A_TECHNIQUE)
        return {
            "title": technique.name,
            "description": formatting.truncated(
                self._studio.words.of(technique.summary) or technique.name, 160
            ),
            "technique": technique,
            "steps": _pattern_json(technique),
            "script_words": safe_json(self._studio.words.table("script")),
            "gentle": lookup.find(technique.gentle) if technique.gentle else None,
            "entries": [self._lists.listed(each) for each in entries],
            "total": total,
        }

    def _search(self) -> dict[str, Any] | None:
        if self._catalogue.count() < SEARCH_FROM:
            return None
        return {
            "title": self._studio.words("search.title"),
            "description": self._studio.words("search.description", name=self._studio.name),
            "noindex": True,
            "script_words": safe_json(self._search_words()),
        }

    def _home(self) -> dict[str, Any]:
        featured = self._catalogue.featured(1)
        newest = self._catalogue.newest(LATEST)
        best = next(iter(featured or newest), None)
        return {
            "title": self._studio.name,
            "description": formatting.truncated(" ".join(self._studio.about.split()), 160),
            "upcoming": [self._upcoming_room(each) for each in self._coming()],
            "featured": self._featured(best) if best else None,
            "is_featured": bool(featured),
            "latest": [
                self._lists.listed(each)
                for each in newest
                if best is None or each.session_id != best.session_id
            ],
            "total": self._catalogue.count(),
            "techniques": [t for t in lookup.CATALOGUE.values() if t.group is None][:6],
            "has_instructors": len(self._catalogue.instructors()) > 1,
            "search": self._catalogue.count() >= SEARCH_FROM,
        }

    def _fixed(self, kind: str) -> dict[str, Any]:
        name, words = self._studio.name, self._studio.words
        match kind:
            case "techniques":
                return {
                    "title": words("technique.title"),
                    "description": words("technique.description", name=name),
                    "techniques": list(lookup.CATALOGUE.values()),
                }
            case "subscribe":
                return {
                    "title": words("subscribe.title"),
                    "description": words("subscribe.description", name=name),
                }
            case "imprint":
                return {
                    "title": words("imprint.title"),
                    "description": words("imprint.description", name=name),
                    "noindex": True,
                }
            case "privacy":
                return {
                    "title": words("privacy.title"),
                    "description": words("privacy.description", name=name),
                    "noindex": True,
                    "retention": words.count(int(self._catalogue.meta("retention_days") or 90), "day"),
                    "mail": self._catalogue.meta("sends_mail") == "yes",
                }
            case _:
                return {
                    "title": words("missing.head"),
                    "description": words("missing.title"),
                    "noindex": True,
                }

    # Parts of pages

    def _featured(self, entry: Published) -> Story | None:
        excerpt = self._catalogue.excerpt(entry.session_id)
        return None if excerpt is None else story_of(excerpt, self._studio)

    def _coming(self) -> list[UpcomingRoom]:
        """The next sessions, of each series the first few: a daily one leaves room for the others."""
        of_series: Counter[str] = Counter()
        coming = []
        for room in upcoming_rooms(self._catalogue, limit=_UPCOMING_READ):
            if room.series_id is not None:
                of_series[room.series_id] += 1
            if room.series_id is None or of_series[room.series_id] <= _OF_A_SERIES:
                coming.append(room)
        return coming[:_UPCOMING]

    def _upcoming_room(self, room: UpcomingRoom) -> dict[str, Any]:
        starts = formatting.local(room.starts, self._studio.zone)
        words = self._studio.words
        return {
            "path": f"sessions/{room.session_id}/",
            "calendar": f"sessions/{room.session_id}/event.ics",
            "title": room.title,
            "instructor": room.instructor,
            "day": words.day(starts, weekday=True),
            "time": words.time_of_day(starts),
            "zone": self._studio.zone_at(starts),
            "iso": iso(room.starts),
            "live": room.live,
            "place": words(f"home.{room.place}") if room.place else "",
        }

    def _search_words(self) -> dict[str, str]:
        words = self._studio.words
        one, more = words.forms("session")
        return {"one": one, "more": more, "away": words("search.away")}


def _pattern_json(technique: lookup.Technique) -> str | None:
    """The technique's pattern for the pacer on its page; None where it has none."""
    return None if technique.pattern is None else safe_json(technique.pattern.as_json())
