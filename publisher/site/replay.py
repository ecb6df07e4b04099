"""The timeline of a session as JSON, for the player on its page."""

from __future__ import annotations

from engine.domain.snapshot import Snapshot, TechniqueSpan
from engine.domain.techniques import lookup
from engine.domain.techniques.breathing import Pattern
from publisher.site.json_ld import safe_json

__all__ = ["replay_of"]


def replay_of(snapshot: Snapshot) -> str | None:
    """JSON for the player: ``duration`` and ``spans`` of ``{technique, start, length, pattern, instruction}``.

    Times in seconds. None where the session has no timeline.
    """
    if not snapshot.timeline:
        return None
    spans = [
        {
            "technique": span.technique,
            "start": round(span.start_s, 1),
            "length": round(span.duration_s, 1),
            "pattern": _pattern(span),
            "instruction": span.instruction,
        }
        for span in snapshot.timeline
    ]
    return safe_json({"duration": snapshot.session_duration, "spans": spans})


def _pattern(span: TechniqueSpan) -> dict[str, object] | None:
    known = lookup.find(span.technique)
    if known and known.pattern and span.pattern is None:
        return known.pattern.as_json()
    if span.pattern is None:
        return None
    seconds = (*span.pattern, 0.0, 0.0, 0.0, 0.0)[:4]
    try:
        stated = Pattern.of(*seconds)
    except ValueError:
        return None
    # A snapshot holds four numbers; the catalogue's pattern may have more steps (a second inhale).
    if known and known.pattern and known.pattern.cycle_ms == stated.cycle_ms:
        return known.pattern.as_json()
    return stated.as_json()
