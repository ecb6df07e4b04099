"""The heartbeats of the simulated participants: a stretch of a recording for each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import accumulate

from engine.domain.instant import Millis

__all__ = ["Strap", "strap_of"]

# (recording, offset of the first participant, distance to the next one's, number of participants); seconds.
# The beats of a stretch are consecutive; the stretches are chosen: in most of them variability rises.
_SHARES = (
    ("polarH10_dhyb_ibi.txt", 0, 0, 1),
    ("hrv_rest_rri_supine15min.txt", 330, 12, 3),
    ("pyhrv_SampleNNISeriesLong.txt", 60, 15, 9),
    ("pyhrv_SampleNNISeriesLong.txt", 780, 20, 6),
    ("pyhrv_SampleNNISeriesLong.txt", 1960, 16, 6),
)


class Strap:
    """A heart-rate strap that replays a recording from an offset on."""

    def __init__(self, intervals: tuple[float, ...], offset: float) -> None:
        """``intervals`` are RR in ms; ``offset`` is in seconds."""
        self._beats = self._after(intervals, offset * 1000)
        self._next = next(self._beats, None)

    def until(self, elapsed: Millis) -> list[float]:
        """The RR intervals (ms) of the beats since the last call, up to ``elapsed`` after the strap was put on."""
        beats = []
        while self._next is not None and self._next[0] <= elapsed:
            beats.append(self._next[1])
            self._next = next(self._beats, None)
        return beats

    @staticmethod
    def _after(intervals: tuple[float, ...], offset: float) -> Iterator[tuple[float, float]]:
        for end, interval in zip(accumulate(intervals), intervals, strict=True):
            if end - interval >= offset:
                yield end - offset, interval


def strap_of(participant: int) -> Strap:
    """The strap of participant 0, 1, 2 …; there are recordings for 25."""
    for name, first, distance, share in _SHARES:
        if participant < share:
            return Strap(_intervals(name), first + participant * distance)
        participant -= share
    raise ValueError(f"no recording is left for participant {participant}")


@cache
def _intervals(name: str) -> tuple[float, ...]:
    text = files("engine").joinpath("recordings", name).read_text(encoding="ascii")
    return tuple(float(line) for line in text.split())
