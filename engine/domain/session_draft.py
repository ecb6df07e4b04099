"""A copy of a session's state that can still be changed: ``evolve`` makes one for every event of every room."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from engine.domain.instant import Millis
from engine.domain.session import Session

__all__ = ["draft_after", "finished"]


class _Draft:
    """The fields of a ``Session``, in the same memory layout, and not frozen."""

    __slots__ = tuple(field.name for field in fields(Session))


_new = object.__new__


def draft_after(state: Session, *, seq: int, at: Millis) -> Any:
    """A draft with all that ``state`` has, one position later; hand it to ``finished`` and keep nothing of it.

    Written out, field by field: the interpreter knows the place of each, and the copy takes a fifth of what it takes
    in a loop over setters. A test holds the list against ``Session``.
    """
    draft: Any = _new(_Draft)
    draft.session_id = state.session_id
    draft.epoch = state.epoch
    draft.details = state.details
    draft.created_at = state.created_at
    draft.phase = state.phase
    draft.sequence = state.sequence
    draft.started_at = state.started_at
    draft.start_told_at = state.start_told_at
    draft.ended_at = state.ended_at
    draft.end_told_at = state.end_told_at
    draft.end_reason = state.end_reason
    draft.members = state.members
    draft.here = state.here
    draft.spans = state.spans
    draft.resting = state.resting
    draft.locked = state.locked
    draft.warned = state.warned
    draft.empty_since = state.empty_since
    draft.curves = state.curves
    draft.parts = state.parts
    draft.parts_formed = state.parts_formed
    draft.shares_withdrawn = state.shares_withdrawn
    draft.milestones = state.milestones
    draft.achievements = state.achievements
    draft.stated_milestones = state.stated_milestones
    draft.stated = state.stated
    draft.chat = state.chat
    draft.messages_deleted = state.messages_deleted
    draft.announcement = state.announcement
    draft.epochs = state.epochs
    draft.position = state.position + 1
    draft.seq = seq
    draft.updated_at = at
    return draft


def finished(draft: Any) -> Session:
    """The draft itself, as the frozen state that it has become."""
    # Allowed between classes of one layout, and ``Session`` computes nothing when it is made.
    draft.__class__ = Session
    return cast("Session", draft)
