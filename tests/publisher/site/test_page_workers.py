"""A rebuild whose pages are rendered by several processes gives the same bytes, whatever becomes of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from publisher.rendering.links import Links
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates
from publisher.site import builder, page_workers
from publisher.site.mkdocs_build import PageRenderer
from publisher.site.page_process import PageSetup, SessionFile
from publisher.site.page_workers import PageWorkers
from publisher.site.session_pages import session_page, session_source
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher, digests

HOUR = 60 * 60 * 1000
IDS = [f"s-{n}" for n in range(7)]


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few sessions are several portions, for several processes."""
    monkeypatch.setattr(page_workers, "PORTION", 2)


def filled(data: Path, url: str | None = None) -> Publisher:
    """A studio with a few sessions of each kind, whose pages name each other, and a quote."""
    publisher = Publisher(data, url=url)
    for number, session_id in enumerate(IDS):
        session = snapshot(
            session_id,
            session_date=NOW - number * 30 * HOUR,
            visibility={5: "unlisted", 6: "private"}.get(number, "public"),
            series_id="evening" if number % 2 else None,
        )
        publisher.outbox.enqueue(session, ["web"], NOW)
    publisher.work()
    return publisher


@pytest.fixture(scope="module")
def filled_studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of that studio, to be copied."""
    data = tmp_path_factory.mktemp("filled") / "data"
    filled(data).close()
    return data


@pytest.fixture
def studio(filled_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """That studio."""
    shutil.copytree(filled_studio, tmp_path / "data")
    publisher = Publisher(tmp_path / "data")
    yield publisher
    publisher.close()


def whole_site(publisher: Publisher) -> dict[str, str]:
    """The public and the private files of a site, made from nothing."""
    for name in ("public", "private"):
        shutil.rmtree(publisher.data / name, ignore_errors=True)
    publisher.jobs.setup.site_builder.rebuild()
    return {**digests(publisher.data / "public"), **digests(publisher.data / "private")}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_bytes_are_the_same_from_one_process_and_from_several(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public and private pages; and where nothing changed, no file is written again.

    With one kind of database the processes are real interpreters, each of which has its hashes in another order.
    """
    url = None
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
        request.getfixturevalue("forked")
    publisher = filled(tmp_path, url=url)
    alone = whole_site(publisher)
    monkeypatch.setattr(builder, "_SPREAD_FROM", 1)
    assert whole_site(publisher) == alone
    assert {path for path in alone if path.endswith("index.html")} >= {
        f"sessions/{each}/index.html" for each in IDS
    }
    before = (publisher.data / "public").stat().st_ino
    publisher.jobs.setup.site_builder.rebuild()
    assert (publisher.data / "public").stat().st_ino == before
    publisher.close()


@pytest.mark.usefixtures("forked")
def test_a_damaged_page_is_made_anew(studio: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is missing."""
    right = studio.site()
    monkeypatch.setattr(builder, "_SPREAD_FROM", 1)
    (studio.data / "public/sessions/s-1/index.html").write_text("torn", encoding="utf-8")
    (studio.data / "public/sessions/s-2/index.html").unlink()
    studio.jobs.setup.site_builder.rebuild()
    assert studio.site() == right


@pytest.mark.usefixtures("forked")
def test_progress_goes_to_the_end_and_never_back(studio: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command line shows it."""
    monkeypatch.setattr(builder, "_SPREAD_FROM", 1)
    told: list[tuple[int, int]] = []
    studio.jobs.setup.site_builder.rebuild(progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert (told[0][0], told[-1][0]) == (0, told[-1][1])


@pytest.mark.usefixtures("forked")
def test_a_template_that_fails_in_a_process_is_reported_once_as_ever(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its line; the built-in one is used instead."""
    right = studio.site()
    own = studio.data / "templates/site"
    own.mkdir(parents=True)
    (own / "article.html").write_text("{{ story.title }}\n{{ story.no_such_thing.at_all }}\n")
    monkeypatch.setattr(builder, "_SPREAD_FROM", 1)
    with capture_logs() as logs:
        studio.work()
    problems = [each["problem"] for each in logs if each["event"] == "template broken"]
    assert len(problems) == 1
    assert problems[0].startswith("templates/site/article.html, line 2:")
    assert studio.site() == right


@pytest.mark.usefixtures("forked")
def test_what_is_wrong_with_a_page_is_raised_as_from_one_process(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The site stays as it was, and nothing half made is left over."""
    right = studio.site()
    studio.connection.execute("UPDATE published SET document = '{}' WHERE session_id = 's-3'")
    monkeypatch.setattr(builder, "_SPREAD_FROM", 1)
    with pytest.raises(ValueError, match="session_id"):
        studio.jobs.setup.site_builder.rebuild()
    assert studio.site() == right
    assert not list(studio.data.glob(".public-new-*"))
    assert "ValidationError" in capfd.readouterr().err


class Rendering:
    """Pages of the sample sessions, rendered by processes or here."""

    def __init__(self, publisher: Publisher) -> None:
        self.studio, self.links = Studio(), Links("https://x.example")
        self.renderer = PageRenderer(self.studio, self.links, Templates())
        self.source = partial(session_source, publisher.catalogue)
        self.expected = {file.path: file.data for file, _ in self.rendered(IDS)}
        self.here: list[str] = []

    def rendered(self, session_ids: Sequence[str]) -> list[SessionFile]:
        """In this process."""
        self.here = [*session_ids]
        pages = [
            session_page(each, self.studio, self.links) for each in map(self.source, session_ids) if each
        ]
        return [(file, page.private) for file, page in zip(self.renderer.render(pages), pages, strict=True)]

    def workers(self) -> PageWorkers:
        """Processes for all of them."""
        setup = PageSetup(self.studio, self.links, None, frozenset())
        return PageWorkers(IDS, source=self.source, setup=lambda: setup, render=self.rendered)


def all_of(workers: PageWorkers) -> dict[str, bytes | None]:
    """The files of every page, with the paths that private ones have."""
    files: list[SessionFile] = []
    while workers.left:
        files += workers.files(1.0)
    assert {file.path for file, is_private in files if is_private} == {"sessions/s-6/index.html"}
    assert len(files) == len(IDS)
    return {file.path: file.data for file, _ in files}


def test_the_end_of_a_process_is_made_up_for(studio: Publisher) -> None:
    """What it had in hand is rendered here, the rest by others, which do not outlive the build."""
    rendering = Rendering(studio)
    with rendering.workers() as workers:
        while not workers.pids():
            workers.files()
        pid = workers.pids()[0]
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        assert all_of(workers) == rendering.expected
        last = [psutil.Process(each) for each in workers.pids()]
    assert rendering.here
    assert not any(each.is_running() for each in last)


def test_where_no_process_can_be_started_all_pages_are_rendered_here(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no memory for one, for instance; the log says so."""
    rendering = Rendering(studio)

    def no_process(*_: object, **__: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr(subprocess, "Popen", no_process)
    with capture_logs() as logs, rendering.workers() as workers:
        assert all_of(workers) == rendering.expected
    assert [each["event"] for each in logs] == ["no page process"]
    assert rendering.here[-1] == IDS[-1]
