"""One round over outbox and marks without a publisher process, for the commands that publish or take off the site."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from engine.domain.instant import Millis
from engine.storage.database import Database
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.jobs import JobRunner
from publisher.site.builder import Progress
from publisher.site.search import update_index
from publisher.worker import publisher_lock

__all__ = ["SiteNotBuilt", "run_single_round"]

_WAIT_FOR_CARD_S = 0.2


class SiteNotBuilt(Exception):
    """Pages could not be built; why is in the log."""

    def __init__(self) -> None:
        super().__init__("The site could not be built, as the log says above; what was there before stays.")


def run_single_round(
    data: Path,
    database: Database,
    catalogue: Catalogue,
    now: Millis,
    *,
    limit: int = 100,
    progress: Progress | None = None,
    whole_site: bool = False,
) -> None:
    """Run the jobs due at ``now`` and build the dirty pages, the cards that follow them and the search indexes included.

    ``whole_site``: every page is built again.

    Raises:
        Busy: a publisher runs on the data folder, which does the same.
        SiteNotBuilt: pages could not be built.
        subprocess.SubprocessError: Pagefind failed, or took too long; everything else is done.
    """
    with publisher_lock(data, database):
        jobs = JobRunner(data, catalogue, Outbox(catalogue.connection, catalogue.site))
        with closing(jobs):
            if whole_site:
                catalogue.dirty.mark_all()
            jobs.run_due(now, limit=limit, progress=progress)
            # Nobody draws them after this, or indexes the pages.
            while jobs.draw_cards(now, wait_s=_WAIT_FOR_CARD_S):
                pass
            # Pages may be marked again all the same, by another server that published meanwhile.
            if jobs.build_failed:
                raise SiteNotBuilt
            update_index(data / "public", catalogue, jobs.setup.studio.language)
