"""Close codes of live sockets: why a socket is closed, and whether its client may reconnect.

After 1000 a client does not reconnect. After 1001, 1006 and 4000–4499 it does, with backoff and jitter; after 4500–4999 never.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

__all__ = ["CloseCode", "close_code_of"]


class CloseCode(IntEnum):
    """Codes of RFC 6455 §7.4 and our own in its private range."""

    DONE = 1000
    DRAINING = 4000
    TOO_SLOW = 4001
    POSITION_LOST = 4002
    SILENT = 4003
    RATE = 4004
    TOKEN_EXPIRED = 4005
    MOVED = 4006
    NOT_OPEN_YET = 4008
    BAD_CREDENTIAL = 4500
    WRONG_MESSAGES = 4501
    NO_SUCH_SESSION = 4502
    FULL = 4503
    LIMIT = 4504
    SESSION_OVER = 4505
    REMOVED = 4506
    FORBIDDEN = 4507
    REPLACED = 4508
    LOCKED = 4509


_BY_REFUSAL: Mapping[str, CloseCode] = {
    "not_open_yet": CloseCode.NOT_OPEN_YET,
    "session_over": CloseCode.SESSION_OVER,
    "token_required": CloseCode.BAD_CREDENTIAL,
    "client_id_in_use": CloseCode.BAD_CREDENTIAL,
    "bad_credential": CloseCode.BAD_CREDENTIAL,
    "token_expired": CloseCode.TOKEN_EXPIRED,
    "token_revoked": CloseCode.BAD_CREDENTIAL,
    "unknown_session": CloseCode.NO_SUCH_SESSION,
    "full": CloseCode.FULL,
    "limit": CloseCode.LIMIT,
    "too_large": CloseCode.LIMIT,
    "too_many_from_here": CloseCode.LIMIT,
    "removed": CloseCode.REMOVED,
    "forbidden": CloseCode.FORBIDDEN,
    "locked": CloseCode.LOCKED,
    "draining": CloseCode.DRAINING,
    # A session that failed is rebuilt: who reconnects finds it.
    "unavailable": CloseCode.MOVED,
    "storage_failed": CloseCode.MOVED,
    "too_many_connections": CloseCode.RATE,
}


def close_code_of(refusal: str) -> CloseCode:
    """The close code for the ``code`` of a refusal; ``WRONG_MESSAGES`` for one that has none of its own."""
    return _BY_REFUSAL.get(refusal, CloseCode.WRONG_MESSAGES)
