"""Milestones and achievements of the group: their thresholds, and when one is reached.

``MARKS`` is the list that a studio may replace. No mark is ever for one person. A figure of 60 s swings by a quarter of
itself, so an HRV milestone is compared with the lower bound of the group's mean, mean - 1.645 s / sqrt(n) of the log
ratios, and has to stand for a minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from engine.domain.heart.cohort import SMALLEST_GROUP
from engine.domain.heart.synchrony import kuramoto
from engine.domain.instant import SECOND, Millis

__all__ = ["MARKS", "Achievement", "Mark", "MarkTracker", "Milestone", "UnroundedFigures"]

ONE_SIDED_95: Final = 1.645
LONGEST_SILENCE: Final = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of the list.

    ``threshold``: percent for ``hrv``, R from 0 to 1 for ``synchrony``, a fraction for ``completion`` (which is judged
    once, at the end). ``title`` and ``description`` are shown for achievements. ``hold_s``: how long the figure has
    to stand above the threshold.

    Raises:
        ValueError: a value makes no sense, or the group could be smaller than five.
    """

    kind: Literal["hrv", "synchrony", "completion"]
    threshold: float
    title: str = ""
    description: str = ""
    smallest_group: int = SMALLEST_GROUP
    hold_s: int = 60

    def __post_init__(self) -> None:
        if self.kind not in ("hrv", "synchrony", "completion"):
            raise ValueError("kind is one of hrv, synchrony, completion")
        if not 0 < self.threshold <= (200 if self.kind == "hrv" else 1):
            raise ValueError("threshold is a percentage up to 200 for hrv, a fraction up to 1 otherwise")
        if self.kind != "hrv" and not self.title:
            raise ValueError("an achievement needs a title")
        if self.smallest_group < SMALLEST_GROUP:
            raise ValueError(f"smallest_group is {SMALLEST_GROUP} or more")
        if not 0 <= self.hold_s <= 3600:
            raise ValueError("hold_s is from 0 to 3600")

    @property
    def key(self) -> str:
        """The key under which the mark is recorded once reached."""
        return f"{self.kind}:{self.threshold:g}"


MARKS: Final = (
    Mark("hrv", 10.0),
    Mark("hrv", 15.0),
    Mark("hrv", 25.0),
    Mark("hrv", 50.0),
    Mark(
        "synchrony",
        0.8,
        title="Perfect group synchronization",
        description="You breathed together: every heart kept its place in the breath for a minute.",
    ),
    Mark(
        "completion",
        1.0,
        title="100% completion rate",
        description="Everybody who came stayed.",
        hold_s=0,
    ),
)


@dataclass(frozen=True, slots=True)
class Milestone:
    """The group's HRV rose by this much (percent over its baseline); ``group``: how many people were measured."""

    key: str
    improvement: float
    group: int


@dataclass(frozen=True, slots=True)
class Achievement:
    """An achievement of the group other than an HRV milestone."""

    key: str
    title: str
    description: str
    group: int


@dataclass(frozen=True, slots=True)
class UnroundedFigures:
    """The group's figures at one moment, unrounded: marks are judged by them, and nobody is shown them.

    ``ln_ratios``: of everybody measured now; ``phases``: unit phasors with the own lag taken off.
    """

    ln_ratios: Sequence[float]
    phases: Sequence[complex]
    participants: int
    completion_rate: float | None


class MarkTracker:
    """Whether one mark is met, and since when; mutable, one per mark and session."""

    __slots__ = ("_judged_at", "_since", "mark")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self._since: Millis | None = None
        self._judged_at: Millis = 0

    def update(self, figures: UnroundedFigures, at: Millis) -> None:
        """Update from the figures of now; after a silence of ``LONGEST_SILENCE`` the time that counts begins anew."""
        met = _is_met(self.mark, figures)
        if not met or at - self._judged_at > LONGEST_SILENCE:
            self._since = at if met else None
        elif self._since is None:
            self._since = at
        self._judged_at = at

    def is_reached(self, at: Millis) -> bool:
        """Whether the mark has been met for as long as it has to be."""
        return (
            self._since is not None
            and at - self._judged_at <= LONGEST_SILENCE
            and at - self._since >= self.mark.hold_s * SECOND
        )


def lower_bound_percent(ln_ratios: Sequence[float]) -> float:
    """Return the one-sided 95 % lower bound of the group's improvement, in percent; for two people or more.

    Raises:
        ZeroDivisionError: fewer than two people.
    """
    n = len(ln_ratios)
    mean = math.fsum(ln_ratios) / n
    variance = math.fsum((ratio - mean) ** 2 for ratio in ln_ratios) / (n - 1)
    return 100 * math.expm1(mean - ONE_SIDED_95 * math.sqrt(variance / n))


def _is_met(mark: Mark, figures: UnroundedFigures) -> bool:
    smallest = mark.smallest_group
    match mark.kind:
        case "hrv":
            ratios = figures.ln_ratios
            return len(ratios) >= smallest and lower_bound_percent(ratios) >= mark.threshold
        case "synchrony":
            return len(figures.phases) >= smallest and kuramoto(figures.phases) >= mark.threshold
        case "completion":
            rate = figures.completion_rate
            return figures.participants >= smallest and rate is not None and rate >= mark.threshold
