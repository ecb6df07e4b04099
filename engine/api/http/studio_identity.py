"""The studio as pages and previews name it."""

from __future__ import annotations

from pathlib import Path

from publisher.rendering.studio import InvalidStudio, Studio, load

__all__ = ["studio_of"]


def studio_of(data: Path) -> Studio:
    """The studio of a data folder; the defaults while its file is wrong, which the publisher and ``doctor`` tell."""
    try:
        return load(data)
    except InvalidStudio:
        return Studio()
