"""A state is copied whole, and is frozen again afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from engine.domain.session import Session
from engine.domain.session_draft import draft_after, finished


def _marked() -> tuple[Session, dict[str, Any]]:
    """A state with another object in every field, whatever its type."""
    marks: dict[str, Any] = {field.name: object() for field in fields(Session)}
    marks["position"] = 7
    return Session(**marks), marks


def test_a_draft_has_every_field_of_the_state() -> None:
    """A field that is added to ``Session`` cannot be forgotten by the copy."""
    state, marks = _marked()
    copy = finished(draft_after(state, seq=3, at=9))
    assert type(copy) is Session
    assert {field.name: getattr(copy, field.name) for field in fields(Session)} == marks | {
        "position": 8,
        "seq": 3,
        "updated_at": 9,
    }
    assert copy != state


def test_changing_a_draft_leaves_the_state_before_it() -> None:
    """Whoever holds the older state sees nothing of what is put into the draft."""
    state, marks = _marked()
    draft = draft_after(state, seq=3, at=9)
    said = (object(),)
    draft.chat = said
    assert finished(draft).chat is said
    assert state.chat is marks["chat"]


def test_a_finished_draft_is_frozen() -> None:
    """Nobody changes it by accident once it is a state."""
    state = finished(draft_after(_marked()[0], seq=3, at=9))
    with pytest.raises(FrozenInstanceError):
        state.seq = 4  # type: ignore[misc]


def test_a_draft_takes_no_field_that_a_state_does_not_have() -> None:
    """A name that is misspelt in a change is an error, not a new attribute."""
    with pytest.raises(AttributeError):
        draft_after(_marked()[0], seq=3, at=9).chats = ()
