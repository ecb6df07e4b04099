"""The press: from marked pages to files, whether a few of them or all.

One function makes the files of a key, and both ways go through it; that is why what was built piece by piece
is byte for byte what a rebuild makes.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from publisher.catalogue.changes import ALL_PAGES, in_reader_order
from publisher.catalogue.published import Catalogue
from publisher.files.new_tree import NewTree, remove
from publisher.files.tree import Artefact, Tree, exchange, flush_folders
from publisher.priority import run_idle
from publisher.rendering import resources
from publisher.rendering.card import card_of, studio_card
from publisher.rendering.links import Links
from publisher.rendering.story import story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site import sitemap
from publisher.site.mkdocs_build import Site, asset_files
from publisher.site.pages import Page, Pages
from publisher.syndication.calendar import calendar_of
from publisher.syndication.feed import Feeds

__all__ = ["FORMAT", "Progress", "SiteBuilder", "fingerprint"]

FORMAT = "6"
"""Changes when the same catalogue gives other pages."""

Progress = Callable[[int, int], None]

_KEYS_AT_ONCE = 250
# The API's own part of the site, made by the search tool after the pages.
_KEPT = ("pagefind",)


def _quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


def _quietly(_: str) -> None:
    """Nobody follows."""


def fingerprint(studio: Studio, settings: Iterable[str | None], own_templates: Path) -> str:
    """Of everything besides the catalogue that the pages are made of: when it changes, all are made again."""
    digest = hashlib.sha256(f"{FORMAT}\n{list(settings)}\n{studio.model_dump_json()}\n".encode())
    for folder in (resources.path("templates"), resources.path("site"), own_templates):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if file.is_file():
                digest.update(f"{file.relative_to(folder)}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


class SiteBuilder:
    """Builds what a catalogue says for one studio and address."""

    def __init__(
        self,
        data: Path,
        catalogue: Catalogue,
        studio: Studio,
        links: Links,
        templates: Templates,
        *,
        step: Callable[[str], None] = lambda _: None,
        durable: bool = True,
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._step = step
        self._durable = durable
        self._pages = Pages(catalogue, studio, links)
        self._site = Site(studio, links, templates)
        self._feeds = Feeds(catalogue, studio, links, templates)
        self._site_id = catalogue.meta("site_id") or ""
        self._public = Tree(data / "public", step=step, durable=durable)
        self._private = Tree(data / "private", step=step, durable=durable)

    def build_dirty(self, progress: Progress = _quiet) -> int:
        """Build what is marked, and unmark it once it is on the disk; returns how many files changed.

        What is marked again meanwhile stays marked: it may have been read before.
        """
        marks = self._catalogue.dirty_pages()
        if ALL_PAGES in marks or not (self._data / "public").is_dir():
            number = len(list(self._pages.keys()))
            build = partial(self.rebuild, progress=progress)
        else:
            number = len(marks)
            build = partial(self._build, in_reader_order(marks), self._public, self._private, progress)
        # What is soon done is not to wait on a machine that is busy all the time.
        changed = run_idle(build) if number > _KEYS_AT_ONCE else build()
        self._catalogue.clear_dirty(marks)
        return changed

    def rebuild(self, output: Path | None = None, *, progress: Progress = _quiet) -> int:
        """Build the whole site in a new folder, then put that in the place of ``public/``, or of ``output``.

        Returns how many files the site has.
        """
        live = output or self._data / "public"
        live.parent.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(prefix=f".{live.name}-new-", dir=live.parent))
        try:
            with self._catalogue.read_transaction():
                keys = in_reader_order(self._pages.keys())
                known = (self._data / "public", self._data / "private") if output is None else (None, None)
                tree = NewTree(waiting / "public", known[0], step=self._step, durable=self._durable)
                hidden = NewTree(waiting / "private", known[1], step=_quietly, durable=self._durable)
                self._build(keys, tree, hidden, progress)
            made = len(tree)
            for name in _KEPT:
                tree.keep(name)
            self._put_in_place(tree, live)
            if output is None:
                self._put_in_place(hidden, self._data / "private")
        finally:
            remove(waiting)
        return made

    def _put_in_place(self, tree: NewTree, live: Path) -> None:
        if not tree.differs():
            return
        self._step(f"exchange {live.name}")
        exchange(tree.root, live)
        if self._durable:
            flush_folders([live.parent])

    def _build(
        self,
        keys: list[str],
        public: Tree | NewTree,
        private: Tree | NewTree,
        progress: Progress,
    ) -> int:
        changed = 0
        gone: list[Artefact] = []
        progress(0, len(keys))
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            with self._catalogue.read_transaction():
                made = list(self._artefacts(some))
            # Files go at the end of the pass: until then nothing that leads to them is gone.
            gone += [each for each, hidden in made if each.data is None and not hidden]
            changed += public.put([each for each, hidden in made if each.data is not None and not hidden])
            changed += private.put([each for each, hidden in made if hidden])
            progress(start + len(some), len(keys))
        return changed + public.put(gone)

    def _artefacts(self, keys: Iterable[str]) -> Iterator[tuple[Artefact, bool]]:
        """The files of keys in order, each with whether it is a private one."""
        for is_page, run in groupby(keys, key=lambda key: self._pages.path_of(key) is not None):
            if is_page:
                yield from self._html(list(run))
            else:
                for key in run:
                    yield from ((each, False) for each in self._other(key))

    def _html(self, keys: list[str]) -> Iterator[tuple[Artefact, bool]]:
        shown: list[Page] = []
        for key in keys:
            path = self._pages.path_of(key)
            assert path is not None
            page = self._pages.page(key)
            if page is not None:
                shown.append(page)
            # Where a page is not shown it may have been, publicly or privately.
            if page is None or page.private:
                yield Artefact(path, None), False
            if key.startswith("session/") and (page is None or not page.private):
                yield Artefact(path, None), True
        private = {page.path for page in shown if page.private}
        for artefact in self._site.render(shown):
            yield artefact, artefact.path in private

    def _card(self, session_id: str) -> Artefact:
        path = f"sessions/{session_id}/card.png"
        excerpt = self._catalogue.excerpt(session_id)
        if excerpt is None or excerpt.source == "import" or excerpt.visibility == "private":
            return Artefact(path, None)
        return Artefact(path, card_of(story_of(excerpt, self._studio), self._studio))

    def _other(self, key: str) -> Iterator[Artefact]:
        kind, _, name = key.partition("/")
        match kind:
            case "card":
                yield self._card(name)
            case "sitemap" if name:
                yield sitemap.of_month(self._catalogue, name, self._links)
            case "sitemap":
                yield from sitemap.index(self._catalogue, self._links)
            case "archive":
                yield self._feeds.archive(name)
            case "feed":
                yield from self._feeds.newest()
            case "calendar":
                ics = calendar_of(self._catalogue, self._studio, self._links, self._site_id)
                yield Artefact("calendar.ics", ics)
            case "docs":
                yield from asset_files()
                yield Artefact("card.png", studio_card(self._studio))
                yield Artefact("robots.txt", self._robots())
                yield from self._site.documents()
            case _:
                raise ValueError(f"no page is called {key!r}")

    def _robots(self) -> bytes:
        return f"User-agent: *\nDisallow:\n\nSitemap: {self._links.absolute('sitemap.xml')}\n".encode()
