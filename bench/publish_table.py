"""The figures of publishing as a table: targets, measurements, and the commands that measure them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ROWS", "Row", "markdown"]

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its figure, bar and goal in the figure's unit. Less is better unless ``at_least``."""

    work: str
    value: Callable[[Figures], float | None]
    unit: str
    bar: float
    goal: float
    at_least: bool = False

    def reached(self, value: float) -> str:
        """``goal``, ``bar`` or ``no``."""
        for name, limit in (("goal", self.goal), ("bar", self.bar)):
            if value >= limit if self.at_least else value <= limit:
                return name
        return "no"


def _figure(*path: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        found: Any = figures
        for name in path:
            found = found[name]
        return None if found is None else float(found)

    return value


def _times(peer: str) -> Callable[[Figures], float | None]:
    """How many times faster one publication is than a peer's build."""
    return lambda figures: figures[peer] / figures["publish_at_large_s"] if figures[peer] else None


def _of(name: str, times: float) -> Callable[[Figures], float | None]:
    """A figure of cards in another unit."""
    return lambda figures: figures["own_cards"][name] * times


def _kilobytes(figures: Figures) -> float:
    return float(figures["session_page_bytes"]) / 1000


ROWS = (
    Row("end of a session → page readable, 25 participants, p95", _figure("end", "p95_s"), "s", 1.5, 0.5),
    Row(
        "publish one session, all channels, with everything published",
        _figure("publish_at_large_s"),
        "s",
        0.5,
        0.15,
    ),
    Row("… against the same with 100 published", _figure("ratio"), "times", 1.3, 1.1),
    Row(
        "… faster than the full build of that site through MkDocs",
        _times("full_build_s"),
        "times",
        30,
        100,
        True,
    ),
    Row(
        "… faster than MkDocs with its own theme, as many plain pages",
        _times("mkdocs_s"),
        "times",
        30,
        100,
        True,
    ),
    Row("… faster than Hugo with as many plain pages", _times("hugo_s"), "times", 1, 1, True),
    Row("import of everything", _figure("import_s"), "s", 180, 60),
    Row(
        "rebuild of as many with cards of their own, nothing changed in them",
        _figure("own_cards", "unchanged_s"),
        "s",
        60,
        30,
    ),
    Row("… every card changed, until every page is there", _figure("own_cards", "pages_s"), "s", 60, 30),
    Row("a card, of one core", _of("card_s", 1000), "ms", 45, 25),
    Row("a card, the largest", _of("card_bytes", 1 / 1000), "KB", 30, 30),
    Row(
        "p99 of a live room while everything is rebuilt, against without",
        _figure("rebuild", "ratio"),
        "times",
        1.3,
        1.1,
    ),
    Row("… while every page is made anew", _figure("rebuild_anew", "ratio"), "times", 1.3, 1.1),
    Row("session page, transferred, without its card", _kilobytes, "KB", 60, 30),
    Row("memory of the publisher with everything published", _figure("memory_peak_mb"), "MB", 150, 150),
)


def markdown(figures: Figures) -> str:
    """The table, and below it what the peers took by themselves."""
    known = figures["machine"]
    lines = [
        "# Publishing",
        "",
        f"`{figures['command']}`: {figures['sessions']:,} sessions, on {known['cores']} × {known['processor']},"
        f" {known['system']}, Python {known['python']}, {known['date']}.",
        "",
        "| work | bar | goal | measured | reached |",
        "|---|---:|---:|---:|---|",
    ]
    for row in ROWS:
        value = row.value(figures)
        sign = "≥" if row.at_least else "≤"
        asked = f"{sign} {row.bar:g} {row.unit} | {sign} {row.goal:g} {row.unit}"
        shown = "– | not installed" if value is None else f"{value:,.3g} {row.unit} | {row.reached(value)}"
        lines.append(f"| {row.work} | {asked} | {shown} |")
    cards = figures["own_cards"]
    end, rebuild, anew = figures["end"], figures["rebuild"], figures["rebuild_anew"]
    lines += [
        "",
        f"Full build {figures['full_build_s']:.1f} s, MkDocs with its own theme {_seconds(figures['mkdocs_s'])},"
        f" Hugo {_seconds(figures['hugo_s'])}. End to page over {end['sessions']} sessions: median {end['p50_s']:.2f} s,"
        f" the slowest {end['most_s']:.2f} s. The room's p99, without | with a rebuild, in ms:"
        f" {_listed(rebuild['alone_p99_ms'])} | {_listed(rebuild['beside_p99_ms'])}, with every page anew"
        f" {_listed(anew['alone_p99_ms'])} | {_listed(anew['beside_p99_ms'])}."
        f" A process that imports by itself has taken {figures['import_peak_mb']:.0f} MB at most, {figures['import_few_peak_mb']:.0f} MB with"
        f" {figures['few']} sessions. When all {cards['cards']:,} cards changed, the"
        f" last was there after {cards['cards_s']:.0f} s (load before: {cards['load_before']:.1f}).",
    ]
    if not rebuild["elsewhere"]:
        lines += [
            "",
            "The load was not allowed a real-time priority (root is): it shared its core with the rebuild, and the"
            " room's p99 holds what the load itself waited for.",
        ]
    return "\n".join(lines) + "\n"


def _seconds(value: float | None) -> str:
    return "not installed" if value is None else f"{value:.1f} s"


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
