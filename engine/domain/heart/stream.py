"""One person's beats: a stream of RR intervals in, figures every five seconds out.

Appending is cheap: a list and a few comparisons. Everything else happens on the tick (``reading``).

Time base: the beats themselves, anchored to their arrival. A message arrives at or after its last beat; what it lags
behind the sum of the intervals is delay, which passes, or time without beats, which stays. So the lag that all later
messages of a tick share is taken for a gap once it exceeds 1.5 s, and the clock is set on by it; a burst after a
stalled network is none.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from engine.domain.heart.gate import LONGEST_MS, SHORTEST_MS, Gate, Verdict
from engine.domain.heart.measures import Beats, Measures, VerdictFlags, comparable, measure
from engine.domain.instant import SECOND, Millis

__all__ = ["Reading", "State", "Stream"]

SETTLING: Final = 60 * SECOND
BASELINE: Final = 120 * SECOND
WINDOW: Final = 60 * SECOND
KEPT: Final = 200 * SECOND
STALE_AFTER: Final = 3 * SECOND
LEAST_DIFFERENCES: Final = 30
LEAST_BASELINE_DIFFERENCES: Final = 60
GAP: Final = 1500.0
#: A strap may be this far ahead of the clock (its first packet holds the past); after a silence a little more.
FIRST_CREDIT: Final = 15.0 * SECOND
MOST_CREDIT: Final = 60.0 * SECOND
#: Outside these an interval is not even a part of a beat or several beats in one, and its length carries no time.
SHORTEST_SPAN_MS: Final = 100.0
LONGEST_SPAN_MS: Final = 6000.0
BACKLOG: Final = 64


class State(Enum):
    """How far the measurement of one person has come."""

    SETTLING = "settling"
    MEASURING = "measuring"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Reading:
    """One person's figures at one moment.

    ``ln_ratio``: natural logarithm of RMSSD now over RMSSD of the baseline; None until ready or when it means
    nothing. ``recent``: all beats that are kept, for the rhythm measures.
    """

    at: Millis
    state: State
    remaining: Millis
    now: Measures
    baseline: Measures | None
    ln_ratio: float | None
    recent: Beats
    contact: bool | None
    stale: bool

    @property
    def enough(self) -> bool:
        """Whether the last 60 s hold enough differences for a figure."""
        return self.now.differences >= LEAST_DIFFERENCES

    @property
    def heart_rate(self) -> int | None:
        """Beats a minute over the last eight accepted intervals."""
        accepted = self.recent.rr[self.recent.ok][-8:]
        return round(60_000 / float(accepted.mean())) if accepted.size else None


class Stream:
    """The beats of one strap in one session; mutable, bounded at about 200 s of beats."""

    __slots__ = (
        "_backlog",
        "_baseline",
        "_broken",
        "_clock",
        "_contact",
        "_credit",
        "_gate",
        "_heard_at",
        "_joined",
        "_last_t",
        "_marks",
        "_reading",
        "_rr",
        "_started",
        "_t",
        "_undecided",
        "rejected",
    )

    def __init__(self) -> None:
        self.rejected = 0
        self._backlog: list[tuple[Millis, list[float], bool]] = []
        self._gate = Gate()
        self._marks = VerdictFlags()
        self._t = array("d")
        self._rr = array("d")
        self._joined = bytearray()
        self._undecided: deque[tuple[float, int]] = deque()
        self._clock: float | None = None  # end of the last interval, ms
        self._last_t = -math.inf
        self._started: float | None = None
        self._broken = True
        self._contact: bool | None = None
        self._heard_at: Millis | None = None
        self._credit = FIRST_CREDIT
        self._baseline: Measures | None = None
        self._reading: Reading | None = None

    def append(self, rr: Sequence[float], at: Millis, contact: bool | None = None) -> int:
        """Take the intervals (ms) of one message that arrived ``at``; return how many of them were impossible.

        Impossible are values below 300 or above 2000 ms, what is no number, and what exceeds the time that has
        passed (a flood). Without contact a strap sends noise: its intervals are left out, and end the window's
        differences.
        """
        if self._heard_at is not None:
            self._credit = min(self._credit + max(at - self._heard_at, 0), MOST_CREDIT)
        self._heard_at = at
        self._contact = contact
        impossible = 0
        taken: list[float] = []
        broken = contact is False
        for i, interval in enumerate(() if broken else rr):
            if not SHORTEST_SPAN_MS <= interval <= LONGEST_SPAN_MS:
                impossible += 1
                broken = True
                continue
            if interval > self._credit:
                impossible += len(rr) - i
                broken = True
                break
            self._credit -= interval
            taken.append(float(interval))
            if not SHORTEST_MS <= interval <= LONGEST_MS:
                impossible += 1
        if taken or broken:
            self._backlog.append((at, taken, broken))
            if len(self._backlog) > BACKLOG:
                self._drain()
        self.rejected += impossible
        return impossible

    def interrupt(self, at: Millis) -> None:
        """Note that intervals are missing from here on: no difference is taken across this moment."""
        self._backlog.append((at, [], True))
        if len(self._backlog) > BACKLOG:
            self._drain()

    def reading(self, at: Millis) -> Reading | None:
        """Return the figures at this moment, None before the first beat; asked again for one moment, the same."""
        if self._reading is not None and self._reading.at == at and not self._backlog:
            return self._reading
        self._drain()
        if self._started is None or self._heard_at is None:
            return None
        beats = self._beats()
        into = at - self._started
        if self._baseline is None and into >= SETTLING + BASELINE:
            self._baseline = self._find_baseline(beats, at)
        now = measure(beats.between(at - WINDOW, math.inf))
        ln_ratio = None
        if self._baseline is not None and now.differences >= LEAST_DIFFERENCES:
            pair = comparable(now, self._baseline)
            ln_ratio = None if pair is None else math.log(pair[0] / pair[1])
        if self._baseline is not None:
            state, remaining = State.READY, 0.0
        elif into < SETTLING:
            state, remaining = State.SETTLING, SETTLING + BASELINE - into
        else:
            state, remaining = State.MEASURING, max(SETTLING + BASELINE - into, 0.0)
        self._reading = Reading(
            at=at,
            state=state,
            remaining=round(remaining),
            now=now,
            baseline=self._baseline,
            ln_ratio=ln_ratio,
            recent=beats,
            contact=self._contact,
            stale=at - self._heard_at > STALE_AFTER,
        )
        return self._reading

    def _find_baseline(self, beats: Beats, at: Millis) -> Measures | None:
        """Measure the baseline: its two minutes, or when those were spoilt the last two minutes that were not."""
        begin = (self._started or 0.0) + SETTLING
        for start, end in ((begin, begin + BASELINE), (at - float(BASELINE), math.inf)):
            found = measure(beats.between(start, end))
            if found.differences >= LEAST_BASELINE_DIFFERENCES and found.rmssd:
                return found
        return None

    def _drain(self) -> None:
        """Put what has arrived on the time base and through the gate."""
        if not self._backlog:
            return
        backlog, self._backlog = self._backlog, []
        if self._clock is None:
            first_at, intervals, _ = backlog[0]
            self._clock = first_at - sum(intervals)
            self._started = self._clock if intervals else None
        lags: list[float] = []
        clock = self._clock
        for at, intervals, _ in backlog:
            clock += sum(intervals)
            lags.append(at - clock)
        for i in range(len(lags) - 2, -1, -1):
            lags[i] = min(lags[i], lags[i + 1])
        shift = 0.0
        for (_, intervals, broken), lag in zip(backlog, lags, strict=True):
            if lag - shift > GAP or lag - shift < 0:
                if lag - shift > GAP:
                    self._break()
                self._clock += lag - shift
                shift = lag
            if broken:
                self._break()
            if intervals and self._started is None:
                self._started = self._clock
            for rr in intervals:
                self._place(rr)
        self._trim()

    def _place(self, rr: float) -> None:
        assert self._clock is not None
        self._clock += rr
        # When the anchor moves back, beats close up instead of trading places.
        t = max(self._clock, self._last_t + rr / 2)
        self._last_t = t
        self._undecided.append((t, 0 if self._broken else 1))
        self._broken = False
        self._keep(self._gate.push(rr))

    def _keep(self, decided: Sequence[tuple[float, Verdict]]) -> None:
        for rr, verdict in decided:
            t, joined = self._undecided.popleft()
            self._t.append(t)
            self._rr.append(rr)
            self._joined.append(joined)
            self._marks.note(verdict)

    def _break(self) -> None:
        if not self._broken:
            self._keep(self._gate.close())
            self._broken = True

    def _trim(self) -> None:
        if not self._t or self._t[-1] - self._t[0] < 1.25 * KEPT:
            return
        old = int(np.searchsorted(np.frombuffer(self._t), self._t[-1] - KEPT))
        del self._t[:old], self._rr[:old], self._joined[:old]
        self._marks.forget(old)

    def _beats(self) -> Beats:
        # Copies: a view would lock the buffers against the next append.
        return Beats(
            t=np.array(self._t),
            rr=np.array(self._rr),
            ok=np.array(self._marks.ok, dtype=np.bool_),
            joined=np.array(self._joined, dtype=np.bool_),
            artefact=np.array(self._marks.artefact, dtype=np.bool_),
        )
