"""For every test: the long ones first, and in continuous integration a skipped test is a failed one."""

from __future__ import annotations

import gc
import os
import shlex
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Final

import psutil
import pytest
import structlog
from aiohttp import web_app
from execnet import XSpec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from xdist.remote import Producer

from engine.storage.postgres import PostgresDatabase
from publisher.catalogue.published import Catalogue
from tests import fork_server, one_run, worker_forks
from tests.alone_first import AloneFirst
from tests.postgres import PostgresCluster

_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 4 << 30
"""Bytes that must be free there: several times what four workers were seen to have there at once."""

_WAIT: Final = {"web", "journey", "nodes"}
"""Folders of tests that wait for browsers and servers more than they compute."""

_CI = os.environ.get("CI", "").lower() in {"true", "1", "yes"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engine``: the browser that the tests of the live pages run in."""
    parser.addoption("--engine", choices=["chromium", "firefox"], default="chromium")


def _has_room_in_memory() -> bool:
    """Whether there is a file system in memory that has room for what the tests write, and starts programs.

    On a disk each commit and each replaced file is waited for.
    """
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) > _ROOM


def _starts_workers(config: pytest.Config) -> bool:
    """Whether this process collects nothing, and starts the workers that do."""
    return bool(config.getoption("dist", "no") != "no")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Log and collect garbage as the server does, and let no example fail for the time it took.

    Tracebacks drawn with every local take longer than what is tested; and the collector would look again and again
    through the million objects of the tests themselves. An example that takes a millisecond takes a second where four
    workers share two cores; with ``CI`` set, Hypothesis looks at no time by itself.
    """
    if "TMPDIR" not in os.environ and _has_room_in_memory():
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None
    one_run.begin()
    if not _CI:
        settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("shared")
    gc.set_threshold(10_000, 20, 1_000)
    if not _starts_workers(config):
        gc.disable()
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[XSpec]) -> None:
    """Let the workers be forks, which begin with all tests imported.

    Meanwhile the other processor does what a whole run needs, too: the fork server of programs is started, and Hypothesis
    looks through Unicode, which takes it a second, and keeps what it finds.
    """
    workers = worker_forks.started(config.invocation_params.args)
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        with suppress(AssertionError):  # Said by the tests that need it.
            fork_server.program()
        st.text().validate()
    for spec in specs:
        if spec.popen:
            spec.python = shlex.quote(str(workers.executable()))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> AloneFirst | None:
    """Let what measures time have the machine to itself, where workers share the tests by files."""
    return AloneFirst(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each file that waits for breaths and deadlines be followed by some that compute, the long ones first of all.

    So neither all workers wait at once nor all compute, and at the end the short ones share the rest evenly.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    long = [path for path, those in files.items() if any(item.get_closest_marker("long") for item in those)]
    others = [path for path in files if path not in long and _WAIT & {*path.parts}]
    waiting = [*_in_turn(long), *_in_turn(others)]
    computing = [path for path in files if path not in waiting]
    # A quarter is left for the end.
    each = 1 + len(computing) * 3 // (4 * max(1, len(waiting)))
    ordered: list[Path] = []
    for path in waiting:
        ordered += [path, *computing[:each]]
        del computing[:each]
    items[:] = [item for path in [*ordered, *computing] for item in files[path]]


def _in_turn(paths: list[Path]) -> Iterator[Path]:
    """One file of each folder after the other: those of one folder wait for the same kind of thing, and as long."""
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    for row in zip_longest(*folders.values()):
        yield from filter(None, row)


def pytest_collection_finish() -> None:
    """Leave what stays, all tests above all, out of every collection to come.

    The publisher collects after each build: through the objects of the tests themselves that takes half a second, and
    there are a thousand builds. Nothing is collected before: what tests are made of stays.
    """
    gc.freeze()
    gc.enable()


def pytest_runtest_logfinish() -> None:
    """Let go of the servers that have ended.

    aiohttp keeps every application that has answered in a cache of the process. A hundred of them, and each collection
    takes half a second.
    """
    web_app._cached_build_middleware.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that names its reason."""
    report = yield
    if _CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure with CI=true: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report = yield
    if _CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure with CI=true: {report.longrepr}"
    return report


@pytest.fixture
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without settings, in an empty folder: whoever runs the tests may have set something."""
    for name in [name for name in os.environ if name.startswith("HALCYTONE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """A PostgreSQL server for this process's tests; its commits do not wait for the disk."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def empty_tables(postgres: PostgresCluster) -> Iterator[str]:
    """The name of a database with all tables and nothing in them, to be copied: making them takes five times as long."""
    with postgres.database() as url:
        with PostgresDatabase(url).connect() as connection:
            Catalogue(connection)
        yield url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres: PostgresCluster, empty_tables: str) -> Iterator[str]:
    """A database with nothing in its tables, gone after the test."""
    with postgres.database(empty_tables) as url:
        yield url
