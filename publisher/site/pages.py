"""What each page shows: from a key and the catalogue to a template and what is put into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from engine.domain.instant import iso
from engine.domain.techniques import lookup
from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.published import Catalogue, Published
from publisher.catalogue.quotes import approved_quotes
from publisher.catalogue.upcoming import UpcomingRoom, upcoming_rooms
from publisher.rendering import formatting
from publisher.rendering.links import Links
from publisher.rendering.story import Story, card_path, story_of
from publisher.rendering.studio import Studio
from publisher.site.json_ld import json_ld, safe_json
from publisher.site.replay import replay_of

__all__ = ["SEARCH_FROM", "Entry", "Page", "Pages"]

SEARCH_FROM = 30
"""From so many public sessions on there is a search."""

LATEST = 8
_OF_A_DAY = 8
_OF_A_TECHNIQUE = 6
_OF_AN_INSTRUCTOR = 40


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page: where it stands, its template, and what is put into that."""

    path: str
    template: str
    context: dict[str, Any]
    private: bool = False
    """Whether only the server may hand it out, to those with a token."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session in a list."""

    path: str
    title: str
    day: str
    time: str
    began_iso: str
    instructor: str | None


class Pages:
    """The pages of one state of the catalogue."""

    def __init__(self, catalogue: Catalogue, studio: Studio, links: Links) -> None:
        self.catalogue = catalogue
        self.studio = studio
        self.links = links

    def keys(self) -> Iterator[str]:
        """The key of every page there is, whatever has been built."""
        for session_id, _ in self.catalogue.all_ids():
            yield f"session/{session_id}"
            yield f"card/{session_id}"
        months = [month for month, _ in self.catalogue.months()]
        for month in months:
            yield f"month/{month}"
            yield f"sitemap/{month}"
            yield from (f"day/{day}" for day, _ in self.catalogue.days(month))
        yield from (f"year/{year}" for year in dict.fromkeys(month[:4] for month in months))
        yield from (f"technique/{slug}" for slug in lookup.CATALOGUE)
        yield from (f"instructor/{slug}" for slug, _, _ in self.catalogue.instructors())
        yield from (f"archive/{name}" for name in self.catalogue.archives())
        yield from ("sessions", "techniques", "instructors", "search", "subscribe", "imprint", "privacy")
        yield from ("docs", "404", "home", "sitemap", "feed", "calendar")

    def expanded(self, keys: list[str]) -> list[str]:
        """The keys, with the one that stands for everything spelled out."""
        return list(dict.fromkeys([*keys, *self.keys()])) if ALL_PAGES in keys else keys

    def path_of(self, key: str) -> str | None:
        """Where a page stands, or would stand; None for a key that is no HTML page."""
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
        """The page, or None where there is nothing to show and no file may be."""
        kind, _, name = key.partition("/")
        path = self.path_of(key)
        if path is None:
            return None
        found = getattr(self, f"_{kind}", self._fixed)(name or kind)
        if found is None:
            return None
        private = bool(found.pop("private", False))
        return Page(path, f"site/{kind}.html", {"kind": kind, **found}, private)

    # One function for each kind of page; each returns what its template is given.

    def _session(self, session_id: str) -> dict[str, Any] | None:
        entry = self.catalogue.published(session_id)
        snapshot = self.catalogue.snapshot(session_id)
        if entry is None or snapshot is None:
            return None
        quotes = approved_quotes(snapshot, self.catalogue.quote_states(session_id))
        story = story_of(snapshot, self.studio, quotes=quotes)
        listed = entry.visibility == "public"
        earlier, later = self.catalogue.neighbours(entry) if listed else (None, None)
        return {
            "title": story.title,
            "description": story.seo_description,
            "story": story,
            "earlier": self._entry(earlier),
            "later": self._entry(later),
            "month_path": f"sessions/{entry.month.replace('-', '/')}/" if listed else None,
            "month_name": self._month_name(entry.month),
            "instructor_path": f"instructors/{entry.instructor_slug}/"
            if listed and entry.instructor_slug
            else None,
            "noindex": not listed,
            "replay": replay_of(snapshot),
            "script_words": safe_json(self.studio.words.table("script")),
            "json_ld": json_ld(story, entry, self.studio, self.links),
            "card": card_path(story),
            "published_iso": iso(entry.published_at),
            "modified_iso": iso(entry.updated_at),
            "private": entry.visibility == "private",
        }

    def _day(self, day: str) -> dict[str, Any] | None:
        entries = self.catalogue.of_day(day)
        # A day whose sessions all stand on the month's page needs none of its own.
        if len(entries) <= _OF_A_DAY:
            return None
        words = self.studio.words
        name = self._day_name(day)
        return {
            "title": words("list.day_title", day=name),
            "description": words(
                "list.day_description", sessions=words.count(len(entries), "breathing_session"), day=name
            ),
            "entries": [self._entry(each) for each in entries],
            "month_path": f"sessions/{day[:7].replace('-', '/')}/",
            "month_name": self._month_name(day[:7]),
        }

    def _month(self, month: str) -> dict[str, Any] | None:
        days = self.catalogue.days(month)
        if not days:
            return None
        total = sum(count for _, count in days)
        words = self.studio.words
        name = self._month_name(month)
        return {
            "title": words("list.month_title", month=name),
            "description": words(
                "list.month_description", sessions=words.count(total, "breathing_session"), month=name
            ),
            "name": name,
            "total": total,
            "days": [
                {
                    "name": self._day_name(day),
                    "iso": day,
                    "entries": [self._entry(each) for each in self.catalogue.of_day(day, _OF_A_DAY)],
                    "more": count - _OF_A_DAY if count > _OF_A_DAY else 0,
                    "path": f"sessions/{day.replace('-', '/')}/",
                }
                for day, count in days
            ],
        }

    def _year(self, year: str) -> dict[str, Any] | None:
        months = [(month, count) for month, count in self.catalogue.months() if month.startswith(year)]
        if not months:
            return None
        total = sum(count for _, count in months)
        words = self.studio.words
        return {
            "title": words("list.year_title", year=year),
            "description": words(
                "list.year_description", sessions=words.count(total, "breathing_session"), year=year
            ),
            "year": year,
            "total": total,
            "months": self._months(months),
        }

    def _sessions(self, _: str) -> dict[str, Any]:
        months = self.catalogue.months()
        return {
            "title": self.studio.words("list.all_title"),
            "description": self.studio.words("list.all_description", name=self.studio.name),
            "total": sum(count for _, count in months),
            "years": [
                {"year": year, "months": self._months(list(of_year))}
                for year, of_year in groupby(reversed(months), key=lambda each: each[0][:4])
            ],
            "latest": [self._entry(each) for each in self.catalogue.newest(LATEST)],
            "search": self.catalogue.count() >= SEARCH_FROM,
        }

    def _technique(self, slug: str) -> dict[str, Any] | None:
        technique = lookup.CATALOGUE.get(slug)
        if technique is None:
            return None
        entries, total = self.catalogue.with_technique(slug, _OF_A_TECHNIQUE)
        return {
            "title": technique.name,
            "description": formatting.truncated(
                self.studio.words.of(technique.summary) or technique.name, 160
            ),
            "technique": technique,
            "steps": _steps(technique),
            "script_words": safe_json(self.studio.words.table("script")),
            "gentle": lookup.find(technique.gentle) if technique.gentle else None,
            "entries": [self._entry(each) for each in entries],
            "total": total,
        }

    def _instructor(self, slug: str) -> dict[str, Any] | None:
        entries = self.catalogue.of_instructor(slug, _OF_AN_INSTRUCTOR)
        if not entries:
            return None
        name = entries[0].instructor or slug
        total = self.catalogue.count_of_instructor(slug)
        words = self.studio.words
        return {
            "title": name,
            "description": words(
                "instructors.one_description", sessions=words.count(total, "breathing_session"), name=name
            ),
            "name": name,
            "total": total,
            "entries": [self._entry(each) for each in entries],
        }

    def _instructors(self, _: str) -> dict[str, Any] | None:
        people = self.catalogue.instructors()
        if len(people) < 2:
            return None
        return {
            "title": self.studio.words("instructors.title"),
            "description": self.studio.words("instructors.description", name=self.studio.name),
            "people": [
                {
                    "path": f"instructors/{slug}/",
                    "name": name,
                    "count": self.studio.words.count(count, "session"),
                }
                for slug, name, count in people
            ],
        }

    def _search(self, _: str) -> dict[str, Any] | None:
        if self.catalogue.count() < SEARCH_FROM:
            return None
        return {
            "title": self.studio.words("search.title"),
            "description": self.studio.words("search.description", name=self.studio.name),
            "noindex": True,
            "script_words": safe_json(self._found_words()),
        }

    def _home(self, _: str) -> dict[str, Any]:
        featured = self.catalogue.featured(1)
        newest = self.catalogue.newest(LATEST)
        best = next(iter(featured or newest), None)
        return {
            "title": self.studio.name,
            "description": formatting.truncated(" ".join(self.studio.about.split()), 160),
            "upcoming": [self._coming(each) for each in upcoming_rooms(self.catalogue, limit=6)],
            "featured": self._featured(best) if best else None,
            "is_featured": bool(featured),
            "latest": [
                self._entry(each) for each in newest if best is None or each.session_id != best.session_id
            ],
            "total": self.catalogue.count(),
            "techniques": [t for t in lookup.CATALOGUE.values() if t.group is None][:6],
            "has_instructors": len(self.catalogue.instructors()) > 1,
            "search": self.catalogue.count() >= SEARCH_FROM,
        }

    def _fixed(self, kind: str) -> dict[str, Any]:
        name, words = self.studio.name, self.studio.words
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
                    "retention": words.count(int(self.catalogue.meta("retention_days") or 90), "day"),
                    "mail": self.catalogue.meta("sends_mail") == "yes",
                }
            case _:
                return {
                    "title": words("missing.head"),
                    "description": words("missing.title"),
                    "noindex": True,
                }

    # Inner parts

    def _entry(self, entry: Published | None) -> Entry | None:
        if entry is None:
            return None
        began = formatting.local(entry.session_date, self.studio.zone)
        return Entry(
            path=f"sessions/{entry.session_id}/",
            title=entry.title,
            day=self.studio.words.day(began),
            time=self.studio.words.time_of_day(began),
            began_iso=iso(entry.session_date),
            instructor=entry.instructor,
        )

    def _featured(self, entry: Published) -> Story | None:
        excerpt = self.catalogue.excerpt(entry.session_id)
        return None if excerpt is None else story_of(excerpt, self.studio)

    def _coming(self, room: UpcomingRoom) -> dict[str, Any]:
        starts = formatting.local(room.starts, self.studio.zone)
        words = self.studio.words
        return {
            "path": f"sessions/{room.session_id}/",
            "title": room.title,
            "instructor": room.instructor,
            "day": words.day(starts, weekday=True),
            "time": words.time_of_day(starts),
            "zone": self.studio.zone_at(starts),
            "iso": iso(room.starts),
            "live": room.live,
            "place": words(f"home.{room.place}") if room.place else "",
        }

    def _found_words(self) -> dict[str, str]:
        words = self.studio.words
        one, more = words.forms("session")
        return {"one": one, "more": more, "away": words("search.away")}

    def _month_name(self, month: str) -> str:
        return self.studio.words.month(int(month[:4]), int(month[5:7]))

    def _day_name(self, day: str) -> str:
        return self.studio.words.day(date.fromisoformat(day))

    def _months(self, months: list[tuple[str, int]]) -> list[dict[str, str]]:
        return [
            {
                "path": f"sessions/{month.replace('-', '/')}/",
                "name": self._month_name(month),
                "count": self.studio.words.count(count, "session"),
            }
            for month, count in months
        ]


def _steps(technique: lookup.Technique) -> str | None:
    """The pattern for the pacer in the page, as JSON."""
    return None if technique.pattern is None else safe_json(technique.pattern.as_json())
