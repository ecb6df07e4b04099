"""Checks of a WebSocket handshake: the Origin of its page, and how many connections its address opens."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from engine.clock import Clock
from engine.domain.rejection import Rejected

__all__ = ["HandshakeChecks"]

_PORTS = {"http": 80, "https": 443}


class HandshakeChecks:
    """What every WebSocket must pass before its query and credentials are looked at."""

    def __init__(
        self,
        *,
        clock: Clock,
        public_url: str,
        address_of: Callable[[web.BaseRequest], str],
        take_connection: Callable[[str, int], int],
        draining: Callable[[], bool],
    ) -> None:
        """``take_connection(address, at)`` is 0 when the address may open one more, else milliseconds to wait."""
        self._clock = clock
        self._public_origin = _origin(public_url)
        self._address_of = address_of
        self._take_connection = take_connection
        self._draining = draining

    def check_origin(self, request: web.Request) -> None:
        """Refuse pages of other sites, before the upgrade: a browser sends their Origin (RFC 6455 §10.2).

        Raises:
            web.HTTPForbidden: the Origin is neither this host's nor the public address's.
            web.HTTPServiceUnavailable: the server is about to stop.
        """
        if self._draining():
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        sent = request.headers.get("Origin")
        if sent is None:
            return
        origin = _origin(sent)
        # The Host header has no scheme; behind a proxy that speaks TLS the page's is another than ours.
        if origin is None or origin not in (self._public_origin, _origin(f"{origin[0]}://{request.host}")):
            raise web.HTTPForbidden(text="This page is not of this studio.")

    def check_rate(self, request: web.Request) -> None:
        """Count a connection against the rate of its address.

        Raises:
            Rejected: the address has opened too many of late.
        """
        wait = self._take_connection(self._address_of(request), self._clock.now())
        if wait:
            seconds = -(-wait // 1000)
            raise Rejected(
                "too_many_connections",
                f"Too many connections from this address; try again in {seconds} s.",
                {"retry_after": str(seconds)},
            )


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of a URL, with the scheme's default port; None without a host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.hostname is None or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, _PORTS.get(parts.scheme) if port is None else port
