"""Accent colours: what can be read stays, what cannot gets the nearest that can, and every tone that follows holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.rendering import colours

DARK_GROUNDS = ("#0F1A1D", "#172529")
INK, DARK_INK = "#1D2A2C", "#E9EFEC"

any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06X}")


def luminance(colour: str) -> float:
    """The relative luminance by the formula of WCAG 2.1, written down anew."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast by the same source."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@given(any_colour, any_colour)
def test_the_contrast_is_that_of_wcag(one: str, other: str) -> None:
    """The library's figure is the formula's."""
    assert colours.contrast(one, other) == pytest.approx(contrast(one, other), rel=0.005)


@given(any_colour)
def test_the_nearest_colour_can_be_read_and_is_itself_when_it_could(accent: str) -> None:
    """Words in it on paper and on white, and white words on it, have a contrast of 4.5; a second look changes nothing."""
    nearest = colours.nearest_readable(accent)
    assert contrast(nearest, "#FAF7F2") >= 4.49
    assert contrast(nearest, "#FFFFFF") >= 4.5
    assert colours.nearest_readable(nearest) == nearest
    if contrast(accent, "#FAF7F2") >= 4.51:
        assert nearest == accent


@given(any_colour)
def test_the_nearest_colour_is_not_darker_than_needed(accent: str) -> None:
    """What was too light comes just to the limit."""
    nearest = colours.nearest_readable(accent)
    if nearest != accent:
        assert contrast(nearest, "#FAF7F2") < 4.75


@given(any_colour)
def test_every_tone_of_a_readable_accent_holds_in_light_and_dark(accent: str) -> None:
    """Links, words on buttons, the circle's edge against the page, and words over its inside."""
    of = colours.colours_of(colours.nearest_readable(accent))
    assert contrast(of.light.accent, of.light.on_accent) >= 4.49
    assert contrast(of.light.edge, "#FAF7F2") >= 2.99
    assert contrast(INK, of.light.inside) >= 4.5
    for ground in DARK_GROUNDS:
        assert contrast(of.dark.accent, ground) >= 4.49
        assert contrast(of.dark.edge, ground) >= 2.99
    assert contrast(of.dark.on_accent, of.dark.accent) >= 4.49
    assert contrast(DARK_INK, of.dark.inside) >= 4.5


@pytest.mark.parametrize(
    ("written", "normal"), [("#7a3e9d", "#7A3E9D"), ("#a0c", "#AA00CC"), ("#0E6560", "#0E6560")]
)
def test_a_colour_may_be_written_short_and_in_small_letters(written: str, normal: str) -> None:
    """All of them are kept in one form."""
    assert colours.normal(written) == normal


@pytest.mark.parametrize(
    "written", ["teal", "7A3E9D", "#7A3E9", "#7A3E9DFF", "#GGGGGG", "rgb(1,2,3)", "# 12345"]
)
def test_another_way_of_writing_is_refused_with_an_example(written: str) -> None:
    """The refusal shows what it should be."""
    with pytest.raises(ValueError, match="a colour such as #0E6560"):
        colours.normal(written)
