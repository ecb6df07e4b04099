"""An HTML page before it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Page"]


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page before it is rendered: its path below the site's root, its template and the template's context."""

    path: str
    template: str
    context: dict[str, Any]
    private: bool = False
    """Whether it is written into ``private/``, which only the server hands out, to those with a token."""
