"""Choose the language of a live page from its reader's ``Accept-Language`` (RFC 9110, 12.5.4)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LANGUAGES", "reader_language"]

LANGUAGES: Final = ("en", "de", "fr", "es")
"""Of the live pages, English first; ``static/i18n.js`` names the same."""
_RANGE: Final = re.compile(
    r"\s*([a-z]{2})(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII | re.IGNORECASE
)


def reader_language(accepted: str) -> str:
    """The language that the header prefers among ours, the first of equals; English where it names none of them."""
    best, weight = LANGUAGES[0], 0.0
    for part in accepted.split(","):
        found = _RANGE.fullmatch(part)
        if found is None or found[1].lower() not in LANGUAGES:
            continue
        wanted = float(found[2] or 1)
        if wanted > weight:
            best, weight = found[1].lower(), wanted
    return best
