"""Prometheus metrics of sockets, rooms and sessions, as ``/metrics`` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from engine.domain.session import Role
from engine.protocol.close_codes import CloseCode

__all__ = ["LiveMetrics"]

_LIMITS: Mapping[int, str] = {CloseCode.SILENT: "silent", CloseCode.TOO_SLOW: "too_slow"}


class LiveMetrics:
    """Counters, gauges and histograms of the live engine, on the server's registry.

    Each method records one happening. Called on the event loop only.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._received = Counter(
            "halcytone_messages_received_total", "Messages taken, by type.", ("type",), registry=registry
        )
        self._delivered = Counter(
            "halcytone_messages_delivered_total", "Numbered messages handed to sockets.", registry=registry
        )
        self._broadcast = Histogram(
            "halcytone_broadcast_seconds",
            "Time to hand one tick's messages, of all rooms, to their sockets.",
            buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
            registry=registry,
        )
        self._sockets = Gauge("halcytone_sockets", "Open live sockets.", ("role",), registry=registry)
        self._closed = Counter(
            "halcytone_disconnects_total", "Sockets that ended, by close code.", ("code",), registry=registry
        )
        self._refused = Counter(
            "halcytone_refusals_total",
            "Sockets that were not let in, by reason.",
            ("code",),
            registry=registry,
        )
        self._limited = Counter(
            "halcytone_limited_total",
            "Messages and sockets over a limit, by limit.",
            ("limit",),
            registry=registry,
        )
        self._wrong = Counter(
            "halcytone_wrong_messages_total", "Messages that were refused.", registry=registry
        )
        self._recovered = Counter(
            "halcytone_recoveries_total",
            "Returns, with or without all that was missed.",
            ("whole",),
            registry=registry,
        )
        self._awake = Gauge("halcytone_sessions_awake", "Sessions in memory.", registry=registry)
        self._died = Counter(
            "halcytone_session_failures_total", "Sessions that failed and were rebuilt.", registry=registry
        )
        beats = Counter(
            "halcytone_beats_total", "RR intervals from straps.", ("possible",), registry=registry
        )
        self._commit = Histogram(
            "halcytone_commit_seconds",
            "Time of one commit of the journal.",
            buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5),
            registry=registry,
        )
        self._committed = Counter(
            "halcytone_commit_entries_total", "Appends made durable.", registry=registry
        )
        self._rtt = Histogram(
            "halcytone_socket_rtt_seconds",
            "Round trip of a ping on a live socket.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self._mailbox = Gauge(
            "halcytone_mailbox_depth", "Messages waiting in the fullest mailbox.", registry=registry
        )
        # Labels once looked up are kept: the lookup costs more than the count.
        self._received_of: dict[str, Counter] = {}
        self._possible, self._impossible = beats.labels("yes"), beats.labels("no")

    def received(self, kind: str) -> None:
        """A message of a type was accepted from a socket."""
        counter = self._received_of.get(kind)
        if counter is None:
            counter = self._received_of[kind] = self._received.labels(kind)
        counter.inc()

    def delivered(self, frames: int, seconds: float) -> None:
        """A tick's frames, of all rooms, were written to their transports, in so many seconds."""
        self._delivered.inc(frames)
        self._broadcast.observe(seconds)

    def connected(self, role: Role) -> None:
        """A socket joined its room."""
        self._sockets.labels(str(role)).inc()

    def disconnected(self, role: Role, code: int | None) -> None:
        """A socket ended. ``code`` is that of the side that closed first; None, a lost connection, counts as 1006."""
        self._sockets.labels(str(role)).dec()
        self._closed.labels(_bounded(code)).inc()

    def closed(self, code: int) -> None:
        """The server closes a socket. The end is counted by ``disconnected``; here only silence and unread messages."""
        limit = _LIMITS.get(code)
        if limit is not None:
            self._limited.labels(limit).inc()

    def refused(self, code: str) -> None:
        """A socket was refused, by error code."""
        self._refused.labels(code).inc()

    def limited(self, limit: str) -> None:
        """A message or a socket exceeded a limit."""
        self._limited.labels(limit).inc()

    def wrong(self) -> None:
        """A message was refused for another reason than a limit."""
        self._wrong.inc()

    def recovered(self, outcome: bool) -> None:
        """A client came back; ``outcome`` is whether it got everything it had missed."""
        self._recovered.labels("yes" if outcome else "no").inc()

    def loaded(self, sessions: int) -> None:
        """Set the number of session actors in memory."""
        self._awake.set(sessions)

    def died(self) -> None:
        """A session actor failed, and is rebuilt from its journal."""
        self._died.inc()

    def beats(self, accepted: int, impossible: int) -> None:
        """RR intervals came from a strap; ``impossible`` ones no heart can have."""
        self._possible.inc(accepted)
        if impossible:
            self._impossible.inc(impossible)

    def committed(self, entries: int, seconds: float) -> None:
        """The journal committed so many appends in so many seconds."""
        self._committed.inc(entries)
        self._commit.observe(seconds)

    def rtt(self, seconds: float) -> None:
        """A ping of ours was answered after so many seconds."""
        self._rtt.observe(seconds)

    def mailbox(self, depth: int) -> None:
        """Set the number of messages in the fullest mailbox."""
        self._mailbox.set(depth)


def _bounded(code: int | None) -> str:
    """A close code as a label value; unknown codes share one, so that peers cannot make labels."""
    if code is None:
        return "1006"
    known = 1000 <= code <= 1015 or 4000 <= code <= 4008 or 4500 <= code <= 4509
    return str(code) if known else "other"
