"""The snapshot of an ended session: all that its publication knows of it.

A snapshot holds facts and group figures. Names stand in it only where their owners allowed it
(``quotes``, each of which the studio approves before it is shown); addresses and one person's heart
figures never do.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.instant import Millis
from engine.domain.labels import Place, SessionType, Visibility

__all__ = ["Achieved", "GroupPoint", "Origin", "Quote", "Reached", "Snapshot", "TechniqueSpan"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TechniqueSpan(_Part):
    """One technique as it was practised: offsets and lengths in seconds from the start."""

    technique: str
    start_s: float
    duration_s: float
    instruction: str | None = None
    pattern: tuple[float, ...] | None = None
    """Seconds of inhale, hold, exhale, hold."""


class GroupPoint(_Part):
    """The group at one moment. Figures are None where fewer than five people stood behind them."""

    t_s: float
    participants: int
    measured: int = 0
    hrv_improvement: float | None = None
    """Percent against each person's own baseline."""
    coherence: float | None = None
    synchrony: float | None = None
    """Kuramoto R, 0–1."""


class Reached(_Part):
    """A milestone of the group's HRV."""

    t_s: float
    improvement: float


class Achieved(_Part):
    """An achievement of the group."""

    t_s: float
    title: str
    description: str = ""


class Quote(_Part):
    """A participant's words that may stand on the page; ``name`` only with its own permission."""

    text: str
    name: str | None = None


class Origin(_Part):
    """How an imported story stood where it was exported; what nothing is said of is None."""

    published_at: Millis | None = None
    updated_at: Millis | None = None
    guid: str | None = None
    """What feed readers know it by."""
    quotes: dict[str, str] = Field(default_factory=dict)
    """``waiting``, ``approved`` or ``withdrawn`` by the quote's key."""
    time_zone: str | None = Field(default=None, exclude_if=lambda zone: zone is None)
    """IANA name of the zone in which its times were said. Not stored without one: servers of 0.2.0 refuse what they do not know."""


class Snapshot(BaseModel):
    """One version of an ended session, for publication."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_id: str
    content_id: str
    """UUID of this publication; a new version gets a new one."""
    version: int = 1
    source: Literal["live", "api", "import"] = "live"
    title: str
    content: str | None = None
    """What the session was, in its instructor's words: plain text, blank lines between paragraphs."""
    session_type: SessionType = "live"
    instructor_name: str | None = None
    session_date: Millis
    """When it started."""
    session_duration: int
    """Seconds, 1–7200."""
    participant_count: int
    breathing_techniques: tuple[str, ...]
    """Distinct names in the order of their first appearance, at most ten."""
    average_hrv_improvement: float | None = None
    key_achievements: tuple[str, ...] = ()
    metrics_summary: dict[str, Any] = Field(default_factory=dict)
    participant_feedback: tuple[tuple[str, str], ...] = ()
    """(participant_name, comment) as a caller of the API stated them; staff decided on those."""
    visibility: Visibility = "public"
    place: Place | None = None
    series_id: str | None = None
    channels: tuple[str, ...] = SUMMARY_CHANNELS
    approved: bool = False
    """True when whoever holds a key published it at once: quotes and drafts need no further approval."""
    timeline: tuple[TechniqueSpan, ...] = ()
    curves: tuple[GroupPoint, ...] = ()
    milestones: tuple[Reached, ...] = ()
    achievements: tuple[Achieved, ...] = ()
    quotes: tuple[Quote, ...] = ()
    completion_rate: float | None = None
    engagement_rate: float | None = None
    average_rating: float | None = None
    ended_at: Millis
    origin: Origin | None = None
    """Only of what was imported."""
    time_zone: str | None = Field(default=None, exclude=True)
    """IANA name of the zone in which its times are said; None: the studio's. No part of the stored document: the catalogue
    knows it, of a session of a series from that."""
