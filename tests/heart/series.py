"""Synthetic RR series for tests: slow drift, a 0.1 Hz wave, breathing of any depth and rate, and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heart:
    """What a synthetic heart is like; milliseconds and hertz, standard deviations unless said otherwise."""

    mean_ms: float = 900.0
    drift_ms: float = 25.0
    wave_ms: float = 15.0
    breath_amplitude_ms: float = 40.0
    breath_hz: float = 0.2
    noise_ms: float = 6.0


def random_heart(rng: np.random.Generator) -> Heart:
    """Draw a heart from a wide range: from stiff and fast to young, slow and deeply modulated."""
    depth = rng.uniform(0.15, 1.6)
    return Heart(
        mean_ms=rng.uniform(620, 1150),
        drift_ms=rng.uniform(10, 40) * depth,
        wave_ms=rng.uniform(3, 30) * depth,
        breath_amplitude_ms=rng.uniform(4, 80) * depth,
        breath_hz=rng.uniform(0.07, 0.35),
        noise_ms=rng.uniform(2, 14) * depth,
    )


def synthetic(heart: Heart, seconds: float, rng: np.random.Generator, *, phase: float = 0.0) -> Series:
    """Return RR intervals (ms) of about ``seconds``: the interval at each beat is read off modulating signals."""
    step = 0.05
    n = int((seconds + 30) / step)
    t = np.arange(n) * step
    spectrum = np.zeros(n // 2 + 1, dtype=np.complex128)
    freqs = np.fft.rfftfreq(n, step)
    slow = (freqs > 0.001) & (freqs < 0.5)
    spectrum[slow] = (rng.normal(size=slow.sum()) + 1j * rng.normal(size=slow.sum())) / np.sqrt(freqs[slow])
    drift = np.fft.irfft(spectrum, n)
    drift *= heart.drift_ms / drift.std()
    wander = np.cumsum(rng.normal(size=n)) * step
    wave = heart.wave_ms * np.sqrt(2) * np.sin(2 * np.pi * 0.1 * t + 0.4 * wander + rng.uniform(0, 6))
    envelope = 1 + 0.25 * np.sin(2 * np.pi * t / rng.uniform(25, 70) + rng.uniform(0, 6))
    breath = (
        heart.breath_amplitude_ms * envelope * np.sin(2 * np.pi * heart.breath_hz * t + phase + 0.15 * wander)
    )
    signal = heart.mean_ms + drift + wave + breath
    beats: list[float] = []
    now = 0.0
    while now < seconds:
        rr = min(max(float(signal[int(now / step)]) + heart.noise_ms * rng.normal(), 340.0), 1950.0)
        beats.append(round(rr * 1.024) / 1.024)
        now += rr / 1000
    return np.array(beats)
