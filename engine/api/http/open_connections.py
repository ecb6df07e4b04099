"""The open HTTP connections of this server: their deadlines, and who gives way when there are too many.

A process may open so many files and sockets (``RLIMIT_NOFILE``). Connections and the files they are sent share what is left of
that; a part is kept in reserve, for the files of those who are inside, for ``/healthz``, ``/readyz`` and ``/metrics``,
and for the database. Before it is touched, connections that wait for a request give way, the oldest first.
"""

from __future__ import annotations

import asyncio
import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from aiohttp import web

from engine.api.http.addresses import Addresses
from engine.api.http.metrics import ConnectionMetrics
from engine.api.http.responses import RETRY_AFTER

__all__ = [
    "DEADLINES",
    "HALF_OPEN_OF_ONE_ADDRESS",
    "BodyStalled",
    "Deadlines",
    "DescriptorLimit",
    "NoDescriptor",
    "OpenConnections",
    "lacks_descriptors",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds after which a connection is ended that does not go on."""

    first_request: float = 15
    """To the end of the first request's headers, from the connection."""
    headers: float = 15
    """To the end of a later request's headers, from their first byte."""
    body: float = 30
    """Without any byte of a body that has not come completely."""
    response: float = 30
    """Without any byte of a response taken by the network."""
    idle: float = 75
    """Between a response and the next request. Not for trusted proxies, which keep connections open for others."""


DEADLINES = Deadlines()
HALF_OPEN_OF_ONE_ADDRESS = 100
"""Connections of one address that have not sent a whole request yet. Browsers open some before they need them."""
_SETTLING = 2.0
"""Seconds in which a connection is not called half-open: a studio that comes back in one second has hundreds of these."""
_LOGGED_EVERY = 60.0
_LACKING = (errno.EMFILE, errno.ENFILE)

_log = structlog.get_logger(__name__)


class NoDescriptor(web.HTTPServiceUnavailable):
    """There is no file descriptor left for what was asked for."""

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": RETRY_AFTER})


class BodyStalled(web.RequestPayloadError):
    """The rest of a request's body did not come in time."""


def lacks_descriptors(error: BaseException | None) -> bool:
    """Whether something could not be opened because the process or the machine has too much open."""
    return isinstance(error, OSError) and error.errno in _LACKING


@dataclass(frozen=True, slots=True)
class DescriptorLimit:
    """How many file descriptors connections and their files may take."""

    connections: int
    """Connections and files together, before connections have to give way."""
    reserve: int
    """Beyond that: half for files, three quarters for connections that may only ask for health."""

    @classmethod
    def of_process(cls) -> DescriptorLimit:
        """What the limit of this process leaves beside what is open now."""
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most == resource.RLIM_INFINITY:
            most = 1 << 20
        open_now = 64
        with suppress(OSError):
            open_now = len(list(Path("/dev/fd").iterdir()))
        reserve = min(128, max(16, most // 8))
        return cls(max(16, most - open_now - reserve), reserve)


class HeldConnection(Protocol):
    """A connection, as far as its place among the others goes."""

    address: str | None
    """Its network address; None for a trusted proxy's."""
    in_reserve: bool

    def give_way(self, reason: str) -> None:
        """Close it at once; ``reason`` is the label it is counted under."""


class OpenConnections:
    """Keeps account of the connections. Used on the event loop only."""

    def __init__(
        self,
        metrics: ConnectionMetrics,
        addresses: Addresses,
        limit: DescriptorLimit | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.metrics = metrics
        self.addresses = addresses
        self.deadlines = deadlines or DEADLINES
        self._limit = limit or DescriptorLimit.of_process()
        self._most_half_open = min(HALF_OPEN_OF_ONE_ADDRESS, max(8, self._limit.connections // 8))
        self._open: set[HeldConnection] = set()
        """Those not asked to give way."""
        self._files = 0
        self._waiting: dict[HeldConnection, float] = {}
        """Those that wait for a request, since when; the oldest first."""
        self._half_open: dict[str, dict[HeldConnection, None]] = {}
        """Those of each address that have not sent a request yet; the oldest first."""
        self._logged_at = -_LOGGED_EVERY

    def opened(self, connection: HeldConnection) -> bool:
        """Take in a new connection, for which others may have to give way. False when it is to be closed at once."""
        now = asyncio.get_running_loop().time()
        self._open.add(connection)
        self._waiting[connection] = now
        if connection.address is not None:
            self._bound_half_open(connection, connection.address, now)
        if self._beyond_limit() > 0:
            self.lacking()
            oldest = next(iter(self._waiting))
            if oldest is not connection:
                self._end(oldest, "crowded")
        if self._beyond_limit() > self._limit.reserve * 3 // 4:
            return False
        connection.in_reserve = self._beyond_limit() > 0
        return True

    def _beyond_limit(self) -> int:
        return len(self._open) + self._files - self._limit.connections

    def _bound_half_open(self, connection: HeldConnection, address: str, now: float) -> None:
        others = self._half_open.setdefault(address, {})
        others[connection] = None
        if len(others) > self._most_half_open:
            oldest = next(iter(others))
            if now - self._waiting[oldest] > _SETTLING:
                self._end(oldest, "half_open")

    def _end(self, connection: HeldConnection, reason: str) -> None:
        # At once: it is closed, and called so, in a later turn of the loop.
        self.closed(connection)
        connection.give_way(reason)

    def request_came(self, connection: HeldConnection) -> None:
        """A whole request has come."""
        self._waiting.pop(connection, None)
        self._no_longer_half_open(connection)

    def waits(self, connection: HeldConnection) -> None:
        """A response is sent, and the next request has not come yet."""
        self._waiting[connection] = asyncio.get_running_loop().time()

    def closed(self, connection: HeldConnection) -> None:
        """A connection is gone. Repeating it does no harm."""
        self._open.discard(connection)
        self.request_came(connection)

    def _no_longer_half_open(self, connection: HeldConnection) -> None:
        others = None if connection.address is None else self._half_open.get(connection.address)
        if others is not None and connection.address is not None:
            others.pop(connection, None)
            if not others:
                del self._half_open[connection.address]

    @contextmanager
    def file(self) -> Iterator[None]:
        """Count a file while it is sent.

        Raises:
            NoDescriptor: those in reserve for files are in use.
        """
        if self._beyond_limit() >= self._limit.reserve // 2:
            raise NoDescriptor
        self._files += 1
        try:
            yield
        finally:
            self._files -= 1

    def lacking(self) -> None:
        """Count, and log once a minute, that descriptors are short."""
        self.metrics.short.inc()
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOGGED_EVERY:
            self._logged_at = now
            _log.warning(
                "file descriptors are short: raise the limit of open files",
                connections=len(self._open),
                files=self._files,
                most=self._limit.connections + self._limit.reserve,
            )
