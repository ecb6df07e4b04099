"""The search indexes: one a month, made by Pagefind after the pages, merged in the reader's browser."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import structlog
from pagefind_bin_extended import get_executable

from engine.storage.database import Database, DatabaseError
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_of
from publisher.files.tree import SiteFile, Tree, exchange
from publisher.priority import use_idle_scheduling
from publisher.rendering.studio import InvalidStudio, load
from publisher.site.list_pages import SEARCH_FROM
from publisher.site.mkdocs_build import scratch_folder

__all__ = ["FOLDER", "SearchIndexer", "update_index"]

_log = structlog.get_logger(__name__)

FOLDER = "pagefind"
_LIST = "months.json"
_PARTS = 2
"""Raised when other parts of a story's page are indexed: then every month is indexed again."""
_LOOK_EVERY_S = 3.0
_LOOK_ANYWAY_EVERY_S = 60.0
"""On a database that servers share: there it looks after a round of the publisher."""
_TIMEOUT_S = 120.0


def update_index(root: Path, catalogue: Catalogue, language: str = "en") -> list[str]:
    """Update the indexes of a built site to its catalogue; returns the months that were indexed again.

    ``language``: of what people wrote; it decides where words end, which nothing says in Japanese.

    Raises:
        subprocess.SubprocessError: Pagefind failed, or took too long.
        OSError: a file cannot be read or written.
    """
    current = _month_digests(catalogue, language) if catalogue.count() >= SEARCH_FROM else {}
    indexed = _indexed_digests(root)
    if current == indexed:
        return []
    changed = [month for month, digest in current.items() if indexed.get(month) != digest]
    for month in changed:
        _index_month(root, month, [entry.session_id for entry in catalogue.of_month(month)], language)
    text = json.dumps({"months": [{"month": m, "digest": d} for m, d in current.items()]})
    Tree(root).put([SiteFile(f"{FOLDER}/{_LIST}", text.encode())])
    for month in indexed.keys() - current.keys():
        shutil.rmtree(root / FOLDER / month, ignore_errors=True)
    return changed


def _month_digests(catalogue: Catalogue, language: str) -> dict[str, str]:
    """Each month with a digest of what its index depends on."""
    digests: dict[str, str] = {}
    with catalogue.read_transaction():
        quoted = catalogue.quotes.approved()
        for month, _ in catalogue.months():
            sources = [
                (entry.session_id, entry.updated_at, entry.title, quoted.get(entry.session_id))
                for entry in catalogue.of_month(month)
            ]
            made_of = json.dumps([_PARTS, language, sources])
            digests[month] = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    return digests


def _indexed_digests(root: Path) -> dict[str, str]:
    """The digests by which the months were indexed last."""
    try:
        stored = json.loads((root / FOLDER / _LIST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(each["month"]): str(each["digest"]) for each in stored["months"]}


def _index_month(root: Path, month: str, session_ids: list[str], language: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix=f".{root.name}-search-", dir=root.parent))
    # The copies go into memory: on the disk their writes would stall a live session's journal.
    pages = Path(tempfile.mkdtemp(prefix="halcytone-search-", dir=scratch_folder()))
    try:
        for session_id in session_ids:
            page = root / "sessions" / session_id / "index.html"
            # A page that is being withdrawn at this moment may be gone already.
            if page.is_file():
                copy = pages / "sessions" / session_id / "index.html"
                copy.parent.mkdir(parents=True)
                shutil.copyfile(page, copy)
        output = folder / "index"
        subprocess.run(
            [
                *(get_executable(), "--site", str(pages), "--output-path", str(output), "--quiet"),
                # The page itself is in the language of our words, which may be another one.
                *("--force-language", language.partition("-")[0].lower()),
            ],
            check=True,
            capture_output=True,
            timeout=_TIMEOUT_S,
            # One core at a time: nobody waits for it.
            env={**os.environ, "RAYON_NUM_THREADS": "1", "TOKIO_WORKER_THREADS": "1"},
        )
        output.chmod(0o755)
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        exchange(output, root / FOLDER / month)
    finally:
        shutil.rmtree(pages, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _language(data: Path) -> str:
    try:
        return load(data).language
    except InvalidStudio:
        # The publisher reports it.
        return "en"


class SearchIndexer:
    """A thread that keeps the indexes of ``public/`` up to date, so that no page has to wait for them."""

    def __init__(self, data: Path, database: Database) -> None:
        self._data = data
        self._database = database
        self._closing = threading.Event()
        self._look_now = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-indexer", daemon=True)

    def __enter__(self) -> SearchIndexer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(timeout=5.0)

    def look_soon(self) -> None:
        """Look for something to index within three seconds. From any thread."""
        self._look_now.set()

    def _run(self) -> None:
        use_idle_scheduling()
        seen, look_due = "", 0.0
        while not self._closing.is_set():
            try:
                with self._database.connect() as connection:
                    catalogue = Catalogue(connection, site_of(self._data))
                    while not self._closing.wait(_LOOK_EVERY_S):
                        now = time.monotonic()
                        if self._database.shared and not self._look_now.is_set() and now < look_due:
                            continue
                        self._look_now.clear()
                        look_due = now + _LOOK_ANYWAY_EVERY_S
                        language = _language(self._data)
                        state = f"{language} {catalogue.fingerprint()}"
                        # Dirty pages are about to change: they are indexed once they are built.
                        if state == seen:
                            continue
                        if catalogue.dirty.any():
                            self._look_now.set()
                            continue
                        update_index(self._data / "public", catalogue, language)
                        seen = state
            except (subprocess.SubprocessError, OSError, DatabaseError, ValueError) as error:
                _log.warning("search not indexed", problem=str(error)[:300])
                look_due = 0.0
                self._closing.wait(_LOOK_EVERY_S)
