"""The header of a request that one node forwards to another: who asked, and the proof that a node says so.

Signed with a key made of the studio's signing key, which only its nodes have. A request with it is never forwarded a
second time, so that no request can go round in circles.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

__all__ = ["HOP_HEADER", "Hop", "HopSigner"]

HOP_HEADER = "X-Halcytone-Hop"
_HOP: web.RequestKey[Hop | None] = web.RequestKey("hop")


@dataclass(frozen=True, slots=True)
class Hop:
    """What the node that was asked first says of a request."""

    address: str
    """The client's; empty where the node itself asks."""
    scheme: str
    """With which the client asked."""

    @property
    def is_own(self) -> bool:
        """Whether the node itself asks, for no client."""
        return not self.address


class HopSigner:
    """Makes the header for one node, and reads it at another."""

    def __init__(self, key: bytes, node: Callable[[], str]) -> None:
        """``key`` is the studio's signing key; ``node()`` is the id of this node at present."""
        # One purpose, one key: a hop is never a token.
        self._key = hashlib.sha256(b"hop\0" + key).digest()
        self._node = node

    @property
    def node(self) -> str:
        """The id of this node at present."""
        return self._node()

    def sign(self, method: str, path: str, hop: Hop, to: str) -> str:
        """The header of a request to the node ``to``; ``path`` is as it stands in the request's first line."""
        payload = urlsafe_b64encode(json.dumps([hop.address, hop.scheme, to]).encode()).decode()
        return f"{payload}.{self._mac(method, path, payload)}"

    def read(self, request: web.BaseRequest) -> Hop | None:
        """What another node says of a request; None for one that comes from its client, whatever that sends."""
        sent = request.headers.get(HOP_HEADER)
        if sent is None:
            return None
        if _HOP not in request:
            request[_HOP] = self._checked(request, sent)
        return request[_HOP]

    def _checked(self, request: web.BaseRequest, sent: str) -> Hop | None:
        payload, _, mac = sent.partition(".")
        if not hmac.compare_digest(
            mac.encode("utf-8", "replace"), self._mac(request.method, request.raw_path, payload).encode()
        ):
            return None
        address, scheme, to = json.loads(urlsafe_b64decode(payload))
        # Meant for another process on this address, which was here before: nobody can tell what it would have done.
        return Hop(address, scheme) if to == self._node() else None

    def _mac(self, method: str, path: str, payload: str) -> str:
        signed = f"{method} {path}\n{payload}"
        return hmac.new(self._key, signed.encode("utf-8", "surrogateescape"), "sha256").hexdigest()
