"""The site builder: writes the files of dirty pages into the live site, or the whole site into a new folder.

Both ways render through one function (``_files``); that is why a site that was built piece by piece is byte for
byte what a rebuild makes. A little long: what both ways share stands beside them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, partial
from itertools import groupby
from pathlib import Path

from publisher.catalogue.changes import ALL_PAGES, in_reader_order
from publisher.catalogue.published import Catalogue
from publisher.files.flushing import flush_folders
from publisher.files.new_tree import NewTree, remove
from publisher.files.tree import SiteFile, Tree, exchange
from publisher.priority import run_idle, usable_cores
from publisher.rendering import resources
from publisher.rendering.assets import assets
from publisher.rendering.card import studio_card
from publisher.rendering.links import Links
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site import sitemap
from publisher.site.card_workers import CardWorkers
from publisher.site.cards import Cards
from publisher.site.garbage_collection import collect, manual_collection
from publisher.site.mkdocs_build import PageRenderer
from publisher.site.page import Page
from publisher.site.page_process import PageSetup
from publisher.site.page_workers import PageWorkers
from publisher.site.pages import Pages
from publisher.site.session_pages import session_source
from publisher.syndication.calendar import calendar_of
from publisher.syndication.feed import Feeds

__all__ = ["FORMAT", "Progress", "SiteBuilder", "fingerprint"]

FORMAT = "9"
"""Version of the builder: raise it when the same catalogue gives other bytes, so that every site is rebuilt."""

Progress = Callable[[int, int], None]

_LARGE = 250
"""From so many pages on, a build gives way to everything else."""
_SPREAD_FROM = 500
"""From so many sessions on, processes of their own render their pages: each takes a second to start."""
_KEYS_AT_ONCE = 25
"""What so many pages are made of takes ten megabytes, and the system does not get all of that back."""
_KEYS_BESIDE_OTHERS = 3
"""Fewer, so that no process waits for its next pages meanwhile."""
_COLLECTED_FROM = 25
_LONGEST_WAIT_S = 1.0
# Folders of the site that others write: the search index is made after the pages.
_KEPT = ("pagefind",)


def _no_progress(_done: int, _total: int) -> None:
    """Reports no progress."""


def _no_step(_: str) -> None:
    """Reports no step."""


def fingerprint(studio: Studio, settings: Iterable[str | None], own_templates: Path) -> str:
    """SHA-256 (hex) of everything besides the catalogue that pages are made of; when it changes, all are built again."""
    identity = f"{studio.model_dump_json()}{studio.look.digest}"
    files = f"{_package_digest()} {_digest_of(own_templates)}"
    return hashlib.sha256(f"{FORMAT}\n{list(settings)}\n{identity}\n{files}".encode()).hexdigest()


@cache
def _package_digest() -> str:
    """What this process has of the package: one that is replaced meanwhile counts from the next start on, as its code does."""
    return f"{_digest_of(resources.path('templates'))} {_digest_of(resources.path('site'))}"


def _digest_of(folder: Path) -> str:
    """SHA-256 (hex) of all files below a folder, with their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            digest.update(f"{file.relative_to(folder)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


class SiteBuilder:
    """Builds the site of a catalogue for one studio, address and set of templates."""

    def __init__(
        self,
        data: Path,
        catalogue: Catalogue,
        studio: Studio,
        links: Links,
        templates: Templates,
        workers: CardWorkers,
        *,
        step: Callable[[str], None] = lambda _: None,
        durable: bool = True,
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._templates = templates
        self._step = step
        self._durable = durable
        self._pages = Pages(catalogue, studio, links)
        self._renderer = PageRenderer(studio, links, templates)
        self._cards = Cards(data / "public", catalogue, studio, workers)
        self._feeds = Feeds(catalogue, studio, links, templates)
        self._site_id = catalogue.meta("site_id") or ""
        self._public = Tree(data / "public", step=step, durable=durable)
        self._private = Tree(data / "private", step=step, durable=durable)

    def build_dirty(self, progress: Progress = _no_progress) -> int:
        """Build the dirty pages, and unmark them once they are on the disk; returns how many files changed.

        A page that is marked again meanwhile stays dirty: it may have been read before.
        """
        dirty = self._catalogue.dirty.pages()
        if ALL_PAGES in dirty or not (self._data / "public").is_dir():
            number = len(list(self._pages.keys()))
            build = partial(self.rebuild, progress=progress)
        else:
            number = len(dirty)
            build = partial(self._build, in_reader_order(dirty), self._public, self._private, progress)
        # A small build does not go into the idle class: on a busy machine it might never run.
        with manual_collection() if number > _LARGE else nullcontext():
            changed = run_idle(build) if number > _LARGE else build()
        self._cards.follow()
        self._catalogue.dirty.clear(dirty)
        return changed

    def draw_cards(self, *, wait_s: float = 0.0) -> bool:
        """Put cards that follow the pages into the site, as far as they are drawn; whether others are still to come.

        Waits so long for the first one.
        """
        if not self._cards.any_following():
            return False
        drawn = self._cards.drawn(wait_s=wait_s)
        self._public.put(drawn.values())
        self._cards.settle(drawn)
        return True

    def rebuild(self, output: Path | None = None, *, progress: Progress = _no_progress) -> int:
        """Build the whole site in a new folder, then put that in the place of ``public/``, or of ``output``.

        Returns how many files the site has. ``output`` is complete when it is there; cards of ``public/`` may follow.
        """
        live = output or self._data / "public"
        live.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{live.name}-new-", dir=live.parent))
        # What changes meanwhile is marked, so that the live site has it a round later. It is not read as of one moment: as
        # long as anybody reads so, a live session's commits make SQLite's log longer, which takes a disk more than
        # writing over it, and what was deleted stays in it. A copy elsewhere has no later round.
        moment = nullcontext() if output is None else self._catalogue.read_transaction()
        try:
            with moment:
                keys = in_reader_order(self._pages.keys())
                live_trees = (
                    (self._data / "public", self._data / "private") if output is None else (None, None)
                )
                public = NewTree(new / "public", live_trees[0], step=self._step, durable=self._durable)
                private = NewTree(new / "private", live_trees[1], step=_no_step, durable=self._durable)
                self._build(keys, public, private, progress)
                self._complete_cards(public, wait=output is not None)
            count = len(public)
            for name in _KEPT:
                public.keep(name)
            self._put_in_place(public, live)
            if output is None:
                self._put_in_place(private, self._data / "private")
        finally:
            remove(new)
        return count

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
        whole = isinstance(public, NewTree)
        changed = 0
        removals: list[SiteFile] = []
        self._cards.begin_build(whole=whole)
        with self._page_workers(keys if whole else []) as beside:
            own = [key for key in keys if not key.startswith("session/")] if beside.left else keys
            done = uncollected = 0
            progress(0, len(keys))
            while done < len(own) or beside.left:
                some_left = beside.left > 0
                portion = own[done : done + (_KEYS_BESIDE_OTHERS if some_left else _KEYS_AT_ONCE)]
                with self._catalogue.read_transaction():
                    files = list(self._files(portion, whole=whole))
                    files += beside.files(0.0 if portion else _LONGEST_WAIT_S)
                # Files are removed at the end of the pass, when no page links to them any more.
                removals += [file for file, is_private in files if file.data is None and not is_private]
                changed += public.put(
                    [file for file, is_private in files if file.data is not None and not is_private]
                )
                changed += private.put([file for file, is_private in files if is_private])
                if isinstance(public, NewTree):
                    # Pages go before: they have a core of their own, or there is none for cards.
                    spare = beside.cores if some_left else 1
                    public.put(self._cards.drawn(spare=spare).values())
                done += len(portion)
                uncollected += sum(file.path.endswith((".html", ".xml")) for file, _ in files)
                del files
                if uncollected > _COLLECTED_FROM:
                    collect()
                    uncollected = 0
                progress(len(keys) - (len(own) - done) - beside.left, len(keys))
        return changed + public.put(removals)

    def _page_workers(self, keys: list[str]) -> PageWorkers:
        """Processes for the pages of sessions among keys, if those are many and there are cores for them."""
        session_ids = [key.partition("/")[2] for key in keys if key.startswith("session/")]
        many = len(session_ids) >= _SPREAD_FROM and len(usable_cores()) > 1

        def setup() -> PageSetup:
            return PageSetup(self._studio, self._links, self._templates.own, self._templates.broken)

        def render(session_ids: Sequence[str]) -> list[tuple[SiteFile, bool]]:
            return list(self._html_files([f"session/{each}" for each in session_ids]))

        return PageWorkers(
            session_ids if many else [],
            source=partial(session_source, self._catalogue),
            setup=setup,
            render=render,
        )

    def _complete_cards(self, public: NewTree, *, wait: bool) -> None:
        """Add the cards that are not drawn yet: wait for them, or have others stand in for them."""
        while wait and self._cards.any_outstanding:
            public.put(self._cards.drawn(wait_s=_LONGEST_WAIT_S).values())
        if wait:
            self._cards.give_up()
        public.put(self._cards.stand_in(session_id) for session_id in sorted(self._cards.outstanding))

    def _files(self, keys: Iterable[str], *, whole: bool) -> Iterator[tuple[SiteFile, bool]]:
        """The files of keys, in their order, each with whether it goes into ``private/``; of a ``whole`` site or of a part."""
        for is_page, run in groupby(keys, key=lambda key: self._pages.path_of(key) is not None):
            if is_page:
                yield from self._html_files(list(run))
            else:
                for key in run:
                    yield from ((each, False) for each in self._other_files(key, whole=whole))

    def _html_files(self, keys: list[str]) -> Iterator[tuple[SiteFile, bool]]:
        pages: list[Page] = []
        for key in keys:
            path = self._pages.path_of(key)
            assert path is not None
            page = self._pages.page(key)
            if page is not None:
                pages.append(page)
            # A page that is not there now may have been, in public/ or in private/.
            if page is None or page.private:
                yield SiteFile(path, None), False
            if key.startswith("session/") and (page is None or not page.private):
                yield SiteFile(path, None), True
        private = {page.path for page in pages if page.private}
        for file in self._renderer.render(pages):
            yield file, file.path in private

    def _other_files(self, key: str, *, whole: bool) -> Iterator[SiteFile]:
        kind, _, name = key.partition("/")
        match kind:
            case "card":
                card = self._cards.file_of(name)
                if card is not None:
                    yield card
                elif not whole:
                    # In a new site it gets its place at the end, when more cards are drawn.
                    yield self._cards.stand_in(name)
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
                yield SiteFile("calendar.ics", ics)
            case "docs":
                for path, data in assets(self._studio.look):
                    yield SiteFile(f"assets/{path}", data)
                yield SiteFile("card.png", studio_card(self._studio))
                yield SiteFile("robots.txt", self._robots())
                yield from self._renderer.documents()
            case _:
                raise ValueError(f"no page is called {key!r}")

    def _robots(self) -> bytes:
        return f"User-agent: *\nDisallow:\n\nSitemap: {self._links.absolute('sitemap.xml')}\n".encode()
