"""The pages that list sessions: by day, month, year and instructor, and all of them. From the catalogue to a template's context."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from engine.domain.instant import iso
from publisher.catalogue.published import Catalogue, Published
from publisher.rendering import formatting
from publisher.rendering.studio import Studio

__all__ = ["LATEST", "SEARCH_FROM", "ListPages", "ListedSession", "listed_session", "month_name"]

SEARCH_FROM = 30
"""There is a search page from this number of public sessions on."""

LATEST = 8
"""Sessions in the list of the newest, on the home page and above the list of months."""

_OF_A_DAY = 8
_OF_AN_INSTRUCTOR = 40


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session in a list, its date and time as text in its own zone, or the studio's, and the studio's language."""

    path: str
    title: str
    day: str
    time: str
    zone: str
    """The name of the zone where it is not the studio's."""
    began_iso: str
    instructor: str | None


def listed_session(entry: Published, studio: Studio) -> ListedSession:
    """A published session as lists show it."""
    began = formatting.local(entry.session_date, studio.zone_of(entry.time_zone))
    return ListedSession(
        path=f"sessions/{entry.session_id}/",
        title=entry.title,
        day=studio.words.day(began),
        time=studio.words.time_of_day(began),
        zone=studio.other_zone(began),
        began_iso=iso(entry.session_date),
        instructor=entry.instructor,
    )


def month_name(month: str, studio: Studio) -> str:
    """``March 2024`` for ``2024-03``, in the studio's language."""
    return studio.words.month(int(month[:4]), int(month[5:7]))


class ListPages:
    """The contexts of list pages. A method returns None where there is nothing to list, so that no page is made."""

    def __init__(self, catalogue: Catalogue, studio: Studio) -> None:
        self._catalogue = catalogue
        self._studio = studio

    def day(self, day: str) -> dict[str, Any] | None:
        """Sessions of a day such as ``2024-03-21``; None where they all stand on the month's page."""
        entries = self._catalogue.of_day(day)
        if len(entries) <= _OF_A_DAY:
            return None
        words = self._studio.words
        name = self._day_name(day)
        return {
            "title": words("list.day_title", day=name),
            "description": words(
                "list.day_description", sessions=words.count(len(entries), "breathing_session"), day=name
            ),
            "entries": [listed_session(each, self._studio) for each in entries],
            "month_path": f"sessions/{day[:7].replace('-', '/')}/",
            "month_name": month_name(day[:7], self._studio),
        }

    def month(self, month: str) -> dict[str, Any] | None:
        """Sessions of a month such as ``2024-03``, day by day, the first few of each day."""
        days = self._catalogue.days(month)
        if not days:
            return None
        total = sum(count for _, count in days)
        words = self._studio.words
        name = month_name(month, self._studio)
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
                    "entries": [
                        listed_session(each, self._studio) for each in self._catalogue.of_day(day, _OF_A_DAY)
                    ],
                    "more": count - _OF_A_DAY if count > _OF_A_DAY else 0,
                    "path": f"sessions/{day.replace('-', '/')}/",
                }
                for day, count in days
            ],
        }

    def year(self, year: str) -> dict[str, Any] | None:
        """Months of a year such as ``2024``, each with its number of sessions."""
        months = [(month, count) for month, count in self._catalogue.months() if month.startswith(year)]
        if not months:
            return None
        total = sum(count for _, count in months)
        words = self._studio.words
        return {
            "title": words("list.year_title", year=year),
            "description": words(
                "list.year_description", sessions=words.count(total, "breathing_session"), year=year
            ),
            "year": year,
            "total": total,
            "months": self._months(months),
        }

    def sessions(self) -> dict[str, Any]:
        """The newest sessions, then every year with its months, the newest year first."""
        months = self._catalogue.months()
        return {
            "title": self._studio.words("list.all_title"),
            "description": self._studio.words("list.all_description", name=self._studio.name),
            "total": sum(count for _, count in months),
            "years": [
                {"year": year, "months": self._months(list(of_year))}
                for year, of_year in groupby(reversed(months), key=lambda each: each[0][:4])
            ],
            "latest": [listed_session(each, self._studio) for each in self._catalogue.newest(LATEST)],
            "search": self._catalogue.count() >= SEARCH_FROM,
        }

    def instructor(self, slug: str) -> dict[str, Any] | None:
        """The newest sessions of an instructor."""
        entries = self._catalogue.of_instructor(slug, _OF_AN_INSTRUCTOR)
        if not entries:
            return None
        name = entries[0].instructor or slug
        total = self._catalogue.count_of_instructor(slug)
        words = self._studio.words
        return {
            "title": name,
            "description": words(
                "instructors.one_description", sessions=words.count(total, "breathing_session"), name=name
            ),
            "name": name,
            "total": total,
            "entries": [listed_session(each, self._studio) for each in entries],
        }

    def instructors(self) -> dict[str, Any] | None:
        """Everybody who led a public session; None where that is one person alone."""
        people = self._catalogue.instructors()
        if len(people) < 2:
            return None
        return {
            "title": self._studio.words("instructors.title"),
            "description": self._studio.words("instructors.description", name=self._studio.name),
            "people": [
                {
                    "path": f"instructors/{slug}/",
                    "name": name,
                    "count": self._studio.words.count(count, "session"),
                }
                for slug, name, count in people
            ],
        }

    # Parts of pages

    def _day_name(self, day: str) -> str:
        return self._studio.words.day(date.fromisoformat(day))

    def _months(self, months: list[tuple[str, int]]) -> list[dict[str, str]]:
        return [
            {
                "path": f"sessions/{month.replace('-', '/')}/",
                "name": month_name(month, self._studio),
                "count": self._studio.words.count(count, "session"),
            }
            for month, count in months
        ]
