"""The group's curves."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.snapshot import GroupPoint, Snapshot
from publisher.rendering.charts import figure_of
from publisher.rendering.formatting import minutes_and_seconds, truncated
from publisher.rendering.words import words_for
from tests.publisher.samples import snapshot

FIGURES = st.one_of(st.none(), st.floats(-100, 200))

EN = words_for("en")


def with_points(*values: float | None) -> Snapshot:
    """A session whose group had these HRV changes, ten seconds apart."""
    curves = tuple(
        GroupPoint(t_s=10.0 * n, participants=6, measured=6, hrv_improvement=value)
        for n, value in enumerate(values)
    )
    return snapshot(curves=curves)


def test_without_figures_there_is_no_chart() -> None:
    """No strap, or a few scattered points: no empty frame."""
    assert figure_of(snapshot(curves=())) is None
    assert figure_of(with_points(*[None] * 30)) is None
    assert figure_of(with_points(*[None] * 30, 1.0, 2.0, 3.0)) is None


def test_a_gap_in_the_figures_is_a_gap_in_the_line() -> None:
    """Where fewer than five stood behind a figure nothing is drawn, and the table says so."""
    figure = figure_of(with_points(1.0, 2.0, None, None, 3.0, 4.0))
    assert figure is not None
    (panel,) = figure.panels
    curve = ElementTree.fromstring(panel.svg).findall("path")[-1].attrib["d"]
    assert curve.count("M") == 2
    assert [row[1] for row in figure.rows] == ["+1%", "+2%", "–", "–", "+3%", "+4%"]


@given(st.lists(FIGURES, min_size=1, max_size=400))
def test_any_curve_is_a_small_drawing_with_words(values: list[float | None]) -> None:
    """Well-formed, titled, described, inside its frame, without a style attribute, and small."""
    figure = figure_of(with_points(*values))
    if figure is None:
        assert len([v for v in values if v is not None]) < max(3, 0.31 * len(values)) + 3
        return
    for panel in figure.panels:
        drawing = ElementTree.fromstring(panel.svg)
        assert drawing.findtext("title")
        assert drawing.findtext("desc")
        assert "style" not in panel.svg
        assert len(panel.svg) < 6000
        numbers = drawing.findall("path")[-1].attrib["d"].replace("L", " ").replace("M", " ").split()
        assert all(0 <= float(x) <= 600 for x in numbers[::2])
        assert all(0 <= float(y) <= 150 for y in numbers[1::2])
    assert len(figure.rows) <= 24


@given(st.floats(0, 7200))
def test_no_duration_is_zero_minutes(seconds: float) -> None:
    """However short, it is said in a unit that is not zero."""
    assert not EN.duration(seconds).startswith("0")


@given(st.floats(-100, 200))
def test_a_percentage_has_one_sign(value: float) -> None:
    """Plus, minus, or none for nothing."""
    text = EN.percent(value)
    assert text.endswith("%")
    assert sum(text.count(sign) for sign in "+-−") == (0 if text == "0%" else 1)


def test_numbers_in_words() -> None:
    """As a reader would say them."""
    assert [EN.duration(s) for s in (1, 45, 60, 90, 1800, 3600, 5400, 7200)] == [
        "1 second",
        "45 seconds",
        "1 minute",
        "1 minute 30 seconds",
        "30 minutes",
        "1 hour",
        "1 hour 30 minutes",
        "2 hours",
    ]
    assert minutes_and_seconds(3725) == "1:02:05"
    assert [EN.percent(v) for v in (12.5, -5, 0.04, 15.01)] == ["+12.5%", "−5%", "0%", "+15%"]


@given(st.text(max_size=300), st.integers(2, 100))
def test_what_is_clipped_fits(text: str, longest: int) -> None:
    """Never longer than asked, and short texts stay whole."""
    assert len(truncated(text, longest)) <= longest or len(text) <= longest
