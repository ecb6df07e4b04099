"""The report of a run: ``results.json``, a table with ratios and targets, and a chart."""

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from bench.halcytone import NAME
from bench.plan import MARKS, Work

__all__ = ["Results", "machine", "markdown", "picture", "write"]

Round = dict[str, float]

_DISTURBED = 0.15


def machine() -> dict[str, str]:
    """The machine and the versions that were measured."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@dataclass
class Results:
    """The rounds by workload and server, and what was left out, with the reason."""

    command: str
    machine: dict[str, str]
    works: Mapping[str, Work]
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, work: str, server: str) -> float | None:
        """The median of the work's figure, in its unit."""
        rounds = self.rounds.get(work, {}).get(server)
        if not rounds:
            return None
        shown = self.works[work]
        return statistics.median(figures[shown.figure] for figures in rounds) * shown.scale

    def servers(self, work: str) -> list[str]:
        """The servers that ran a workload, best first."""
        done = self.rounds.get(work, {})
        return sorted(
            done, key=lambda server: self.median(work, server) or 0, reverse=self.works[work].more_is_better
        )


def as_json(results: Results) -> dict[str, Any]:
    """The whole report as JSON data."""
    return {
        "command": results.command,
        "machine": results.machine,
        "missing": results.missing,
        "works": {
            name: {
                "title": work.title,
                "figure": work.figure,
                "unit": work.unit,
                "more_is_better": work.more_is_better,
                "parameters": dict(work.parameters),
                "medians": {server: results.median(name, server) for server in results.servers(name)},
                "rounds": results.rounds.get(name, {}),
                "failed": results.failed.get(name, {}),
            }
            for name, work in results.works.items()
        },
        "marks": [
            {
                "mark": mark.text,
                "value": value,
                "bar": mark.bar,
                "goal": mark.goal,
                "reached": mark.reached(value),
            }
            for mark in MARKS
            if (value := mark.value(results.median)) is not None
        ],
    }


def markdown(results: Results) -> str:
    """A Markdown table for each workload, and one of the targets."""
    lines = [
        "# Benchmark",
        "",
        f"`{results.command}` on {_machine(results)}. Medians; in brackets the spread.",
    ]
    for name, work in results.works.items():
        lines += ["", f"## {work.title}", "", *_table(results, name, work)]
        lines += [
            f"\n{server} failed it: {reason}" for server, reason in results.failed.get(name, {}).items()
        ]
    lines += ["", "## Marks", "", "| mark | bar | goal | measured | reached |", "|---|---|---|---|---|"]
    for mark in MARKS:
        value = mark.value(results.median)
        sign = "≥" if mark.at_least else "≤"
        if value is not None:
            lines.append(
                f"| {mark.text} | {sign} {mark.bar:g} | {sign} {mark.goal:g} | {value:,.2f} | {mark.reached(value)} |"
            )
    lines += [f"\n{server} was left out: {sentence}." for server, sentence in results.missing.items()]
    if (others := disturbance(results)) > _DISTURBED:
        lines.append(
            f"\nOther programs used up to {others:.0%} of a core in a measured window: do not trust these figures."
        )
    return "\n".join(lines) + "\n"


def disturbance(results: Results) -> float:
    """The most that other programs used of a core in any measured window."""
    windows = [figures for done in results.rounds.values() for rounds in done.values() for figures in rounds]
    return max((figures.get("others_busy", 0.0) for figures in windows), default=0.0)


def _machine(results: Results) -> str:
    known = results.machine
    return f"{known['cores']} × {known['processor']}, {known['system']}, Python {known['python']}, {known['date']}"


def _table(results: Results, name: str, work: Work) -> list[str]:
    ours = results.median(name, NAME)
    lines = [f"| server | {work.unit} | ours to it | server busy | load busy |", "|---|---:|---:|---:|---:|"]
    for server in results.servers(name):
        rounds = results.rounds[name][server]
        middle = results.median(name, server) or 0.0
        values = [figures[work.figure] * work.scale for figures in rounds]
        shown = f"{_number(middle)} ({_number(min(values))}–{_number(max(values))})"
        ratio = f"{ours / middle:.2f}" if ours is not None and middle else ""
        title = f"**{server}**" if server == NAME else server
        lines.append(
            f"| {title} | {shown} | {ratio} | {_busy(rounds, 'server_busy')} | {_busy(rounds, 'busy')} |"
        )
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def _busy(rounds: list[Round], key: str) -> str:
    shares = [figures[key] for figures in rounds if key in figures]
    return f"{statistics.median(shares):.0%}" if shares else ""


_ROW, _LEFT, _BAR, _WIDTH = 24, 250, 420, 800


def picture(results: Results) -> str:
    """An SVG bar chart of every workload that more than one server ran; self-contained."""
    parts: list[str] = []
    y = 20
    for name, work in results.works.items():
        servers = results.servers(name)
        if len(servers) < 2:
            continue
        better = "more is better" if work.more_is_better else "less is better"
        parts.append(
            f'<text x="10" y="{y + 14}" class="title">{escape(work.title)}: {work.unit}, {better}</text>'
        )
        y += 26
        most = max(results.median(name, server) or 0.0 for server in servers) or 1.0
        for server in servers:
            value = results.median(name, server) or 0.0
            width = max(1.0, _BAR * value / most)
            kind = "ours" if server == NAME else "peer"
            parts += [
                f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(server)}</text>',
                f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 8}" rx="2" class="{kind}"/>',
                f'<text x="{_LEFT + width + 6:.1f}" y="{y + 15}">{_number(value)}</text>',
            ]
            y += _ROW
        y += 18
    style = (
        "text{font:13px system-ui,sans-serif;fill:#24323a}.title{font-weight:600}"
        ".ours{fill:#1f7a72}.peer{fill:#b9c7c9}.ground{fill:#fff}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img" '
        f'aria-label="Halcytone Live beside its peers"><style>{style}</style>'
        f'<rect class="ground" width="{_WIDTH}" height="{y}"/>{"".join(parts)}</svg>\n'
    )


def write(results: Results, output: Path) -> None:
    """``results.json``, and beside it the table (``.md``) and the picture (``.svg``); the table is printed."""
    output.write_text(json.dumps(as_json(results), indent=1) + "\n")
    table = markdown(results)
    output.with_suffix(".md").write_text(table)
    output.with_suffix(".svg").write_text(picture(results))
    print(table)
