"""What each client may still send: rate-limit buckets that outlive connections."""

from __future__ import annotations

from engine.domain.instant import SECOND, Millis
from engine.protocol.connection import Allowance, Limits

__all__ = ["Allowances"]

_FORGET_ABOVE = 20_000
"""Clients kept before unused buckets are dropped."""
_FORGET_AFTER: Millis = 600 * SECOND
"""Every bucket is full again after some minutes without a connection."""


class Allowances:
    """The rate-limit buckets of every client, by session and client id.

    They outlive connections: reconnecting does not refill a bucket.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._known: dict[tuple[str, str], tuple[Allowance, Millis]] = {}
        """With the instant of the newest connection."""

    def of(self, session_id: str, client_id: str, at: Millis) -> Allowance:
        """The buckets of one client, made on the first call.

        Asking costs nothing: only those who are let in spend of them.
        """
        if len(self._known) > _FORGET_ABOVE:
            self._forget_unused(at)
        key = (session_id, client_id)
        known = self._known.get(key)
        allowance = Allowance(self.limits) if known is None else known[0]
        self._known[key] = (allowance, at)
        return allowance

    def _forget_unused(self, at: Millis) -> None:
        self._known = {key: value for key, value in self._known.items() if at - value[1] < _FORGET_AFTER}
