"""The HTML pages of the site: from a key (see ``catalogue.changes``) to a path, a template and its context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from engine.domain.techniques import lookup
from engine.storage.techniques import OwnTechniques
from publisher.catalogue.published import Catalogue, Published
from publisher.catalogue.upcoming import UpcomingRoom, in_own_zone, upcoming_rooms
from publisher.rendering import formatting
from publisher.rendering.links import Links
from publisher.rendering.story import Story, story_of
from publisher.rendering.studio import Studio
from publisher.site.json_ld import safe_json
from publisher.site.list_pages import LATEST, SEARCH_FROM, ListPages, listed_session
from publisher.site.page import Page
from publisher.site.session_pages import path_of_session, session_page, session_source, upcoming_session

__all__ = ["Pages"]

_OF_A_TECHNIQUE = 6
_UPCOMING = 6
_UPCOMING_READ = 200
_OF_A_SERIES = 3
_OWN_ON_HOME = 12
_OURS_ON_HOME = 6


class Pages:
    """Which pages there are, where they stand, and what is in them; read from the catalogue at each call."""

    def __init__(self, catalogue: Catalogue, studio: Studio, links: Links) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._lists = ListPages(catalogue, studio)
        self._own = OwnTechniques(catalogue.connection)

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
        yield from (f"technique/{each.slug}" for each in self._own.all())
        yield from (f"instructor/{slug}" for slug, _, _ in self._catalogue.instructors())
        yield from (f"archive/{name}" for name in self._catalogue.feed.parts())
        yield from ("sessions", "techniques", "instructors", "search", "subscribe", "imprint", "privacy")
        yield from ("docs", "404", "home", "sitemap", "feed", "calendar")

    def path_of(self, key: str) -> str | None:
        """The path of an HTML page, whether there is anything to show on it or not; None for a key of another file."""
        kind, _, name = key.partition("/")
        match kind:
            case "session":
                return path_of_session(name)
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
        if kind == "session":
            return self._session(name)
        context = self._context(kind, name)
        return None if context is None else Page(path, f"site/{kind}.html", {"kind": kind, **context})

    def _context(self, kind: str, name: str) -> dict[str, Any] | None:
        match kind:
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

    def _session(self, session_id: str) -> Page | None:
        source = session_source(self._catalogue, session_id)
        return None if source is None else session_page(source, self._studio, self._links)

    def _technique(self, slug: str) -> dict[str, Any] | None:
        known = lookup.CATALOGUE.get(slug)
        own = None if known else self._own.get(slug)
        technique = own.technique if own else known
        if technique is None:
            return None
        entries, total = self._catalogue.with_technique(slug, _OF_A_TECHNIQUE)
        return {
            "title": technique.name,
            "description": formatting.truncated(
                self._studio.words.of(technique.summary) or technique.name, 160
            ),
            "technique": technique,
            "own": own,
            "steps": _pattern_json(technique),
            "script_words": safe_json(self._studio.words.table("script")),
            "gentle": lookup.find(technique.gentle) if technique.gentle else None,
            "entries": [listed_session(each, self._studio) for each in entries],
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
            "upcoming": [upcoming_session(each, self._studio) for each in self._coming()],
            "featured": self._featured(best) if best else None,
            "is_featured": bool(featured),
            "latest": [
                listed_session(each, self._studio)
                for each in newest
                if best is None or each.session_id != best.session_id
            ],
            "total": self._catalogue.count(),
            "techniques": self._to_practise(),
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
                    "techniques": [*(each.technique for each in self._own.all()), *lookup.CATALOGUE.values()],
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

    def _to_practise(self) -> list[lookup.Technique]:
        """The first of the studio's own techniques, then of those that come with us; the page of techniques has every one."""
        own = [each.technique for each in self._own.all()][:_OWN_ON_HOME]
        ours = [each for each in lookup.CATALOGUE.values() if each.group is None]
        return [*own, *ours[:_OURS_ON_HOME]]

    def _coming(self) -> list[UpcomingRoom]:
        """The next sessions, of each series the first few: a daily one leaves room for the others."""
        of_series: Counter[str] = Counter()
        coming = []
        for room in upcoming_rooms(self._catalogue, limit=_UPCOMING_READ):
            if room.series_id is not None:
                of_series[room.series_id] += 1
            if room.series_id is None or of_series[room.series_id] <= _OF_A_SERIES:
                coming.append(room)
        return [in_own_zone(self._catalogue, room) for room in coming[:_UPCOMING]]

    def _search_words(self) -> dict[str, str]:
        words = self._studio.words
        one, more = words.forms("session")
        return {"one": one, "more": more, "away": words("search.away")}


def _pattern_json(technique: lookup.Technique) -> str | None:
    """The technique's pattern for the pacer on its page; None where it has none."""
    return None if technique.pattern is None else safe_json(technique.pattern.as_json())
