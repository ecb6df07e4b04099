"""The site's fonts, styles, scripts and pictures, in a studio's look: what stands below ``assets/``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from publisher.rendering import resources
from publisher.rendering.look import Look, recoloured, site_rules

__all__ = ["asset", "assets"]


def assets(look: Look) -> Iterator[tuple[str, bytes]]:
    """Each with its path below ``assets/``: those of the theme by path, then the studio's pictures."""
    for path in (*_theme_files(), *look.pictures):
        data = asset(look, path)
        assert data is not None
        yield path, data


def asset(look: Look, path: str) -> bytes | None:
    """The asset at a path below ``assets/``; None where there is none."""
    file = _theme_files().get(path)
    if path in look.pictures:
        return look.pictures[path].data
    if file is None:
        return None
    data = file.read_bytes()
    if path == "site.css":
        return data + site_rules(look).encode()
    return recoloured(data, look) if path == "mark.svg" else data


@cache
def _theme_files() -> dict[str, Path]:
    root = resources.path("site") / "theme" / "assets"
    return {file.relative_to(root).as_posix(): file for file in sorted(root.rglob("*")) if file.is_file()}
