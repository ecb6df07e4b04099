"""Which pages a change touches: a function of the session and its surroundings, before and after.

Pages are named by keys, ``kind/name``:

``card/<id>`` · ``session/<id>`` · ``day/2024-03-21`` · ``month/2024-03`` · ``year/2024`` · ``sessions`` · ``technique/<slug>`` ·
``instructor/<slug>`` · ``instructors`` · ``home`` · ``search`` · ``sitemap/2024-03`` · ``sitemap`` ·
``archive/2024-03-1`` · ``feed`` · ``calendar``; and the fixed ones that only a rebuild makes: ``techniques``,
``subscribe``, ``imprint``, ``privacy``, ``404``, ``docs``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = [
    "ALL_PAGES",
    "ARCHIVE_SIZE",
    "CARDS_PREFIX",
    "DRAFTS_PREFIX",
    "ROOM_PAGES",
    "in_reader_order",
    "touched",
]

ALL_PAGES: Final = "*"
"""Stands for every page there is."""

DRAFTS_PREFIX: Final = "drafts/"
"""What a session's drafts are marked with when they have to go; no page."""

CARDS_PREFIX: Final = "cards/"
"""What a session's card is marked with when it is drawn after the pages; no page, and no page waits for it."""

ARCHIVE_SIZE: Final = 50
"""Items in one part of the feed's archive."""

ROOM_PAGES: Final = frozenset({"home", "calendar"})
"""What follows the rooms that are yet to come."""

# The order in which a reader may find new pages: what is linked stands before what links to it.
_ORDER: Final = (
    "card",
    "session",
    "day",
    "month",
    "year",
    "sessions",
    "technique",
    "techniques",
    "instructor",
    "instructors",
    "search",
    "subscribe",
    "imprint",
    "privacy",
    "docs",
    "404",
    "home",
    "sitemap/",
    "sitemap",
    "archive",
    "feed",
    "calendar",
)


def touched(
    session_id: str,
    *,
    visibility: str,
    day: str,
    slugs: Iterable[str],
    instructor_slug: str | None,
    neighbours: Iterable[str],
    archives: Iterable[str],
) -> set[str]:
    """The keys of every page that shows a session, or shows something else because of it.

    To be asked before and after a change: a session that moves to another month leaves the old one.
    """
    own = {f"session/{session_id}", f"card/{session_id}"}
    if visibility != "public":
        return own
    led = {f"instructor/{instructor_slug}", "instructors"} if instructor_slug else set()
    return {
        *own,
        *(f"session/{each}" for each in neighbours),
        f"day/{day}",
        f"month/{day[:7]}",
        f"year/{day[:4]}",
        "sessions",
        *(f"technique/{slug}" for slug in slugs),
        *led,
        "search",
        "home",
        f"sitemap/{day[:7]}",
        "sitemap",
        *(f"archive/{name}" for name in archives),
        "feed",
    }


def in_reader_order(keys: Iterable[str]) -> list[str]:
    """The keys in the order in which their files may appear."""

    def rank(key: str) -> tuple[int, str]:
        kind, slash, _ = key.partition("/")
        kind = "sitemap/" if kind == "sitemap" and slash else kind
        return _ORDER.index(kind), key

    return sorted(keys, key=rank)
