"""Prometheus metrics of HTTP requests and mails, as ``/metrics`` shows them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ConnectionMetrics", "MailMetrics", "RequestMetrics"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times requests, on the server's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "halcytone_http_requests_total",
            "HTTP requests answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "halcytone_http_request_seconds",
            "Time to answer an HTTP request.",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
            registry=registry,
        )
        self.limited = Counter(
            "halcytone_http_rate_limited_total",
            "Requests refused because their address sent too many.",
            registry=registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Record one request. ``route`` is the route's pattern, so that ids make no labels."""
        known = method if method in _METHODS else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class ConnectionMetrics:
    """Counts the connections that the server ends by itself, on its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter(
            "halcytone_http_connections_ended_total",
            "Connections ended because they did not go on, or had to give way to others, by reason.",
            ("reason",),
            registry=registry,
        )
        self.short = Counter(
            "halcytone_descriptors_short_total",
            "Times that a connection or a file found no file descriptor but those in reserve.",
            registry=registry,
        )


class MailMetrics:
    """How many mails are in which state, for one answer: they are counted in the database."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._mails = Gauge(
            "halcytone_mails", "Mails by kind and state.", ("kind", "state"), registry=self.registry
        )
        self._held = Gauge(
            "halcytone_mails_held",
            "Mails that wait because the mail server did not take them, or refuses the studio itself.",
            ("kind",),
            registry=self.registry,
        )
        self._paused = Gauge(
            "halcytone_addresses_paused",
            "Subscribers whose mailbox was unknown twice in a row.",
            registry=self.registry,
        )

    def add(self, kind: str, state: str, mails: int, *, held: bool) -> None:
        """Count mails of a kind and state; ``held`` where the mail server has not taken them yet."""
        self._mails.labels(kind, state).inc(mails)
        self._held.labels(kind).inc(mails if held else 0)

    def pause(self, addresses: int) -> None:
        """Count addresses that are paused."""
        self._paused.inc(addresses)
