"""How ``evolve`` finds what an event changes."""

from __future__ import annotations

from engine.domain import events as e
from engine.domain.evolve import _CHANGES_OF


def test_every_event_changes_the_state_or_is_listed_as_leaving_it() -> None:
    """A new kind of event cannot be forgotten by the table of changes."""
    without_changes = {e.SessionCreated, e.StoryRecomputed}
    assert without_changes.isdisjoint(_CHANGES_OF)
    assert without_changes | set(_CHANGES_OF) == set(e.Event.__args__)
