"""One person's consents, strap and taps, and the figures that are for that person alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.heart.coherence import Coherence, coherences, resample
from engine.domain.heart.measures import Floats
from engine.domain.heart.shares import improvement_percent
from engine.domain.heart.stream import Reading, Stream
from engine.domain.heart.synchrony import Lag, Taps, breath_phase
from engine.domain.instant import SECOND, Millis

__all__ = ["OwnFigures", "PersonTelemetry", "own_figures", "read_rhythms", "rounded"]

#: Beats that a person sent this long ago say nothing of their rhythm now.
RHYTHM_STALE_AFTER: Final = 5 * SECOND


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """One person's figures, for that person alone.

    ``state``: settling, measuring (the baseline) or ready; ``remaining_s``: until ready. ``rmssd``, ``sdnn`` and the
    amplitude are in ms and of the last minute; ``improvement`` is in percent of the baseline, within -100 and 200.
    ``peak_hz``: frequency of the highest wave, in paced practice the breath. ``quality``: good, low or unusable.
    ``contact`` is what the strap says of the skin, None when it does not; ``stale``: no message for more than 3 s.
    None wherever there is nothing to say.
    """

    state: str
    remaining_s: int
    heart_rate: int | None
    rmssd: float | None
    sdnn: float | None
    ln_rmssd: float | None
    baseline_rmssd: float | None
    improvement: float | None
    coherence: float | None
    peak_hz: float | None
    respiratory_amplitude: float | None
    quality: str
    artefact_percent: float
    rejected: int
    contact: bool | None
    stale: bool


class PersonTelemetry:
    """One person's consents and telemetry; streams are made when there is data."""

    __slots__ = ("group", "heart_rate", "lag", "rhythm", "rhythm_at", "stream", "tap_lag", "taps", "vouched")

    def __init__(self) -> None:
        self.heart_rate = False
        self.group: bool | None = None  # None: never asked
        self.vouched = False
        self.stream: Stream | None = None
        self.lag: Lag | None = None
        self.taps: Taps | None = None
        self.tap_lag: Lag | None = None
        self.rhythm: Coherence | None = None
        self.rhythm_at: Millis | None = None

    @property
    def strap_counts(self) -> bool:
        return self.vouched and self.heart_rate and self.group is True and self.stream is not None

    @property
    def taps_count(self) -> bool:
        """Taps are no health data, but whoever asked not to be counted is not counted."""
        return self.vouched and self.group is not False and self.taps is not None

    def phase(self, at: Millis, hz: float) -> complex | None:
        """Return the person's phase in the pacer's breath as a phasor, from the strap or else the taps, less their own mean lag.

        None when neither counts in the group, or while the lag is being learnt.
        """
        if self.strap_counts and self.stream is not None:
            reading = self.stream.reading(at)
            fresh = (
                reading is not None
                and reading.recent.t.size
                and at - reading.recent.t[-1] <= RHYTHM_STALE_AFTER
            )
            found = breath_phase(reading.recent, at, hz) if reading is not None and fresh else None
            if found is not None:
                if self.lag is None:
                    self.lag = Lag()
                return self.lag.note(at, hz, found)
        if self.taps_count and self.taps is not None:
            tapped = self.taps.phase(at, hz)
            if tapped is not None:
                if self.tap_lag is None:
                    self.tap_lag = Lag()
                return self.tap_lag.note(at, hz, tapped)
        return None


def own_figures(person: PersonTelemetry, at: Millis) -> OwnFigures | None:
    """Return one person's figures at this moment; None without a beat."""
    reading = None if person.stream is None else person.stream.reading(at)
    if person.stream is None or reading is None:
        return None
    read_rhythms([(person, reading)], at)
    now, rhythm = reading.now, person.rhythm
    return OwnFigures(
        state=reading.state.value,
        remaining_s=math.ceil(reading.remaining / SECOND),
        heart_rate=None if reading.stale else reading.heart_rate,
        rmssd=rounded(now.rmssd if reading.enough else None),
        sdnn=rounded(now.sdnn if reading.enough else None),
        ln_rmssd=rounded(now.ln_rmssd if reading.enough else None, 3),
        baseline_rmssd=rounded(None if reading.baseline is None else reading.baseline.rmssd),
        improvement=(None if reading.ln_ratio is None else rounded(improvement_percent(reading.ln_ratio))),
        coherence=rounded(None if rhythm is None else rhythm.ratio, 2),
        peak_hz=rounded(None if rhythm is None or rhythm.ratio is None else rhythm.peak_hz, 3),
        respiratory_amplitude=rounded(
            None if rhythm is None or rhythm.ratio is None else rhythm.amplitude_ms
        ),
        quality=now.quality.value,
        artefact_percent=round(100 * now.artefact_share, 1),
        rejected=person.stream.rejected,
        contact=reading.contact,
        stale=reading.stale,
    )


def read_rhythms(people: Sequence[tuple[PersonTelemetry, Reading]], at: Millis) -> None:
    """Bring the coherence of several people up to date at once; one transform serves them all."""
    due = [(person, reading) for person, reading in people if person.rhythm_at != at]
    rows: list[Floats] = []
    owners: list[PersonTelemetry] = []
    for person, reading in due:
        person.rhythm, person.rhythm_at = None, at
        t = reading.recent.t
        if t.size and at - t[-1] <= RHYTHM_STALE_AFTER:
            row = resample(reading.recent, float(t[-1]))
            if row is not None:
                rows.append(row)
                owners.append(person)
    if rows:
        for person, rhythm in zip(owners, coherences(np.stack(rows)), strict=True):
            person.rhythm = rhythm


def rounded(value: float | None, digits: int = 1) -> float | None:
    """Round what there is."""
    return None if value is None else round(value, digits)
