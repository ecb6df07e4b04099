"""What everybody may still send: limits that outlive connections."""

from __future__ import annotations

from engine.domain.instant import SECOND, Millis
from engine.protocol.connection import Allowance, Limits

__all__ = ["Allowances"]


class Allowances:
    """What is left of everybody's limits, by session and client; it outlives their connections."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._known: dict[tuple[str, str], tuple[Allowance, Millis]] = {}

    def of(self, session_id: str, client_id: str, at: Millis) -> Allowance:
        """The allowance of one client, whoever asks for it: only those who are let in spend of it."""
        if len(self._known) > 20_000:
            self._forget(at)
        key = (session_id, client_id)
        known = self._known.get(key)
        allowance = Allowance(self.limits) if known is None else known[0]
        self._known[key] = (allowance, at)
        return allowance

    def _forget(self, at: Millis) -> None:
        # Every bucket is full again after some minutes without a connection.
        self._known = {key: value for key, value in self._known.items() if at - value[1] < 600 * SECOND}
