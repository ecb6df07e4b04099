"""The telemetry of a live session: beats and taps in, a tick every five seconds, commands and own figures out.

Raw beats stay in memory, in here, and go with the session: they never reach the disk. Slightly long, since whatever reads
or writes beats stands here and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.heart.cohort import EarlierFigures
from engine.domain.heart.shares import SMALLEST_GROUP
from engine.domain.instant import SECOND, Millis
from engine.domain.recompute import earlier_figures
from engine.domain.rejection import Forbidden
from engine.domain.session import RESUME_WITHIN, CurvePoint, Phase, Session
from engine.protocol import outgoing
from engine.sessions.figures.curve_points import compute_point, should_record
from engine.sessions.figures.metrics_broadcast import MetricsBroadcast
from engine.sessions.ports import RoomPort
from engine.storage.rows import PersonRow

if TYPE_CHECKING:
    from engine.domain.heart.group import GroupHeart
    from engine.domain.heart.marks import Mark

__all__ = ["TICK", "HeartCounts", "SessionTelemetry"]

TICK: Millis = 5 * SECOND


class HeartCounts(Protocol):
    """Metrics of the straps."""

    def beats(self, accepted: int, impossible: int) -> None:
        """RR intervals received: those that were accepted, and those that are physiologically impossible."""


class SessionTelemetry:
    """One session's telemetry. ``due`` is called on the loop when a tick is due."""

    __slots__ = (
        "_broadcast",
        "_clock",
        "_coherence",
        "_counts",
        "_due",
        "_engaged",
        "_heart",
        "_lost",
        "_marks",
        "_parts_formed",
        "_reached",
        "_recorded",
        "_room",
        "_timer",
        "_titles",
        "_wearing",
    )

    def __init__(
        self,
        room: RoomPort[Any],
        clock: Clock,
        counts: HeartCounts,
        due: Callable[[], None],
        marks: Sequence[Mark] | None = None,
    ) -> None:
        """``marks``: the studio's own list of milestones and achievements, where it has one."""
        self._room = room
        self._broadcast = MetricsBroadcast(room)
        self._clock = clock
        self._counts = counts
        self._due = due
        self._heart: GroupHeart | None = None
        # Keys alone: an empty set takes three times what an empty dictionary does, and most stay empty.
        self._engaged: dict[str, None] = {}
        self._wearing: dict[str, None] = {}
        self._recorded: CurvePoint | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reached: tuple[str, ...] = ()
        self._titles: tuple[str, ...] = ()
        self._parts_formed = 0
        self._coherence: EarlierFigures | None = None

        self._marks = marks
        self._lost: dict[str, Millis] = {}
        """Whose connection is lost, and since when: for some minutes they return to their own baseline."""

    # -- input -------------------------------------------------------------------------------

    def follow(self, state: Session) -> None:
        """Take over consents and seats from a state that was rebuilt."""
        self._reached = tuple(f"hrv:{improvement:g}" for _, improvement in state.milestones)
        self._titles = tuple(badge.title for badge in state.achievements)
        self._parts_formed = state.parts_formed
        self._coherence = earlier_figures(state, "coherence")
        for member in state.members.values():
            if member.heart_rate or member.group:
                self._hearts.set_consent(member.client_id, heart_rate=member.heart_rate, group=member.group)
            if member.vouched:
                self._hearts.vouch(member.client_id, True)

    def note(self, event: e.Event, at: Millis) -> None:
        """Follow consents, seats, departures and returns."""
        follow = _FOLLOWED.get(type(event))
        if follow is not None:
            follow(self, event, at)

    def _consented(self, event: e.ConsentChanged, _: Millis) -> None:
        self._hearts.set_consent(event.client_id, heart_rate=event.heart_rate, group=event.group)
        if not event.heart_rate:
            self._wearing.pop(event.client_id, None)

    def _vouched(self, event: e.SeatVouched, _: Millis) -> None:
        self._hearts.vouch(event.client_id, event.vouched)

    def _joined(self, event: e.MemberJoined, _: Millis) -> None:
        self._lost.pop(event.client_id, None)

    def _left(self, event: e.MemberLeft, at: Millis) -> None:
        if event.reason == "lost":
            self._wearing.pop(event.client_id, None)
            self._lost[event.client_id] = at
        else:
            self._forget(event.client_id)

    def _barred(self, event: e.MemberBarred, _: Millis) -> None:
        self._forget(event.client_id)

    def _withdrew(self, event: e.PersonWithdrew, _: Millis) -> None:
        self._forget(event.client_id, withdrew=True)

    def _ended(self, _event: e.SessionEnded, _: Millis) -> None:
        # With it go the beats: whoever wanted their own figures kept has them in the table of people.
        self._heart = None
        self._wearing.clear()
        self._lost.clear()

    def _forget(self, client_id: str, *, withdrew: bool = False) -> None:
        self._wearing.pop(client_id, None)
        self._lost.pop(client_id, None)
        if self._heart is not None:
            self._heart.forget(client_id, withdrew=withdrew)

    def engaged(self, client_id: str, state: Session) -> None:
        """Somebody sent something other than a heartbeat."""
        member = state.members.get(client_id)
        if member is not None and not member.engaged and not member.withdrew:
            self._engaged[client_id] = None

    def take(
        self, client_id: str, command: c.Telemetry, at: Millis, state: Session
    ) -> outgoing.Message | None:
        """Take one message of telemetry; returns the reply to its sender, if any.

        Raises:
            Forbidden: heart data came before the consent to use it.
        """
        member = state.members.get(client_id)
        match command:
            case c.BreathTap() if member is None or member.withdrew:
                return None
            case c.BreathTap():
                self._hearts.tap(client_id, command.phase, at)
                return None
            case c.HrvUpdate():
                own = {
                    "hrv_value": command.hrv_value,
                    "improvement": command.improvement,
                    "computed_by": "client",
                }
                return outgoing.message("own_metrics", state.session_id, at, own)
            case c.HeartRate():
                if member is None or not member.heart_rate:
                    raise Forbidden(
                        "consent_required", "Say first that your heart rate may be used: send a consent."
                    )
                if not command.is_possible:
                    self._hearts.interrupt(client_id, at)
                    self._counts.beats(0, max(1, len(command.rr)))
                    return None
                impossible = self._hearts.beats(client_id, command.rr, at, command.is_worn)
                self._counts.beats(len(command.rr) - impossible, impossible)
                self._wearing[client_id] = None
                return None

    def unwritten(self) -> c.MarkEngaged | None:
        """The command for those who sent something for the first time since the last call; None where nobody did."""
        if not self._engaged:
            return None
        engaged = c.MarkEngaged(tuple(sorted(self._engaged)))
        self._engaged.clear()
        return engaged

    # -- the tick -----------------------------------------------------------------------------

    def seated(self, state: Session) -> None:
        """Somebody was seated: their welcome has the figures; the next tick sends a frame even if nothing changed."""
        self._broadcast.expect_somebody_new()
        self.run(state)

    def run(self, state: Session) -> None:
        """Tick while the session is live and somebody is in the room."""
        if state.phase is Phase.LIVE and self._room.seats:
            if self._timer is None:
                # Each session has its own moment: many that began together must not compute together.
                since = (self._clock.elapsed() - crc32(state.session_id.encode())) % TICK
                self._timer = self._clock.call_after(TICK - since, self._fire)
        else:
            self.stop()

    def stop(self) -> None:
        """No more ticks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._due()

    def tick(self, state: Session, at: Millis) -> Iterable[c.Command]:
        """Compute and send the figures; yields the commands to carry out. Call ``unwritten`` before."""
        if state.phase is not Phase.LIVE:
            return
        point = self._compute(state, at)
        if should_record(point, self._recorded):
            self._recorded = point
            yield c.RecordMetrics(point, () if self._heart is None else self._heart.formed())
        if self._heart is not None:
            yield from self._newly_reached(at, ending=False)
        self._broadcast.send(state, point, at)
        self._send_own_figures(state, at)

    def own(self, client_id: str, at: Millis) -> dict[str, Any] | None:
        """One person's figures, for that person alone; None without a strap, and once the session is over."""
        own = None if self._heart is None else self._heart.own(client_id, at)
        return None if own is None else {name: getattr(own, name) for name in own.__slots__}

    def newest(self, state: Session, at: Millis) -> Mapping[str, Any]:
        """The group's figures for the welcome of somebody who comes now."""
        return self._broadcast.newest(state, at)

    def own_summaries(self, people: Iterable[PersonRow], at: Millis) -> Iterable[PersonRow]:
        """The rows of those who left an address, with their own figures; nobody else's are ever written."""
        if self._heart is None:
            return
        for person in people:
            own = None if person.email is None else self._heart.own(person.client_id, at)
            if own is not None and own.improvement is not None:
                figures = {"improvement": own.improvement, "rmssd": own.rmssd, "coherence": own.coherence}
                yield replace(person, own_summary=json.dumps(figures), updated_at=at)

    def last(self, state: Session, at: Millis) -> Iterable[c.Command]:
        """The commands to carry out before the session ends: who sent something, and marks that are judged at the end."""
        engaged = self.unwritten()
        if engaged is not None:
            yield engaged
        if state.phase is Phase.LIVE and state.count() >= SMALLEST_GROUP:
            self._compute(state, at)
            yield from self._newly_reached(at, ending=True)

    def _newly_reached(self, at: Millis, *, ending: bool) -> Iterable[c.Command]:
        from engine.domain.heart.marks import Milestone

        for reached in self._hearts.reached(at, ending=ending):
            if isinstance(reached, Milestone):
                yield c.ReachMilestone(reached.improvement)
            else:
                yield c.ReachAchievement(reached.title, reached.description, reached.key)

    def _compute(self, state: Session, at: Millis) -> CurvePoint:
        for client_id in [key for key, lost_at in self._lost.items() if at - lost_at > RESUME_WITHIN]:
            self._forget(client_id)
        return compute_point(self._hearts, state, at)

    def _send_own_figures(self, state: Session, at: Millis) -> None:
        for client_id in self._wearing:
            own = self.own(client_id, at)
            if own is not None:
                payload = outgoing.message("own_metrics", state.session_id, at, own)
                self._room.to_one(client_id, outgoing.frame(payload))

    @property
    def _hearts(self) -> GroupHeart:
        # Made on first use: most sessions of most studios have no strap.
        if self._heart is None:
            # NumPy comes with it: a server is ready sooner without.
            from engine.domain.heart.group import GroupHeart
            from engine.domain.heart.marks import MARKS

            marks = MARKS if self._marks is None else self._marks
            known = (mark.key for mark in marks if mark.title in self._titles)
            self._heart = GroupHeart(
                marks=marks,
                reached={*self._reached, *known},
                first_part=self._parts_formed + 1,
                coherence=self._coherence,
                order=_unpredictable_order(secrets.token_bytes(16)),
            )
        return self._heart


def _unpredictable_order(salt: bytes) -> Callable[[str], bytes]:
    """A sort key for people that nobody can predict, so that nobody can choose their part."""
    return lambda client_id: blake2b(client_id.encode(), key=salt, digest_size=8).digest()


_FOLLOWED: Mapping[type, Callable[[SessionTelemetry, Any, Millis], None]] = {
    e.ConsentChanged: SessionTelemetry._consented,
    e.SeatVouched: SessionTelemetry._vouched,
    e.MemberJoined: SessionTelemetry._joined,
    e.MemberLeft: SessionTelemetry._left,
    e.MemberBarred: SessionTelemetry._barred,
    e.PersonWithdrew: SessionTelemetry._withdrew,
    e.SessionEnded: SessionTelemetry._ended,
}
"""What ``note`` does with an event, by its type. Most events are not in it."""
