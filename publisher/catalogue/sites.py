"""The copies of the site: each data folder has one, and the pages that it still has to build are marked for it.

A folder on a database of its own has no id: its copy is the one that is called ``""``. On a database that servers share
each folder gives itself an id, and builds the whole site when it comes, or comes back after a long time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import uuid4

from engine.domain.instant import HOUR, Millis
from engine.storage.database import Database
from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.published import Catalogue

__all__ = ["is_registered", "register_site", "site_for", "site_of"]

# Hidden, so that no archive takes it to another folder.
_FILE: Final = ".site"
_FORGOTTEN_AFTER: Final[Millis] = 30 * 24 * HOUR
"""A folder that was not seen for so long is not waited for: it builds everything when it comes back."""


def site_of(data: Path) -> str:
    """The id of a folder's copy of the site; empty where it has none."""
    try:
        return (data / _FILE).read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def site_for(data: Path, database: Database) -> str:
    """The same, made on the first call for a database that servers share. Makes the folder too."""
    if database.shared and not site_of(data):
        data.mkdir(parents=True, exist_ok=True)
        (data / _FILE).write_text(f"{uuid4().hex[:12]}\n", "ascii")
    return site_of(data)


def is_registered(catalogue: Catalogue) -> bool:
    """Whether changes are marked for the catalogue's copy of the site; a failover may lose that they were."""
    found = catalogue.connection.value("SELECT 1 FROM sites WHERE site = :site", site=catalogue.site)
    return found is not None


def register_site(catalogue: Catalogue, at: Millis) -> None:
    """Have changes marked for the catalogue's copy of the site from now on; a new one is marked to be built.

    The rows of a copy that is called ``""`` pass to the first that has an id: the folder moved to a shared database.
    """
    connection, site = catalogue.connection, catalogue.site
    # In a transaction: whoever changes the catalogue meanwhile either marks this copy too, or is done.
    with catalogue.transaction():
        new = connection.execute(
            "INSERT INTO sites (site, seen_at) VALUES (:site, :at) ON CONFLICT DO NOTHING", site=site, at=at
        )
        connection.execute("UPDATE sites SET seen_at = :at WHERE site = :site", site=site, at=at)
        if site:
            connection.execute(
                "DELETE FROM sites WHERE site = '' OR seen_at < :before", before=at - _FORGOTTEN_AFTER
            )
        # What nobody builds any more: the drafts that are to be removed are this folder's, which moved here.
        connection.execute(
            "INSERT INTO marks (site, page, times) SELECT :site, page, max(times) FROM marks"
            " WHERE site NOT IN (SELECT site FROM sites) GROUP BY page ON CONFLICT DO NOTHING",
            site=site,
        )
        connection.execute("DELETE FROM marks WHERE site NOT IN (SELECT site FROM sites)")
        if new:
            catalogue.dirty.mark_here([ALL_PAGES])
