"""The publisher process: runs the jobs of the outbox until its parent is gone.

It reads lines from its standard input (``wake``: look now; the end: exit) and writes one JSON line for each
finished job to its standard output. It also looks by itself once a second, which is all it does when run alone.
A file lock keeps it the only publisher of a data folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import structlog

from engine.domain.instant import SECOND, Millis
from engine.storage.database import Database, DatabaseError, DatabaseLocked, DatabaseLost
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_for, site_of
from publisher.delivery.mail import MailDelivery, smtp_arguments
from publisher.jobs import FinishedJob, JobRunner
from publisher.priority import BUILD_NICENESS, leave_foreground_group, lower_priority
from publisher.rendering import studio
from publisher.site.search import SearchIndexer

__all__ = ["LOCK", "Busy", "main", "publisher_lock"]

_log = structlog.get_logger(__name__)

LOCK = "publisher.lock"
_LOOK_EVERY_S = 1.0
_LOOK_FOR_CARDS_EVERY_S = 0.1
_WAIT_FOR_LOCK_S = 10.0
_LOOK_AT_OTHERS_EVERY_S = 5.0
_LOOK_INTO_OUTBOX_EVERY_S = 2.5
_ROUND_EVERY_S = 10.0
"""On a database that servers share: within it a changed ``studio.toml`` is noticed."""
_PATIENCE: Millis = 5 * SECOND
"""Jobs are left so long to the publisher whose server queued them: it reports to those who wait for them."""


class Busy(Exception):
    """Another publisher holds the lock of this data folder."""


@contextmanager
def publisher_lock(data: Path, database: Database, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the publisher lock of a data folder; the end of the process releases it too.

    Raises:
        Busy: another process holds it for longer than ``wait_s`` seconds.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / LOCK).open("w") as file:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Busy(f"another publisher works on {data}") from None
                time.sleep(0.05)
        site = site_for(data, database)
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(database.hold(_lock_name(site)))
                    # Against ``halcytone move``, which wants the database for itself.
                    held.enter_context(database.hold("publisher", shared=True))
                    break
                except DatabaseLocked as error:
                    held.close()
                    if time.monotonic() >= until:
                        raise Busy(str(error)) from None
                    time.sleep(0.05)
            yield


def main(data: Path, database: Database, *, standalone: bool = False, smtp_url: str | None = None) -> int:
    """Publish until the standard input ends (``standalone``: until SIGTERM); returns the exit status."""
    if not standalone:
        leave_foreground_group()
    lower_priority(BUILD_NICENESS)
    try:
        with publisher_lock(data, database, wait_s=_WAIT_FOR_LOCK_S):
            return _publish(data, database, standalone=standalone, smtp_url=smtp_url)
    except Busy as error:
        _log.error("publisher_busy", problem=str(error))
        return 4


def _publish(data: Path, database: Database, *, standalone: bool, smtp_url: str | None) -> int:
    _remove_leftovers(data)
    studio.write_default(data)
    connection = database.connect()
    try:
        site = site_of(data)
        outbox = Outbox(connection, site)
        outbox.requeue_interrupted()
        catalogue = Catalogue(connection, site)
        others = OtherPublishers(database, outbox) if database.shared else None
        _record_mail_setting(catalogue, smtp_url)
        jobs = JobRunner(data, catalogue, outbox, on_finished=_print_finished)
        mail = MailDelivery(data, database, smtp_url) if smtp_url else nullcontext()
        with closing(jobs), _WakeUps(standalone=standalone) as wake_ups, mail, SearchIndexer(data, database):
            quiet = QuietLooks(catalogue, outbox) if database.shared else None
            while not wake_ups.stopped:
                patience = 0 if others is None or wake_ups.woken else others.patience()
                if quiet is not None and not wake_ups.woken and quiet.nothing_to_do(patience):
                    wake_ups.wait(_LOOK_EVERY_S)
                    continue
                ran_any, cards_follow = _run_due(jobs, outbox, patience)
                if quiet is not None:
                    quiet.looked(busy=ran_any or cards_follow)
                wake_ups.wait(0.0 if ran_any else _seconds_to_next_look(outbox, cards_follow, patience))
    finally:
        connection.close()
    return 0


def _lock_name(site: str) -> str:
    return f"publisher of {site}"


class OtherPublishers:
    """The publishers of other servers: jobs that one leaves behind are queued again."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._looked_at = 0.0
        self._there_are = False

    def patience(self) -> Millis:
        """How long a job must have been due before it is taken from those who know of it first."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AT_OTHERS_EVERY_S:
            self._looked_at = now
            with suppress(DatabaseError):
                self._look()
        return _PATIENCE if self._there_are else 0

    def _look(self) -> None:
        for claimer in self._outbox.other_claimers():
            if not self._database.is_held(_lock_name(claimer)):
                jobs = self._outbox.requeue_interrupted(claimer)
                _log.warning("jobs_of_a_dead_publisher", site=claimer, queued_again=jobs)
        self._there_are = self._outbox.shared()


class QuietLooks:
    """Looks whether there is anything to do, with a statement or two: a round takes a dozen, of a database for many."""

    def __init__(self, catalogue: Catalogue, outbox: Outbox) -> None:
        self._catalogue = catalogue
        self._outbox = outbox
        self._round_due = 0.0
        self._outbox_due = 0.0

    def looked(self, *, busy: bool) -> None:
        """A whole round was made; another one follows at once where something is going on."""
        self._round_due = time.monotonic() + (0.0 if busy else _ROUND_EVERY_S)

    def nothing_to_do(self, patience: Millis) -> bool:
        """Whether a round can be left out: it would find no page marked and no job due."""
        now = time.monotonic()
        if now >= self._round_due:
            return False
        try:
            if self._catalogue.is_marked():
                return False
            if now < self._outbox_due:
                return True
            self._outbox_due = now + _LOOK_INTO_OUTBOX_EVERY_S
            due = self._outbox.next_attempt()
        except (DatabaseLocked, DatabaseLost):
            return True
        if due is not None and due + patience <= _now() + _LOOK_INTO_OUTBOX_EVERY_S * 1000:
            # Soon enough to look as often as a round does.
            self._round_due = self._outbox_due = 0.0
            return False
        return True


def _record_mail_setting(catalogue: Catalogue, smtp_url: str | None) -> None:
    """Store in the catalogue whether a mail server is set, which the draft desk and the privacy page show, and where.

    Host and port alone, for ``halcytone doctor``: user and password are kept nowhere.
    """
    catalogue.set_meta("sends_mail", "yes" if smtp_url else "no")
    server = smtp_arguments(smtp_url) if smtp_url else None
    catalogue.set_meta("mail_server", f"{server['hostname']}:{server['port']}" if server else "")


def _run_due(jobs: JobRunner, outbox: Outbox, patience: Millis) -> tuple[bool, bool]:
    """Whether there was any job, and whether cards follow the pages."""
    try:
        return jobs.run_due(_now(), patience=patience) > 0, jobs.draw_cards(_now())
    except (DatabaseLocked, DatabaseLost) as error:
        # Away, or another process holds the database for long, an import perhaps.
        _log.warning("database_locked", problem=str(error))
        with suppress(DatabaseLocked, DatabaseLost):
            # What was claimed is done again; where that cannot be written either, at the next start.
            outbox.give_back()
        return False, False


def _seconds_to_next_look(outbox: Outbox, cards_follow: bool, patience: Millis) -> float:
    longest = _LOOK_FOR_CARDS_EVERY_S if cards_follow else _LOOK_EVERY_S
    try:
        due = outbox.next_attempt()
    except (DatabaseLocked, DatabaseLost):
        return longest
    return longest if due is None else min(longest, max(0.01, (due + patience - _now()) / 1000))


def _print_finished(finished: FinishedJob) -> None:
    sys.stdout.write(json.dumps(asdict(finished)) + "\n")
    sys.stdout.flush()


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def _remove_leftovers(data: Path) -> None:
    """Remove the temporary folders that a killed publisher left beside those it was building."""
    for pattern in (".public-*", ".private-*", ".drafts-*"):
        for folder in data.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


class _WakeUps:
    """Waits for a line from the parent, the end of standard input, SIGTERM, or a timeout.

    ``stopped`` is true once the input ended or a signal came, ``woken`` where a line ended the last wait, and at first.
    """

    def __init__(self, *, standalone: bool) -> None:
        self._input = None if standalone else sys.stdin.fileno()
        self._signal_read, self._signal_write = os.pipe()
        self._previous_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.stopped = False
        self.woken = True

    def __enter__(self) -> _WakeUps:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous_handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        os.close(self._signal_read)
        os.close(self._signal_write)

    def wait(self, seconds: float) -> None:
        """Return when there is a reason to look again, at the latest after ``seconds``."""
        watched = [self._signal_read] if self._input is None else [self._signal_read, self._input]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._signal_read in ready:
            self.stopped = True
        self.woken = False
        if self._input in ready and self._input is not None:
            self.woken = bool(os.read(self._input, 65536))
            # At its end the parent is gone or wants us gone.
            self.stopped = self.stopped or not self.woken

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._signal_write, b"x")
