"""How a studio looks: the tones of its accent, its logo, and the photos of those who lead.

A picture that cannot be used is left out and named in ``problems``; everything else is shown as it is without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from engine.domain.techniques.lookup import slug_of
from publisher.rendering.colours import BUILT_IN, Colours, Tones, colours_of
from publisher.rendering.pictures import Picture, PictureRefused, logo_of, portrait_of

__all__ = ["Look", "live_page_rules", "look_of", "recoloured", "site_rules"]


# A logo is mostly made for a light ground: it gets one on dark pages.
_PICTURE_RULES: Final = """\
.logo { flex: none; width: auto; height: auto; max-width: 7.5rem; max-height: 2.5rem; }
.portrait { display: block; flex: none; width: 4.5rem; height: 4.5rem; border-radius: 50%; object-fit: cover; margin: 0 0 .75rem; }
.months .portrait { width: 2.5rem; height: 2.5rem; margin-block: .5rem; margin-inline: 0 .75rem; }
@media (prefers-color-scheme: dark) { .logo { background: #FAF7F2; padding: 4px; border-radius: 8px; } }
"""
_LIVE_PICTURE_RULES: Final = """\
.logo { display: block; width: auto; height: auto; max-width: 7.5rem; max-height: 2.5rem; margin: 12px auto -24px; }
body:not([data-screen="entry"], [data-screen="waiting"], [data-screen="after"]) .logo { display: none; }
.still-orb > img { width: 62%; height: auto; aspect-ratio: 1; border-radius: 50%; border: 2px solid var(--orb); object-fit: cover; }
@media (prefers-color-scheme: dark) { .logo { background: #FAF7F2; padding: 4px; border-radius: 8px; } }
"""


@dataclass(frozen=True)
class Look:
    """The colours and pictures in force; ``photos`` by the instructor's name, as ``studio.toml`` writes it."""

    colours: Colours = BUILT_IN
    logo: Picture | None = None
    photos: Mapping[str, Picture] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Each names the setting, the file and what is wrong with it."""

    @property
    def has_accent(self) -> bool:
        """Whether the colours are the studio's own."""
        return self.colours != BUILT_IN

    @cached_property
    def pictures(self) -> Mapping[str, Picture]:
        """Each picture by the name of its file: ``logo.png``, ``photos/sarah-chen.jpg``."""
        logo = {f"logo{self.logo.suffix}": self.logo} if self.logo else {}
        return {**logo, **dict(self._by_slug.values())}

    @cached_property
    def digest(self) -> str:
        """What changes with a picture; empty where there is none."""
        parts = "".join(f"{name} {picture.digest}\n" for name, picture in self.pictures.items())
        return hashlib.sha256(parts.encode()).hexdigest() if parts else ""

    def photo_of(self, name: str | None) -> tuple[str, Picture] | None:
        """The name of the file with an instructor's photo, and the photo; case and accents of the name do not count."""
        return self._by_slug.get(slug_of(name)) if name and self.photos else None

    @cached_property
    def _by_slug(self) -> Mapping[str, tuple[str, Picture]]:
        slugs = ((slug_of(name), photo) for name, photo in self.photos.items())
        return {slug: (f"photos/{slug}{photo.suffix}", photo) for slug, photo in slugs}


def look_of(folder: Path, accent: str, logo: str, photos: Iterable[tuple[str, str]]) -> Look:
    """The look with the pictures of a folder: the file of a logo, and pairs of an instructor's name and file."""
    problems: list[str] = []

    def opened(setting: str, name: str, prepare: Callable[[Path], Picture]) -> Picture | None:
        try:
            return prepare(folder / name)
        except PictureRefused as error:
            problems.append(f"{setting}: {name}: {error}")
            return None

    own = opened("logo", logo, logo_of) if logo else None
    portraits = {
        who: portrait
        for who, file in photos
        if (portrait := opened(f"photo of {who}", file, portrait_of)) is not None
    }
    return Look(colours_of(accent), own, portraits, tuple(problems))


def site_rules(look: Look) -> str:
    """The rules of the site's style sheet that follow from the look, to stand after its own; empty without one."""
    rules = _PICTURE_RULES if look.pictures else ""
    if not look.has_accent:
        return rules

    light, dark = (_variables(tones, "--orb-line", "--orb") for tones in _schemes(look.colours))
    return rules + f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def recoloured(svg: bytes, look: Look) -> bytes:
    """One of our own drawings in the colours of a studio."""
    for ours, own in zip(_tones(BUILT_IN), _tones(look.colours), strict=True):
        svg = svg.replace(ours.encode(), own.encode())
    return svg


def _tones(colours: Colours) -> tuple[str, ...]:
    light = colours.light
    return light.accent, light.edge, light.inside


def live_page_rules(look: Look) -> str:
    """The same for the live pages, some of which are dark or light whatever the reader's scheme is."""
    rules = _LIVE_PICTURE_RULES if look.pictures else ""
    if not look.has_accent:
        return rules

    light, dark = (_variables(tones, "--orb", "--orb-fill") for tones in _schemes(look.colours))
    return (
        f'{rules}:root, [data-tone="light"] {{ {light} }}\n'
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f'[data-tone="dark"] {{ {dark} }}\n'
    )


def _schemes(colours: Colours) -> tuple[Tones, Tones]:
    return colours.light, colours.dark


def _variables(tones: Tones, edge: str, inside: str) -> str:
    """The custom properties of a scheme; ``edge`` and ``inside`` are the names of the circle's."""
    return f"--accent: {tones.accent}; --on-accent: {tones.on_accent}; {edge}: {tones.edge}; {inside}: {tones.inside};"
