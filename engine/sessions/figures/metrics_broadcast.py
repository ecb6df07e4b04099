"""The group's figures for everybody in the room: when a ``metrics_update`` is sent, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.domain.group_metrics import group_metrics
from engine.domain.instant import SECOND, Millis
from engine.domain.quality import quality_of
from engine.domain.session import CurvePoint, Session
from engine.protocol import outgoing
from engine.sessions.ports import RoomPort

__all__ = ["MetricsBroadcast"]

_SENT_AGAIN: Millis = 30 * SECOND


class MetricsBroadcast:
    """Sends one session's figures to its room when they changed, and every half minute otherwise."""

    __slots__ = ("_room", "_sent", "_somebody_new")

    def __init__(self, room: RoomPort[Any]) -> None:
        self._room = room
        self._sent: tuple[dict[str, Any], Millis] | None = None
        self._somebody_new = False
        """Somebody has been seated since figures were sent."""

    def expect_somebody_new(self) -> None:
        """Send the next figures whether or not they changed."""
        self._somebody_new = True

    def newest(self, state: Session, at: Millis) -> Mapping[str, Any]:
        """The figures for somebody who comes now. The rates are those of the last tick: counting is costly."""
        sent = None if self._sent is None else self._sent[0]
        rates = None if sent is None else (sent["completion_rate"], sent["engagement_rate"])
        return group_metrics(state, at, rates=rates)

    def send(self, state: Session, figures: CurvePoint, at: Millis) -> None:
        """Send the figures of a tick, unless everybody has got the same lately. Staff get the quality score with them."""
        content = group_metrics(state, at) | {
            "participants": figures.participants,
            "measured": figures.measured,
            "coherence": figures.coherence,
            "synchrony": figures.synchrony,
            "completion_rate": figures.completion_rate,
            "engagement_rate": figures.engagement_rate,
        }
        if state.stated.improvement is None:
            content["hrv_improvement"] = figures.hrv_improvement
            content["current_hrv_improvement"] = figures.hrv_improvement
        known = None if self._somebody_new or self._sent is None else self._sent[0]
        if content == known and self._sent is not None and at - self._sent[1] < _SENT_AGAIN:
            return
        self._sent, self._somebody_new = (content, at), False
        everybody = outgoing.message("metrics_update", state.session_id, at, content)
        quality = quality_of(content["hrv_improvement"])
        score = None if quality is None else quality.score
        staff = everybody | {"content": {**content, "quality_score": score}}
        self._room.figures(outgoing.frame(everybody), outgoing.frame(staff))
