"""What ``halcytone doctor`` finds: a result, a sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Verdict"]


class Verdict(StrEnum):
    """The result of one check."""

    GOOD = "good"
    LOOK = "look"
    """It works, and the operator should know."""
    MEND = "mend"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, the result in a sentence, and what to do about it."""

    what: str
    verdict: Verdict
    sentence: str
    remedy: str = ""
