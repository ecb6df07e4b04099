"""The accent colour of a studio: what of it can be read, and the tones that pages, mails and cards are drawn with.

Lightness, chroma and hue are those of OKLCH, contrast is that of WCAG 2.1 (1 to 21). Colours are ``#RRGGBB``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coloraide import Color

__all__ = [
    "BUILT_IN",
    "LEAST_FOR_WORDS",
    "PAPER",
    "Colours",
    "Tones",
    "colours_of",
    "contrast",
    "mixed",
    "nearest_readable",
    "normal",
]

LEAST_FOR_WORDS: Final = 4.5
"""Contrast of words with their ground (WCAG 2.1, 1.4.3)."""
LEAST_FOR_SHAPES: Final = 3.0
"""Contrast of shapes with theirs (1.4.11)."""

PAPER: Final = "#FAF7F2"
"""The ground of light pages: words on white, and white words, have more contrast than words on it."""
_DARK_SURFACE: Final = "#172529"
"""The lighter one of the two grounds of dark pages."""


@dataclass(frozen=True, slots=True)
class Tones:
    """The tones of one scheme: of links and buttons, of words on a button, of the circle's edge and of its inside."""

    accent: str
    on_accent: str
    edge: str
    inside: str


@dataclass(frozen=True, slots=True)
class Colours:
    """The tones of light pages and of dark ones."""

    light: Tones
    dark: Tones


BUILT_IN: Final = Colours(
    Tones("#0E6560", "#FFFFFF", "#2F8F86", "#CFE5E0"), Tones("#7CD4C6", "#0F1A1D", "#58B9AC", "#1D4A48")
)
"""What a studio has that sets no accent."""


def normal(text: str) -> str:
    """A colour written as ``#RRGGBB`` or ``#RGB``, in the first form with capitals.

    Raises:
        ValueError: it is written in another way.
    """
    digits = text.removeprefix("#")
    if (
        not text.startswith("#")
        or len(digits) not in (3, 6)
        or not set(digits) <= set("0123456789abcdefABCDEF")
    ):
        raise ValueError("a colour such as #0E6560")
    if len(digits) == 3:
        digits = "".join(2 * each for each in digits)
    return f"#{digits.upper()}"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, the order of which does not count: 1 for the same, 21 for black and white."""
    return float(_color(one).contrast(_color(other), method="wcag21"))


@lru_cache(maxsize=64)
def nearest_readable(accent: str) -> str:
    """The colour itself where words in it can be read on light pages; else the lightest of its hue that can be."""
    return _with_contrast(accent, PAPER, LEAST_FOR_WORDS, darker=True)


@lru_cache(maxsize=64)
def colours_of(accent: str) -> Colours:
    """The tones that follow from an accent, which has to be readable; the built-in ones where it is empty.

    Each has the accent's hue; lightness and the share of its chroma are those of the built-in tones.
    """
    if not accent:
        return BUILT_IN
    edge = _with_contrast(_tone(accent, 0.59, 1.15), PAPER, LEAST_FOR_SHAPES, darker=True)
    dark_accent = _with_contrast(_tone(accent, 0.81, 1.15), _DARK_SURFACE, LEAST_FOR_WORDS, darker=False)
    dark_edge = _with_contrast(_tone(accent, 0.72, 1.2), _DARK_SURFACE, LEAST_FOR_SHAPES, darker=False)
    return Colours(
        Tones(accent, BUILT_IN.light.on_accent, edge, _tone(accent, 0.904, 0.32)),
        Tones(dark_accent, BUILT_IN.dark.on_accent, dark_edge, _tone(accent, 0.377, 0.64)),
    )


def mixed(colour: str, ground: str, share: float) -> str:
    """A colour of which ``share`` (0 to 1) is the ground, mixed in sRGB as a transparent one would be."""
    parts = zip(bytes.fromhex(colour[1:]), bytes.fromhex(ground[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in parts)


def _color(text: str) -> Color:
    # Imported on use: only a studio with an accent needs it.
    from coloraide import Color

    return Color(text)


def _hex(color: Color) -> str:
    # Less chroma where the screen has not so much of it at this lightness: the hue stays.
    return color.fit("srgb", method="oklch-chroma").convert("srgb").to_string(hex=True).upper()


def _tone(accent: str, lightness: float, chroma_share: float) -> str:
    color = _color(accent).convert("oklch", norm=False)
    return _hex(color.set({"lightness": lightness, "chroma": color["chroma"] * chroma_share}))


def _with_contrast(colour: str, ground: str, least: float, *, darker: bool) -> str:
    """The colour, or the one of its hue and chroma with the lightness next to its own that has the contrast."""
    if contrast(colour, ground) >= least:
        return colour
    color = _color(colour).convert("oklch", norm=False)
    fails, holds = float(color["lightness"]), 0.0 if darker else 1.0
    found = "#000000" if darker else "#FFFFFF"
    while abs(fails - holds) > 0.0005:
        middle = (fails + holds) / 2
        tried = _hex(color.clone().set("lightness", middle))
        if contrast(tried, ground) >= least:
            holds, found = middle, tried
        else:
            fails = middle
    return found
