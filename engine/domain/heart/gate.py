"""The artefact gate: which RR intervals are sinus beats, and which are artefacts.

Causal, with one interval of look-ahead, so that it gives the same verdicts live and on a file. Intervals are judged
against the last accepted one, a running median of 11 accepted intervals, and a threshold of 5.2 quartile deviations
of the last 91 differences (Lipponen and Tarvainen 2019, J. Med. Eng. Technol. 43(3): 173-181), by their pattern:

- missed: as long as two or three intervals, because beats between were not seen;
- extra: two short intervals that together make one;
- ectopic: a beat out of time, a short interval and a long one (or the reverse) around the level;
- far: a lone interval much too short, or half as long again as its neighbours (less in a steady heart).

A single large step up is left alone: breathing slows a heart by a third from one beat to the next, and a filter that
takes such steps for artefacts removes the very variation that is being measured. The same holds for the threshold:
it follows all differences, rejected ones too (a quartile does not mind a few), so that it can never be locked out by
its own verdicts, and it stays between 8 % and 20 % of the median.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from enum import Enum
from typing import Final

__all__ = ["LONGEST_MS", "SHORTEST_MS", "Gate", "Verdict"]

SHORTEST_MS: Final = 300.0
LONGEST_MS: Final = 2000.0

MEDIAN_BEATS: Final = 11
DIFFERENCES: Final = 91
QUARTILE_DEVIATIONS: Final = 5.2

# The bounds were chosen on synthetic hearts and checked on recordings; figures are flat around each of them.
LEAST_THRESHOLD: Final = 0.08
MOST_THRESHOLD: Final = 0.20
FIRST_THRESHOLD: Final = 0.12
ENOUGH_DIFFERENCES: Final = 10
OVERSHOOT: Final = 0.25
FAR_BELOW: Final = 1.75
PAIR_SPAN: Final = 2.0
PAIR_BALANCE: Final = 0.6
TOO_LONG: Final = 1.5
LONE_BELOW: Final = 1.4
LONE_RETURN: Final = 1.3
LONE_ABOVE: Final = 4.0

RESYNC_BEATS: Final = 3
RESYNC_AGREEMENT: Final = 1.2


class Verdict(Enum):
    """The gate's classification of one interval."""

    NORMAL = "normal"
    MISSED = "missed"
    EXTRA = "extra"
    ECTOPIC = "ectopic"
    FAR = "far"
    IMPOSSIBLE = "impossible"
    RESYNC = "resync"
    """Accepted as the third interval of a new level: the far intervals just before it were real too."""


class Gate:
    """Classifies intervals one after the other; mutable, one per stream.

    ``push`` and ``close`` return what was decided by them, in order: a list of (interval in ms, verdict), empty, one
    or two long.
    """

    __slots__ = ("_differences", "_far", "_last", "_median", "_ordered", "_pending", "_previous", "_recent")

    def __init__(self) -> None:
        self._recent: deque[float] = deque()  # the last accepted intervals, in time
        self._median: list[float] = []  # the same, by size
        self._differences: deque[float] = deque()
        self._ordered: list[float] = []
        self._pending: float | None = None
        self._previous: float | None = None  # the interval before, whatever its verdict
        self._last: float | None = None  # the last accepted interval
        self._far: list[float] = []

    def push(self, rr: float) -> list[tuple[float, Verdict]]:
        """Take the next interval (ms); decide on the one before it."""
        pending = self._pending
        if pending is None:
            self._pending = rr
            return []
        return self._decide(pending, rr)

    def close(self) -> list[tuple[float, Verdict]]:
        """Decide on what is pending without its successor: at a transmission gap, and at the end.

        The next interval is not compared with the one before, but the running median still stands.
        """
        pending, self._pending = self._pending, None
        decided = [] if pending is None else self._decide(pending, None)
        self._pending = self._previous = self._last = None
        return decided

    def _decide(self, rr: float, following: float | None) -> list[tuple[float, Verdict]]:
        self._pending = following
        if self._previous is not None:
            self._note_difference(abs(rr - self._previous))
        self._previous = rr
        verdict = self._classify(rr, following)
        if verdict is Verdict.NORMAL:
            self._accept(rr)
            return [(rr, verdict)]
        decided = [(rr, self._reject(rr, verdict))]
        in_pair = verdict is Verdict.EXTRA or verdict is Verdict.ECTOPIC
        if in_pair and following is not None and decided[0][1] is not Verdict.RESYNC:
            self._note_difference(abs(following - rr))
            self._previous = following
            self._pending = None
            decided.append((following, self._reject(following, verdict)))
        return decided

    def _classify(self, rr: float, following: float | None) -> Verdict:
        possible = SHORTEST_MS <= rr <= LONGEST_MS
        if not self._median:
            return Verdict.NORMAL if possible else Verdict.IMPOSSIBLE
        median = self._median[len(self._median) // 2]
        last = median if self._last is None else self._last
        low, high = (median, last) if median < last else (last, median)
        threshold = self._threshold(median)
        step = rr - last
        if possible and abs(step) <= threshold:
            # Within the threshold, but a short beat and a long one around the level are an ectopic all the same.
            if (
                following is not None
                and following - rr > PAIR_SPAN * threshold
                and rr < low
                and following > high
                and low - PAIR_BALANCE * threshold <= (rr + following) / 2 <= high + PAIR_BALANCE * threshold
            ):
                return Verdict.ECTOPIC
            return Verdict.NORMAL
        if step > 0:
            return self._classify_long(rr, following, low, high, threshold, possible=possible)
        if (
            following is not None
            and following < low
            and low - threshold <= rr + following <= high + threshold
        ):
            return Verdict.EXTRA
        if not possible:
            return Verdict.IMPOSSIBLE
        if following is not None:
            back = following - rr
            if back > threshold and following > high + OVERSHOOT * threshold:
                return Verdict.ECTOPIC
            if rr < low - LONE_BELOW * threshold and back > LONE_RETURN * threshold:
                return Verdict.FAR
        return Verdict.FAR if rr < low - FAR_BELOW * threshold else Verdict.NORMAL

    def _classify_long(
        self, rr: float, following: float | None, low: float, high: float, threshold: float, *, possible: bool
    ) -> Verdict:
        if rr > TOO_LONG * high:
            for intervals in (2, 3):
                if low - threshold <= rr / intervals <= high + threshold:
                    return Verdict.MISSED
        if not possible:
            return Verdict.IMPOSSIBLE
        if following is not None and rr - following > threshold and following < low - OVERSHOOT * threshold:
            return Verdict.ECTOPIC
        returns = following is not None and rr - following > LONE_ABOVE * threshold
        lone = returns and rr > high + LONE_ABOVE * threshold
        return Verdict.FAR if lone or rr > TOO_LONG * high else Verdict.NORMAL

    def _threshold(self, median: float) -> float:
        n = len(self._ordered)
        if n < ENOUGH_DIFFERENCES:
            return FIRST_THRESHOLD * median
        quartile_deviation = (self._ordered[3 * n // 4] - self._ordered[n // 4]) / 2
        wanted = QUARTILE_DEVIATIONS * quartile_deviation
        return min(max(wanted, LEAST_THRESHOLD * median), MOST_THRESHOLD * median)

    def _accept(self, rr: float) -> None:
        self._last = rr
        self._far.clear()
        self._recent.append(rr)
        insort(self._median, rr)
        if len(self._recent) > MEDIAN_BEATS:
            del self._median[bisect_left(self._median, self._recent.popleft())]

    def _reject(self, rr: float, verdict: Verdict) -> Verdict:
        """Reject an interval, unless it is the third of a new level."""
        if not SHORTEST_MS <= rr <= LONGEST_MS:
            return verdict
        self._far.append(rr)
        del self._far[:-RESYNC_BEATS]
        far = self._far
        if len(far) < RESYNC_BEATS or max(far) > RESYNC_AGREEMENT * min(far):
            return verdict
        level = list(far)
        self._recent.clear()
        self._median.clear()
        for interval in level:
            self._accept(interval)
        return Verdict.RESYNC

    def _note_difference(self, difference: float) -> None:
        self._differences.append(difference)
        insort(self._ordered, difference)
        if len(self._differences) > DIFFERENCES:
            del self._ordered[bisect_left(self._ordered, self._differences.popleft())]
