"""An advisory lock of PostgreSQL, held by a connection of its own and taken again when that is cut."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import structlog
from psycopg import errors, pq

from engine.storage.database import DatabaseError, DatabaseLocked

__all__ = ["CHANNEL", "PostgresLock", "is_held"]

CHANNEL: Final = "halcytone"
"""Of the notifications that say that there is news."""

_KEY: Final = "hashtextextended(%s, 0)"
_PAUSE_S: Final = 0.5
"""Between two attempts to take a lock again while the database is away."""

log = structlog.get_logger()


class PostgresLock:
    """Holds a lock from ``__enter__`` to ``__exit__``. Costs no statement: the end of its connection is waited for.

    Between the end of the connection and the new lock another process may have taken it: ``lost`` is called then, on
    the lock's thread; without ``lost`` this process is sent SIGTERM. ``on_notice`` is called there when somebody announced
    news, and after a cut, in which that may have been missed.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[dict[str, Any]]],
        what: str,
        lost: Callable[[], object] | None = None,
        *,
        shared: bool = False,
        on_notice: Callable[[], object] | None = None,
    ) -> None:
        self._shared = "_shared" if shared else ""
        self._connect = connect
        self._what = what
        self._lost = lost or _end_process
        self._on_notice = on_notice
        self._name = f"halcytone {what}"
        self._raw: psycopg.Connection[dict[str, Any]] | None = None
        self._session: tuple[int, datetime] | None = None
        """The server's process behind the last connection, and when that began."""
        self._stop = threading.Event()
        self._wake_read, self._wake_write = -1, -1
        self._thread = threading.Thread(target=self._keep, name=f"lock {what}", daemon=True)

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            DatabaseLocked: another process holds it.
            DatabaseError: the database cannot be used.
        """
        self._raw = self._taken()
        self._wake_read, self._wake_write = os.pipe()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._stop.set()
        os.write(self._wake_write, b"x")
        # One that is connecting to a database that is away ends by itself, and lets go of what it got.
        self._thread.join(_PAUSE_S)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _taken(self) -> psycopg.Connection[dict[str, Any]]:
        raw = self._connect()
        try:
            if self._session is None:
                taken = raw.execute(
                    f"SELECT pg_try_advisory_lock{self._shared}({_KEY}) AS taken", (self._name,)
                ).fetchone()
                if not (taken and taken["taken"]):
                    raise DatabaseLocked(f"another process is the {self._what} of this database")
            else:
                # A server that did not notice the cut still counts our last connection as the holder.
                raw.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s",
                    self._session,
                )
                raw.execute(f"SELECT pg_advisory_lock{self._shared}({_KEY})", (self._name,))
            found = raw.execute(
                "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            ).fetchone()
            assert found is not None
            self._session = (found["pid"], found["backend_start"])
            if self._on_notice is not None:
                raw.execute(f"LISTEN {CHANNEL}")
        except BaseException:
            raw.close()
            raise
        return raw

    def _keep(self) -> None:
        while not self._stop.is_set():
            if self._raw is None:
                self._take_again()
            else:
                self._wait_for_end(self._raw)
        if self._raw is not None:
            # The server would notice the end of the connection a moment later than we return.
            with suppress(psycopg.Error):
                self._raw.execute(f"SELECT pg_advisory_unlock{self._shared}({_KEY})", (self._name,))
            self._raw.close()

    def _wait_for_end(self, raw: psycopg.Connection[dict[str, Any]]) -> None:
        ready, _, _ = select.select([raw.fileno(), self._wake_read], [], [])
        if self._wake_read in ready:
            return
        with suppress(psycopg.OperationalError):
            raw.pgconn.consume_input()
            noticed = False
            while raw.pgconn.notifies() is not None:
                noticed = True
            if noticed and self._on_notice is not None:
                self._on_notice()
            # Anything but the end is a notice.
            if raw.pgconn.status == pq.ConnStatus.OK and not select.select([raw.fileno()], [], [], 0)[0]:
                return
        log.warning("lock lost with its connection", lock=self._what)
        raw.close()
        self._raw = None

    def _take_again(self) -> None:
        try:
            self._raw = self._taken()
        except (DatabaseLocked, errors.LockNotAvailable):
            say = log.critical if self._lost is _end_process else log.warning
            say("another process has the lock", lock=self._what)
            self._stop.set()
            self._lost()
        except (DatabaseError, psycopg.Error):
            self._stop.wait(_PAUSE_S)
        else:
            log.info("lock taken again", lock=self._what)
            if self._on_notice is not None:
                self._on_notice()


def is_held(raw: psycopg.Connection[dict[str, Any]], what: str) -> bool:
    """Whether any connection to this database holds a lock."""
    found = raw.execute(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        f" AND (classid::bigint << 32) | objid::bigint = {_KEY}"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (f"halcytone {what}",),
    ).fetchone()
    return found is not None


def _end_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
