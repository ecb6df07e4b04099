"""Gate and figures against NeuroKit2, an oracle: in one file, since importing it takes five seconds."""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from engine.recordings.analyze import analyze
from tests.heart.artefacts import inject
from tests.heart.test_gate import RECORDINGS, cleaned, recording, rmssd


@pytest.fixture(scope="module")
def neurokit2() -> ModuleType:
    return import_module("neurokit2")


def test_the_gate_is_as_good_as_the_method_that_sees_the_future(neurokit2: ModuleType) -> None:
    """NeuroKit2's correction, which is not causal, is no closer to the truth on spoilt recordings."""
    ours, theirs = [], []
    for name in RECORDINGS:
        rr = recording(name)[:600]
        for seed in range(3):
            spoilt = inject(rr, 0.02, np.random.default_rng(seed))
            ours.append(abs(cleaned(spoilt) / rmssd(rr) - 1))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                peaks = np.cumsum(np.r_[0, spoilt]).round().astype(int)
                _, corrected = neurokit2.signal_fixpeaks(peaks, sampling_rate=1000, method="Kubios")
            theirs.append(abs(rmssd(np.diff(corrected).astype(np.float64)) / rmssd(rr) - 1))
    assert np.median(ours) <= np.median(theirs) + 0.01


def test_neurokit_agrees(neurokit2: ModuleType) -> None:
    """NeuroKit2, as an oracle, finds the same RMSSD and SDNN."""
    rr = recording("polarH10_dhyb_ibi").tolist()
    oracle = neurokit2.hrv_time({"RRI": np.array(rr), "RRI_Time": np.cumsum(rr) / 1000}, sampling_rate=1000)
    found = analyze(rr)
    assert found.rmssd_ms == pytest.approx(float(oracle["HRV_RMSSD"].iloc[0]), abs=0.001)
    assert found.sdnn_ms == pytest.approx(float(oracle["HRV_SDNN"].iloc[0]), abs=0.001)
