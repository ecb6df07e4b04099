"""Metrics of a server among others; Prometheus tells the servers apart by their ``instance`` label."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge

__all__ = ["register_node_metrics"]


def register_node_metrics(
    registry: CollectorRegistry,
    *,
    owned: Callable[[], int],
    nodes: Callable[[], int],
    unanswered_s: Callable[[], float],
    passed_on: Callable[[], int],
) -> None:
    """Show what the functions say at each look."""
    shown: Mapping[str, tuple[str, Callable[[], float]]] = {
        "halcytone_owned_sessions": ("Sessions that this server owns", owned),
        "halcytone_nodes": ("Servers on the database, as this one sees them", nodes),
        "halcytone_database_unanswered_seconds": ("Since the database answered a beat", unanswered_s),
        "halcytone_passed_on_sockets": ("Live sockets that are passed on to other servers", passed_on),
    }
    for name, (text, value) in shown.items():
        Gauge(name, text, registry=registry).set_function(value)
