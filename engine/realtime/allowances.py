"""What each client may still send: rate-limit buckets that outlive connections."""

from __future__ import annotations

from collections import OrderedDict

from engine.domain.instant import SECOND, Millis
from engine.protocol.connection import Allowance, Limits

__all__ = ["Allowances"]

_FORGET_AFTER: Millis = 600 * SECOND
"""Every bucket is full again after some minutes without a connection."""
_MOST_CLIENTS = 200_000
"""Clients kept at most: so many in ten minutes are no visitors."""


class Allowances:
    """The rate-limit buckets of every client, by session and client id.

    They outlive connections: reconnecting does not refill a bucket.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._known: OrderedDict[tuple[str, str], tuple[Allowance, Millis]] = OrderedDict()
        """With the instant of the newest connection, in the order of these."""

    def of(self, session_id: str, client_id: str, at: Millis) -> Allowance:
        """The buckets of one client, made on the first call.

        Asking costs nothing: only those who are let in spend of them.
        """
        key = (session_id, client_id)
        known = self._known.pop(key, None)
        allowance = Allowance(self.limits) if known is None else known[0]
        self._known[key] = (allowance, at)
        # Two at a time: more than come, and the same work however many there are.
        for _ in range(2):
            oldest = next(iter(self._known))
            if at - self._known[oldest][1] < _FORGET_AFTER and len(self._known) <= _MOST_CLIENTS:
                break
            del self._known[oldest]
        return allowance
