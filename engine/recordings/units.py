"""Units of intervals between beats, and what the name of a column says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["BELOW_IS_SECONDS", "LONGEST_MS", "RATES", "SHORTEST_MS", "Meaning", "Unit", "in_ms", "meaning"]

# Values with a smaller median are seconds.
BELOW_IS_SECONDS: Final = 10.0
# What the artefact gate lets through.
SHORTEST_MS, LONGEST_MS = 300.0, 2000.0


class Unit(Enum):
    """The unit in which the values of a file are written."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    TICKS = "1/1024"
    """Of a second, as sensors send it."""

    @property
    def in_words(self) -> str:
        """Return the unit's name in a sentence."""
        return {"ms": "milliseconds", "s": "seconds", "1/1024": "1/1024 of a second"}[self.value]

    @property
    def ms(self) -> float:
        """Return the unit's length in milliseconds."""
        return {"ms": 1.0, "s": 1000.0, "1/1024": 1000 / 1024}[self.value]


_NAMES: Final = frozenset(
    ("rr", "rri", "rrs", "rrinterval", "rrintervals", "ibi", "ibis", "nn", "nni", "nninterval", "nnintervals")
)
RATES: Final = frozenset(("bpm", "hr", "heartrate", "pulse"))
_UNITS: Final = {
    "ms": Unit.MILLISECONDS,
    "msec": Unit.MILLISECONDS,
    "millisecond": Unit.MILLISECONDS,
    "milliseconds": Unit.MILLISECONDS,
    "s": Unit.SECONDS,
    "sec": Unit.SECONDS,
    "second": Unit.SECONDS,
    "seconds": Unit.SECONDS,
    "1/1024": Unit.TICKS,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column's name says: whether it names intervals between beats, their unit, and the name without it."""

    intervals: bool
    unit: Unit | None
    bare: str


def meaning(name: str) -> Meaning:
    """Read a column's name: "RR-interval [ms]", "rr_ms", "IBI (s)"."""
    words = re.findall(r"1/1024|[^\W_]+", name.casefold())
    units = [_UNITS[word] for word in words if word in _UNITS]
    unit = Unit.TICKS if Unit.TICKS in units else next(iter(units), None)
    bare = "".join(word for word in words if word not in _UNITS and word != "in")
    return Meaning(bare in _NAMES, unit, bare)


def in_ms(value: float, unit: Unit) -> float:
    """Return a value of a unit in milliseconds."""
    # 0.856 s are 856 ms, not 855.9999999999999.
    return value if unit is Unit.MILLISECONDS else float(f"{value * unit.ms:.12g}")
