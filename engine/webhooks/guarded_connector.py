"""Connections that are made to allowed addresses only: each address is checked when the socket to it is made."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver

from engine.domain.webhooks import is_public

__all__ = ["ForbiddenAddress", "guarded_connector"]


class ForbiddenAddress(OSError):
    """A receiver's name leads to an address that may not be connected to."""


def guarded_connector(
    allowed: Callable[[bool], str | None], resolver: AbstractResolver | None
) -> TCPConnector:
    """A connector that asks before each connection: ``allowed`` gets whether the address is public, and says why not.

    What a name was looked up as is the very address that is checked and connected to; an address in the place of a name is
    checked alike. Every request has a connection of its own.
    """

    def guarded_socket(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        host = str(address[0])
        refusal = allowed(is_public(host) and not _is_ours(family, address))
        if refusal is not None:
            raise ForbiddenAddress(f"{host} {refusal}")
        return socket.socket(family, kind, protocol)

    return TCPConnector(
        resolver=resolver, socket_factory=guarded_socket, use_dns_cache=False, force_close=True, limit=0
    )


def _is_ours(family: int, address: tuple[Any, ...]) -> bool:
    """Whether an address is one of this machine's own: a datagram socket to it would have it as its own end too."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Sends nothing.
            probe.connect((address[0], 9, *address[2:]))
            return bool(probe.getsockname()[0] == address[0])
    except OSError:
        return False
