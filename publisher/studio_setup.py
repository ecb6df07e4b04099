"""What a studio publishes with, made of ``studio.toml``, the public address and the templates; reloaded when they change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.published import Catalogue
from publisher.drafts.desk import DraftDesk
from publisher.rendering.links import DEFAULT_URL, Links
from publisher.rendering.studio import InvalidStudio, Studio, load
from publisher.rendering.templates import Templates, templates_of
from publisher.site.builder import SiteBuilder, fingerprint
from publisher.site.card_workers import CardWorkers
from publisher.syndication.feed import Feeds

__all__ = ["StudioSetup", "StudioSetupLoader"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StudioSetup:
    """One state of the studio's settings and templates, with what renders and builds by them."""

    fingerprint: str
    """Of everything besides the catalogue that pages are made of."""
    studio: Studio
    links: Links
    templates: Templates
    feeds: Feeds
    site_builder: SiteBuilder
    desk: DraftDesk


class StudioSetupLoader:
    """Keeps the setup of a data folder up to date."""

    def __init__(
        self,
        data: Path,
        catalogue: Catalogue,
        workers: CardWorkers,
        *,
        step: Callable[[str], None],
        durable: bool,
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._workers = workers
        self._step = step
        self._durable = durable
        self._stored: tuple[str | None, ...] = ()
        self._files: tuple[int, ...] = ()
        self._setup: StudioSetup | None = None

    def load(self) -> StudioSetup:
        """The setup as the files say it now; the same object while nothing changed.

        A ``studio.toml`` that cannot be used is logged, and the settings from before stay. Where the site was built
        with another setup, every page is marked to be built again.
        """
        stored = tuple(self._catalogue.meta(key) for key in ("public_url", "retention_days", "sends_mail"))
        own = self._data / "templates"
        files = self._file_times()
        if self._setup is not None and (stored, files) == (self._stored, self._files):
            return self._setup
        self._stored, self._files = stored, files
        try:
            studio = load(self._data)
        except InvalidStudio as error:
            _log.error("studio wrong", problem=str(error), kept="the settings from before")
            if self._setup is not None:
                return self._setup
            studio = Studio()
        for problem in studio.look.problems:
            _log.error("picture not used", problem=problem, shown="the page without it")
        made_of = fingerprint(studio, stored, own)
        if self._setup is None or made_of != self._setup.fingerprint:
            self._setup = self._made(made_of, studio, Links(stored[0] or DEFAULT_URL), templates_of(own))
            self._mark_what_is_outdated(self._setup)
        return self._setup

    def files_changed(self) -> bool:
        """Whether ``studio.toml``, a picture of it or a template is another than when it was loaded."""
        return self._file_times() != self._files

    def _file_times(self) -> tuple[int, ...]:
        own = self._data / "templates"
        pictures = self._setup.studio.picture_files() if self._setup else ()
        files = (
            *(self._data / name for name in ("studio.toml", *pictures)),
            own,
            *(own.rglob("*") if own.is_dir() else ()),
        )
        return tuple(file.stat().st_mtime_ns for file in files if file.exists())

    def _made(self, made_of: str, studio: Studio, links: Links, templates: Templates) -> StudioSetup:
        # What they draw for the setup before is not wanted any more.
        self._workers.close()
        return StudioSetup(
            fingerprint=made_of,
            studio=studio,
            links=links,
            templates=templates,
            feeds=Feeds(self._catalogue, studio, links, templates),
            site_builder=SiteBuilder(
                self._data,
                self._catalogue,
                studio,
                links,
                templates,
                self._workers,
                step=self._step,
                durable=self._durable,
            ),
            desk=DraftDesk(self._data, self._catalogue, studio, links, templates),
        )

    def _mark_what_is_outdated(self, setup: StudioSetup) -> None:
        if self._catalogue.dirty.made_of() != setup.fingerprint:
            self._catalogue.recompute_days(setup.studio.zone)
            self._catalogue.dirty.mark_here([ALL_PAGES])
