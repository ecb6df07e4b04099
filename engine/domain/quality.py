"""The quality score of a session, from its HRV improvement."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Quality", "quality_of"]


@dataclass(frozen=True, slots=True)
class Quality:
    """Score (1.0–5.0), the action it asks of the staff, and whether the home page features it."""

    score: float
    action: str
    featured: bool


# Lower bounds in percent, each strictly exceeded; the first that fits counts.
_ABOVE: tuple[tuple[float, Quality], ...] = (
    (15.0, Quality(5.0, "feature", True)),
    (10.0, Quality(4.0, "highlight", False)),
    (5.0, Quality(3.0, "standard", False)),
)


def quality_of(average_hrv_improvement: float | None) -> Quality | None:
    """The quality of a session, or None where no HRV improvement (percent) is known."""
    if average_hrv_improvement is None:
        return None
    for bound, quality in _ABOVE:
        if average_hrv_improvement > bound:
            return quality
    if average_hrv_improvement >= 0:
        return Quality(2.0, "review technique", False)
    return Quality(1.0, "investigate", False)
