"""One person in a storm: keeps its place as the protocol says, comes back, and complains.

It is not ``halcytone.client``: a storm needs frames that are not well formed and sockets that stop reading (``line``), and
a thousand people in one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from engine.protocol.close_codes import CloseCode
from halcytone.close_codes import CloseClass, class_of
from tests.stress.line import Line, NotUpgraded, frame
from tests.stress.logs import Message, RoomLog

__all__ = ["Client", "Refused", "Tally"]

_WITHIN_REACH = 900
"""Missing this many messages at most, somebody who returns gets them all."""
_PATIENCE_S = 15.0
_HEARTBEAT = frame(b'{"type": "heartbeat"}')


class Refused(Exception):
    """An error came in place of a welcome: its code."""


class Tally:
    """What the clients of a storm lived through."""

    def __init__(self) -> None:
        self.messages = 0
        self.joins = 0
        self.recovered = 0
        self.started_anew = 0
        self.return_seconds: list[float] = []
        self.refusals: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.server_is_up = asyncio.Event()


@dataclass(eq=False, slots=True)
class _Visit:
    """One connection of a client, from its first byte on."""

    after: int
    welcomed: asyncio.Future[Message]
    line: Line | None = None
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Client:
    """A person, or the instructor when there is a ``token``."""

    def __init__(
        self,
        port: Callable[[], int],
        log: RoomLog,
        tally: Tally,
        name: str,
        dice: Random,
        *,
        token: str | None = None,
        slow: bool = False,
    ) -> None:
        self._port = port
        self._log = log
        self._tally = tally
        self._dice = dice
        self._token = token
        self._slow = slow
        self.name = name
        self.client_id: str | None = None
        self.last = 0
        """The newest number that was seen, and all before it since the segment began."""
        self.segments: list[list[int]] = []
        """``[after, last]``: everything in between came, in order, once."""
        self.own: set[int] = set()
        """Numbers of one's own chats, told by ``message_sent``."""
        self.welcome: Message = {}
        self.stays_away = False
        """A close is not followed by a return."""
        self.announced_left: int | None = None
        """The number under which one was said to have left, until one is said to have joined."""
        self.grew = asyncio.Event()
        self._pause: float | None = None
        self._one_at_a_time = asyncio.Lock()
        self._said: dict[str, str] = {}
        self._proof: dict[str, str] = {}
        self._visit: _Visit | None = None
        self._returning: asyncio.Task[None] | None = None

    @property
    def here(self) -> bool:
        """Whether a line is open and welcomed."""
        visit = self._visit
        return visit is not None and visit.welcomed.done() and not visit.left.is_set()

    @property
    def line(self) -> Line | None:
        """The line of the newest visit."""
        return None if self._visit is None else self._visit.line

    # -- coming and going ---------------------------------------------------------------------------

    async def connect(self) -> None:
        """Join, or return to one's place. From here on an older line tells nothing about it.

        Raises:
            OSError: the server is not there.
            NotUpgraded: it answers with something else, or goes away.
            Refused: it answers with an error.
            TimeoutError: it says nothing.
        """
        async with self._one_at_a_time:
            await self._connect()

    async def _connect(self) -> None:
        query = {"session_id": self._log.session_id, **self._proof}
        if self._token is not None:
            query["role"] = "instructor"
        if self._proof:
            query["after"] = str(self.last)
        else:
            query["name"] = self.name
        loop = asyncio.get_running_loop()
        began = loop.time()
        visit = self._visit = _Visit(self.last, loop.create_future())
        heard, ended = partial(self._heard, visit), partial(self._ended, visit)
        visit.line = await Line.open(self._port(), query, heard, ended, token=self._token, slow=self._slow)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                self.welcome = await visit.welcomed
        except TimeoutError:
            self._fault("no welcome", f"nothing came within {_PATIENCE_S:.0f} s")
            visit.line.drop()
            raise
        if not self._proof:
            self._tally.joins += 1
        elif self.welcome["recovered"]:
            self._tally.recovered += 1
            self._tally.return_seconds.append(loop.time() - began)
        else:
            self._tally.started_anew += 1
        self.client_id = self.welcome["client_id"]
        self._proof = {key: self.welcome[key] for key in ("client_id", "resume", "epoch")}

    async def come(self) -> None:
        """Connect, as often as it takes while the server comes and goes."""
        for attempt in range(100):
            await self._tally.server_is_up.wait()
            if self.stays_away or self.here:
                return
            try:
                await self.connect()
            except (OSError, NotUpgraded, Refused, TimeoutError) as reason:
                self._tally.refusals[
                    str(reason)[:60] if isinstance(reason, Refused) else type(reason).__name__
                ] += 1
                if isinstance(reason, Refused) and str(reason) == "session_over":
                    self.stays_away = True
                    return
                await asyncio.sleep(min(0.5, 0.05 * (attempt + 1)) * self._dice.uniform(0.5, 1))
            else:
                return
        self._fault("never came back", "after 100 attempts")

    def return_after(self, seconds: float = 0.0) -> None:
        """Come back a little later, if nobody is on the way already."""
        if self._returning is None or self._returning.done():
            self._returning = asyncio.get_running_loop().create_task(self._return(seconds))

    def replace(self) -> None:
        """Open the next line while the old one is there."""
        if self._returning is None or self._returning.done():
            self._returning = asyncio.get_running_loop().create_task(self._replace())

    async def _replace(self) -> None:
        with contextlib.suppress(OSError, NotUpgraded, Refused, TimeoutError):
            await self.connect()
        await self._return(0)

    async def _return(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        # A line that ends before this task does starts no other one.
        while not self.here and not self.stays_away:
            await self.come()

    def drop(self, back_after: float | None = None) -> None:
        """Lose the network, to come back after so many seconds."""
        if self.here and self.line is not None:
            self._pause = back_after
            self.line.drop()

    async def leave(self) -> None:
        """Say goodbye, and stay away until ``come``."""
        self.stays_away = True
        if self._returning is not None:
            await self._returning
        visit = self._visit
        if visit is not None and visit.line is not None and not visit.left.is_set():
            visit.line.read_on()
            try:
                await visit.line.leave()
            except TimeoutError:
                self._fault("no goodbye", "the server did not answer a close within 5 s")
                visit.line.drop()

    def _ended(self, visit: _Visit, code: int) -> None:
        visit.left.set()
        self.grew.set()
        if not visit.welcomed.done():
            visit.welcomed.set_exception(NotUpgraded(f"closed with {code} before the welcome"))
            visit.welcomed.exception()  # Whoever waits gets it; nobody may be waiting any more.
            return
        self._tally.codes[code] += 1
        if visit is not self._visit:
            return
        if code == CloseCode.SESSION_OVER:
            # Away while it ended.
            self.stays_away = True
        elif class_of(code) is CloseClass.NEVER:
            self._fault("sent away", f"closed with {code}")
        elif class_of(code) is CloseClass.OVER:
            self.stays_away = True
        elif not self.stays_away:
            pause, self._pause = self._pause, None
            self.return_after(self._dice.uniform(0, 0.2) if pause is None else pause)

    # -- speaking -------------------------------------------------------------------------------------

    def say(self, kind: str, marker: str, data: dict[str, Any]) -> None:
        """Send a command whose acknowledgement is asked for; nothing happens without a connection."""
        if self.here and self.line is not None:
            self._said[marker] = kind
            self.line.write(frame(json.dumps({"type": kind, "id": marker, "data": data}).encode()))

    def beat(self) -> None:
        """Send a heartbeat."""
        if self.here and self.line is not None:
            self.line.write(_HEARTBEAT)

    # -- hearing ------------------------------------------------------------------------------------

    def _heard(self, visit: _Visit, payload: bytes) -> None:
        self._tally.messages += 1
        message = self._log.read(payload)
        kind = message["type"]
        if kind == "ack":
            # What an older line was promised counts as well.
            if message["reply_to"] in self._said:
                self._log.acknowledge(message["reply_to"], self._said[message["reply_to"]], message["seq"])
        elif visit is not self._visit:
            return
        elif not visit.welcomed.done():
            self._first(visit, message)
        elif kind == "message_sent" or ("epoch" in message and "seq" in message):
            self._number(message)
        elif kind == "heartbeat_ack":
            if message["seq"] > self.last:
                self._fault("heartbeat ahead", f"at {message['seq']}, while {self.last} was the last to come")
        elif kind == "error":
            self._tally.errors[message["code"]] += 1

    def _first(self, visit: _Visit, message: Message) -> None:
        if message["type"] == "welcome":
            self._take_place(visit, message)
            visit.welcomed.set_result(message)
            self.grew.set()
        elif message["type"] == "error":
            visit.welcomed.set_exception(Refused(message["code"]))
            visit.welcomed.exception()
        else:
            self._fault("not welcomed first", f"{message['type']} came before the welcome")

    def _take_place(self, visit: _Visit, welcome: Message) -> None:
        seq, returning = welcome["seq"], bool(self._proof)
        if returning and welcome["epoch"] != self._proof["epoch"]:
            self._fault("epoch changed", f"{self._proof['epoch']} became {welcome['epoch']}")
        if welcome["recovered"]:
            if not returning or seq != visit.after:
                self._fault("wrong place", f"asked after {visit.after}, recovered at {seq}")
        else:
            if returning and seq - visit.after < _WITHIN_REACH:
                self._fault("not recovered", f"asked after {visit.after}, welcomed at {seq}")
            self.segments.append([seq, seq])
            self.announced_left = None
        self.last = seq

    def _number(self, message: Message) -> None:
        seq = message["seq"]
        if seq <= self.last:
            self._fault("double", f"{message['type']} {seq} came after {self.last}")
            return
        if seq != self.last + 1:
            self._fault("hole", f"{message['type']} {seq} came after {self.last}")
            self.segments.append([seq - 1, seq])
        self.last = self.segments[-1][1] = seq
        if message["type"] == "message_sent":
            self.own.add(seq)
        elif message["content"].get("client_id") == self.client_id:
            # One's own departure may come among what was missed; one's own return then follows it.
            if message["type"] == "participant_left":
                self.announced_left = seq
            elif message["type"] == "participant_joined":
                self.announced_left = None
        self.grew.set()

    async def until(self, seq: int, within: float = _PATIENCE_S) -> bool:
        """Whether everything up to ``seq`` has come within so many seconds."""
        try:
            async with asyncio.timeout(within):
                while self.last < seq or not self.here:
                    self.grew.clear()
                    await self.grew.wait()
        except TimeoutError:
            return False
        return True

    def _fault(self, kind: str, words: str) -> None:
        self._log.faults.add(kind, f"{self._log.session_id}/{self.name}: {words}")
