"""Find a technique by name: the one source for the engine, the live pages and the site.

``CATALOGUE`` holds the techniques known by name; any other name is welcome as a custom technique.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from engine.domain.techniques.breathing import Group, Pattern, Source, Step, StepName, Technique
from engine.domain.techniques.rows import ROWS

__all__ = [
    "CATALOGUE",
    "FREE_BREATHING",
    "Group",
    "Pattern",
    "Source",
    "Step",
    "StepName",
    "Technique",
    "custom",
    "find",
    "named",
    "slug_of",
]

LONGEST_SLUG: Final = 80

#: What a session without a named technique is summarised as.
FREE_BREATHING: Final = "Free breathing"

# Letters that Unicode does not take apart into a base and a mark.
_UNDECOMPOSED: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"}
)


def slug_of(name: str) -> str:
    """Return a path segment for any name: lower-case ASCII letters, digits and single hyphens, never empty.

    What cannot be written in ASCII is replaced by a short digest of the whole name, so two names in another
    script do not share a page. Names that differ only in case, accents or punctuation do share one.
    """
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_UNDECOMPOSED)
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    folded = re.sub(r"['’ʼ`]", "", folded)
    slug = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    lost = any(c.isalnum() and not c.isascii() for c in folded)
    if slug and not lost and len(slug) <= LONGEST_SLUG:
        return slug
    digest = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    head = slug[: LONGEST_SLUG - len(digest) - 1].strip("-") or "technique"
    return f"{head}-{digest}"


#: Every technique by its slug, in the order of the catalogue.
CATALOGUE: Final[Mapping[str, Technique]] = MappingProxyType({row.slug: row for row in ROWS})

_BY_NAME: Final[Mapping[str, Technique]] = MappingProxyType(
    {slug_of(name): row for row in ROWS for name in (row.name, *row.aliases)}
)


@lru_cache(maxsize=1024)
def find(name: str) -> Technique | None:
    """Return the technique of the catalogue with this name or alias; case, accents and punctuation do not count."""
    return _BY_NAME.get(slug_of(name))


def custom(name: str, pattern: Pattern | None = None) -> Technique:
    """Return a technique of the instructor's own; a pattern written in its name (``Tide 5-0-7-0``) is taken up."""
    return Technique(
        name=name.strip(),
        slug=slug_of(name),
        pattern=Pattern.written(name) if pattern is None else pattern,
        summary="",
    )


def named(name: str, pattern: Pattern | None = None) -> Technique:
    """Return what an instructor means by a name: from the catalogue, or a custom technique."""
    return (find(name) if pattern is None else None) or custom(name, pattern)
