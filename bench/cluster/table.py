"""The figures of several servers as a table: what was asked for, what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ROWS", "Medians", "Rounds", "Row", "markdown", "medians", "whole"]

Rounds = Mapping[str, list[dict[str, float]]]
"""The figures of each round, by step."""
Medians = Callable[[str, str], float | None]
"""The median of a step's figure over its rounds; None where nothing was measured."""
Value = Callable[[Medians], float | None]

_DISTURBED_LOAD = 0.5


def medians(rounds: Rounds) -> Medians:
    """The medians of what was measured."""

    def median(step: str, figure: str) -> float | None:
        found = rounds.get(step)
        return statistics.median(each[figure] for each in found) if found else None

    return median


def _figure(step: str, figure: str) -> Value:
    return lambda median: median(step, figure)


def _ratio(step: str, figure: str) -> Value:
    """PostgreSQL's median, times that of SQLite."""

    def value(median: Medians) -> float | None:
        ours, other = median(f"{step}, PostgreSQL", figure), median(f"{step}, SQLite", figure)
        return ours / other if ours is not None and other else None

    return value


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its figure, bar and goal in the figure's unit. Less is better unless ``at_least``.

    A ``goal`` that is itself measured is a function.
    """

    work: str
    value: Value
    unit: str
    bar: float
    goal: float | Value
    at_least: bool = False

    def asked(self, median: Medians) -> tuple[float, float | None]:
        """Bar and goal."""
        return self.bar, self.goal(median) if callable(self.goal) else self.goal

    def reached(self, median: Medians) -> str | None:
        """``goal``, ``bar`` or ``no``; None where nothing was measured."""
        value = self.value(median)
        if value is None:
            return None
        bar, goal = self.asked(median)
        for name, limit in (("goal", goal), ("bar", bar)):
            if limit is not None and (value >= limit if self.at_least else value <= limit):
                return name
        return "no"


ROWS = (
    Row(
        "many rooms (500 × 4) on PostgreSQL against SQLite: CPU of our process for a delivery",
        _ratio("many rooms", "cpu_us"),
        "times",
        1.05,
        0.9,
    ),
    Row(
        "appends of 500 rooms; the goal is SQLite's",
        _figure("appends, PostgreSQL", "appends_per_s"),
        "/s",
        25_000,
        _figure("appends, SQLite", "appends_per_s"),
        at_least=True,
    ),
    Row(
        "p99 of commits beside 10,000 hearts a second, PostgreSQL on the other core, against SQLite",
        _ratio("hearts", "commit_p99_ms"),
        "times",
        4,
        2,
    ),
    Row(
        "kill -9 of the owner of 200 live rooms, until 99 % of 1,000 are live",
        _figure("killed", "live_s"),
        "s",
        8,
        4,
    ),
    Row("SIGSTOP of the owner, the same", _figure("stands still", "live_s"), "s", 10, 7),
    Row(
        "SIGTERM of the owner (planned), the same, nobody's pacer changed",
        _figure("drained", "live_s"),
        "s",
        2,
        1,
    ),
    Row("the hop, 1,000 deliveries a second: added at p50", _figure("hop", "added_ms"), "ms", 1, 0.3),
    Row("… its CPU for a delivery then", _figure("hop", "steady_cpu_us"), "µs", 20, 12),
    Row("… its CPU for a delivery at full speed", _figure("hop", "full_cpu_us"), "µs", 20, 12),
    Row(
        "… throughput of a room whose sockets all come through it, against straight",
        _figure("hop", "throughput_ratio"),
        "times",
        0.4,
        0.5,
        at_least=True,
    ),
    Row(
        "failover to a standby in step: promotion → all live",
        _figure("failover in step", "live_s"),
        "s",
        2,
        0.5,
    ),
    Row(
        "failover to a standby 1 s behind: promotion → all live",
        _figure("failover behind", "live_s"),
        "s",
        2,
        0.5,
    ),
    Row("… sessions that moved, in both", _figure("failovers", "moved"), "", 0, 0),
    Row(
        "PostgreSQL killed -9, back after 5 s: its answer → all live",
        _figure("database killed", "live_s"),
        "s",
        3,
        1,
    ),
    Row("… sockets that were closed", _figure("database killed", "closed"), "", 0, 0),
    Row("ready with 1,000 live sessions on PostgreSQL", _figure("ready, PostgreSQL", "ready_s"), "s", 2, 1),
    Row(
        "end of a session → page readable at each of three servers, p95",
        _figure("pages", "p95_s"),
        "s",
        1.5,
        0.5,
    ),
    Row("statements from an idle server", _figure("idle", "per_s"), "/s", 5, 2),
)


def _all_failovers(rounds: Rounds) -> Rounds:
    both = [*rounds.get("failover in step", []), *rounds.get("failover behind", [])]
    most = max((each["moved"] for each in both), default=None)
    return {**rounds, "failovers": [] if most is None else [{"moved": most}]}


def whole(rounds: Rounds) -> Medians:
    """The medians that the rows ask for."""
    return medians(_all_failovers(rounds))


def markdown(results: Mapping[str, Any]) -> str:
    """The table, what failed, and below it the spread of every figure."""
    machine, rounds = results["machine"], results["rounds"]
    median = whole(rounds)
    lines = [
        "# Several servers",
        "",
        f"`{results['command']}` in {results['seconds'] / 60:.0f} minutes on {machine['cores']} × {machine['processor']},"
        f" {machine['system']}, Python {machine['python']}, PostgreSQL {results['postgresql']}, {machine['date']}."
        f" {results['rooms']} rooms of five; medians of the rounds.",
        "",
        "| work | bar | goal | measured | reached |",
        "|---|---:|---:|---:|---|",
    ]
    for row in ROWS:
        value, (bar, goal) = row.value(median), row.asked(median)
        sign = "≥" if row.at_least else "≤"
        shown = "–" if value is None else _number(value, row.unit)
        asked = f"{sign} {_number(bar, row.unit)} | {'–' if goal is None else f'{sign} {_number(goal, row.unit)}'}"
        lines.append(f"| {row.work} | {asked} | {shown} | {row.reached(median) or 'not measured'} |")
    lines += [
        "",
        "Nothing that was acknowledged was lost in any of them, nothing came twice, no epoch changed: a round in which",
    ]
    lines += ["that is not so fails.", ""]
    for step, reasons in results["failed"].items():
        lines += [f"**{step}** failed: {'; '.join(reasons)}", ""]
    if results["load_before"] > _DISTURBED_LOAD:
        lines += [
            f"Other programs ran on the machine (load {results['load_before']:.1f} before the first step):"
            " these figures are upper bounds.",
            "",
        ]
    lines += ["| step | figure | median | rounds |", "|---|---|---:|---|"]
    for step, each in rounds.items():
        for figure in each[0] if each else ():
            values = [one[figure] for one in each]
            lines.append(
                f"| {step} | `{figure}` | {_number(statistics.median(values))} | {', '.join(map(_number, values))} |"
            )
    return "\n".join(lines) + "\n"


def _number(value: float, unit: str = "") -> str:
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"
    return f"{text} {unit}".strip()
