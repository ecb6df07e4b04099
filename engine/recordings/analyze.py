"""HRV figures of one recording: a file of RR intervals.

Artefact gate, windows and coherence are those of live sessions, with the beats themselves as time base. ``rmssd_ms``,
``sdnn_ms`` and ``ln_rmssd`` are of every value of the file, uncleaned; all other figures are of what the gate accepts.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.domain.heart.coherence import rhythms
from engine.domain.heart.measures import Beats, Measures, comparable, gated, measure
from engine.domain.heart.shares import improvement_percent
from engine.recordings.reader import BadRecording, ReadAs, Recording, Unit, read
from engine.recordings.tachogram import tachogram

__all__ = ["Analysis", "BadRecording", "Rhythm", "Unit", "analyze", "read_recording", "run"]

BASELINE_S: Final = (60, 180)
CURRENT_S: Final = 60
STEP_S: Final = 5
LEAST_DIFFERENCES: Final = 30
LARGEST_FILE: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Coherence in the 64 s window that ends at ``t_s``. Windows without a peak have none and are left out."""

    t_s: int
    ratio: float
    peak_hz: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """The figures of one recording; None where it is too short or too noisy for one.

    ``rejected``: number of values the gate rejected. ``clean_rmssd_ms`` is None above 10 % artefacts.
    ``baseline_rmssd_ms``: 60 to 180 s; ``current_rmssd_ms``: the last 60 s. Above 3 % artefacts in either window both are
    computed by the stricter rule, so that they remain comparable.
    """

    n: int
    duration_s: float
    rmssd_ms: float | None
    sdnn_ms: float | None
    ln_rmssd: float | None
    rejected: int
    clean_rmssd_ms: float | None
    baseline_rmssd_ms: float | None
    current_rmssd_ms: float | None
    improvement_percent: float | None
    quality: str
    coherence: tuple[Rhythm, ...]

    def as_json(self) -> dict[str, object]:
        """Return the figures for JSON, without ``quality``: there, a figure that is None says it."""
        return {name: value for name, value in asdict(self).items() if name != "quality"}


def read_recording(path: Path, *, column: str | None = None, unit: Unit | None = None) -> Recording:
    """Return the intervals of a file and how they were read; column and unit where the file does not tell them.

    Raises:
        BadRecording: a value is no positive finite number, there is none, or the file can be read in two ways or in none.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise BadRecording("is larger than 64 MiB; a day of beats takes less than 1 MiB")
    return read(path.read_bytes(), column=column, unit=unit)


def analyze(values: Sequence[float]) -> Analysis:
    """Compute the figures of a recording: intervals in ms, positive and finite, at least one."""
    rr = np.asarray(values, dtype=np.float64)
    beats = gated(rr.tolist())
    duration_ms = float(beats.t[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        rmssd = float(np.sqrt(np.mean(np.diff(rr) ** 2))) if rr.size > 1 else None
        sdnn = float(rr.std(ddof=1)) if rr.size > 1 else None
    whole = measure(beats)
    baseline, current = _windows(beats, duration_ms)
    baseline_ms, current_ms = _comparable_rmssd(baseline, current)
    return Analysis(
        n=int(rr.size),
        duration_s=round(duration_ms / 1000, 3),
        rmssd_ms=_rounded(rmssd),
        sdnn_ms=_rounded(sdnn),
        ln_rmssd=_rounded(math.log(rmssd) if rmssd and math.isfinite(rmssd) else None),
        rejected=int(np.count_nonzero(~beats.ok)),
        clean_rmssd_ms=_rounded(whole.rmssd),
        baseline_rmssd_ms=_rounded(baseline_ms),
        current_rmssd_ms=_rounded(current_ms),
        improvement_percent=(
            round(improvement_percent(math.log(current_ms / baseline_ms)), 2)
            if baseline_ms and current_ms
            else None
        ),
        quality=whole.quality.value,
        coherence=tuple(
            Rhythm(end, round(rhythm.ratio, 3), round(rhythm.peak_hz, 4))
            for end, rhythm in rhythms(beats, STEP_S)
            if rhythm.ratio is not None
        ),
    )


def run(
    file: Path,
    as_json: bool,
    chart: Path | None = None,
    *,
    column: str | None = None,
    unit: Unit | None = None,
) -> int:
    """Print the figures of a file, and draw them into ``chart``; return the exit status."""
    errors = Console(stderr=True)
    try:
        recording = read_recording(file, column=column, unit=unit)
        analysis = analyze(recording.values)
        if chart is not None:
            chart.write_text(tachogram(recording.values, title=file.stem), encoding="utf-8")
    except BadRecording as error:
        errors.print(f"{escape(str(file))}: {escape(str(error))}", soft_wrap=True, highlight=False)
        return 1
    except OSError as error:
        where = error.filename or file
        errors.print(f"{escape(str(where))}: {escape(error.strerror or 'cannot be used')}", soft_wrap=True)
        return 1
    if as_json:
        document = analysis.as_json() | {"read_as": recording.read_as.as_json()}
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
    else:
        Console().print(_table(file.name, analysis))
        Console().print(_caption(recording.read_as), style="dim", highlight=False, markup=False)
    return 0


def _windows(beats: Beats, duration_ms: float) -> tuple[Measures | None, Measures | None]:
    start, end = (1000.0 * second for second in BASELINE_S)
    baseline = measure(beats.between(start, end)) if duration_ms >= end else None
    # From 60 s before the last beat, inclusive: nextafter keeps a beat that ends just there despite rounding.
    current = measure(beats.between(np.nextafter(duration_ms - 1000 * CURRENT_S, 0), math.inf))
    return baseline, current if duration_ms >= 1000 * CURRENT_S else None


def _comparable_rmssd(
    baseline: Measures | None, current: Measures | None
) -> tuple[float | None, float | None]:
    if baseline is not None and baseline.differences < LEAST_DIFFERENCES:
        baseline = None
    if current is not None and current.differences < LEAST_DIFFERENCES:
        current = None
    if baseline is None or current is None:
        return (
            None if baseline is None else baseline.rmssd,
            None if current is None else current.rmssd,
        )
    return comparable(baseline, current) or (baseline.rmssd, current.rmssd)


def _rounded(value: float | None) -> float | None:
    # Absurd values of a file may overflow; then there is no figure.
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _table(name: str, analysis: Analysis) -> Table:
    table = Table(title=escape(name), show_header=False, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("note", style="dim")
    ratios = [rhythm.ratio for rhythm in analysis.coherence]
    quality = {
        "good": "",
        "low": "above 3 % artefacts: low quality",
        "unusable": "above 10 % artefacts: no figure",
    }
    rows = (
        ("intervals", str(analysis.n), f"{analysis.duration_s:.0f} s"),
        ("RMSSD", _formatted(analysis.rmssd_ms, "ms"), "every value, uncleaned"),
        ("SDNN", _formatted(analysis.sdnn_ms, "ms"), "every value, uncleaned"),
        ("ln RMSSD", _formatted(analysis.ln_rmssd, ""), "every value, uncleaned"),
        ("rejected", str(analysis.rejected), quality[analysis.quality]),
        ("RMSSD, cleaned", _formatted(analysis.clean_rmssd_ms, "ms"), ""),
        ("baseline RMSSD", _formatted(analysis.baseline_rmssd_ms, "ms"), "60 to 180 s"),
        ("current RMSSD", _formatted(analysis.current_rmssd_ms, "ms"), "the last 60 s"),
        ("improvement", _formatted(analysis.improvement_percent, "%"), "current against baseline"),
        (
            "coherence",
            f"{ratios[0]:.2f} → {ratios[-1]:.2f}" if ratios else "—",
            f"first and last of {len(ratios)} windows" if ratios else "",
        ),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _caption(read_as: ReadAs) -> str:
    return f"Read as {read_as.in_words()}."


def _formatted(value: float | None, unit: str) -> str:
    return "—" if value is None else f"{value:.2f} {unit}".rstrip()
