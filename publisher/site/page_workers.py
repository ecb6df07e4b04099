"""Has the pages of sessions rendered by other processes, a portion at a time, while a build of the whole site goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import structlog

from publisher.processes import Processes
from publisher.site.page_process import PageSetup, SessionFile, files_of, request_of
from publisher.site.session_pages import SessionSource

__all__ = ["PORTION", "PageWorkers"]

_log = structlog.get_logger(__name__)

PORTION: Final = 50
"""Sessions in one request: a seventh of a second, and two megabytes where each has a long curve."""
_IN_HAND: Final = 3
_MOST_AT_A_TIME: Final = 8


class PageWorkers:
    """Renders the pages of sessions in as many processes as there are cores.

    What they cannot render is rendered in this process: what is wrong is raised or reported as in any other build, and
    the end of a process is made up for. A context manager: leaving it ends the processes.
    """

    def __init__(
        self,
        session_ids: Sequence[str],
        *,
        source: Callable[[str], SessionSource | None],
        setup: Callable[[], PageSetup],
        render: Callable[[Sequence[str]], list[SessionFile]],
    ) -> None:
        """``source`` reads what a page is made of; ``setup`` says what it is rendered with by now; ``render`` does it here."""
        self._source = source
        self._setup = setup
        self._render = render
        self._wanted = deque(session_ids[at : at + PORTION] for at in range(0, len(session_ids), PORTION))
        self._next: bytes | None = None
        """The request for the first of them, once it is made."""
        self._in_hand: dict[str, Sequence[str]] = {}
        self._processes = Processes("publisher.site.page_process", _IN_HAND)
        self._most = self._processes.cores
        self.left = len(session_ids)
        """Sessions whose pages were not handed over yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.close()

    @property
    def cores(self) -> int:
        """How many pages can be rendered at the same time."""
        return self._processes.cores

    def pids(self) -> list[int]:
        """The processes that render at present."""
        return self._processes.pids()

    def files(self, wait_s: float = 0.0) -> list[SessionFile]:
        """The pages that were finished since the last call; and have others rendered. Waits so long for the first one."""
        self._hand_out()
        if self._wanted and not self._in_hand:
            # There is no process that could take it.
            self._next = None
            return self._finished(self._wanted.popleft(), b"")
        done: list[SessionFile] = []
        for name, answer in self._processes.finished(_MOST_AT_A_TIME, wait_s if self._in_hand else 0.0):
            done += self._finished(self._in_hand.pop(name), answer)
        return done

    def _hand_out(self) -> None:
        """Have the processes take as much as they do."""
        while self._wanted:
            session_ids = self._wanted[0]
            if self._next is None:
                sources = [source for source in map(self._source, session_ids) if source is not None]
                self._next = request_of(self._setup(), sources)
            if not self._taken(session_ids[0], self._next):
                return
            self._in_hand[session_ids[0]] = session_ids
            self._wanted.popleft()
            self._next = None

    def _taken(self, name: str, request: bytes) -> bool:
        processes = self._most - self._processes.lost
        try:
            return processes > 0 and self._processes.ask(name, request, processes)
        except OSError:
            _log.warning("no page process", instead="pages are rendered by the publisher itself")
            self._most = 0
            return False

    def _finished(self, session_ids: Sequence[str], answer: bytes) -> list[SessionFile]:
        self.left -= len(session_ids)
        return files_of(answer) if answer else self._render(session_ids)
