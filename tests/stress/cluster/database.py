"""A PostgreSQL and its standby, of which either may be the one that servers write to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from tests.postgres import PostgresCluster

__all__ = ["Pair"]

_NAME = "studio"
_WITHIN_S = 30.0

Place = tuple[str, Sequence[str]]
"""The host of a database, and the command that runs programs there."""


class Pair:
    """Every method blocks. ``replication`` says where a standby finds the primary."""

    def __init__(self, places: Sequence[Place], replication: Callable[[], tuple[str, int]]) -> None:
        self._places = list(places)
        self._replication = replication
        self.primary = self._server(self._places[0])
        self.standby: PostgresCluster | None = None

    @staticmethod
    def _server(place: Place, standby_of: tuple[str, int] | None = None) -> PostgresCluster:
        host, inside = place
        server = PostgresCluster(durable=True, host=host, inside=inside, standby_of=standby_of)
        if inside:
            # Where nobody else is, so that its address stays the same.
            server.port = 5432
        return server

    @property
    def address(self) -> tuple[str, int]:
        """Where the primary is."""
        return self.primary.host, self.primary.port

    @property
    def url(self) -> str:
        """The URL of the primary's database, without any wire."""
        return self.primary.url(_NAME)

    def start(self) -> None:
        """Start the primary, and make the database."""
        self.primary.start()
        self._alone("postgres", f"CREATE DATABASE {_NAME}")

    def add_standby(self) -> None:
        """Have a standby follow, for which every commit waits from now on."""
        place = next((each for each in self._places if each[0] != self.primary.host), self._places[0])
        self.standby = self._server(place, self._replication())
        self.standby.start()
        self._until(self._follows)
        self.wait_for_standby(True)

    def wait_for_standby(self, wait: bool) -> None:
        """Let commits wait for the standby, or not."""
        self._alone("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if wait else ''}'")
        self._alone("postgres", "SELECT pg_reload_conf()")
        wanted = "*" if wait else ""
        self._until(lambda: self._alone("postgres", "SHOW synchronous_standby_names") == wanted)

    def fail_over(self, promoted: Callable[[], object] = lambda: None) -> None:
        """The primary dies, the standby takes its place, and has none of its own; ``promoted`` is called then."""
        assert self.standby is not None
        self.primary.kill()
        dead, self.primary, self.standby = self.primary, self.standby, None
        self._alone("postgres", "SELECT pg_promote(true, 30)")
        promoted()
        dead.stop()

    def end_connections(self) -> None:
        """End every connection to the database."""
        self.primary.cut_connections(self.url)

    def stop(self) -> None:
        """Stop both, and remove their folders."""
        for server in (self.standby, self.primary):
            if server is not None:
                with suppress(ProcessLookupError, OSError):
                    server.resume()
                server.stop()

    def _follows(self) -> bool:
        return (
            self._alone("postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1
        )

    def _alone(self, name: str, statement: str) -> object:
        with psycopg.connect(self.primary.url(name), autocommit=True, connect_timeout=10) as connection:
            answer = connection.execute(statement)
            row = answer.fetchone() if answer.description else None
        return None if row is None else row[0]

    @staticmethod
    def _until(fact: Callable[[], bool]) -> None:
        until = time.monotonic() + _WITHIN_S
        while not fact():
            assert time.monotonic() < until, "the databases do not find each other"
            time.sleep(0.1)
