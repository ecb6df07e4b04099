"""Telemetry of one live session: everybody's straps and taps, and the figures of the group.

Three rules hold here and nowhere else has to know them:

- without a person's consent their beats are dropped on arrival; nobody but that person gets ``own``;
- a strap or a tap counts in the group only from a person whom somebody vouched for, a strap moreover only with
  the consent to be counted: anybody could join with four false straps and read the fifth person off the mean;
- below five people every figure is None, and above it the cohort decides what may be shown (``cohort``).

Beats arrive at any time; figures are computed on a tick of five seconds. Streams are made when a first beat comes, so
a session without straps costs next to nothing. One module, although a long one: consents, seats, cohorts and marks stand
together because the three rules hold only where nothing reaches a person past them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.domain.heart.cohort import SMALLEST_GROUP, Cohort, EarlierFigures, PartRegistry
from engine.domain.heart.marks import MARKS, Achievement, Mark, MarkTracker, Milestone, UnroundedFigures
from engine.domain.heart.person import OwnFigures, PersonTelemetry, own_figures, read_rhythms, rounded
from engine.domain.heart.shares import Figure, Part, Share
from engine.domain.heart.stream import Reading, State, Stream
from engine.domain.heart.synchrony import FASTEST_HZ, SLOWEST_HZ, Taps
from engine.domain.instant import MINUTE, SECOND, Millis

__all__ = ["GroupFigures", "GroupHeart", "OwnFigures"]

REFRESH: Final = 30 * SECOND
#: Whoever becomes ready within this time is worth waiting for with the first figure.
SOON: Final = 1 * MINUTE
#: A session that ends sooner has completed nothing.
SHORTEST_COMPLETION: Final = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What everybody may see of the group.

    ``participants`` and ``measured`` (counted straps with a baseline) are counts. ``hrv_improvement`` is in whole
    percent, ``coherence`` a ratio to one decimal, ``synchrony`` R, and the rates fractions, to whole percent. Each of
    them is None while fewer than five people stand behind it.
    """

    participants: int
    measured: int
    hrv_improvement: int | None
    coherence: float | None
    synchrony: float | None
    completion_rate: float | None
    engagement_rate: float | None


class GroupHeart:
    """The telemetry of one live session; mutable, owned by one actor, never written to disk.

    ``marks``: milestones and achievements to look for. ``reached``: keys of those already reached, and
    ``first_part``: the number of the next part, when a session is rebuilt; ``coherence``: what was published of
    it before. (Improvement and synchrony begin anew, against a new baseline and a new lag.) ``order``: who stands beside
    whom in a part.
    """

    def __init__(
        self,
        *,
        marks: Sequence[Mark] = MARKS,
        reached: Iterable[str] = (),
        first_part: int = 1,
        coherence: EarlierFigures | None = None,
        order: Callable[[str], Any] = str,
    ) -> None:
        known = set(reached)
        self._trackers = [MarkTracker(mark) for mark in marks if mark.key not in known]
        self._people: dict[str, PersonTelemetry] = {}
        self._roll = PartRegistry(first_part, order)
        self._earlier = coherence
        self._hrv: Cohort[float] | None = None
        self._coherence: Cohort[float] | None = None
        self._synchrony: Cohort[complex] | None = None
        self._pacer_hz: float | None = None
        self._figures = GroupFigures(0, 0, None, None, None, None, None)  # as last refreshed
        self._refreshed_at: Millis | None = None
        self._first_tick: Millis | None = None
        self._unrounded = UnroundedFigures((), (), 0, None)

    # ---- input

    def set_consent(self, client_id: str, *, heart_rate: bool, group: bool) -> None:
        """Take somebody's consents as they now are; without the first their beats are deleted at once."""
        person = self._person(client_id)
        if person.heart_rate and not heart_rate:
            person.stream = person.lag = person.rhythm = None
        taken_back = person.heart_rate and person.group is True
        person.heart_rate, person.group = heart_rate, group
        if not (heart_rate and group):
            self._uncount(client_id, taken_back=taken_back)

    def vouch(self, client_id: str, vouched: bool) -> None:
        """Say whether somebody vouches for this person: a personal invitation, or a tick in the console."""
        self._person(client_id).vouched = vouched
        if not vouched:
            self._uncount(client_id)

    def forget(self, client_id: str, *, withdrew: bool = False) -> None:
        """Delete all that is known of somebody who left for good or withdrew."""
        self._people.pop(client_id, None)
        self._uncount(client_id, taken_back=withdrew)

    def beats(self, client_id: str, rr: Sequence[float], at: Millis, contact: bool | None = None) -> int:
        """Take the intervals (ms) of one message; return how many were impossible.

        Without the consent to use the heart rate they are dropped, and 0 is returned.
        """
        person = self._people.get(client_id)
        if person is None or not person.heart_rate:
            return 0
        if person.stream is None:
            person.stream = Stream()
        return person.stream.append(rr, at, contact)

    def interrupt(self, client_id: str, at: Millis) -> None:
        """Note that a message of a strap was dropped: no difference is taken across it."""
        person = self._people.get(client_id)
        if person is not None and person.stream is not None:
            person.stream.interrupt(at)

    def tap(self, client_id: str, phase: str, at: Millis) -> None:
        """Take the beginning of a phase as somebody tapped it; inhales are counted."""
        if phase != "inhale":
            return
        person = self._person(client_id)
        if person.taps is None:
            person.taps = Taps()
        person.taps.note(at)

    # ---- output

    def own(self, client_id: str, at: Millis) -> OwnFigures | None:
        """Return one person's figures, to be sent to nobody else; None without a strap."""
        person = self._people.get(client_id)
        return None if person is None else own_figures(person, at)

    def figures(
        self,
        at: Millis,
        *,
        participants: int,
        pacer_hz: float | None,
        completion_rate: float | None,
        engagement_rate: float | None,
        scored: bool = True,
    ) -> GroupFigures:
        """Compute the group's figures and return what may be shown of them; called every five seconds.

        Counts and engagement are of this moment, all other figures at most 30 s old. ``pacer_hz``: breaths a second while a pacer with
        one rate runs. ``scored=False`` (a technique of breath retention) leaves the heart's figures as they are.
        """
        self._first_tick = at if self._first_tick is None else self._first_tick
        readings = list(self._counted(at))
        if scored:
            self._note_hearts(readings, at)
        phases = self._note_phases(at, pacer_hz if scored else None)
        self._unrounded = UnroundedFigures(
            ln_ratios=[reading.ln_ratio for _, _, reading in readings if reading.ln_ratio is not None]
            if scored
            else (),
            phases=phases,
            participants=participants,
            completion_rate=completion_rate,
        )
        for tracker in self._trackers:
            tracker.update(self._unrounded, at)
        # It changes with what somebody does. Completion creeps: sent at each tick it would be one more frame for everybody.
        self._figures = replace(self._figures, engagement_rate=rounded(engagement_rate, 2))
        if self._refreshed_at is None or at - self._refreshed_at >= REFRESH:
            self._refreshed_at = at
            self._figures = replace(self._figures, completion_rate=rounded(completion_rate, 2))
            if scored:
                soon = any(0 < reading.remaining <= SOON for _, _, reading in readings)
                self._figures = self._published(at, more_to_come=soon)
        measured = sum(reading.state is State.READY for _, _, reading in readings)
        return self._shown(participants, measured)

    def shares(self, shown: GroupFigures) -> tuple[Share, ...]:
        """Return what the parts of the group have in the figures that are shown, for those that are not None."""
        return tuple(
            share
            for name, cohort in self._cohorts()
            if getattr(shown, name) is not None
            for share in cohort.shares
        )

    def formed(self) -> tuple[Part, ...]:
        """Return the parts that were formed since this was last asked: they come before any share of theirs."""
        return self._roll.take()

    def reached(self, at: Millis, *, ending: bool = False) -> list[Milestone | Achievement]:
        """Return what the group has reached since it was last asked, each mark once in a session.

        Call it after ``figures``, and with ``ending`` once more when the session ends: completion is judged then.
        """
        found: list[Milestone | Achievement] = []
        for tracker in list(self._trackers):
            mark, unrounded = tracker.mark, self._unrounded
            if mark.kind == "completion" and not (ending and self._long_enough(at)):
                continue
            if not tracker.is_reached(at):
                continue
            self._trackers.remove(tracker)
            if mark.kind == "hrv":
                found.append(Milestone(mark.key, mark.threshold, len(unrounded.ln_ratios)))
                continue
            group = len(unrounded.phases) if mark.kind == "synchrony" else unrounded.participants
            found.append(Achievement(mark.key, mark.title, mark.description, group))
        return found

    # ---- inside

    def _person(self, client_id: str) -> PersonTelemetry:
        return self._people.setdefault(client_id, PersonTelemetry())

    def _cohorts(self) -> Iterator[tuple[Figure, Cohort[float] | Cohort[complex]]]:
        if self._hrv is not None:
            yield "hrv_improvement", self._hrv
        if self._coherence is not None:
            yield "coherence", self._coherence
        if self._synchrony is not None:
            yield "synchrony", self._synchrony

    def _uncount(self, client_id: str, *, taken_back: bool = False) -> None:
        for name, cohort in self._cohorts():
            if not taken_back:
                cohort.forget(client_id)
            elif cohort.withdraw(client_id):
                nothing: dict[str, Any] = {name: None}
                self._figures = replace(self._figures, **nothing)

    def _counted(self, at: Millis) -> Iterator[tuple[str, PersonTelemetry, Reading]]:
        for who, person in self._people.items():
            if person.strap_counts and person.stream is not None:
                reading = person.stream.reading(at)
                if reading is not None:
                    yield who, person, reading

    def _note_hearts(self, readings: Sequence[tuple[str, PersonTelemetry, Reading]], at: Millis) -> None:
        if not readings:
            return
        if self._hrv is None or self._coherence is None:
            self._hrv = Cohort("hrv_improvement", self._roll)
            self._coherence = Cohort("coherence", self._roll)
            if self._earlier is not None:
                self._coherence.resume(self._earlier)
        read_rhythms([(person, reading) for _, person, reading in readings], at)
        for who, person, reading in readings:
            if reading.ln_ratio is not None:
                self._hrv.note(who, reading.ln_ratio, at)
            if person.rhythm is not None:
                self._coherence.note(who, person.rhythm.share, at)

    def _note_phases(self, at: Millis, pacer_hz: float | None) -> list[complex]:
        """Note where everybody is in the breath; return those whose own lag is known already."""
        hz = pacer_hz if pacer_hz is not None and SLOWEST_HZ <= pacer_hz <= FASTEST_HZ else None
        if hz != self._pacer_hz:
            self._pacer_hz = hz
            if self._synchrony is not None:
                self._synchrony.clear()
        if hz is None:
            return []
        phases: list[complex] = []
        for who, person in self._people.items():
            phase = person.phase(at, hz)
            if phase is None:
                continue
            if self._synchrony is None:
                self._synchrony = Cohort("synchrony", self._roll)
            self._synchrony.note(who, phase, at)
            phases.append(phase)
        return phases

    def _published(self, at: Millis, *, more_to_come: bool) -> GroupFigures:
        """Return the figures with those of the hearts brought up to date."""
        improvement = None if self._hrv is None else self._hrv.publish(at, more_to_come=more_to_come)
        coherence = (
            None if self._coherence is None else self._coherence.publish(at, more_to_come=more_to_come)
        )
        together = None if self._synchrony is None else self._synchrony.publish(at)
        return replace(
            self._figures,
            hrv_improvement=None if improvement is None else round(improvement),
            coherence=coherence,
            synchrony=together,
        )

    def _shown(self, participants: int, measured: int) -> GroupFigures:
        """Return the figures with the counts of now; one whose group has fallen below five is not shown on."""
        figures, enough = self._figures, participants >= SMALLEST_GROUP
        paced = self._pacer_hz is not None
        return GroupFigures(
            participants=participants,
            measured=measured,
            hrv_improvement=figures.hrv_improvement if self._group_stands(self._hrv) else None,
            coherence=figures.coherence if self._group_stands(self._coherence) else None,
            synchrony=figures.synchrony if paced and self._group_stands(self._synchrony) else None,
            completion_rate=figures.completion_rate if enough else None,
            engagement_rate=figures.engagement_rate if enough else None,
        )

    @staticmethod
    def _group_stands(cohort: Cohort[float] | Cohort[complex] | None) -> bool:
        return cohort is not None and cohort.size >= SMALLEST_GROUP

    def _long_enough(self, at: Millis) -> bool:
        return self._first_tick is not None and at - self._first_tick >= SHORTEST_COMPLETION
