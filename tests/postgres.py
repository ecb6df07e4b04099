"""A PostgreSQL of the tests' own: made in a temporary folder, on a free port of 127.0.0.1, gone with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path

import psycopg

from tests.one_run import shared_folder
from tests.postgres_contents import Contents

__all__ = ["PostgresCluster", "free_port", "programs_folder"]

_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root; Debian's package brings this account."""


def programs_folder() -> Path:
    """The folder with ``initdb`` and ``postgres``: the newest of Debian's, else the one on PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    found = shutil.which("initdb")
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    return Path(found).resolve().parent


class PostgresCluster:
    """One PostgreSQL server with its data folder. ``durable=False`` leaves out fsync, for tests of what is said."""

    def __init__(
        self,
        *,
        durable: bool = False,
        settings: Sequence[str] = (),
        standby_of: tuple[str, int] | None = None,
        host: str = "127.0.0.1",
        inside: Sequence[str] = (),
    ) -> None:
        """``standby_of``: the address of a running server, which this one copies and follows from its start on.

        ``inside`` is a command that runs its arguments elsewhere, ``ip netns exec NAME`` for example, where ``host`` is.
        """
        self._programs = programs_folder()
        # Below /tmp, where the account of PostgreSQL can go; pytest's own folders are their owner's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="halcytone-pg-"))
        self.host = host
        self._inside = tuple(inside)
        self._settings = [*settings, *(() if durable else ("fsync=off", "synchronous_commit=off"))]
        self._names = count()
        self._spare: dict[str, list[tuple[str, Contents | None]]] = {}
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            if self._inside:
                self._inside += ("setpriv", "--reuid", _ACCOUNT, "--regid", _ACCOUNT, "--clear-groups")
            else:
                self._as = {"user": account.pw_uid, "group": account.pw_gid}
        if standby_of is not None:
            self._run(
                *("pg_basebackup", "--pgdata", str(self.folder / "data"), "--username", "halcytone"),
                *("--host", standby_of[0], "--port", str(standby_of[1]), "--write-recovery-conf"),
                *("--wal-method", "stream", "--checkpoint", "fast", "--no-sync"),
            )
            return
        with shared_folder() as shared:
            made, data = shared / "cluster", self.folder / "data"
            if not made.exists():
                self._run(
                    *("initdb", "--pgdata", str(data), "--username", "halcytone", "--auth", "trust"),
                    *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
                )
                subprocess.run(["cp", "-a", data, made], check=True)
            else:
                # With owners; initdb takes ten times as long.
                subprocess.run(["cp", "-a", made, data], check=True)
        if self._inside:
            with (self.folder / "data" / "pg_hba.conf").open("a") as allowed:
                allowed.write("host all all samenet trust\nhost replication all samenet trust\n")

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; returns once it answers."""
        settings = [
            f"listen_addresses={self.host}",
            f"unix_socket_directories={self.folder}",
            *self._settings,
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._inside,
                    str(self._programs / "postgres"),
                    *("-D", str(self.folder / "data"), "-p", str(self.port)),
                    *(part for setting in settings for part in ("-c", setting)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                **self._as,  # type: ignore[call-overload]  # user and group, or neither
            )
        self._run(
            "pg_isready", "--host", self.host, "--port", str(self.port), "--dbname", "postgres", retry=True
        )

    def kill(self) -> None:
        """Kill it as a power cut would: the server and all of its processes at once."""
        assert self._process is not None
        self._send(signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Stop all of its processes where they are: connections stay open, and nothing answers."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        for pid in self._processes():
            with suppress(ProcessLookupError):  # One that served a connection has just ended.
                os.kill(pid, what)

    def _processes(self) -> list[int]:
        """The server and its children, each of which is the leader of a group of its own."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    @staticmethod
    def cut_connections(url: str) -> None:
        """End every other connection to a database."""
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )

    def stop(self) -> None:
        """Stop it without waiting for its clients, and without writing what is only in memory; remove its folder."""
        if "_admin" in vars(self):
            self._admin.close()
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def database(self, copy_of: str = "template1") -> Iterator[str]:
        """The URL of an empty database, or of a copy of one that nobody is connected to; gone afterwards.

        What was a copy is renamed, holds again what it held, and is the next one; it is dropped where its tables were
        changed, or where somebody does not let go of it.
        """
        spare = self._spare.setdefault(copy_of, [])
        name, contents = spare.pop() if spare else self._copy(copy_of)
        try:
            yield self.url(name)
        finally:
            renamed = self._renamed(name) if contents is not None else None
            if contents is not None and renamed is not None and contents.put_back(self.url(renamed)):
                spare.append((renamed, contents))
            else:
                self._drop(renamed or name)

    def _renamed(self, name: str) -> str | None:
        """The new name of a database, so that whoever still has the old one finds nothing there; None while it is in use."""
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        self._admin.execute(others, (name,))
        new = self._new_name()
        try:
            self._admin.execute(f"ALTER DATABASE {name} RENAME TO {new}")
        except psycopg.errors.ObjectInUse:
            return None
        return new

    def _copy(self, of: str) -> tuple[str, Contents | None]:
        """The name of a new copy of a database, and what it holds where that is worth being put back."""
        name = self._new_name()
        with self._connected() as admin:
            # By its files, as before PostgreSQL 15; by the log, as by default, takes twice as long.
            how = "STRATEGY file_copy" if admin.info.server_version >= 150_000 else ""
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {of} {how}")
        return name, None if of == "template1" else Contents(self.url(name))

    def _drop(self, name: str) -> None:
        with self._connected() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @cached_property
    def _admin(self) -> psycopg.Connection:
        """A connection for what is done after most tests; not for a server that was killed or stopped meanwhile."""
        return self._connected()

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def _new_name(self) -> str:
        return f"test_{next(self._names)}"

    def url(self, name: str) -> str:
        """The URL of a database of this server."""
        return f"postgresql://halcytone@{self.host}:{self.port}/{name}"

    def _run(self, program: str, *arguments: str, retry: bool = False) -> None:
        command = [*self._inside, str(self._programs / program), *arguments]
        while True:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=self.folder, **self._as
            )  # type: ignore[call-overload]
            if done.returncode == 0:
                return
            if not (retry and self.is_running):
                log = self.folder / "log"
                raise AssertionError(done.stdout + done.stderr + (log.read_text() if log.exists() else ""))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at present."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
