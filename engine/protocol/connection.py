"""The state of one live socket, without the socket: text in, decisions out.

Order of calls: ``receive`` for every text or binary frame, with the instant at which it came. The
shell carries out what it returns, and closes when told to.
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
    "Shut",
]

SILENT_AFTER: Millis = 75 * SECOND
"""A socket from which nothing came for this long is closed."""
HEARTBEAT_INTERVAL: Millis = 25 * SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may send."""

    message_bytes: int = 64 * 1024
    wrong_per_minute: int = 20
    messages: Rate = field(default_factory=lambda: Rate(60, 20))
    heart_rate: Rate = field(default_factory=lambda: Rate(180))
    heartbeat: Rate = field(default_factory=lambda: Rate(60, 20))
    breath_tap: Rate = field(default_factory=lambda: Rate(300))
    staff: Rate = field(default_factory=lambda: Rate(6000))

    def is_too_large(self, payload: str | bytes) -> bool:
        """A message is over the limit."""
        if isinstance(payload, bytes):
            return len(payload) > self.message_bytes
        # Counted in bytes, of which a character has four at most.
        if len(payload) <= self.message_bytes // 4:
            return False
        return len(payload.encode("utf-8", "surrogatepass")) > self.message_bytes

    def too_large(self) -> Invalid:
        """What the sender of such a message is told before the close."""
        return Invalid("too_large", f"A message has at most {self.message_bytes // 1024} KiB.")


class Allowance:
    """What is left of the limits of one person; it outlives their connections, whatever role each of them has."""

    __slots__ = ("_limits", "_spent")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Made on first use: most people send heartbeats and nothing else.
        self._spent: dict[str, TokenBucket] = {}

    def take(self, kind: str, role: Role, at: Millis) -> Millis:
        """Take one message of ``kind``, sent as ``role``; 0 when it was there, else how long to wait for it."""
        name, rate = self._of(kind, role)
        bucket = self._spent.get(name)
        if bucket is None:
            bucket = self._spent[name] = TokenBucket(rate, at)
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
    """Tell the sender; the socket stays usable."""

    reason: Rejected
    reply_to: str | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Shut:
    """Tell the sender, then close."""

    code: CloseCode
    reason: Rejected


Received: TypeAlias = Inbound | Refused | Shut


class Connection:
    """Checks what one client sends: size, shape, role and rate."""

    __slots__ = ("_allowance", "_limits", "_over", "_role", "_wrong", "heard_at")

    def __init__(self, role: Role, allowance: Allowance, limits: Limits, at: Millis) -> None:
        self._role = role
        self._allowance = allowance
        self._limits = limits
        self._wrong: deque[Millis] | None = None
        self._over: deque[Millis] | None = None
        self.heard_at = at

    def receive(self, payload: str | bytes, at: Millis) -> Received:
        """What a frame means."""
        self.heard_at = at
        if isinstance(payload, bytes):
            return self._refuse(Invalid("invalid_message", "Messages are text frames with JSON."), None, at)
        if self._limits.is_too_large(payload):
            return Shut(CloseCode.LIMIT, self._limits.too_large())
        try:
            inbound = parse(payload)
        except Invalid as wrong:
            return self._refuse(wrong, None, at)
        if self._role not in c.PERMITTED[type(inbound.command)]:
            refusal = Forbidden("forbidden", f"Role {self._role} may not send {inbound.type}.")
            return self._refuse(refusal, inbound.id, at)
        wait = self._allowance.take(inbound.type, self._role, at)
        if wait:
            return self._slow_down(inbound, wait, at)
        return inbound

    def is_silent(self, at: Millis) -> bool:
        """Nothing has come for too long."""
        return at - self.heard_at > SILENT_AFTER

    def _refuse(self, reason: Rejected, reply_to: str | None, at: Millis) -> Refused | Shut:
        if self._wrong is None:
            self._wrong = deque()
        if _too_many(self._wrong, self._limits.wrong_per_minute, at):
            return Shut(CloseCode.WRONG_MESSAGES, reason)
        return Refused(reason, reply_to)

    def _slow_down(self, inbound: Inbound, wait: Millis, at: Millis) -> Refused | Shut:
        seconds = -(-wait // SECOND)
        reason = Rejected(
            "rate_limited", f"Too many messages; try again in {seconds} s.", {"retry_after": str(seconds)}
        )
        if self._over is None:
            self._over = deque()
        if _too_many(self._over, self._limits.wrong_per_minute, at):
            return Shut(CloseCode.RATE, reason)
        return Refused(reason, inbound.id, limited=True)


def _too_many(seen: deque[Millis], limit: int, at: Millis) -> bool:
    """Note one more; whether that makes ``limit`` within the last minute."""
    while seen and seen[0] <= at - MINUTE:
        seen.popleft()
    seen.append(at)
    return len(seen) >= limit
