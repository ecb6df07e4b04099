"""The dirty pages: which pages, cards and drafts wait to be built, drawn or removed in each copy of the site.

A mark counts how often it was made, so that one that comes while its page is being built is not lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.storage.database import Connection, Value
from publisher.catalogue.batches import in_batches, write_in_batches
from publisher.catalogue.changes import ALL_PAGES, CARDS_PREFIX, DRAFTS_PREFIX

__all__ = ["MARKED", "DirtyPages"]

MARKED = (
    "SELECT count(*) FROM (SELECT 1 FROM marks WHERE site = :site"
    " UNION ALL SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM sites WHERE site = :site) LIMIT 1) AS found"
)
"""Whether anything is marked for a copy of the site, cards among it, or would be if that copy were known."""

_NO_CARD = f"page NOT LIKE '{CARDS_PREFIX}%'"


class DirtyPages:
    """The marks for one copy of the site, over one connection. Blocking. Each writing method is a transaction, or part of an open one."""

    def __init__(self, connection: Connection, site: str) -> None:
        self._connection = connection
        self._site = site

    def mark(self, pages: Iterable[str]) -> None:
        """Mark pages to be built again in every copy of the site.

        Marking one that is being built right now counts once more.
        """
        self._mark(sorted(pages), "SELECT site, :page, 1 FROM sites WHERE site IS NOT NULL")

    def mark_here(self, pages: Iterable[str]) -> None:
        """The same in this copy of the site alone, where they need not be marked together."""
        for batch in in_batches(sorted(pages)):
            self._mark(batch, "SELECT site, :page, 1 FROM sites WHERE site = :site", site=self._site)

    def pages(self) -> dict[str, int]:
        """The dirty pages, each with how often it was marked; hand this to ``clear`` once they are built."""
        return {page: times for page, times in self._dirty() if not page.startswith(DRAFTS_PREFIX)}

    def drafts(self) -> dict[str, int]:
        """The drafts to remove, as ``drafts/<session_id>``, each with how often it was marked."""
        return {mark: times for mark, times in self._dirty() if mark.startswith(DRAFTS_PREFIX)}

    def cards(self) -> dict[str, int]:
        """The cards that follow the pages, as ``cards/<session_id>``, each with how often it was marked."""
        rows = self._connection.rows(
            f"SELECT page, times FROM marks WHERE site = :site AND NOT ({_NO_CARD}) ORDER BY page",
            site=self._site,
        )
        return {row["page"]: row["times"] for row in rows}

    def any(self) -> bool:
        """Whether any page waits to be built, or any draft to be removed."""
        found = self._connection.row(
            f"SELECT 1 FROM marks WHERE site = :site AND {_NO_CARD} LIMIT 1", site=self._site
        )
        return found is not None

    def clear(self, marks: Mapping[str, int]) -> None:
        """Unmark what was built; a page that was marked again since it was read stays dirty."""
        write_in_batches(
            self._connection,
            "DELETE FROM marks WHERE site = :site AND page = :page AND times = :times",
            [{"site": self._site, "page": page, "times": times} for page, times in marks.items()],
        )

    def mark_all(self) -> None:
        """Mark the whole site to be built again, in every copy."""
        self.mark([ALL_PAGES])

    def made_of(self) -> str | None:
        """The fingerprint of what this copy of the site was made of, besides the catalogue; None before it was made."""
        value: str | None = self._connection.value(
            "SELECT made_of FROM sites WHERE site = :site", site=self._site
        )
        return value

    def set_made_of(self, fingerprint: str) -> None:
        """Keep that fingerprint."""
        self._connection.execute(
            "UPDATE sites SET made_of = :made_of WHERE site = :site", made_of=fingerprint, site=self._site
        )

    def _mark(self, pages: Iterable[str], rows: str, **values: Value) -> None:
        with self._connection.transaction():
            self._connection.many(
                f"INSERT INTO marks (site, page, times) {rows}"
                " ON CONFLICT (site, page) DO UPDATE SET times = marks.times + 1",
                [{"page": page, **values} for page in pages],
            )
            self._connection.announce()

    def _dirty(self) -> list[tuple[str, int]]:
        rows = self._connection.rows(
            f"SELECT page, times FROM marks WHERE site = :site AND {_NO_CARD} ORDER BY page", site=self._site
        )
        return [(row["page"], row["times"]) for row in rows]
