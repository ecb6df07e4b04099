"""Spoil a clean recording the ways a strap does: beats missed, beats too many, and beats too early."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["missed", "extra", "ectopic"]
KINDS: Final[tuple[Kind, ...]] = ("missed", "extra", "ectopic")


def inject(
    rr: NDArray[np.float64],
    rate: float,
    rng: np.random.Generator,
    *,
    kinds: tuple[Kind, ...] = KINDS,
    split: tuple[float, float] = (0.3, 0.7),
    prematurity: tuple[float, float] = (0.2, 0.4),
) -> NDArray[np.float64]:
    """Return a copy (ms) in which ``rate`` of the beats, drawn without replacement, is an artefact.

    missed: two intervals become one. extra: an interval is split within ``split``. ectopic: a beat comes early
    by ``prematurity`` of its interval, and the next interval is longer by as much (a full compensatory pause).
    """
    count = round(rate * rr.size)
    places = set(rng.choice(np.arange(1, rr.size - 1), size=count, replace=False).tolist())
    spoilt: list[float] = []
    i = 0
    while i < rr.size:
        if i not in places or i + 1 >= rr.size:
            spoilt.append(float(rr[i]))
            i += 1
            continue
        kind = kinds[int(rng.integers(len(kinds)))]
        if kind == "missed":
            spoilt.append(float(rr[i] + rr[i + 1]))
            i += 2
        elif kind == "extra":
            part = rng.uniform(*split)
            spoilt.extend((float(rr[i] * part), float(rr[i] * (1 - part))))
            i += 1
        else:
            early = float(rr[i] * rng.uniform(*prematurity))
            spoilt.extend((float(rr[i]) - early, float(rr[i + 1]) + early))
            i += 2
    return np.array(spoilt)
