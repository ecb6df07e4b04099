"""The turns of one session that await their commit, oldest first, and who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from engine.domain import events as e
from engine.domain.instant import Millis
from engine.domain.rejection import Rejected
from engine.domain.session import Session

__all__ = ["CommitQueue", "Turn"]


@dataclass(slots=True, eq=False)
class Turn:
    """The events of one turn, the state after them, and the callbacks for when they are durable or never will be.

    Each event stands with its ``seq`` (None for one that is not numbered) and its instant.
    """

    state: Session
    events: Sequence[tuple[e.Event, int | None, Millis]]
    then: list[Callable[[], None]] = field(default_factory=list)
    failed: list[Callable[[Rejected], None]] = field(default_factory=list)

    @property
    def seq(self) -> int:
        """The number of its last numbered message, or the newest there was."""
        return next((seq for _, seq, _ in reversed(self.events) if seq is not None), self.state.seq)


class CommitQueue:
    """Turns in the order in which they were appended to the journal; they are committed in that order."""

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        # A list although it is a queue: it is short, and an empty deque takes ten times as much.
        self._turns: list[Turn] = []

    def __bool__(self) -> bool:
        return bool(self._turns)

    def add(self, turn: Turn) -> None:
        """Append a turn."""
        self._turns.append(turn)

    def is_next(self, turn: Turn) -> bool:
        """Whether ``turn`` is the oldest that awaits its commit."""
        return bool(self._turns) and self._turns[0] is turn

    def remove_next(self) -> None:
        """Remove the oldest turn: it is durable."""
        self._turns.pop(0)

    def when_durable(
        self,
        state: Session | None,
        then: Callable[[Session | None], None],
        failed: Callable[[Rejected], None] | None,
    ) -> None:
        """Call ``then`` with ``state`` once all turns so far are durable, at once where none waits.

        ``failed`` is called instead when they never will be.
        """
        if not self._turns:
            then(state)
            return
        newest = self._turns[-1]
        newest.then.append(partial(then, state))
        if failed is not None:
            newest.failed.append(failed)

    def fail(self, refusal: Rejected) -> None:
        """Drop all turns: they will not become durable."""
        while self._turns:
            for failed in self._turns.pop(0).failed:
                failed(refusal)
