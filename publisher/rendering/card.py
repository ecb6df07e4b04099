"""The card: a session's picture of 1200 by 630 pixels for shared links and mails. It shows no health figure."""

from __future__ import annotations

import hashlib
import math
import re
from functools import cache, lru_cache
from xml.sax.saxutils import escape

import resvg_py

from publisher.rendering import formatting, resources
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio

__all__ = ["HEIGHT", "WIDTH", "card_of", "studio_card"]

WIDTH, HEIGHT = 1200, 630
_LEFT = 80
_TITLE_WIDTH = 720
# Average width of a letter of the title's font, as a fraction of its size.
_LETTER = 0.56
_BEYOND_LATIN = re.compile(
    r"[^\u0000-\u024f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20bf\u2122\u2190-\u2193\u2212]"
)
_SIZES = (76, 64, 54, 46)


def card_of(story: Story, studio: Studio) -> bytes:
    """The card of a session as PNG; the same story and studio give the same bytes."""
    techniques = studio.words.listed(tuple(each.name for each in story.practised[:3]))
    return _png(
        _svg(
            studio.name,
            story.title,
            f"{story.people} · {story.duration}",
            formatting.truncated(techniques, 62),
            story.day,
            story.id,
        )
    )


@cache
def studio_card(studio: Studio) -> bytes:
    """The card of the studio itself."""
    return _png(_svg("", studio.name, studio.words("story.card"), "", "", studio.name))


@lru_cache(maxsize=32)
def _png(svg: str) -> bytes:
    fonts = resources.path("site") / "fonts"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=WIDTH,
            height=HEIGHT,
            # The bundled font has Latin letters only; others need a font of the system.
            skip_system_fonts=not _BEYOND_LATIN.search(svg),
            font_files=[str(file) for file in sorted(fonts.glob("*.ttf"))],
            font_family="Figtree",
            sans_serif_family="Figtree",
        )
    )


def _svg(above: str, title: str, facts: str, techniques: str, day: str, seed: str) -> str:
    size, lines = _fit_title(title)
    height = len(lines) * size * 1.12
    top = 300 - height / 2 + size * 0.8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#FAF7F2"/>',
        *_rings(seed),
        _text(_LEFT, 92, 28, "#0E6560", above, weight=600),
    ]
    parts += [
        _text(_LEFT, top + n * size * 1.12, size, "#1D2A2C", line, weight=600) for n, line in enumerate(lines)
    ]
    below = top + (len(lines) - 1) * size * 1.12
    parts += [
        _text(_LEFT, below + 62, 32, "#56646A", facts),
        _text(_LEFT, HEIGHT - 108, 26, "#56646A", techniques),
        _text(_LEFT, HEIGHT - 68, 26, "#56646A", day),
        "</svg>",
    ]
    return "".join(parts)


def _text(x: float, y: float, size: float, colour: str, text: str, *, weight: int = 400) -> str:
    if not text:
        return ""
    return (
        f'<text x="{x:g}" y="{y:.1f}" font-family="Figtree" font-weight="{weight}" font-size="{size:g}"'
        f' fill="{colour}">{escape(_xml_safe(text))}</text>'
    )


def _xml_safe(text: str) -> str:
    """The text without characters that XML 1.0 forbids."""
    return "".join(
        c for c in text if c in "\t\n" or "\x20" <= c < "\ud800" or "\ue000" <= c not in "\ufffe\uffff"
    )


def _fit_title(title: str) -> tuple[int, list[str]]:
    """The font size and lines of a title: the largest size with at most three lines, else four lines, truncated."""
    for size in _SIZES:
        lines = _wrap(title, int(_TITLE_WIDTH / (size * _LETTER)))
        if len(lines) <= 3:
            return size, lines
    width = int(_TITLE_WIDTH / (_SIZES[-1] * _LETTER))
    lines = _wrap(title, width)
    if len(lines) > 4:
        lines = [*lines[:3], formatting.truncated(" ".join(lines[3:]), width)]
    return _SIZES[-1], lines


def _wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        while word:
            room = width - len(lines[-1]) - 1 if lines else 0
            if lines and len(word) <= room:
                lines[-1] += f" {word}"
                word = ""
            else:
                lines.append(word[:width])
                word = word[width:]
    return lines or [""]


def _rings(seed: str) -> list[str]:
    """Decorative rings; ``seed``, the session's id, decides their distances."""
    shift = hashlib.sha256(seed.encode()).digest()
    rings = []
    # Opaque colours that fade into the paper: transparency would cost a layer of the whole picture for each ring.
    for n, colour in enumerate(("#2F8F86", "#5FA69E", "#8BBDB5", "#B3D2CB", "#D5E4DE")):
        radius = 148 + n * 66 + 20 * math.sin(shift[n] / 40)
        rings.append(
            f'<circle cx="1010" cy="315" r="{radius:.1f}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
    return ['<circle cx="1010" cy="315" r="104" fill="#CFE5E0"/>', *rings]
