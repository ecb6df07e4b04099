"""A platform that reports events over a socket, and repeats until each is acknowledged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from tests.stress.client import Tally
from tests.stress.line import Line, NotUpgraded, frame
from tests.stress.logs import RoomLog

__all__ = ["Platform"]

_EVERY_S = 0.05
_REPEATED_AFTER_S = 1.0
_SETTLED_WITHIN_S = 15.0


class Platform:
    """One platform's reports of one session: the same id twice is one event, whatever happens between."""

    def __init__(self, port: Callable[[], int], log: RoomLog, tally: Tally, token: str) -> None:
        self._port = port
        self._log = log
        self._tally = tally
        self._token = token
        self._sent = 0
        self._unanswered: set[str] = set()
        self._line: Line | None = None

    async def report(self, seconds: float) -> None:
        """Report something again and again for so long, then wait for the last answers."""
        loop = asyncio.get_running_loop()
        until, repeat_at = loop.time() + seconds, loop.time() + _REPEATED_AFTER_S
        while loop.time() < until or self._unanswered:
            if loop.time() > until + _SETTLED_WITHIN_S:
                self._log.faults.add(
                    "not acknowledged", f"{self._log.session_id}: {sorted(self._unanswered)}"
                )
                break
            await self._connected()
            if loop.time() < until:
                self._sent += 1
                self._send(f"badge {self._sent}")
                if self._sent % 10 == 0:  # Already answered, most likely: a repetition is harmless.
                    self._send(f"badge {self._sent - 5}")
            if loop.time() > repeat_at:
                repeat_at = loop.time() + _REPEATED_AFTER_S
                for marker in sorted(self._unanswered):
                    self._send(marker)
            await asyncio.sleep(_EVERY_S)
        if self._line is not None:
            await self._line.leave()

    async def _connected(self) -> None:
        while self._line is None or self._line.ended.is_set():
            await self._tally.server_is_up.wait()
            path = f"/ws/session/{self._log.session_id}/events"
            try:
                self._line = await Line.open(
                    self._port(), {}, self._heard, lambda code: None, token=self._token, path=path
                )
            except (OSError, NotUpgraded):
                await asyncio.sleep(_EVERY_S)
            else:
                for marker in sorted(self._unanswered):
                    self._send(marker)

    def _send(self, marker: str) -> None:
        assert self._line is not None
        if marker not in self._log.reported:
            self._unanswered.add(marker)
        event = {"type": "achievement.unlocked", "id": marker, "data": {"title": marker}}
        self._line.write(frame(json.dumps(event).encode()))

    def _heard(self, payload: bytes) -> None:
        answer = json.loads(payload)
        if answer["type"] == "ack":
            self._log.reported.add(answer["reply_to"])
            self._unanswered.discard(answer["reply_to"])
        else:
            self._tally.errors[answer["code"]] += 1
