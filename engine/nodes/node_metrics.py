"""Metrics of a server among others, with the node that it is.

Every other metric is told apart by the ``instance`` that Prometheus adds; ``halcytone_owned_sessions`` names the node of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["register_node_metrics"]


def register_node_metrics(
    registry: CollectorRegistry,
    *,
    node: Callable[[], str],
    owned: Callable[[], int],
    nodes: Callable[[], int],
    unanswered_s: Callable[[], float],
    forwarded: Callable[[], int],
) -> None:
    """Show what the functions say at each look."""
    shown: Mapping[str, tuple[str, Callable[[], float]]] = {
        "halcytone_owned_sessions": ("Sessions that this server owns", owned),
        "halcytone_nodes": ("Servers on the database, as this one sees them", nodes),
        "halcytone_database_unanswered_seconds": ("Since the database answered a beat", unanswered_s),
        "halcytone_passed_on_sockets": ("Live sockets that are passed on to other servers", forwarded),
    }
    registry.register(_NodeMetrics(node, shown))


class _NodeMetrics(Collector):
    """A process may become another node: the label is asked for at each look too."""

    def __init__(self, node: Callable[[], str], shown: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._node = node
        self._shown = shown

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures of this moment."""
        for name, (text, value) in self._shown.items():
            family = GaugeMetricFamily(name, text, labels=["node"])
            family.add_metric([self._node()], value())
            yield family
