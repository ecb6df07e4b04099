"""A process that renders the pages of sessions: a request says with what and which, its answer is their files, in order."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from publisher.files.tree import SiteFile
from publisher.processes import answer_requests
from publisher.rendering.links import Links
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site.garbage_collection import collect, manual_collection
from publisher.site.mkdocs_build import PageRenderer
from publisher.site.session_pages import SessionSource, session_page

__all__ = ["PageSetup", "SessionFile", "files_of", "rendered", "request_of"]


SessionFile = tuple[SiteFile, bool]
"""The file of a page, and whether it is private."""


@dataclass(frozen=True, slots=True)
class PageSetup:
    """What pages are rendered with, besides the templates that come with the program."""

    studio: Studio
    links: Links
    own_templates: Path | None
    broken: frozenset[str]
    """Templates of the studio's own that are not used because they fail."""


def request_of(setup: PageSetup, sources: Sequence[SessionSource]) -> bytes:
    """The request for the pages of sessions."""
    # The setup is pickled by itself: the process knows by its bytes whether it is still the same.
    return pickle.dumps((pickle.dumps(setup), sources))


def files_of(answer: bytes) -> list[SessionFile]:
    """The files in an answer that is not empty."""
    files: list[SessionFile] = pickle.loads(answer)
    return files


def rendered(request: bytes) -> bytes:
    """The answer: a file for each page. None where a template of the studio's own fails: whoever asks has to report it."""
    made_of, sources = pickle.loads(request)
    setup, renderer, failures = _renderer(made_of)
    failures.clear()
    pages = [session_page(each, setup.studio, setup.links) for each in sources]
    files = [(file, page.private) for file, page in zip(renderer.render(pages), pages, strict=True)]
    del pages
    collect()
    return b"" if failures else pickle.dumps(files)


@lru_cache(maxsize=1)
def _renderer(made_of: bytes) -> tuple[PageSetup, PageRenderer, list[str]]:
    """The setup, what renders with it, and the failures of templates that it adds to."""
    setup: PageSetup = pickle.loads(made_of)
    failures: list[str] = []
    templates = Templates(setup.own_templates, report=failures.append, broken=setup.broken)
    renderer = PageRenderer(setup.studio, setup.links, templates)
    return setup, renderer, failures


if __name__ == "__main__":
    with manual_collection():
        answer_requests(rendered)
