"""The dashboard for Grafana asks for what the server has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from engine.api.http.metrics import ConnectionMetrics, RequestMetrics
from engine.nodes.node_metrics import register_node_metrics
from engine.realtime.live_metrics import LiveMetrics

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana-dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def collectors() -> dict[str, Any]:
    """Everything behind /metrics, by the names that Prometheus sees."""
    registry = CollectorRegistry()
    LiveMetrics(registry)
    RequestMetrics(registry)
    ConnectionMetrics(registry)
    return dict(registry._names_to_collectors)


@pytest.fixture(scope="module")
def node_metrics() -> set[str]:
    """What a server among others has besides."""
    registry = CollectorRegistry()
    figures = {name: lambda: 0 for name in ("owned", "nodes", "forwarded")}
    register_node_metrics(registry, node=lambda: "n1", unanswered_s=lambda: 0.0, **figures)
    return {family.name for family in registry.collect()}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_asks_for_a_metric_and_labels_that_exist(
    collectors: dict[str, Any], node_metrics: set[str], expression: str
) -> None:
    """A renamed metric must not leave an empty panel."""
    names = re.findall(r"halcytone_\w+", expression)
    assert names
    for name in set(names) - node_metrics:
        assert name in collectors, name
        for labels in re.findall(r"by \(([^)]*)\)", expression):
            wanted = {label.strip() for label in labels.split(",")} - {"le", "instance"}
            assert wanted <= set(collectors[name]._labelnames)


def test_every_metric_is_on_it(collectors: dict[str, Any], node_metrics: set[str]) -> None:
    """Whatever is counted can be seen, but for the number of entries that share a commit; a server's own line by line."""
    shown = " ".join(EXPRESSIONS)
    assert {name for name in node_metrics if name not in EXPRESSIONS} == set()
    metrics = {collector._name for collector in collectors.values()} - {"halcytone_commit_entries"}
    assert {name for name in metrics if name not in shown} == set()


def test_panels_do_not_overlap() -> None:
    """Three in a row, each with a title and a sentence."""
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["title"] and panel["description"] for panel in DASHBOARD["panels"])
