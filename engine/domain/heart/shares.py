"""Shares: the means of fixed parts of a group, of at least five people each, from which its figures can be recomputed.

Whoever withdraws takes back their share of figures that were published already. Their beats are gone by then, and one person's
figure is never stored. So beside each figure of the group the means of fixed parts of it are kept: a withdrawal takes the
person's part out, and the figure is worked out anew from the rest. Who may be in which part is ``cohort``'s to say.

The formulas of the three figures stand here, so that the figure over a few parts is made as the figure over all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = [
    "SMALLEST_GROUP",
    "Figure",
    "Part",
    "Share",
    "figure_of",
    "figure_without",
    "improvement_percent",
    "share_of",
]

SMALLEST_GROUP: Final = 5
"""The rule of five: a figure behind which fewer people stand is nobody's business."""

Figure: TypeAlias = Literal["hrv_improvement", "coherence", "synchrony"]

#: A thousandth of a log ratio is a tenth of a percent: enough for figures in whole percent.
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """People who are counted in one figure together. ``number`` is the part's own in its session."""

    number: int
    figure: Figure
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part's mean at one moment; ``n`` people stand behind it.

    ``x`` is a mean of log ratios, a mean share of power, or the real part of a mean phasor whose imaginary part is
    ``y``. None for a part of fewer than five people: they count in the group, and nothing is kept of them apart.
    """

    part: int
    n: int
    x: float | None = None
    y: float = 0.0


def share_of(part: int, n: int, mean: complex | None) -> Share:
    """The share of a part whose values have this mean."""
    if mean is None:
        return Share(part, n)
    return Share(part, n, round(mean.real, _DIGITS), round(mean.imag, _DIGITS))


def improvement_percent(ln_ratio: float) -> float:
    """Return a log ratio as percent of change, kept within -100 and 200."""
    return min(max(100 * math.expm1(min(ln_ratio, 5.0)), -100.0), 200.0)


def figure_of(figure: Figure, mean: complex) -> float:
    """The figure that a group with this mean is shown.

    Improvement in whole percent of the mean log ratio; coherence as a ratio to one decimal, from the mean of P / Total,
    which is bounded so that no single person can carry it; synchrony R (Kuramoto) to two.
    """
    match figure:
        case "hrv_improvement":
            return round(improvement_percent(mean.real))
        case "coherence":
            share = min(mean.real, 0.99)
            return round(share / (1 - share), 1)
        case "synchrony":
            return round(abs(mean), 2)


def figure_without(
    figure: Figure, shares: Sequence[Share], parts: Mapping[int, Part], removed: Collection[int]
) -> tuple[float | None, int]:
    """The figure over what is left when some parts are taken out, and how many people that is.

    Whoever is in no part with a mean of its own is left out too. None, and nobody, below five people.
    """
    left = [
        share
        for share in shares
        if share.x is not None
        and share.part not in removed
        and share.part in parts
        and parts[share.part].figure == figure
    ]
    n = sum(share.n for share in left)
    if n < SMALLEST_GROUP:
        return None, 0
    total = sum(share.n * complex(share.x or 0.0, share.y) for share in left)
    return figure_of(figure, total / n), n
