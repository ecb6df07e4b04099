"""Supervision of the publisher process: start, restart, wake, wait for its reports, stop.

The child reads lines from its standard input (``wake``: an outbox row was committed; end of input: finish the current
job and exit) and writes one JSON line per finished job to its standard output. Its log goes to our standard error. A
child that dies is started again after a pause that doubles with each early death (exponential backoff); the outbox keeps
what it had not finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio import StreamReader
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

__all__ = ["Finished", "PublisherProcess"]

_log = structlog.get_logger(__name__)

_MAX_REPORTS = 1024
"""Reports kept for callers of ``wait_for`` that come after the child has finished."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The child's report of one job: ``state`` is ``done``, or ``failed``, which may be tried again."""

    session_id: str
    content_id: str
    channel: str
    state: str


class PublisherProcess:
    """Keeps one child running from ``start`` to ``stop``. Bound to the loop it was started on."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        on_finished: Callable[[Finished], None] | None = None,
        shortest_pause: float = 0.5,
        longest_pause: float = 30.0,
    ) -> None:
        """``command`` is the child's command line; ``environment`` is added to ours; pauses before a restart in seconds."""
        self._command = tuple(command)
        self._environment = {**os.environ, **(environment or {})}
        self._on_finished = on_finished
        self._shortest_pause = shortest_pause
        self._longest_pause = longest_pause
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._reports: OrderedDict[tuple[str, str], dict[str, str]] = OrderedDict()
        self._reported = asyncio.Event()
        self.starts = 0
        """How often a child was started; more than once means that one died."""

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the child and keep it running. Once."""
        if self._supervisor is not None:
            raise RuntimeError("the publisher process was started before")
        self._supervisor = asyncio.create_task(self._keep_running(), name="publisher process")

    def wake(self) -> None:
        """Tell the child that there is work. Does nothing while none runs: a child begins by looking for work."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(b"wake\n")

    async def wait_for(
        self,
        session_id: str,
        content_id: str,
        channels: Collection[str],
        timeout: float,  # noqa: ASYNC109 — when it is over, what is known so far is the answer
    ) -> dict[str, str]:
        """Return the state of each of ``channels`` that finishes within ``timeout`` seconds.

        Returns as soon as all of them have; after the timeout the result is incomplete, and the outbox knows the rest.
        Reports from before the call count.
        """
        key = (session_id, content_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not set(channels) <= self._reports.get(key, {}).keys():
                    await self._reported.wait()
        reported = self._reports.get(key, {})
        return {channel: reported[channel] for channel in channels if channel in reported}

    async def stop(self, grace: float = 5.0) -> None:
        """Close the child's input, let it finish its job, and kill it after ``grace`` seconds."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        process = self._process
        # The supervisor ends first, or it would start another child.
        supervisor.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await supervisor
        if process is None or process.returncode is not None:
            return
        _close_input(process)
        try:
            async with asyncio.timeout(grace):
                # Unread reports would fill the pipe and block the child.
                await asyncio.gather(self._read_reports(process), process.wait())
        except TimeoutError:
            _log.warning("publisher killed", pid=process.pid, grace=grace)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._shortest_pause
        while True:
            started = loop.time()
            try:
                self._process = process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=PIPE, stdout=PIPE, env=self._environment
                )
            except OSError as error:
                _log.error("publisher cannot start", reason=str(error), again_in=pause)
            else:
                self.starts += 1
                _log.info("publisher started", pid=process.pid)
                await self._read_reports(process)
                status = await process.wait()
                if loop.time() - started > self._longest_pause:
                    pause = self._shortest_pause
                _log.error("publisher died", pid=process.pid, exit_status=status, again_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._longest_pause)

    async def _read_reports(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await _read_line(process.stdout):
            finished = _parse(line)
            if finished is None:
                _log.warning("publisher said something unknown", line=line[:200].decode("utf-8", "replace"))
            else:
                self._store(finished)

    def _store(self, finished: Finished) -> None:
        key = (finished.session_id, finished.content_id)
        self._reports.setdefault(key, {})[finished.channel] = finished.state
        self._reports.move_to_end(key)
        if len(self._reports) > _MAX_REPORTS:
            self._reports.popitem(last=False)
        # Wakes those who wait now, and leaves the event ready for the next report.
        self._reported.set()
        self._reported.clear()
        if self._on_finished is not None:
            try:
                self._on_finished(finished)
            except Exception:  # noqa: BLE001
                # It would end the supervision, and the next child that dies would be the last.
                _log.exception("a report was not taken", session_id=finished.session_id)


def _close_input(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()


async def _read_line(stream: StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        # Longer than the reader's limit, so it is no report; the reader drops it.
        return b"(an endless line)\n"


def _parse(line: bytes) -> Finished | None:
    try:
        report: Any = json.loads(line)
        return Finished(report["session_id"], report["content_id"], report["channel"], report["state"])
    except (ValueError, KeyError, TypeError):
        return None
