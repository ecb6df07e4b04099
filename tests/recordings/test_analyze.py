"""Figures of recordings, against published reference values and against spoilt files."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.heart.measures import gated, measure
from engine.recordings.analyze import BadRecording, analyze, read_recording, run

REFERENCE: Final[dict[str, dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "reference_values.json").read_text()
)


def values(name: str) -> list[float]:
    """Return the intervals (ms) of a shipped recording."""
    return [float(line) for line in files("engine.recordings").joinpath(name).read_text().split()]


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_whole_recordings_match_the_reference(name: str) -> None:
    """RMSSD, SDNN and ln RMSSD equal the reference to 0.001."""
    found, wanted = analyze(values(name)), REFERENCE[name]
    assert found.n == wanted["n_intervals"]
    assert found.duration_s == pytest.approx(wanted["duration_s"], abs=0.001)
    assert found.rmssd_ms == pytest.approx(wanted["rmssd_ms"], abs=0.001)
    assert found.sdnn_ms == pytest.approx(wanted["sdnn_ms"], abs=0.001)
    assert found.ln_rmssd == pytest.approx(wanted["ln_rmssd"], abs=0.001)


@pytest.mark.parametrize(
    "name", [name for name, row in sorted(REFERENCE.items()) if "improvement_percent" in row]
)
def test_windows_match_the_reference(name: str) -> None:
    """The windowed figures of the recordings without an artefact equal the reference."""
    wanted = REFERENCE[name]
    beats = gated(values(name))
    first = measure(beats.between(0, 120_000)).rmssd
    assert first == pytest.approx(wanted["rmssd_0_120s_ms"], abs=0.001)
    assert analyze(values(name)).current_rmssd_ms == pytest.approx(wanted["rmssd_last_60s_ms"], abs=0.001)


def test_slow_breathing_shows_as_coherence_while_rmssd_hardly_moves() -> None:
    """Going from 9.5 to about 4 breaths a minute, RMSSD stays flat and coherence more than doubles."""
    found = analyze(values("polarH10_dhyb_ibi.txt"))
    assert found.coherence[0].t_s == 64
    assert found.coherence[0].ratio == pytest.approx(1.0, abs=0.2)
    at_124 = next(rhythm for rhythm in found.coherence if rhythm.t_s == 124)
    assert at_124.ratio == pytest.approx(2.4, abs=0.1)
    assert at_124.peak_hz == pytest.approx(4 / 60, abs=0.01)


def test_improvement_is_current_against_baseline() -> None:
    """The improvement is the change of RMSSD from 60-180 s to the last minute, within -100 and 200."""
    found = analyze(values("hrv_rest_rri_supine15min.txt"))
    assert found.baseline_rmssd_ms is not None
    assert found.current_rmssd_ms is not None
    wanted = 100 * (found.current_rmssd_ms / found.baseline_rmssd_ms - 1)
    assert found.improvement_percent == pytest.approx(wanted, abs=0.01)
    rng = np.random.default_rng(1)
    wild = [*(800 + rng.normal(0, 3, 300)), *(800 + rng.normal(0, 40, 120))]
    assert analyze(wild).improvement_percent == 200.0


@pytest.mark.parametrize("seconds", [50, 100, 170])
def test_a_short_recording_has_no_baseline(seconds: int) -> None:
    """What a recording does not bear is null, not zero."""
    found = analyze([1000.0, 1010.0] * (seconds // 2))
    assert found.baseline_rmssd_ms is None
    assert found.improvement_percent is None


def test_impossible_values_are_counted_not_refused() -> None:
    """Values below 300 or above 2000 ms are rejected and counted."""
    rr = values("polarH10_dhyb_ibi.txt")
    spoilt = [*rr[:100], 120.0, *rr[100:300], 4100.0, *rr[300:]]
    found = analyze(spoilt)
    assert found.rejected == 2
    assert found.clean_rmssd_ms == pytest.approx(analyze(rr).clean_rmssd_ms, rel=0.02)
    assert analyze([100.0] * 50).clean_rmssd_ms is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("800\nabc\n", 2),
        ("800\n\n810\n-5\n", 4),
        ("800\n0\n", 2),
        ("nan\n", 1),
        ("800\r\ninf\r\n", 2),
        ("800\n1e999\n", 2),
        ("800 810\n", 1),
        ("8_00\n", 1),
        ("rr\n800\nrr\n", 3),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, line: int) -> None:
    """What is no positive finite number is an error that names its line."""
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(BadRecording, match=f"line {line}:"):
        read_recording(file)


def test_files_from_other_systems_are_read(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, blank lines and exponents are no mistake."""
    file = tmp_path / "good.txt"
    file.write_bytes(b"\xef\xbb\xbf800\r\n\r\n810.5\r\n8.2e2")
    assert read_recording(file).values == [800.0, 810.5, 820.0]


def test_run_prints_json_of_exactly_the_published_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With JSON asked for, standard output is one document with the figures of the contract."""
    file = tmp_path / "short.txt"
    file.write_text("800\n810\n805\n")
    assert run(file, True) == 0
    reply = json.loads(capsys.readouterr().out)
    assert list(reply) == [
        "n",
        "duration_s",
        "rmssd_ms",
        "sdnn_ms",
        "ln_rmssd",
        "rejected",
        "clean_rmssd_ms",
        "baseline_rmssd_ms",
        "current_rmssd_ms",
        "improvement_percent",
        "coherence",
        "read_as",
    ]
    assert reply["n"] == 3
    assert reply["coherence"] == []


def test_run_prints_a_table_and_draws_a_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without JSON there is a table for people, and the chart is an SVG that says what it shows."""
    file, chart = tmp_path / "a [b] & <c>.txt", tmp_path / "chart.svg"
    file.write_text("\n".join(str(value) for value in values("polarH10_dhyb_ibi.txt")))
    assert run(file, False, chart) == 0
    printed = capsys.readouterr().out
    assert "37.36 ms" in printed
    assert "a [b] & <c>.txt" in printed
    root = ElementTree.fromstring(chart.read_text())
    assert root.find("{http://www.w3.org/2000/svg}desc") is not None
    assert "style" not in root.attrib


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"800\nx\n", b"\xff\xfe\x00"])
def test_run_fails_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    """A file that is missing, empty or no recording gives one line on standard error and exit status 1."""
    file = tmp_path / "r.txt"
    if content is not None:
        file.write_bytes(content)
    assert run(file, True) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "r.txt" in caught.err
    assert "Traceback" not in caught.err


@given(st.lists(st.floats(min_value=1e-300, max_value=1e308), min_size=1, max_size=60))
def test_no_positive_numbers_break_it(intervals: list[float]) -> None:
    """Whatever positive finite numbers a file holds, the figures are finite or null, and JSON."""
    reply = json.dumps(analyze(intervals).as_json(), allow_nan=False)
    assert json.loads(reply)["n"] == len(intervals)
