"""Processes beside this one that answer requests, on all cores and at the lowest priority.

Requests and answers are bytes, each after its length (four bytes, big-endian). A process answers one request after the
other until its input ends; an answer without bytes says that the request could not be fulfilled.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

from publisher.priority import (
    IDLE_NICENESS,
    leave_foreground_group,
    lower_priority,
    usable_cores,
    use_idle_scheduling_on,
)

__all__ = ["Processes", "answer_requests"]

_LENGTH = struct.Struct(">I")
_MOST_PROCESSES = 8
"""Each takes some 50 MB."""

Answer = tuple[str, bytes]
"""The name of a request and its answer, without bytes where there is none."""


class Processes:
    """Runs ``python -m module`` several times and hands out requests, each with a name. Not for two threads at once.

    Processes are started when there is something to do. They end with this one, whatever becomes of it.
    """

    def __init__(self, module: str, in_hand: int) -> None:
        """``in_hand``: requests that one process has at most, so that it need not wait for the next one."""
        self._module = module
        self._in_hand = in_hand
        self._cores = usable_cores()
        self._running: list[_Process] = []
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self.lost = 0
        """How many processes ended by themselves."""

    @property
    def cores(self) -> int:
        """How many processes can work at the same time."""
        return min(len(self._cores), _MOST_PROCESSES)

    def pids(self) -> list[int]:
        """The processes that run at present."""
        return [each.pid for each in self._running]

    def ask(self, name: str, request: bytes, processes: int) -> bool:
        """Hand a request to one of so many processes; False where all of them have enough to do.

        Raises:
            OSError: no process can be started.
        """
        for each in [each for each in self._running if each.gone]:
            self._running.remove(each)
            self.lost += 1
            each.close()
        usable = self._running[:processes]
        least = min(usable, key=lambda each: len(each.unanswered), default=None)
        if len(usable) < processes and (least is None or least.unanswered):
            least = _Process(self._module, self._cores, self._answers)
            self._running.append(least)
        if least is None or len(least.unanswered) >= self._in_hand:
            return False
        least.ask(name, request)
        return True

    def finished(self, most: int, wait_s: float = 0.0) -> list[Answer]:
        """The answers that are there by now; waits so long for the first one."""
        done: list[Answer] = []
        with suppress(Empty):
            while len(done) < most:
                done.append(self._answers.get(block=not done and wait_s > 0, timeout=wait_s))
        return done

    def close(self) -> None:
        """End the processes; what they have in hand is lost."""
        while self._running:
            self._running.pop().close()
        self._answers = SimpleQueue()


class _Process:
    """One process, a thread that writes what it is asked, and one that reads what it answers."""

    def __init__(self, module: str, cores: list[int], answers: SimpleQueue[Answer]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, ",".join(map(str, cores))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._answers = answers
        self._lock = threading.Lock()
        self.unanswered: deque[str] = deque()
        self.gone = False
        # A pipe holds less than one request may have: whoever asks must not wait until there is room in it.
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._write, name=f"{module}-writer", daemon=True),
            threading.Thread(target=self._read, name=f"{module}-reader", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, name: str, request: bytes) -> None:
        with self._lock:
            if self.gone:
                self._answers.put((name, b""))
                return
            self.unanswered.append(name)
        self._requests.put(request)

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        # A process that is gone meanwhile is noticed where its output is read.
        with suppress(BrokenPipeError):
            while (request := self._requests.get()) is not None:
                _send(pipe, request)

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        while (answer := _received(pipe)) is not None:
            self._answers.put((self.unanswered.popleft(), answer))
        with self._lock:
            self.gone = True
            while self.unanswered:
                self._answers.put((self.unanswered.popleft(), b""))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._requests.put(None)
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


def answer_requests(answer: Callable[[bytes], bytes]) -> None:
    """The other side: answer what comes in, on the cores that the command line names, until there is no more."""
    leave_foreground_group()
    lower_priority(IDLE_NICENESS)
    use_idle_scheduling_on({int(core) for core in sys.argv[1].split(",")})
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever else is printed must not stand between the answers.
    os.dup2(2, 1)
    with suppress(BrokenPipeError, KeyboardInterrupt):
        while (request := _received(requests)) is not None:
            try:
                answered = answer(request)
            except Exception:  # noqa: BLE001
                # Whatever is wrong with it, the next one can be answered.
                traceback.print_exc()
                answered = b""
            _send(answers, answered)


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _received(pipe: IO[bytes]) -> bytes | None:
    """The next message; None where the pipe ends before that is whole."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = pipe.read(length)
    return message if len(message) == length else None
