"""Synchrony: how well the heart rhythms of a group, or its taps, keep phase with the pacer (Kuramoto's R).

With the pacer's frequency f, a person's intervals over max(60 s, 3 cycles) are fitted by least squares with a quadratic
and cos, sin of 2 pi f t; the wave's phase is that person's place in the breath. Everybody's heart lags by an amount
of their own, so the person's own mean lag is taken off; it is learnt from windows that do not overlap the present one,
or everybody would be in step with themselves. R = |mean exp(i (phase - lag))| (Kuramoto 1975): 1 when all keep
their place, about 1 / sqrt(n) for n people who do not. Somebody whose heart does
not follow the pacer has no phase and counts as 0: taken for phases, five free rhythms fall into step for a minute in
one session out of three.

A shared pacer causes it: it says that people breathed together, not that hearts found each other.
"""

from __future__ import annotations

import cmath
import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.domain.heart.measures import Beats
from engine.domain.instant import SECOND, Millis

__all__ = ["FASTEST_HZ", "SLOWEST_HZ", "Lag", "Taps", "breath_phase", "kuramoto", "phase_window"]

#: Slower than this three cycles outlast what is kept; faster, and beats are too rare to show a breath.
SLOWEST_HZ: Final = 3 / 180
FASTEST_HZ: Final = 0.4
LEAST_BEATS: Final = 30
#: Share of the variation that the wave has to explain.
FOLLOWING: Final = 0.25
LEAST_TAPS: Final = 4
#: Length of the mean phasor above which somebody's taps keep a place.
AGREEING: Final = 0.7
LEARNING: Final = 60 * SECOND


def phase_window(hz: float) -> Millis:
    """Return how much of the past a phase is read from: 60 s or three breaths, whichever is longer."""
    return max(60 * SECOND, round(3000 / hz))


def breath_phase(beats: Beats, end: float, hz: float) -> complex | None:
    """Return somebody's phase in the pacer's breath as a unit phasor; 0 when their heart does not follow the pacer.

    Phase zero is a longest interval at a whole number of cycles since the epoch. A heart follows when the wave
    at the pacer's frequency explains enough of what is left of it after drift; the phase of a wave that is not there
    is chance. None with too few beats, or when a third of the window has none.
    """
    window = phase_window(hz)
    part = beats.between(end - window, end + 1)
    t, rr = part.t[part.ok], part.rr[part.ok]
    if t.size < LEAST_BEATS or t[-1] - t[0] < 2 / 3 * window:
        return None
    into = (t - end) / window * 2 + 1
    angle = 2 * math.pi * ((t / 1000 * hz) % 1.0)
    columns = np.empty((5, t.size))
    columns[0] = 1.0
    columns[1] = into
    columns[2] = into * into
    np.cos(angle, out=columns[3])
    np.sin(angle, out=columns[4])
    rr = rr - rr.mean()
    products = columns @ rr
    try:
        fitted = np.linalg.solve(columns @ columns.T, products)
    except np.linalg.LinAlgError:
        return None
    amplitude = complex(float(fitted[3]), float(fitted[4]))
    explained = abs(amplitude) ** 2 / 2
    left = max(float(rr @ rr - fitted @ products), 0.0) / t.size
    if explained < FOLLOWING * (explained + left) or explained == 0:
        return 0j
    return amplitude / abs(amplitude)


def kuramoto(phases: Sequence[complex]) -> float:
    """Return R of phasors, 0 to 1; who is not in the breath at all is a phasor of 0.

    Raises:
        ZeroDivisionError: nobody is given.
    """
    return abs(sum(phases)) / len(phases)


class Lag:
    """One person's own mean lag behind the pacer; mutable, starts anew when the pacer's rate changes."""

    __slots__ = ("_hz", "_learnt", "_recent", "_since")

    def __init__(self) -> None:
        self._hz = 0.0
        self._recent: deque[tuple[Millis, complex]] = deque()
        self._learnt = 0j
        self._since: Millis = 0

    def note(self, at: Millis, hz: float, phase: complex) -> complex | None:
        """Add a phase; return it less the person's own mean lag, or None while that is learnt.

        0, for somebody out of the breath, teaches nothing and comes back as 0. Noted again for one moment, the
        latest counts.
        """
        if hz != self._hz:
            self._hz, self._learnt, self._since = hz, 0j, at
            self._recent.clear()
        if self._recent and self._recent[-1][0] == at:
            self._recent.pop()
        self._recent.append((at, phase))
        before = at - phase_window(hz)
        while self._recent[0][0] <= before:
            self._learnt += self._recent.popleft()[1]
        if before - self._since < LEARNING:
            return None
        if phase == 0 or self._learnt == 0:
            return 0j
        return phase * cmath.rect(1.0, -cmath.phase(self._learnt))


class Taps:
    """The moments at which one person began to inhale; mutable, bounded."""

    __slots__ = ("_inhales",)

    def __init__(self) -> None:
        self._inhales: deque[Millis] = deque(maxlen=100)

    def note(self, at: Millis) -> None:
        """Note the beginning of an inhale."""
        self._inhales.append(at)

    def phase(self, end: Millis, hz: float) -> complex | None:
        """Return the mean place of the inhales in the pacer's breath as a unit phasor; None with fewer than four.

        0 when the taps do not agree on a place.
        """
        begin = end - phase_window(hz)
        turns = [
            cmath.rect(1.0, 2 * math.pi * ((at / 1000 * hz) % 1.0))
            for at in self._inhales
            if begin < at <= end
        ]
        if len(turns) < LEAST_TAPS:
            return None
        total = sum(turns)
        return total / abs(total) if abs(total) >= AGREEING * len(turns) else 0j
