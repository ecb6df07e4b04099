"""The studio's identity for pages and previews."""

from __future__ import annotations

from pathlib import Path

from publisher.rendering.studio import InvalidStudio, Studio, load

__all__ = ["studio_of"]


def studio_of(data: Path) -> Studio:
    """Read ``studio.toml``; the defaults while it cannot be used, which the publisher and ``doctor`` report."""
    try:
        return load(data)
    except InvalidStudio:
        return Studio()
