"""Coherence and synchrony: one heart's rhythm, and the rhythm of many."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.heart.coherence import coherence, rhythms
from engine.domain.heart.marks import lower_bound_percent
from engine.domain.heart.measures import Beats, gated
from engine.domain.heart.synchrony import Lag, Taps, breath_phase, kuramoto, phase_window

SECOND = 1000


def wave_of(
    hz: float, *, amplitude: float = 60.0, noise: float = 0.0, lag: float = 0.0, drift: float = 0.0
) -> Beats:
    """Return two minutes of a heart with one wave: ``lag`` in radians, ``drift`` in ms over the two minutes."""
    rng = np.random.default_rng(1)
    rr, now = [], 0.0
    while now < 120:
        level = 950 + drift * now / 120
        interval = level + amplitude * math.cos(2 * math.pi * hz * now - lag) + noise * rng.normal()
        rr.append(interval)
        now += interval / 1000
    return gated(rr)


def test_a_paced_heart_is_coherent_at_its_breath() -> None:
    """A single slow wave has a high ratio, at its frequency, with its amplitude."""
    found = coherence(wave_of(0.1, noise=5), 110 * SECOND)
    assert found is not None
    assert found.ratio is not None
    assert found.ratio > 5
    assert found.peak_hz == pytest.approx(0.1, abs=0.005)
    assert found.amplitude_ms == pytest.approx(60, rel=0.1)


def test_noise_is_not_coherent() -> None:
    """Without a wave the highest peak holds little of the power."""
    rng = np.random.default_rng(2)
    found = coherence(gated((900 + 30 * rng.normal(size=150)).tolist()), 110 * SECOND)
    assert found is not None
    assert found.ratio is None or found.ratio < 1


def test_drift_has_no_ratio() -> None:
    """When the highest power lies at the edge of the band there is no wave to speak of."""
    found = coherence(wave_of(0.022, amplitude=120), 110 * SECOND)
    assert found is not None
    assert found.ratio is None
    assert found.share == 0


def test_a_linear_trend_is_no_rhythm() -> None:
    """A heart that slowly settles keeps the coherence of its wave."""
    flat, falling = coherence(wave_of(0.1), 110 * SECOND), coherence(wave_of(0.1, drift=150), 110 * SECOND)
    assert flat is not None
    assert falling is not None
    assert flat.ratio == pytest.approx(falling.ratio, rel=0.25)


def test_silence_and_stillness_have_no_coherence() -> None:
    """Too few beats, a hole of more than four seconds, or a heart that does not vary give no figure."""
    beats = wave_of(0.1)
    assert coherence(beats, 40 * SECOND) is None
    assert coherence(gated([900.0] * 140), 110 * SECOND) is None
    hole = (beats.t < 70 * SECOND) | (beats.t > 76 * SECOND)
    holed = Beats(beats.t[hole], beats.rr[hole], beats.ok[hole], beats.joined[hole], beats.artefact[hole])
    assert coherence(holed, 110 * SECOND) is None


def test_a_recording_gives_a_window_every_five_seconds() -> None:
    """Windows end at 64 s and every five seconds after."""
    assert [end for end, _ in rhythms(wave_of(0.1))] == list(range(64, 120, 5))


@pytest.mark.parametrize("hz", [1 / 19, 0.0909, 0.1, 1 / 6])
@pytest.mark.parametrize("lag", [0.0, 1.0, 2.5, -2.0])
def test_the_place_in_the_breath_is_the_waves_phase(hz: float, lag: float) -> None:
    """Least squares finds the lag of a heart that follows the pacer."""
    found = breath_phase(wave_of(hz, lag=lag, noise=5), 118 * SECOND, hz)
    assert found is not None
    assert abs(found) == pytest.approx(1)
    # Intervals are known at their end: a beat's worth of lag is everybody's.
    expected = lag + 2 * math.pi * hz * 0.95
    assert abs(cmath.phase(found * cmath.rect(1, -expected))) < 0.25


def test_who_does_not_follow_has_no_place() -> None:
    """A heart with another rhythm is out of the breath, one with too few beats is not known."""
    assert breath_phase(wave_of(0.25), 118 * SECOND, 0.1) == 0
    assert breath_phase(wave_of(0.1), 20 * SECOND, 0.1) is None


def test_the_own_lag_is_learnt_and_taken_off() -> None:
    """A steady lag counts as in step once it is known; until then there is nothing to say."""
    lag = Lag()
    steady = cmath.rect(1.0, 2.0)
    reply = [lag.note(5 * SECOND * i, 0.1, steady) for i in range(40)]
    assert reply[:24] == [None] * 24
    assert reply[-1] == pytest.approx(1 + 0j)
    assert lag.note(201 * SECOND, 0.1, cmath.rect(1.0, 2.0 + math.pi)) == pytest.approx(-1 + 0j)
    assert lag.note(202 * SECOND, 0.1, 0j) == 0
    assert lag.note(203 * SECOND, 0.2, steady) is None


def test_who_never_follows_counts_as_out_of_step() -> None:
    """After the time of learning, somebody without a place is 0, not left out."""
    lag = Lag()
    reply = [lag.note(5 * SECOND * i, 0.1, 0j) for i in range(40)]
    assert reply[-1] == 0


def test_taps_give_the_same_without_a_sensor() -> None:
    """Inhales tapped with the pacer have one place; tapped at random they have none."""
    taps = Taps()
    for breath in range(12):
        taps.note(10 * SECOND * breath + 1500)
    found = taps.phase(118 * SECOND, 0.1)
    assert found is not None
    assert cmath.phase(found) == pytest.approx(2 * math.pi * 0.15)
    rng = np.random.default_rng(1)
    wild = Taps()
    for at in np.sort(rng.uniform(58, 118, 20)):
        wild.note(int(at * SECOND))
    assert wild.phase(118 * SECOND, 0.1) == 0
    assert Taps().phase(118 * SECOND, 0.1) is None


@given(st.lists(st.floats(-math.pi, math.pi), min_size=1, max_size=50), st.floats(-math.pi, math.pi))
def test_synchrony_lies_between_nought_and_one(phases: list[float], turn: float) -> None:
    """R is bounded, does not depend on where the cycle begins, and is 1 for people in step."""
    r = kuramoto([cmath.rect(1, phase) for phase in phases])
    assert 0 <= r <= 1 + 1e-9
    assert kuramoto([cmath.rect(1, phase + turn) for phase in phases]) == pytest.approx(r, abs=1e-9)
    assert kuramoto([cmath.rect(1, turn)] * len(phases)) == pytest.approx(1)


def test_slow_breaths_get_a_longer_window() -> None:
    """Three cycles are needed, a minute at least."""
    assert phase_window(0.1) == 60 * SECOND
    assert phase_window(1 / 30) == 90 * SECOND


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=30))
def test_the_lower_bound_is_the_textbooks(ln_ratios: list[float]) -> None:
    """The bound is mean - 1.645 s / sqrt(n) of the log ratios, told in percent."""
    bound = np.mean(ln_ratios) - 1.645 * np.std(ln_ratios, ddof=1) / np.sqrt(len(ln_ratios))
    assert lower_bound_percent(ln_ratios) == pytest.approx(100 * np.expm1(bound), abs=1e-6)
