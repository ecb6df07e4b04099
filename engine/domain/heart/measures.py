"""Heart rate variability over one window of gated beats.

RMSSD and SDNN as in the Task Force's standards (1996, Eur. Heart J. 17: 354-381), SDNN with n - 1. A difference counts
when both its intervals were accepted and nothing lies between them; nothing is interpolated. Above 3 % artefacts
in the window Malik's rule is added (neighbours may not differ by more than 20 %, here of the longer one) and the figures are of
low quality: the rule also removes real breathing variation, so it is no part of the usual path. Above 10 % there
is no figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.domain.heart.gate import Gate, Verdict

__all__ = ["Beats", "Floats", "Measures", "Quality", "gated", "measure"]

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

LOW_QUALITY_SHARE: Final = 0.03
UNUSABLE_SHARE: Final = 0.10
MALIK: Final = 0.20


class Quality(Enum):
    """How reliable the figures of a window are, by its share of artefacts."""

    GOOD = "good"
    LOW = "low"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Beats:
    """Consecutive intervals, all arrays of one length.

    ``t``: end of the interval (ms); ``rr``: its length (ms); ``ok``: accepted by the gate; ``joined``: follows the
    interval before it without a gap; ``artefact``: begins an artefact (a pair of spoilt intervals is one artefact).
    """

    t: Floats
    rr: Floats
    ok: Flags
    joined: Flags
    artefact: Flags

    def between(self, start: float, end: float) -> Beats:
        """Return the intervals that end in [start, end)."""
        i, j = np.searchsorted(self.t, (start, end))
        return Beats(self.t[i:j], self.rr[i:j], self.ok[i:j], self.joined[i:j], self.artefact[i:j])


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one window, in ms; None where there is nothing to say.

    ``strict_rmssd`` is RMSSD with Malik's rule whatever the quality: two windows are only comparable when both were
    treated alike.
    """

    beats: int
    differences: int
    quality: Quality
    artefact_share: float
    rmssd: float | None
    strict_rmssd: float | None
    sdnn: float | None
    mean_rr: float | None

    @property
    def ln_rmssd(self) -> float | None:
        """Natural logarithm of RMSSD in ms; None without a variation."""
        return math.log(self.rmssd) if self.rmssd else None


def measure(beats: Beats) -> Measures:
    """Measure a window, of any length, none included."""
    n = beats.rr.size
    share = float(np.count_nonzero(beats.artefact)) / n if n else 0.0
    accepted = beats.rr[beats.ok]
    if share > UNUSABLE_SHARE or n < 2:
        quality = Quality.UNUSABLE if share > UNUSABLE_SHARE else Quality.GOOD
        return Measures(
            n, 0, quality, share, None, None, None, float(accepted.mean()) if accepted.size else None
        )
    steps = np.abs(np.diff(beats.rr))
    counts = beats.ok[1:] & beats.ok[:-1] & beats.joined[1:]
    strict = counts & (steps <= MALIK * np.maximum(beats.rr[1:], beats.rr[:-1]))
    quality = Quality.LOW if share > LOW_QUALITY_SHARE else Quality.GOOD
    strict_rmssd = _root_mean_square(steps[strict])
    return Measures(
        beats=n,
        differences=int(np.count_nonzero(strict if quality is Quality.LOW else counts)),
        quality=quality,
        artefact_share=share,
        rmssd=strict_rmssd if quality is Quality.LOW else _root_mean_square(steps[counts]),
        strict_rmssd=strict_rmssd,
        sdnn=float(accepted.std(ddof=1)) if accepted.size > 1 else None,
        mean_rr=float(accepted.mean()) if accepted.size else None,
    )


def comparable(one: Measures, other: Measures) -> tuple[float, float] | None:
    """Return the RMSSD of two windows by the same rule, or None when their ratio would mean nothing."""
    if Quality.UNUSABLE in (one.quality, other.quality):
        return None
    low = Quality.LOW in (one.quality, other.quality)
    a, b = (one.strict_rmssd, other.strict_rmssd) if low else (one.rmssd, other.rmssd)
    return (a, b) if a and b else None


def gated(intervals: Iterable[float]) -> Beats:
    """Return a whole recording (ms, positive and finite) under the gate, its time base being the beats themselves."""
    gate = Gate()
    decided: list[tuple[float, Verdict]] = []
    for rr in intervals:
        decided += gate.push(rr)
    decided += gate.close()
    marks = VerdictFlags()
    for _, verdict in decided:
        marks.note(verdict)
    rr_ms = np.array([rr for rr, _ in decided], dtype=np.float64)
    ok = np.frombuffer(marks.ok, dtype=np.bool_)
    joined = np.ones(rr_ms.size, dtype=np.bool_)
    # Capped at eleven days an interval, so that no number, however silly, overflows the time base.
    return Beats(
        np.cumsum(np.minimum(rr_ms, 1e9)), rr_ms, ok, joined, np.frombuffer(marks.artefact, dtype=np.bool_)
    )


class VerdictFlags:
    """Verdicts as two growing arrays of flags: accepted, and begins an artefact; a pair counts as one artefact, a real new level as none."""

    __slots__ = ("_in_pair", "_since_accepted", "artefact", "ok")

    def __init__(self) -> None:
        self.ok = bytearray()
        self.artefact = bytearray()
        self._in_pair: Verdict | None = None
        self._since_accepted = 0

    def note(self, verdict: Verdict) -> None:
        """Append one verdict."""
        if verdict is Verdict.NORMAL:
            self.ok.append(1)
            self.artefact.append(0)
            self._in_pair = None
            self._since_accepted = 0
            return
        if verdict is Verdict.RESYNC:
            back = min(self._since_accepted, len(self.artefact))
            if back:
                self.artefact[-back:] = bytes(back)
            self.ok.append(1)
            self.artefact.append(0)
            self._in_pair = None
            self._since_accepted = 0
            return
        second = verdict is self._in_pair
        paired = verdict is Verdict.EXTRA or verdict is Verdict.ECTOPIC
        self._in_pair = verdict if paired and not second else None
        self.ok.append(0)
        self.artefact.append(0 if second else 1)
        self._since_accepted += 1

    def forget(self, count: int) -> None:
        """Drop the oldest ``count`` flags."""
        del self.ok[:count]
        del self.artefact[:count]


def _root_mean_square(steps: Floats) -> float | None:
    return float(np.sqrt(np.dot(steps, steps) / steps.size)) if steps.size else None
