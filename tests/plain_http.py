"""HTTP clients for servers that are reached without TLS."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

__all__ = ["plain_client"]

# httpx reads the certificates of every authority for each client: longer than most tests of a server take.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain_client(**given: Any) -> httpx.AsyncClient:
    """An ``httpx.AsyncClient`` for addresses with ``http://`` alone."""
    return httpx.AsyncClient(verify=_NO_CERTIFICATES, **given)
