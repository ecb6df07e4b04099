"""Pages through MkDocs: its configuration and its build, given only the pages that are asked for."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import escape
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page as MkDocsPage
from mkdocs.utils.templates import script_tag_filter, url_filter

from publisher.files.tree import Artefact
from publisher.rendering import resources
from publisher.rendering.links import Links
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site.pages import Page

__all__ = ["Site", "asset_files", "assets_version", "scratch_folder"]

# So many pages in one build: MkDocs keeps each of them in memory until the end.
_AT_ONCE = 250
_FEW = 50

# Its messages are about folders of Markdown; what matters here comes as an exception.
logging.getLogger("mkdocs").setLevel(logging.ERROR)


def _theme() -> Path:
    return resources.path("site") / "theme"


def asset_files() -> Iterator[Artefact]:
    """The theme's fonts, styles and scripts, as they stand in the site under ``assets/``."""
    root = _theme() / "assets"
    for file in sorted(root.rglob("*")):
        if file.is_file():
            yield Artefact(f"assets/{file.relative_to(root).as_posix()}", file.read_bytes())


@cache
def assets_version() -> str:
    """Changes with every change of an asset, so that no reader keeps an old one."""
    digest = hashlib.sha256()
    for each in asset_files():
        digest.update(each.path.encode())
        digest.update(each.data or b"")
    return digest.hexdigest()[:10]


class Site:
    """Renders pages to bytes. One build at a time: MkDocs counts its warnings in one place."""

    def __init__(self, studio: Studio, links: Links, templates: Templates) -> None:
        self._studio = studio
        self._links = links
        self._templates = templates
        self._templates.environment.filters.update(url=url_filter, script_tag=script_tag_filter)

    def render(self, pages: Iterable[Page]) -> Iterator[Artefact]:
        """The files of pages, in the order given."""
        waiting: list[Page] = []
        for page in pages:
            waiting.append(page)
            if len(waiting) == _AT_ONCE:
                yield from self._built(waiting)
                waiting = []
        if waiting:
            yield from self._built(waiting)

    def documents(self) -> Iterator[Artefact]:
        """The pages written in Markdown that come with the site."""
        yield from self._build(lambda config, files: files, only=None)

    def _built(self, pages: Sequence[Page]) -> Iterator[Artefact]:
        by_source = {_source(page.path): page for page in pages}

        def given(config: MkDocsConfig, _: Files) -> Files:
            files = []
            for source, page in by_source.items():
                content = f"---\ntemplate: {page.template}\n---\n"
                file = File.generated(config, source, content=content, inclusion=InclusionLevel.NOT_IN_NAV)
                file.dest_uri = page.path
                files.append(file)
            return Files(files)

        yield from self._build(given, only=by_source)
        if len(pages) > _FEW:
            # MkDocs' pages refer to each other in circles: each batch would stay until the collector's own time comes.
            gc.collect()

    def _build(
        self, given: Callable[[MkDocsConfig, Files], Files], *, only: dict[str, Page] | None
    ) -> Iterator[Artefact]:
        folder = Path(tempfile.mkdtemp(prefix="halcytone-site-", dir=scratch_folder()))
        try:
            while True:
                try:
                    self._run(folder, given, only)
                    break
                except Exception as error:
                    # A template of the studio's own that fails is set aside; the built-in one comes in the next round.
                    if not self._templates.disable_custom(_cause(error)):
                        raise
            if only is None:
                for file in sorted(folder.rglob("*.html")):
                    yield Artefact(file.relative_to(folder).as_posix(), file.read_bytes())
            else:
                for page in only.values():
                    yield Artefact(page.path, (folder / page.path).read_bytes())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(
        self, folder: Path, given: Callable[[MkDocsConfig, Files], Files], only: dict[str, Page] | None
    ) -> None:
        config = load_config(
            str(resources.path("site") / "mkdocs.yml"),
            docs_dir=str(self._documents()),
            site_dir=str(folder),
            site_name=self._studio.name,
            site_url=self._links.root,
        )

        def on_files(files: Files, *, config: MkDocsConfig) -> Files:
            return given(config, files)

        def on_env(_: jinja2.Environment, *, config: MkDocsConfig, files: Files) -> jinja2.Environment:
            # MkDocs' own environment does not escape, and compiles every template anew for each build.
            return self._templates.environment

        def on_page_context(
            context: dict[str, Any], *, page: MkDocsPage, config: MkDocsConfig, nav: Any
        ) -> dict[str, Any]:
            path = page.file.dest_uri
            shown = (
                only[page.file.src_uri].context if only is not None else {"kind": "docs", "title": page.title}
            )
            return {**context, **self._around(path), **shown}

        def on_page_content(html: str, **_: Any) -> str:
            # A table that is wider than a phone scrolls by itself, with the keyboard too.
            name = escape(self._studio.words("layout.table"))
            box = f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
            return html.replace("<table>", f"{box}<table>").replace("</table>", "</table></div>")

        config.plugins.events["files"].append(on_files)
        config.plugins.events["page_content"].append(on_page_content)
        config.plugins.events["env"].append(on_env)
        config.plugins.events["page_context"].append(on_page_context)
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()

    def _documents(self) -> Path:
        """The folder of Markdown in the language that the site speaks."""
        short = self._studio.words.language.partition("-")[0].lower()
        translated = resources.path("site") / f"docs-{short}"
        return translated if translated.is_dir() else resources.path("site") / "docs"

    def _around(self, path: str) -> dict[str, Any]:
        """What every page is given. ``href`` makes links from here; they hold below any path and offline."""
        # What is shown at whatever address was not found cannot point from there.
        up = self._links.base_path if path == "404.html" else "../" * path.count("/") or "./"
        return {
            "studio": self._studio,
            "href": lambda to: up + to if to else up,
            "absolute": self._links.absolute,
            "canonical": self._links.absolute(path.removesuffix("index.html")),
            "version": assets_version(),
            "noindex": False,
            "description": "",
        }


@cache
def scratch_folder() -> str | None:
    """Where what is read back at once is written: in memory where the system has a folder for that."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def _source(path: str) -> str:
    """The source that MkDocs would have for a page."""
    return path.removesuffix(".html") + ".md"


def _cause(error: BaseException) -> BaseException:
    # MkDocs wraps what a template raises.
    while error.__cause__ is not None:
        error = error.__cause__
    return error
