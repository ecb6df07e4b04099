"""The state of one live socket, without the socket: frames in, commands or refusals out.

Order of calls: ``receive`` for every text or binary frame, with the instant at which it came. The
caller carries out what it returns, and closes the socket where that is a ``RefusedAndClosed``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.domain import commands as c
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.rejection import Forbidden, Invalid, Rejected
from engine.domain.session import STAFF, Role
from engine.protocol.close_codes import CloseCode
from engine.protocol.incoming import Inbound, parse
from engine.protocol.rates import Rate, TokenBucket

__all__ = [
    "HEARTBEAT_INTERVAL",
    "SILENT_AFTER",
    "Allowance",
    "Connection",
    "Limits",
    "Refused",
    "RefusedAndClosed",
]

SILENT_AFTER: Millis = 75 * SECOND
"""A socket from which nothing came for this long is closed."""
HEARTBEAT_INTERVAL: Millis = 25 * SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may send: sizes in bytes, rates a minute."""

    message_bytes: int = 64 * 1024
    wrong_per_minute: int = 20
    messages: Rate = field(default_factory=lambda: Rate(60, 20))
    heart_rate: Rate = field(default_factory=lambda: Rate(180))
    heartbeat: Rate = field(default_factory=lambda: Rate(60, 20))
    breath_tap: Rate = field(default_factory=lambda: Rate(300))
    staff: Rate = field(default_factory=lambda: Rate(6000))

    def is_too_large(self, payload: str | bytes) -> bool:
        """Whether a message is over the size limit."""
        if isinstance(payload, bytes):
            return len(payload) > self.message_bytes
        # Counted in bytes, of which a character has four at most.
        if len(payload) <= self.message_bytes // 4:
            return False
        return len(payload.encode("utf-8", "surrogatepass")) > self.message_bytes

    def too_large(self) -> Invalid:
        """The refusal of a message over the size limit."""
        return Invalid("too_large", f"A message has at most {self.message_bytes // 1024} KiB.")


class Allowance:
    """The token buckets of one client; they outlive its connections, whatever role each of them has."""

    __slots__ = ("_buckets", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Made on first use: most people send heartbeats and nothing else.
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, kind: str, role: Role, at: Millis) -> Millis:
        """Take a token for one message of ``kind``, sent as ``role``; 0 when there was one, else how long until there is."""
        name, rate = self._of(kind, role)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(rate, at)
        return 0 if bucket.take(at) else bucket.wait(at)

    def _of(self, kind: str, role: Role) -> tuple[str, Rate]:
        if kind == "heart_rate":
            return kind, self._limits.heart_rate
        if kind == "heartbeat":
            return kind, self._limits.heartbeat
        if kind == "breath_tap":
            return kind, self._limits.breath_tap
        if role in STAFF:
            return "staff", self._limits.staff
        return "messages", self._limits.messages


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was refused; the socket stays open."""

    reason: Rejected
    reply_to: str | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class RefusedAndClosed:
    """A message was refused, and the socket is to be closed with ``code``."""

    code: CloseCode
    reason: Rejected


Received: TypeAlias = Inbound | Refused | RefusedAndClosed


class Connection:
    """Checks each message of one client: size, format, role and rate."""

    __slots__ = ("_allowance", "_invalid", "_limits", "_rate_limited", "_role", "last_received_at")

    def __init__(self, role: Role, allowance: Allowance, limits: Limits, at: Millis) -> None:
        self._role = role
        self._allowance = allowance
        self._limits = limits
        self._invalid: deque[Millis] | None = None
        self._rate_limited: deque[Millis] | None = None
        self.last_received_at = at

    def receive(self, payload: str | bytes, at: Millis) -> Received:
        """Check one text or binary frame that came at ``at``."""
        self.last_received_at = at
        if isinstance(payload, bytes):
            return self._refuse(Invalid("invalid_message", "Messages are text frames with JSON."), None, at)
        if self._limits.is_too_large(payload):
            return RefusedAndClosed(CloseCode.LIMIT, self._limits.too_large())
        try:
            inbound = parse(payload)
        except Invalid as wrong:
            return self._refuse(wrong, None, at)
        if self._role not in c.PERMITTED[type(inbound.command)]:
            refusal = Forbidden("forbidden", f"Role {self._role} may not send {inbound.type}.")
            return self._refuse(refusal, inbound.id, at)
        wait = self._allowance.take(inbound.type, self._role, at)
        if wait:
            return self._rate_limit(inbound, wait, at)
        return inbound

    def is_silent(self, at: Millis) -> bool:
        """Whether nothing has come for longer than ``SILENT_AFTER``."""
        return at - self.last_received_at > SILENT_AFTER

    def _refuse(self, reason: Rejected, reply_to: str | None, at: Millis) -> Refused | RefusedAndClosed:
        # Returned, it needs no frames; with them, the message would live as long as the next garbage collection lets it.
        reason.with_traceback(None)
        if self._invalid is None:
            self._invalid = deque()
        if _too_many(self._invalid, self._limits.wrong_per_minute, at):
            return RefusedAndClosed(CloseCode.WRONG_MESSAGES, reason)
        return Refused(reason, reply_to)

    def _rate_limit(self, inbound: Inbound, wait: Millis, at: Millis) -> Refused | RefusedAndClosed:
        seconds = -(-wait // SECOND)
        reason = Rejected(
            "rate_limited", f"Too many messages; try again in {seconds} s.", {"retry_after": str(seconds)}
        )
        if self._rate_limited is None:
            self._rate_limited = deque()
        if _too_many(self._rate_limited, self._limits.wrong_per_minute, at):
            return RefusedAndClosed(CloseCode.RATE, reason)
        return Refused(reason, inbound.id, limited=True)


def _too_many(recent: deque[Millis], limit: int, at: Millis) -> bool:
    """Add one instant; whether that makes ``limit`` of them within the last minute."""
    while recent and recent[0] <= at - MINUTE:
        recent.popleft()
    recent.append(at)
    return len(recent) >= limit
