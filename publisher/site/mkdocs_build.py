"""Renders pages to HTML through MkDocs, which is given only the pages that are asked for."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import escape
from mkdocs.commands.build import build
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import ConfigurationError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page as MkDocsPage
from mkdocs.utils.templates import script_tag_filter, url_filter
from mkdocs.utils.yaml import yaml_load

from publisher.files.tree import SiteFile
from publisher.rendering import resources
from publisher.rendering.assets import assets
from publisher.rendering.links import Links
from publisher.rendering.look import Look
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site.page import Page

__all__ = ["PageRenderer", "assets_version", "scratch_folder"]

# Pages in one build: MkDocs keeps each of them in memory until the end.
_BATCH = 100

# Its messages are about folders of Markdown; what matters here comes as an exception.
logging.getLogger("mkdocs").setLevel(logging.ERROR)


def _theme() -> Path:
    return resources.path("site") / "theme"


def assets_version(look: Look) -> str:
    """Ten hex digits that change with any asset: a query string with them keeps old ones out of browsers' caches."""
    digest = hashlib.sha256()
    for path, data in assets(look):
        digest.update(f"assets/{path}".encode())
        digest.update(data)
    return digest.hexdigest()[:10]


class _TemplatePage(MkDocsPage):
    """A page that is all template: MkDocs would set up a Markdown parser for it, which takes longer than its template."""

    def __init__(self, file: File, config: MkDocsConfig, template: str) -> None:
        super().__init__(None, file, config)
        self._template = template

    def read_source(self, config: MkDocsConfig) -> None:
        self.markdown = ""
        self.meta = {"template": self._template}

    def render(self, config: MkDocsConfig, files: Files) -> None:
        self.content = ""


class PageRenderer:
    """Renders pages to bytes. Not for two threads at once: MkDocs counts its warnings in one place."""

    def __init__(self, studio: Studio, links: Links, templates: Templates) -> None:
        self._studio = studio
        self._links = links
        self._templates = templates
        self._version = assets_version(studio.look)
        self._templates.environment.filters.update(url=url_filter, script_tag=script_tag_filter)

    def render(self, pages: Iterable[Page]) -> Iterator[SiteFile]:
        """The files of pages, in the order given."""
        batch: list[Page] = []
        for page in pages:
            batch.append(page)
            if len(batch) == _BATCH:
                yield from self._rendered(batch)
                batch = []
        if batch:
            yield from self._rendered(batch)

    def documents(self) -> Iterator[SiteFile]:
        """The pages that come with the site as Markdown, in the studio's language."""
        yield from self._build(lambda config, files: files, pages=None)

    def _rendered(self, pages: Sequence[Page]) -> Iterator[SiteFile]:
        by_source = {_source(page.path): page for page in pages}

        def generated(config: MkDocsConfig, _: Files) -> Files:
            files = []
            for source, page in by_source.items():
                file = File.generated(config, source, content="", inclusion=InclusionLevel.NOT_IN_NAV)
                file.dest_uri = page.path
                file.page = _TemplatePage(file, config, page.template)
                files.append(file)
            return Files(files)

        yield from self._build(generated, pages=by_source)
        # MkDocs' objects, which refer to each other in circles, keep what is in it until they are collected.
        by_source.clear()

    def _build(
        self, choose_files: Callable[[MkDocsConfig, Files], Files], *, pages: dict[str, Page] | None
    ) -> Iterator[SiteFile]:
        folder = Path(tempfile.mkdtemp(prefix="halcytone-site-", dir=scratch_folder()))
        try:
            while True:
                try:
                    self._run(folder, choose_files, pages)
                    break
                except Exception as error:
                    # A failing template of the studio's own is disabled; the next attempt uses the built-in one.
                    if not self._templates.disable_custom(_root_cause(error)):
                        raise
            if pages is None:
                for file in sorted(folder.rglob("*.html")):
                    yield SiteFile(file.relative_to(folder).as_posix(), file.read_bytes())
            else:
                for page in pages.values():
                    yield SiteFile(page.path, (folder / page.path).read_bytes())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(
        self,
        folder: Path,
        choose_files: Callable[[MkDocsConfig, Files], Files],
        pages: dict[str, Page] | None,
    ) -> None:
        config = _configured(
            docs_dir=str(self._documents_folder()),
            site_dir=str(folder),
            site_name=self._studio.name,
            site_url=self._links.root,
        )

        def on_files(files: Files, *, config: MkDocsConfig) -> Files:
            return choose_files(config, files)

        def on_env(_: jinja2.Environment, *, config: MkDocsConfig, files: Files) -> jinja2.Environment:
            # MkDocs' own environment does not escape, and compiles every template anew for each build.
            return self._templates.environment

        def on_page_context(
            context: dict[str, Any], *, page: MkDocsPage, config: MkDocsConfig, nav: Any
        ) -> dict[str, Any]:
            path = page.file.dest_uri
            own = (
                pages[page.file.src_uri].context
                if pages is not None
                else {"kind": "docs", "title": page.title}
            )
            return {**context, **self._shared_context(path), **own}

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

    def _documents_folder(self) -> Path:
        """The folder of Markdown in the site's language; the English one where there is none."""
        short = self._studio.words.language.partition("-")[0].lower()
        translated = resources.path("site") / f"docs-{short}"
        return translated if translated.is_dir() else resources.path("site") / "docs"

    def _shared_context(self, path: str) -> dict[str, Any]:
        """The context that every page gets. ``href`` makes relative links, which hold below any path and offline."""
        # The 404 page is shown at any address, so its links begin at the site's root.
        root = self._links.base_path if path == "404.html" else "../" * path.count("/") or "./"
        return {
            "studio": self._studio,
            "href": lambda to: root + to if to else root,
            "absolute": self._links.absolute,
            "canonical": self._links.absolute(path.removesuffix("index.html")),
            "version": self._version,
            "noindex": False,
            "description": "",
        }


@cache
def _configuration() -> dict[str, Any]:
    """What ``mkdocs.yml`` says, read once: that takes three times as long as everything else about it."""
    with _configuration_file().open("rb") as file:
        return yaml_load(file)


def _configuration_file() -> Path:
    return resources.path("site") / "mkdocs.yml"


def _configured(**given: str) -> MkDocsConfig:
    """The configuration of one build."""
    config = MkDocsConfig(config_file_path=str(_configuration_file()))
    config.load_dict(deepcopy(_configuration()))
    config.load_dict(given)
    errors, _ = config.validate()
    if errors:
        raise ConfigurationError("; ".join(f"{name}: {error}" for name, error in errors))
    return config


@cache
def scratch_folder() -> str | None:
    """A folder in memory for files that are read back at once; None where the system has none."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def _source(path: str) -> str:
    """The name of the Markdown source that MkDocs expects for a page."""
    return path.removesuffix(".html") + ".md"


def _root_cause(error: BaseException) -> BaseException:
    # MkDocs wraps what a template raises.
    while error.__cause__ is not None:
        error = error.__cause__
    return error
