"""The publisher process: runs the jobs of the outbox until its parent is gone.

It reads lines from its standard input (``wake``: look now; the end: exit) and writes one JSON line for each
finished job to its standard output. It also looks by itself once a second, which is all it does when run alone.
A file lock keeps it the only publisher of a data folder.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import structlog

from engine.domain.instant import Millis
from engine.storage.database import Database, DatabaseLocked, DatabaseLost
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import is_registered, register_site, site_for, site_of
from publisher.delivery.mail_thread import MailDelivery
from publisher.delivery.smtp_address import smtp_arguments
from publisher.jobs import FinishedJob, JobRunner
from publisher.priority import BUILD_NICENESS, leave_foreground_group, lower_priority
from publisher.rendering import studio
from publisher.shared_polling import SharedPolling, lock_name
from publisher.site.search import SearchIndexer

__all__ = ["LOCK", "Busy", "main", "publisher_lock"]

_log = structlog.get_logger(__name__)

LOCK = "publisher.lock"
_LOOK_EVERY_S = 1.0
_LOOK_FOR_CARDS_EVERY_S = 0.1
_WAIT_FOR_LOCK_S = 10.0
_STOP, _TOLD = b"x", b"t"
"""What is written into a pipe to end a wait."""


class Busy(Exception):
    """Another publisher holds the lock of this data folder."""


@contextmanager
def publisher_lock(
    data: Path, database: Database, *, wait_s: float = 0.0, on_notice: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold the publisher lock of a data folder; the end of the process releases it too. ``on_notice``: as ``Database.hold`` says.

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
                    held.enter_context(database.hold(lock_name(site), on_notice=on_notice))
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
    # Each build ends with a collection, which need not look through what was imported: that takes a twentieth of a second.
    gc.freeze()
    if not standalone:
        leave_foreground_group()
    lower_priority(BUILD_NICENESS)
    try:
        wake_ups = _WakeUps(standalone=standalone)
        with publisher_lock(data, database, wait_s=_WAIT_FOR_LOCK_S, on_notice=wake_ups.tell):
            return _publish(data, database, wake_ups, smtp_url=smtp_url)
    except Busy as error:
        _log.error("publisher busy", problem=str(error))
        return 4


def _publish(data: Path, database: Database, wake_ups: _WakeUps, *, smtp_url: str | None) -> int:
    _remove_leftovers(data)
    studio.write_default(data)
    connection = database.connect()
    try:
        site = site_of(data)
        outbox = Outbox(connection, site)
        outbox.requeue_interrupted()
        catalogue = Catalogue(connection, site)
        _record_mail_setting(catalogue, smtp_url)
        jobs = JobRunner(data, catalogue, outbox, on_finished=_print_finished)
        mail = MailDelivery(data, database, smtp_url) if smtp_url else nullcontext()
        with closing(jobs), wake_ups, mail, SearchIndexer(data, database) as search:
            shared = SharedPolling(database, catalogue, outbox) if database.shared else None
            rounds = Rounds(jobs, catalogue, outbox, smtp_url)
            while not wake_ups.stopped:
                if (
                    shared is not None
                    and not wake_ups.woken
                    and not rounds.left_running
                    and shared.nothing_to_do()
                    and not jobs.setup_changed()
                ):
                    wake_ups.wait(shared.seconds())
                    continue
                patience = 0 if shared is None or wake_ups.woken else shared.patience
                ran_any, cards_follow = rounds.run(patience)
                search.look_soon()
                if shared is not None:
                    shared.round_done(busy=ran_any or cards_follow)
                wake_ups.wait(0.0 if ran_any else _seconds_to_next_look(outbox, cards_follow, patience))
    finally:
        connection.close()
    return 0


def _record_mail_setting(catalogue: Catalogue, smtp_url: str | None) -> None:
    """Store in the catalogue whether a mail server is set, which the draft desk and the privacy page show, and where.

    Host and port alone, for ``halcytone doctor``: user and password are kept nowhere.
    """
    catalogue.set_meta("sends_mail", "yes" if smtp_url else "no")
    server = smtp_arguments(smtp_url) if smtp_url else None
    catalogue.set_meta("mail_server", f"{server['hostname']}:{server['port']}" if server else "")


class Rounds:
    """Runs the jobs that are due, and gives back what was claimed when the database went away."""

    def __init__(self, jobs: JobRunner, catalogue: Catalogue, outbox: Outbox, smtp_url: str | None) -> None:
        self._jobs = jobs
        self._catalogue = catalogue
        self._outbox = outbox
        self._smtp_url = smtp_url
        self.left_running = False
        """Jobs may stand as running that nobody runs: the answer to the claim was lost, and they could not be given back yet."""

    def run(self, patience: Millis) -> tuple[bool, bool]:
        """Whether there was any job, and whether cards follow the pages."""
        try:
            if self.left_running:
                self._give_back()
            if not is_registered(self._catalogue):
                _log.warning("site registered again", site=self._catalogue.site)
                register_site(self._catalogue, _now())
                _record_mail_setting(self._catalogue, self._smtp_url)
            return self._jobs.run_due(_now(), patience=patience) > 0, self._jobs.draw_cards(_now())
        except (DatabaseLocked, DatabaseLost) as error:
            # Away, or another process holds the database for long, an import perhaps.
            _log.warning("database locked", problem=str(error))
            self.left_running = True
            with suppress(DatabaseLocked, DatabaseLost):
                self._give_back()
            return False, False

    def _give_back(self) -> None:
        self._outbox.give_back()
        self.left_running = False


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
    ``tell``, from any thread, ends a wait too.
    """

    def __init__(self, *, standalone: bool) -> None:
        self._input = None if standalone else sys.stdin.fileno()
        self._signal_read, self._signal_write = os.pipe()
        self._telling = threading.Lock()
        self._closed = False
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
        with self._telling:
            self._closed = True
            os.close(self._signal_read)
            os.close(self._signal_write)

    def wait(self, seconds: float) -> None:
        """Return when there is a reason to look again, at the latest after ``seconds``."""
        watched = [self._signal_read] if self._input is None else [self._signal_read, self._input]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._signal_read in ready:
            self.stopped = self.stopped or _STOP in os.read(self._signal_read, 65536)
        self.woken = False
        if self._input in ready and self._input is not None:
            self.woken = bool(os.read(self._input, 65536))
            # At its end the parent is gone or wants us gone.
            self.stopped = self.stopped or not self.woken

    def tell(self) -> None:
        """End the wait that is under way, or the next one."""
        with self._telling:
            if not self._closed:
                os.write(self._signal_write, _TOLD)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._signal_write, _STOP)
