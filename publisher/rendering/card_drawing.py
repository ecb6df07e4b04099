"""Draws a card as a PNG with a palette. It imports little, so that a process of its own is soon ready to draw.

A little long: the measures, colours and layers are those of one picture.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from xml.sax.saxutils import escape

import numpy as np
import PIL
import regex
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from publisher.rendering import resources, text_layout
from publisher.rendering.colours import BUILT_IN, PAPER, mixed
from publisher.rendering.text_layout import Weight

__all__ = ["HEIGHT", "WIDTH", "CardTexts", "digest_of", "draw", "drawn_of"]

WIDTH, HEIGHT = 1200, 630
_DESIGN = "2"
"""Raise it when the same texts give another picture."""

_LEFT = 80
_TITLE_WIDTH = 690
_LINE_WIDTH = 820
_SIZES = (76, 64, 54, 46)
_LINE_HEIGHT = 1.12
_AFTER_LOGO, _LOGO_MIDDLE = 24, 82

_INK, _MUTED = "#1D2A2C", "#56646A"
# Opaque colours that fade into the paper.
_RINGS = ("#2F8F86", "#5FA69E", "#8BBDB5", "#B3D2CB", "#D5E4DE")
_FADED = (0.0, 0.236, 0.453, 0.65, 0.818)
"""The shares of the paper in them."""
_CENTRE, _DISC_RADIUS = (1010, 315), 104

_RING_SHADES, _TEXT_SHADES = 6, 12
_PER_PIXEL = 4
"""Steps in which distances from the centre are kept."""
_MADE_OF = "made of"
# Around a line whose first letter decides its direction.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_COLOURFUL = regex.compile(r"\p{Emoji_Presentation}|\uFE0F")


@dataclass(frozen=True, slots=True)
class CardTexts:
    """Everything that a card is made of. ``seed``, the session's id, decides the distances of the rings."""

    above: str
    title: str
    facts: str
    techniques: str
    day: str
    seed: str
    colours: tuple[str, ...] = ()
    """Of the line above, of the rings and of the disc; ours where there are none."""
    logo: str = ""
    """A PNG in base64, which stands before the line above."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    y: float
    """Of its base line."""
    size: int
    weight: Weight
    colour: str
    x: int = _LEFT


@dataclass(frozen=True, slots=True)
class _Design:
    """The colours of a card, and the palette of its picture: of each colour, the place of its first shade and how many it has."""

    accent: str
    disc: str
    rings: tuple[str, ...]
    palette: tuple[int, ...]
    places: Mapping[str, tuple[int, int]]


def digest_of(texts: CardTexts) -> str:
    """SHA-256 (hex) of what a card is made of and by: two cards with the same one have the same bytes."""
    by = (_DESIGN, PIL.__version__)
    made_of: tuple[object, ...] = (
        texts.above,
        texts.title,
        texts.facts,
        texts.techniques,
        texts.day,
        texts.seed,
    )
    # Without a look of its own a studio's cards keep the digest that they have.
    made_of += (texts.colours, texts.logo) if texts.colours or texts.logo else ()
    return hashlib.sha256(repr((by, made_of)).encode()).hexdigest()


def drawn_of(png: bytes) -> str | None:
    """What ``digest_of`` said of a card when it was drawn; empty for another PNG, None for a file that is no whole one."""
    at = 8
    found = ""
    while at + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        end = at + 12 + length
        if end > len(png) or struct.unpack_from(">I", png, end - 4)[0] != zlib.crc32(png[at + 4 : end - 4]):
            return None
        if kind == b"tEXt":
            name, _, text = png[at + 8 : end - 4].partition(b"\0")
            found = text.decode("latin-1") if name == _MADE_OF.encode() else found
        if kind == b"IEND":
            return found
        at = end
    return None


def draw(texts: CardTexts) -> bytes:
    """The card as PNG; the same texts give the same bytes."""
    design = _design(texts.colours)
    logo = Image.open(io.BytesIO(base64.b64decode(texts.logo))) if texts.logo else None
    picture = _rings(texts.seed, design)
    others: list[_Line] = []
    for line in _lines(texts, design.accent, logo.width + _AFTER_LOGO if logo else 0):
        if not text_layout.has_every_letter(line.text):
            others.append(line)
            continue
        covered, place = text_layout.mask(line.text, line.size, line.weight, line.x, line.y)
        _put(picture, covered, place, design, line.colour)
    if others:
        picture = _with_other_scripts(picture, others, design)
    if logo:
        picture = _with_logo(picture, logo)
    info = PngInfo()
    info.add_text(_MADE_OF, digest_of(texts))
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=info, compress_level=6)
    return file.getvalue()


def _lines(texts: CardTexts, accent: str, indent: int) -> list[_Line]:
    size, title = _fit_title(_xml_safe(texts.title))
    step = size * _LINE_HEIGHT
    first = 300 - len(title) * step / 2 + size * 0.8
    below = first + (len(title) - 1) * step
    lines = [
        _Line(texts.above, 92, 28, "SemiBold", accent, _LEFT + indent),
        *(_Line(line, first + n * step, size, "SemiBold", _INK) for n, line in enumerate(title)),
        _Line(texts.facts, below + 62, 32, "Regular", _MUTED),
        _Line(texts.techniques, HEIGHT - 108, 26, "Regular", _MUTED),
        _Line(texts.day, HEIGHT - 68, 26, "Regular", _MUTED),
    ]
    return [
        _Line(
            text_layout.cut(text, line.size, line.weight, _LINE_WIDTH + _LEFT - line.x),
            line.y,
            line.size,
            line.weight,
            line.colour,
            line.x,
        )
        for line in lines
        if (text := _xml_safe(line.text))
    ]


def _fit_title(title: str) -> tuple[int, list[str]]:
    """The font size and lines of a title: the largest size with at most three lines, else four lines, cut."""
    for size in _SIZES:
        lines = text_layout.wrapped(title, size, "SemiBold", _TITLE_WIDTH)
        if len(lines) <= 3:
            return size, lines
    if len(lines) > 4:
        lines = [*lines[:3], text_layout.cut(" ".join(lines[3:]), size, "SemiBold", _TITLE_WIDTH)]
    return size, lines


def _xml_safe(text: str) -> str:
    """The text without line breaks and characters that XML 1.0 forbids."""
    return "".join(
        c for c in " ".join(text.split()) if "\x20" <= c < "\ud800" or "\ue000" <= c not in "\ufffe\uffff"
    )


# The palette: the paper, then for each colour its shades from the paper on, the full one last.


@lru_cache(maxsize=4)
def _design(own: tuple[str, ...]) -> _Design:
    ours = BUILT_IN.light
    accent, edge, disc = own or (ours.accent, ours.edge, ours.inside)
    rings = tuple(mixed(edge, PAPER, share) for share in _FADED) if own else _RINGS
    paper = _rgb(PAPER)
    colours, places = [paper], {}
    wanted = {
        **dict.fromkeys((disc, *rings), _RING_SHADES),
        **dict.fromkeys((accent, _INK, _MUTED), _TEXT_SHADES),
    }
    for name, shades in wanted.items():
        places[name] = (len(colours), shades)
        full = _rgb(name)
        colours += [
            tuple(round(a + (b - a) * n / shades) for a, b in zip(paper, full, strict=True))
            for n in range(1, shades + 1)
        ]
    palette = tuple(part for colour in colours for part in colour)
    return _Design(accent, disc, rings, palette, places)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@cache
def _distances() -> NDArray[np.uint16]:
    """How far each pixel is from the centre, in steps of a quarter of a pixel."""
    steps = np.empty((HEIGHT, WIDTH), np.uint16)
    across = np.arange(WIDTH) + 0.5 - _CENTRE[0]
    # Row by row: all at once they take thirty megabytes for a moment.
    for row in range(HEIGHT):
        steps[row] = np.rint(np.hypot(across, row + 0.5 - _CENTRE[1]) * _PER_PIXEL)
    return steps


def _rings(seed: str, design: _Design) -> Image.Image:
    """The picture before anything is written on it. A pixel's colour depends on its distance from the centre alone."""
    distances = _distances()
    away = np.arange(int(distances.max()) + 1) / _PER_PIXEL
    colours = np.zeros(len(away), np.uint8)

    def put(colour: str, covered: NDArray[np.float64]) -> None:
        first, shades = design.places[colour]
        shade = np.rint(np.clip(covered, 0, 1) * shades).astype(int)
        colours[shade > 0] = (first + shade - 1)[shade > 0]

    put(design.disc, _DISC_RADIUS + 0.5 - away)
    shift = hashlib.sha256(seed.encode()).digest()
    for n, colour in enumerate(design.rings):
        radius = 148 + n * 66 + 20 * math.sin(shift[n] / 40)
        put(colour, 1.5 - np.abs(away - radius))
    picture = Image.frombytes("P", (WIDTH, HEIGHT), colours[distances].tobytes())
    picture.putpalette(list(design.palette))
    return picture


@lru_cache(maxsize=32)
def _shades(first: int, shades: int) -> tuple[list[int], list[int]]:
    """For each share of a pixel that a letter covers (0 to 255): its place in the palette, and whether it is seen."""
    steps = [round(covered * shades / 255) for covered in range(256)]
    return [first + step - 1 if step else 0 for step in steps], [255 if step else 0 for step in steps]


def _put(
    picture: Image.Image, covered: Image.Image, place: tuple[int, int], design: _Design, colour: str
) -> None:
    shades, seen = _shades(*design.places[colour])
    picture.paste(covered.point(shades), place, covered.point(seen))


def _with_logo(picture: Image.Image, logo: Image.Image) -> Image.Image:
    """The picture with a logo at the height of the line above, in as many colours as a palette has."""
    full, own = picture.convert("RGB"), logo.convert("RGBA")
    full.paste(own, (_LEFT, _LOGO_MIDDLE - own.height // 2), own)
    return full.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


# Other scripts: the site's font has Latin letters only, and joined letters need more than placing one after the other.


def _with_other_scripts(picture: Image.Image, lines: Sequence[_Line], design: _Design) -> Image.Image:
    """The picture with lines that the fonts of the system are needed for."""
    layer, top = _layer(lines)
    if any(_COLOURFUL.search(line.text) for line in lines):
        full = picture.convert("RGB")
        full.paste(layer, (0, top), layer)
        return full.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    covered = layer.getchannel("A")
    for line in lines:
        above, below = _span(line)
        part = (0, max(0, above - top), WIDTH, below - top)
        _put(picture, covered.crop(part), (0, top + part[1]), design, line.colour)
    return picture


def _span(line: _Line) -> tuple[int, int]:
    """The rows that a line may touch. Lines of a title overlap, in one colour."""
    return round(line.y - 1.2 * line.size), round(line.y + 0.5 * line.size)


def _families(text: str) -> str:
    """The fonts of a line. In a line of another script all letters come from one font, where a usual one is there."""
    foreign = any(letter.isalpha() and not text_layout.has_every_letter(letter) for letter in text)
    return "Noto Sans, DejaVu Sans, Figtree" if foreign else "Figtree"


def _layer(lines: Sequence[_Line]) -> tuple[Image.Image, int]:
    """The lines on nothing, as wide as the card, and the row at which that picture begins."""
    # Imported on use: few cards need it.
    import resvg_py

    top = max(0, min(_span(line)[0] for line in lines))
    height = min(HEIGHT, max(_span(line)[1] for line in lines)) - top
    texts = "".join(
        f'<text x="{line.x}" y="{line.y - top:.1f}" font-family="{_families(line.text)}" font-size="{line.size}"'
        f' font-weight="{600 if line.weight == "SemiBold" else 400}" fill="{line.colour}">'
        f"{_ISOLATE}{escape(line.text)}{_END_ISOLATE}</text>"
        for line in lines
    )
    fonts = resources.path("site") / "fonts"
    png = resvg_py.svg_to_bytes(
        svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">{texts}</svg>',
        width=WIDTH,
        height=height,
        skip_system_fonts=False,
        font_files=[str(file) for file in sorted(fonts.glob("*.ttf"))],
        font_family="Figtree",
        sans_serif_family="Figtree",
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA"), top
