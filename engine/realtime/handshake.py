"""Checks of a WebSocket handshake: RFC 6455's own, the Origin of its page, how many connections its address opens.

aiohttp checks the Upgrade and Connection headers. It upgrades HTTP/1.0 and versions 7 and 8 too, and takes a key with
characters in it that are not Base64, or the first of two keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, hdrs, web

from engine.clock import Clock
from engine.domain.rejection import Rejected

__all__ = ["HandshakeChecks"]

_VERSION = "13"
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in Base64: 22 characters, the last of which stands for two bits."""
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

    def check_request(self, request: web.Request) -> None:
        """Check a handshake before the upgrade: its version (RFC 6455 §4.2), and the Origin that a browser sends (§10.2).

        Raises:
            web.HTTPServiceUnavailable: the server is about to stop.
            web.HTTPBadRequest: it is no handshake of HTTP/1.1.
            web.HTTPUpgradeRequired: it asks for another version of the protocol than 13.
            web.HTTPForbidden: the Origin is neither this host's nor the public address's.
        """
        if self._draining():
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        if request.version < HttpVersion11 or request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise web.HTTPBadRequest(text="A WebSocket is opened by an upgrade of HTTP/1.1.")
        self._check_origin(request)
        _check_protocol(request)

    def _check_origin(self, request: web.Request) -> None:
        for sent in request.headers.getall("Origin", ()):
            origin = _origin(sent)
            # The Host header has no scheme; behind a proxy that speaks TLS the page's is another than ours.
            if origin is None or origin not in (
                self._public_origin,
                _origin(f"{origin[0]}://{request.host}"),
            ):
                raise web.HTTPForbidden(text="This page is not of this studio.")

    def check_rate(self, request: web.Request) -> None:
        """Count a connection against the rate of its address.

        Raises:
            Rejected: the address has opened too many of late.
        """
        wait = self._take_connection(self._address_of(request), self._clock.elapsed())
        if wait:
            seconds = -(-wait // 1000)
            raise Rejected(
                "too_many_connections",
                f"Too many connections from this address; try again in {seconds} s.",
                {"retry_after": str(seconds)},
            )


def _check_protocol(request: web.Request) -> None:
    headers = request.headers
    keys = headers.getall(hdrs.SEC_WEBSOCKET_KEY, ())
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is not 16 bytes in Base64, once.")
    if headers.getall(hdrs.SEC_WEBSOCKET_VERSION, ()) != [_VERSION]:
        raise web.HTTPUpgradeRequired(
            headers={hdrs.UPGRADE: "websocket", hdrs.SEC_WEBSOCKET_VERSION: _VERSION}
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
