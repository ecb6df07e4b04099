"""Coherence: the share of the heart rhythm's power in one slow wave, which paced breathing raises.

After McCraty and Childre (2010, Altern. Ther. Health Med. 16(4): 10-24): over 64 s, the power P within 0.015 Hz of
the highest peak between 0.04 and 0.26 Hz, against the rest of the power from 0.0033 to 0.4 Hz:
CR = P / (Total - P). A highest "peak" at the edge of the band is a slope, that is drift, and gives no figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.heart.measures import Beats, Floats

__all__ = ["WINDOW_S", "Coherence", "coherence", "coherences", "resample", "rhythms"]

WINDOW_S: Final = 64
RATE_HZ: Final = 2.0
SAMPLES: Final = int(WINDOW_S * RATE_HZ)
PADDED: Final = 512
LONGEST_SILENCE_S: Final = 4.0
#: Beyond this the rest of the power is rounding error.
MOST: Final = 100.0

_GRID: Final = np.arange(SAMPLES) / RATE_HZ
_TAPER: Final = np.hanning(SAMPLES)
_LINE: Final = _GRID - _GRID.mean()
_LINE_SQUARED: Final = float(_LINE @ _LINE)
_FREQUENCIES: Final = np.fft.rfftfreq(PADDED, 1 / RATE_HZ)
_BAND: Final = np.flatnonzero((_FREQUENCIES >= 0.04) & (_FREQUENCIES <= 0.26))
_TOTAL: Final = slice(
    int(np.searchsorted(_FREQUENCIES, 0.0033)), int(np.searchsorted(_FREQUENCIES, 0.4, side="right"))
)
_HALF_WIDTH: Final = int(0.015 / _FREQUENCIES[1])
_LOBE: Final = int(2 / WINDOW_S / _FREQUENCIES[1])
_TAPER_SQUARED: Final = float(_TAPER @ _TAPER)


@dataclass(frozen=True, slots=True)
class Coherence:
    """``ratio``: CR, 0 and up; ``peak_hz``: its frequency; ``amplitude_ms``: half of the wave's height there.

    ``ratio`` is None for drift: the highest power lies at the band's edge, so there is no wave to speak of.
    """

    ratio: float | None
    peak_hz: float
    amplitude_ms: float

    @property
    def share(self) -> float:
        """P / Total, 0 to 1; drift has none."""
        return 0.0 if self.ratio is None else self.ratio / (1 + self.ratio)


def coherence(beats: Beats, end: float) -> Coherence | None:
    """Return the coherence of the 64 s before ``end`` (ms, on the time base of the beats).

    None when more than 4 s in the window are without an accepted beat, or when the heart does not vary.
    """
    resampled = resample(beats, end)
    return None if resampled is None else coherences(resampled[np.newaxis])[0]


def coherences(tachograms: Floats) -> list[Coherence | None]:
    """Return the coherence of each row: 128 intervals (ms) at 2 Hz. Many rows cost little more than one."""
    level = tachograms - tachograms.mean(axis=1, keepdims=True)
    level -= (level @ _LINE / _LINE_SQUARED)[:, np.newaxis] * _LINE
    spectra = np.fft.rfft(level * _TAPER, PADDED)
    powers = spectra.real**2 + spectra.imag**2
    totals = powers[:, _TOTAL].sum(axis=1)
    peaks = _BAND[0] + powers[:, _BAND].argmax(axis=1)
    found: list[Coherence | None] = []
    for power, total, peak in zip(powers, totals.tolist(), peaks.tolist(), strict=True):
        if total < 1.0:
            found.append(None)
            continue
        around = float(power[peak - _HALF_WIDTH : peak + _HALF_WIDTH + 1].sum())
        ratio = around / (total - around) if total - around > around / MOST else MOST
        drift = peak in (_BAND[0], _BAND[-1])
        # Parseval over the taper's main lobe: a breath's rate wanders, and its power with it.
        lobe = float(power[max(peak - _LOBE, 0) : peak + _LOBE + 1].sum())
        amplitude = 2 * (lobe / (PADDED * _TAPER_SQUARED)) ** 0.5
        found.append(Coherence(None if drift else ratio, float(_FREQUENCIES[peak]), amplitude))
    return found


def rhythms(beats: Beats, step_s: int = 5) -> list[tuple[int, Coherence]]:
    """Return (end in whole seconds, coherence) of every window of a recording that has one, ``step_s`` apart.

    Only moments at which beats end are looked at, so that a recording of absurd length costs no more than its beats.
    """
    turns = np.unique(np.floor((beats.t / 1000 - WINDOW_S) / step_s))
    ends = [WINDOW_S + step_s * int(turn) for turn in turns[(turns >= 0) & (turns < 2**40)].tolist()]
    found = ((end, coherence(beats, 1000.0 * end)) for end in ends)
    return [(end, rhythm) for end, rhythm in found if rhythm is not None]


def resample(beats: Beats, end: float) -> Floats | None:
    """Return the 128 intervals (ms) at 2 Hz before ``end``; None when more than 4 s are without an accepted beat."""
    start = end - WINDOW_S * 1000
    near = beats.between(start - 4000, end + 2000)
    t = near.t[near.ok] / 1000 - start / 1000
    if t.size < 20 or t[0] > 2 or t[-1] < WINDOW_S - 2 or np.diff(t).max() > LONGEST_SILENCE_S:
        return None
    return np.interp(_GRID, t, near.rr[near.ok])
