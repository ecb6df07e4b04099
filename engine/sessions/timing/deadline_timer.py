"""The timer of a session: it calls back at the next instant at which time alone changes the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.clock import Clock
from engine.domain.deadlines import next_deadline
from engine.domain.instant import SECOND, Millis
from engine.domain.session import GRACE, Session

__all__ = ["DeadlineTimer"]

_COALESCED: Millis = 100
"""Deadlines that come this soon after a call are met by one more call, at most this late."""


class DeadlineTimer:
    """Calls back once, at the deadline of the state that it follows or before; call ``reset`` after that."""

    __slots__ = ("_clock", "_due", "_known", "_now", "_on_deadline", "_timer")

    def __init__(self, clock: Clock, now: Callable[[], Millis], on_deadline: Callable[[], None]) -> None:
        """``now`` tells the session's instants, which may be ahead of the clock's."""
        self._clock = clock
        self._now = now
        self._on_deadline = on_deadline
        self._due: Millis | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._known: Session | None = None
        """The state for which it is set: only some changes move it."""

    def follow(self, state: Session) -> None:
        """Set it for a state that has changed."""
        known, self._known = self._known, state
        if (
            known is None
            or state.phase is not known.phase
            or state.warned != known.warned
            or state.details is not known.details
        ):
            self._set(next_deadline(state))
        elif state.members is not known.members:
            # Whoever comes or goes brings no deadline before the end of a grace, so nobody else need be looked at:
            # a thousand who return at once would look at a thousand each. It fires early then, and is reset.
            soonest = self._now() + GRACE
            if self._due is None or self._due > soonest:
                self._set(soonest)

    def reset(self, state: Session) -> None:
        """Set it again after it fired: for the next deadline, but not for each of many that come close together.

        A deadline that is past although it fired comes a second later: it must not fire without end.
        """
        self._known = state
        # Also where it is set for that already: the clock may have been set meanwhile.
        self._set(None)
        due, now = next_deadline(state), self._now()
        if due is not None:
            due = max(due, now + (_COALESCED if due > now else SECOND))
        self._set(due)

    def stop(self) -> None:
        """Cancel it."""
        self._set(None)

    def _set(self, due: Millis | None) -> None:
        if due == self._due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None if due is None else self._clock.call_after(max(0, due - self._now()), self._fire)

    def _fire(self) -> None:
        self._due = self._timer = None
        self._on_deadline()
