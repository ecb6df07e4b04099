"""Processes that draw cards beside the building of pages, on all cores and at the lowest priority."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue

from publisher.priority import usable_cores
from publisher.rendering.card_drawing import CardTexts
from publisher.rendering.card_process import LENGTH

__all__ = ["CardWorkers"]

_IN_HAND = 100
"""Cards that one process is asked for, so that it need not wait while pages are built; their lines fit into its pipe."""
_MOST_PROCESSES = 8
"""Each takes some 50 MB."""

Drawn = tuple[str, bytes]
"""A session and the PNG of its card, without bytes where it could not be drawn."""


class CardWorkers:
    """Draws cards, each named by its session. Not for two threads at once.

    Processes are started when there is something to draw. They end with this one, whatever becomes of it.
    """

    def __init__(self) -> None:
        self._cores = usable_cores()
        self._workers: list[_Worker] = []
        self._drawn: SimpleQueue[Drawn] = SimpleQueue()

    @property
    def cores(self) -> int:
        """How many processes can draw at the same time."""
        return min(len(self._cores), _MOST_PROCESSES)

    def pids(self) -> list[int]:
        """The processes that draw at present."""
        return [worker.pid for worker in self._workers]

    def ask(self, session_id: str, texts: CardTexts, processes: int) -> bool:
        """Have a card drawn by one of so many processes; False where all of them have enough to do.

        Raises:
            OSError: no process can be started.
        """
        for worker in [each for each in self._workers if each.gone]:
            self._workers.remove(worker)
            worker.close()
        usable = self._workers[:processes]
        least = min(usable, key=lambda worker: len(worker.asked), default=None)
        if len(usable) < processes and (least is None or least.asked):
            least = _Worker(self._cores, self._drawn)
            self._workers.append(least)
        if least is None or len(least.asked) >= _IN_HAND:
            return False
        least.ask(session_id, texts)
        return True

    def finished(self, most: int, wait_s: float = 0.0) -> list[Drawn]:
        """The cards that are finished by now; waits so long for the first one."""
        done: list[Drawn] = []
        with suppress(Empty):
            while len(done) < most:
                done.append(self._drawn.get(block=not done and wait_s > 0, timeout=wait_s))
        return done

    def close(self) -> None:
        """End the processes; what they have in hand is lost."""
        while self._workers:
            self._workers.pop().close()
        self._drawn = SimpleQueue()


class _Worker:
    """One process, and a thread that reads what it writes."""

    def __init__(self, cores: list[int], drawn: SimpleQueue[Drawn]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "publisher.rendering.card_process", ",".join(map(str, cores))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._drawn = drawn
        self._lock = threading.Lock()
        self.asked: deque[str] = deque()
        self.gone = False
        self._reader = threading.Thread(target=self._read, name="card-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, session_id: str, texts: CardTexts) -> None:
        assert self._process.stdin is not None
        with self._lock:
            if self.gone:
                self._drawn.put((session_id, b""))
                return
            self.asked.append(session_id)
        # A process that is gone meanwhile is noticed where its output is read.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(texts)).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        while len(head := output.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            png = output.read(length)
            if len(png) < length:
                break
            self._drawn.put((self.asked.popleft(), png))
        with self._lock:
            self.gone = True
            while self.asked:
                self._drawn.put((self.asked.popleft(), b""))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
