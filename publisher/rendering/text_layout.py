"""The layout of lines of text in the site's own font: how wide they are, and where each letter stands, with kerning.

``site/fonts/metrics.json`` has the advance of each letter and the kerning of each pair, as the font files say them:
Pillow's basic layout, which is the same on every machine, knows neither fractions of a pixel nor kerning.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import regex
from PIL import Image, ImageDraw, ImageFont

from publisher.rendering import resources

__all__ = ["Weight", "cut", "has_every_letter", "letters", "mask", "width", "wrapped"]

Weight = Literal["Regular", "SemiBold"]

# The average letter of another script, in fractions of the font's size; one as wide as high has 1.
_AVERAGE, _WIDE = 0.56, 1.0


@dataclass(frozen=True, slots=True)
class _Metrics:
    units: int
    """So many make the font's size."""
    advances: dict[str, int]
    kerning: dict[str, int]
    """Of two letters: what is added to the first one's advance."""


@cache
def _metrics(weight: Weight) -> _Metrics:
    stored = json.loads((resources.path("site") / "fonts" / "metrics.json").read_text(encoding="utf-8"))
    return _Metrics(stored["units"], **stored[weight])


@cache
def _font(weight: Weight, size: int) -> ImageFont.FreeTypeFont:
    file = resources.path("site") / "fonts" / f"Figtree-{weight}.ttf"
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


def has_every_letter(text: str) -> bool:
    """Whether the site's font has all of the text."""
    return _metrics("Regular").advances.keys() >= set(text)


def letters(text: str) -> list[str]:
    """The text as what a reader takes for single letters; none may be cut in two."""
    return [str(found) for found in regex.findall(r"\X", text)]


def width(text: str, size: int, weight: Weight) -> float:
    """The width of a line in pixels; an estimate where the font has not all letters."""
    return sum(advance for _, advance in _advances(text, size, weight))


def _advances(text: str, size: int, weight: Weight) -> Iterator[tuple[str, float]]:
    """Each character with the pixels from its place to the next one's."""
    metrics = _metrics(weight)
    for letter, following in zip(text, [*text[1:], ""], strict=False):
        known = metrics.advances.get(letter)
        if known is not None:
            yield letter, (known + metrics.kerning.get(letter + following, 0)) * size / metrics.units
        elif unicodedata.category(letter) in ("Mn", "Me", "Cf"):
            # It stands on the letter before, or is not seen.
            yield letter, 0.0
        else:
            yield letter, size * (_WIDE if unicodedata.east_asian_width(letter) in "WF" else _AVERAGE)


def mask(text: str, size: int, weight: Weight, x: float, y: float) -> tuple[Image.Image, tuple[int, int]]:
    """How much of each pixel a line covers (0 to 255), and where the picture's upper left corner belongs.

    The line begins at ``x``, its base line is at ``y``, both in pixels of the whole picture. The font must have every
    letter of it.
    """
    font = _font(weight, size)
    left, top = int(x) - size, int(y) - 2 * size
    picture = Image.new("L", (round(width(text, size, weight)) + 3 * size, 3 * size))
    draw = ImageDraw.Draw(picture)
    at = x - left
    for letter, advance in _advances(text, size, weight):
        if letter != " ":
            draw.text((at, y - top), letter, font=font, fill=255, anchor="ls")
        at += advance
    box = picture.getbbox() or (0, 0, 1, 1)
    return picture.crop(box), (left + box[0], top + box[1])


def wrapped(text: str, size: int, weight: Weight, longest: float) -> list[str]:
    """The lines of a text, none wider than ``longest`` pixels; broken at spaces, or in a word that is wider than a line."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}", size, weight) <= longest:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        if width(word, size, weight) <= longest:
            lines[-1] = word
            continue
        for letter in letters(word):
            if lines[-1] and width(lines[-1] + letter, size, weight) > longest:
                lines.append("")
            lines[-1] += letter
    return lines or [""]


def cut(text: str, size: int, weight: Weight, longest: float) -> str:
    """The text on one line; where it is wider than ``longest`` pixels, cut at a word or letter, with an ellipsis."""
    if width(text, size, weight) <= longest:
        return text
    first = wrapped(text, size, weight, longest - width("…", size, weight))[0]
    return first.rstrip(" ,.;:-–") + "…"
