"""Charts of the group's figures as SVG, readable without script, style attributes or colour, and as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from engine.domain.snapshot import GroupPoint, Snapshot
from publisher.rendering import formatting
from publisher.rendering.words import Words, words_for

__all__ = ["Figure", "Panel", "figure_of"]

WIDTH, HEIGHT = 600, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 12, 24
_WIDE, _TALL = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_POINTS_AT_MOST = 240
_ROWS_AT_MOST = 24
_PANELS_AT_MOST = 2
# A curve needs figures at this share of its points: a few scattered ones show nothing.
_LEAST_FILLED = 0.3


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its heading, its description in a sentence, and the SVG."""

    name: str
    title: str
    described: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Figure:
    """The charts of a session, and the same figures as a table."""

    panels: tuple[Panel, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    value: Callable[[GroupPoint], float | None]
    shown: Callable[[Words, float], str]
    bounds: tuple[float, float] | None
    """Of the vertical axis; None takes a range with every value and zero."""
    dashed: bool = False


_SERIES = (
    _Series("hrv", lambda p: p.hrv_improvement, Words.percent, None),
    _Series(
        "step",
        lambda p: p.synchrony,
        Words.share,
        (0.0, 1.0),
        dashed=True,
    ),
    _Series(
        "coherence",
        lambda p: p.coherence,
        lambda words, value: words.number(round(value, 1)),
        (0.0, 1.0),
        dashed=True,
    ),
)


def figure_of(snapshot: Snapshot, language: str = "en") -> Figure | None:
    """The charts of a snapshot, two at most; None without enough figures. A missing figure is a gap in the line."""
    words = words_for(language)
    points = snapshot.curves
    if not points:
        return None
    length = max(float(snapshot.session_duration), points[-1].t_s)
    drawn = [
        (series, panel) for series in _SERIES if (panel := _panel(series, points, length, words)) is not None
    ]
    chosen = drawn[:_PANELS_AT_MOST]
    if not chosen:
        return None
    rows = _every_nth(points, _ROWS_AT_MOST)
    return Figure(
        panels=tuple(panel for _, panel in chosen),
        columns=(words("story.time"), *(panel.title for _, panel in chosen)),
        rows=tuple(
            (
                formatting.minutes_and_seconds(point.t_s),
                *(
                    "–" if (v := series.value(point)) is None else series.shown(words, v)
                    for series, _ in chosen
                ),
            )
            for point in rows
        ),
    )


def _panel(series: _Series, points: Sequence[GroupPoint], length: float, words: Words) -> Panel | None:
    pairs = [(point.t_s, series.value(point)) for point in _every_nth(points, _POINTS_AT_MOST)]
    values = [value for _, value in pairs if value is not None]
    if len(values) < max(3, _LEAST_FILLED * len(pairs)):
        return None
    low, high = series.bounds or _scale(min(values), max(values))
    title = words(f"chart.{series.name}")
    described = words(
        "chart.described",
        first=series.shown(words, values[0]),
        last=series.shown(words, values[-1]),
        most=series.shown(words, max(values)),
    )
    drawing = _svg(series, pairs, (low, high), length, words, (title, described))
    return Panel(series.name, title, described, drawing)


def _svg(
    series: _Series,
    pairs: Sequence[tuple[float, float | None]],
    scale: tuple[float, float],
    length: float,
    words: Words,
    labels: tuple[str, str],
) -> Markup:
    low, high = scale
    title, described = labels

    def y(value: float) -> float:
        return _TOP + _TALL * (high - value) / (high - low)

    # Put together as plain text: markup escapes each part, which takes longer than all the rest.
    name = series.name
    parts = [
        f'<svg class="chart chart-{name}" viewBox="0 0 {WIDTH} {HEIGHT}" data-length="{length:g}" role="img"'
        f' aria-labelledby="chart-{name}-t chart-{name}-d">'
        f'<title id="chart-{name}-t">{escape(title)}</title><desc id="chart-{name}-d">{escape(described)}</desc>'
    ]
    grid = dict.fromkeys((low, 0.0 if low < 0 < high else (low + high) / 2, high))
    parts += [
        f'<path class="rule" d="M{_LEFT} {y(v):.1f}H{WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{escape(series.shown(words, v))}</text>'
        for v in grid
    ]
    for t in _ticks(length):
        anchor = "start" if t == 0 else "middle"
        at = formatting.minutes_and_seconds(t)
        parts.append(
            f'<text x="{_LEFT + _WIDE * t / length:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{at}</text>'
        )
    dashes = ' stroke-dasharray="6 4"' if series.dashed else ""
    parts.append(f'<path class="curve" fill="none"{dashes} d="{_path(pairs, scale, length)}"/></svg>')
    return Markup("".join(parts))


def _path(pairs: Sequence[tuple[float, float | None]], scale: tuple[float, float], length: float) -> str:
    """SVG path data of a line, broken where a value is missing."""
    low, high = scale
    parts: list[str] = []
    command = "M"
    for t, value in pairs:
        if value is None:
            command = "M"
            continue
        parts.append(
            f"{command}{_LEFT + _WIDE * t / length:.1f} {_TOP + _TALL * (high - value) / (high - low):.1f}"
        )
        command = "L"
    return "".join(parts)


def _scale(low: float, high: float) -> tuple[float, float]:
    low, high = min(0.0, low), max(0.0, high)
    if high - low < 10:
        high = low + 10
    step = 5 if high - low <= 40 else 20
    return (low // step) * step, -(-high // step) * step


def _ticks(length: float) -> list[float]:
    for step in (15, 60, 120, 300, 600, 900, 1800):
        if length / step <= 6:
            # The last label would stand over the edge.
            return [t for t in _steps(step, length) if t <= length * 0.97]
    return [0.0]


def _steps(step: float, length: float) -> list[float]:
    return [step * n for n in range(int(length // step) + 1)]


def _every_nth(points: Sequence[GroupPoint], at_most: int) -> list[GroupPoint]:
    every = -(-len(points) // at_most)
    return [*points[::every]]
