"""The shapes of figures: the group's, and each person's own."""

from __future__ import annotations

from typing import Literal, NotRequired

from engine.protocol.shape import Moment, Shape

__all__ = ["ClientComputedFigures", "CurvePointShape", "GroupFigures", "OwnFiguresShape"]


class GroupFigures(Shape):
    """The group's figures; each that is computed is null where fewer than five people stand behind it."""

    participants: int
    """How many participants are here."""
    measured: int | None
    """How many people's heart figures are in it."""
    average_hrv: float | None
    """The HRV improvement over the whole session, in percent."""
    current_hrv_improvement: float | None
    """The same as `hrv_improvement`."""
    hrv_improvement: float | None
    """How far the group's HRV is above its beginning now, in percent, from -100 to 200."""
    coherence: float | None
    """How much of the heart's rhythm is one slow, even wave: the group's mean."""
    synchrony: float | None
    """How well everybody's heart keeps its own place in the pacer's breath."""
    completion_rate: float | None
    """The share of those who came that were present for 80 % of the time since, from 0 to 1."""
    engagement_rate: float | None
    """The share of those who came that sent anything, from 0 to 1."""
    quality_score: NotRequired[float | None]
    """What the improvement is worth, from 1 to 5. Only staff get it, and not in the welcome."""


class CurvePointShape(Shape):
    """The group's figures at one moment of the session."""

    at: Moment
    """When."""
    hrv_improvement: float | None
    """The group's HRV improvement then, in percent; null under five people."""
    coherence: float | None
    """The group's coherence then; null under five people."""
    synchrony: float | None
    """The group's synchrony then; null under five people."""


class OwnFiguresShape(Shape):
    """Your own figures, from your strap; nobody else gets them. Null wherever there is nothing to say."""

    state: Literal["settling", "measuring", "ready"]
    """`settling` at first, `measuring` while your baseline is taken, `ready` once there are figures."""
    remaining_s: int
    """Seconds until `ready`."""
    heart_rate: int | None
    """Beats a minute."""
    rmssd: float | None
    """RMSSD of the last minute, in milliseconds."""
    sdnn: float | None
    """SDNN of the last minute, in milliseconds."""
    ln_rmssd: float | None
    """The natural logarithm of `rmssd`."""
    baseline_rmssd: float | None
    """RMSSD at your beginning, in milliseconds."""
    improvement: float | None
    """How far `rmssd` is above your baseline, in percent, from -100 to 200."""
    coherence: float | None
    """How much of your heart's rhythm is one slow, even wave."""
    peak_hz: float | None
    """The frequency of the highest wave, in hertz: in paced practice that of the breath."""
    respiratory_amplitude: float | None
    """How far your heart's intervals swing with the breath, in milliseconds, over the last minute."""
    quality: Literal["good", "low", "unusable"]
    """How far the strap's signal can be trusted."""
    artefact_percent: float
    """How many of the newest intervals were corrected or left out, in percent."""
    rejected: int
    """How many intervals no heart can have."""
    contact: bool | None
    """Whether the strap touches the skin; null where it cannot tell."""
    stale: bool
    """Nothing came from the strap for more than three seconds."""


class ClientComputedFigures(Shape):
    """The figures that your own program computed and sent with `hrv_update`; counted nowhere."""

    hrv_value: float
    """The HRV that you sent."""
    improvement: float | None
    """The improvement that you sent, in percent."""
    computed_by: Literal["client"]
    """Says that the server did not compute these."""
