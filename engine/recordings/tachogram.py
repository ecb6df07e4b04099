"""A tachogram as SVG: RR intervals over time, those that the artefact gate rejected, and coherence below.

Presentation attributes and no style sheet, so that the drawing looks the same wherever it is embedded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from engine.domain.heart.coherence import WINDOW_S, rhythms
from engine.domain.heart.measures import Beats, Floats, gated

__all__ = ["tachogram"]

WIDTH: Final = 960
HEIGHT: Final = 420
LEFT: Final = 64
RIGHT: Final = 936
RR_TOP, RR_BOTTOM = 56, 268
CR_TOP, CR_BOTTOM = 308, 380
BUCKETS: Final = 400
MAX_COHERENCE: Final = 5.0
STEP_S: Final = 5

INK: Final = "#1D2A2C"
MUTED: Final = "#56646A"
LINE: Final = "#8A857B"
PAPER: Final = "#FAF7F2"
ACCENT: Final = "#0E6560"
SECOND: Final = "#7A5A00"
DANGER: Final = "#A8452B"


def tachogram(values: Sequence[float], *, title: str) -> str:
    """Draw intervals (ms, at least one) as an SVG document with title and description."""
    beats = gated(values)
    seconds = float(beats.t[-1]) / 1000
    accepted = beats.rr[beats.ok] if beats.ok.any() else beats.rr
    low, high = _bounds(accepted)
    rejected = int(np.count_nonzero(~beats.ok))
    name = escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="title desc" font-family="Figtree, system-ui, sans-serif" font-size="13">',
        f'<title id="title">{name}: intervals between beats and coherence</title>',
        f'<desc id="desc">{beats.rr.size} intervals in {seconds:.0f} seconds, between {accepted.min():.0f} and '
        f"{accepted.max():.0f} milliseconds; {rejected} left out by the artefact gate.</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        f'<text x="{LEFT}" y="28" fill="{INK}" font-size="18" font-weight="600">{name}</text>',
        _axis(low, high, RR_TOP, RR_BOTTOM, "ms"),
        _time(seconds),
        f'<path d="{_path(beats, seconds, low, high)}" fill="none" stroke="{ACCENT}" stroke-width="1.4" '
        'stroke-linejoin="round"/>',
        *_rejected(beats, seconds, low, high),
        _coherence(beats, seconds),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _bounds(rr: Floats) -> tuple[float, float]:
    return float(np.floor(rr.min() / 100) * 100), float(np.floor(rr.max() / 100) * 100 + 100)


def _x(t_ms: float, seconds: float) -> float:
    return LEFT + (RIGHT - LEFT) * (t_ms / 1000 / seconds)


def _y(value: float, low: float, high: float, top: float, bottom: float) -> float:
    return bottom - (bottom - top) * (min(max(value, low), high) - low) / (high - low)


def _path(beats: Beats, seconds: float, low: float, high: float) -> str:
    """The path of the accepted intervals. Long recordings are drawn as the minimum and maximum of each bucket."""
    drawn: list[str] = []
    ok = np.flatnonzero(beats.ok)
    buckets = (
        np.array_split(ok, BUCKETS) if ok.size > 2 * BUCKETS else [ok[i : i + 1] for i in range(ok.size)]
    )
    for bucket in buckets:
        extremes = {int(bucket[np.argmin(beats.rr[bucket])]), int(bucket[np.argmax(beats.rr[bucket])])}
        for i in sorted(extremes):
            x, y = _x(beats.t[i], seconds), _y(beats.rr[i], low, high, RR_TOP, RR_BOTTOM)
            drawn.append(f"{'L' if drawn else 'M'}{x:.1f} {y:.1f}")
    return "".join(drawn)


def _rejected(beats: Beats, seconds: float, low: float, high: float) -> list[str]:
    dots = [
        f'<circle cx="{_x(beats.t[i], seconds):.1f}" '
        f'cy="{_y(beats.rr[i], low, high, RR_TOP, RR_BOTTOM):.1f}" r="3"/>'
        for i in np.flatnonzero(~beats.ok).tolist()[:2000]
    ]
    return [f'<g fill="none" stroke="{DANGER}">', *dots, "</g>"] if dots else []


def _axis(low: float, high: float, top: float, bottom: float, unit: str) -> str:
    lines = []
    for value in (low, (low + high) / 2, high):
        y = _y(value, low, high, top, bottom)
        lines.append(
            f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{LINE}" stroke-width="0.5"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{value:g} {unit}</text>'
        )
    return "".join(lines)


def _time(seconds: float) -> str:
    step = next((s for s in (5, 10, 30, 60, 120, 300, 600, 1800) if seconds / s <= 12), seconds / 6)
    return "".join(
        f'<text x="{_x(1000 * i * step, seconds):.1f}" y="{RR_BOTTOM + 18}" text-anchor="middle" fill="{MUTED}">'
        f"{i * step // 60:.0f}:{i * step % 60:02.0f}</text>"
        for i in range(int(seconds / step) + 1)
    )


def _coherence(beats: Beats, seconds: float) -> str:
    drawn: list[str] = []
    before = -math.inf
    for end, found in rhythms(beats, STEP_S):
        if found.ratio is None:
            continue
        y = _y(found.ratio, 0, MAX_COHERENCE, CR_TOP, CR_BOTTOM)
        drawn.append(f"{'L' if end - before <= STEP_S else 'M'}{_x(1000.0 * end, seconds):.1f} {y:.1f}")
        before = end
    if not drawn:
        return ""
    return (
        _axis(0, MAX_COHERENCE, CR_TOP, CR_BOTTOM, "")
        + f'<path d="{"".join(drawn)}" fill="none" stroke="{SECOND}" stroke-width="1.6" stroke-dasharray="6 3"/>'
        + f'<text x="{LEFT}" y="{CR_BOTTOM + 24}" fill="{MUTED}">coherence over {WINDOW_S} s</text>'
    )
