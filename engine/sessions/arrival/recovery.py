"""The position from which a returning client recovers its missed messages, and when it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.commands import Join
from engine.domain.instant import Millis
from engine.domain.session import GRACE, RESUME_WITHIN, Presence, Session

__all__ = ["MOST_RECOVERED", "Position", "position_of"]

MOST_RECOVERED = 1000
"""Numbered messages that can be recovered at most."""


@dataclass(frozen=True, slots=True)
class Position:
    """A client missed everything after the ``seq`` ``missed_from``."""

    missed_from: int

    def is_within_reach(self, head: int) -> bool:
        """Whether few enough messages were missed, the newest being ``head``."""
        return head - self.missed_from <= MOST_RECOVERED


def position_of(
    state: Session,
    join: Join,
    *,
    after: int | None,
    epoch: str | None,
    handed: tuple[int, Millis] | None,
    at: Millis,
) -> Position | None:
    """The position to recover from, or None: a first visit, or one that cannot be.

    Whether it is still within reach is known after the join, which may be among the missed itself.

    Args:
        state: before the join.
        after: the last ``seq`` that the client says it has; decides where given.
        handed: the last ``seq`` handed to that client's socket, and when the socket went.
    """
    member = state.members.get(join.client_id)
    returning = join.proved and member is not None and not member.external
    if epoch is not None and epoch != state.epoch:
        return None
    if epoch is None and after is not None and state.epochs > 1:
        return None  # It may be a position of an epoch before.
    if not returning and (after is None or epoch is None):
        return None
    if returning and member is not None and member.presence is not Presence.PRESENT:
        # The socket's own end is exact; after a restart the state has to do.
        lost_for = GRACE if member.presence is Presence.LOST else 0
        lost_at = member.since - lost_for if handed is None else handed[1]
        if at - lost_at > RESUME_WITHIN:
            return None
    if after is not None:
        missed_from = after
    elif handed is not None and at - handed[1] <= RESUME_WITHIN:
        missed_from = handed[0]
    else:
        return None
    return Position(missed_from) if 0 <= missed_from <= state.seq else None
