"""Raw nonsense on both kinds of sockets: ``python -m tests.fuzz.websocket [--seed N] [--seconds S] [--case N]``.

Each case is one connection, made from its seed and number alone. What must hold: every answer over HTTP is below 500 (or
503), every frame of the server is a right one, no close code tells of a failure in the server, whoever sends a ping on a
stream that is in order gets its pong or a close, and at the end the server holds what it held before. Exit status 0 when
nothing was found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from tests.fuzz import frames
from tests.fuzz.messages import EVENTS, MESSAGES, mutated, text
from tests.fuzz.watched_server import WatchedServer, compare, watched_server
from tests.journey.server import KEY, asked
from tests.journey.session import created
from tests.stress.logs import Faults

__all__ = ["Fuzz"]

MEGABYTES_LEFT = 24.0
"""The most by which memory may have grown after a warm-up: sessions keep their newest messages and command ids."""
_WORKERS = 8
_CASES_A_SESSION = 120
_WARM_UP = 400
_WITHIN_S = 10.0
_WRONG_CODES = {1006, 1011, 4006}
"""A server that failed, or says it did."""


class Fuzz:
    """One run against one server."""

    def __init__(self, seed: int, server: WatchedServer, http: aiohttp.ClientSession) -> None:
        self._seed = seed
        self._server = server
        self._http = http
        self._next_case = 0
        self.cases = 0
        self.kinds: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()

    async def run(self, seconds: float, cases: float = math.inf) -> None:
        """Run cases from all workers until the time is over or so many are done."""
        until, most = time.monotonic() + seconds, self._next_case + cases

        async def work(number: int) -> None:
            rooms = 0
            room: dict[str, Any] | None = None
            done = 0
            while time.monotonic() < until and self._next_case < most:
                if room is None or done % _CASES_A_SESSION == 0:
                    if room is not None:
                        await self._end(room["session_id"])
                    rooms += 1
                    room = await created(
                        self._http, self._server.server.url, f"w{number}-{rooms}-{self._next_case}"
                    )
                case, self._next_case = self._next_case, self._next_case + 1
                done += 1
                await self.case(case, room)
            if room is not None:
                await self._end(room["session_id"])

        await asyncio.gather(*map(work, range(_WORKERS)))

    async def _end(self, session_id: str) -> None:
        path = f"{self._server.server.url}/api/v2/sessions/{session_id}"
        async with self._http.post(f"{path}/end", headers={"Authorization": f"Bearer {KEY}"}) as answer:
            # Some case has ended it before, or nobody has started it.
            if answer.status >= 500:
                self._server.faults.add("server error", f"{answer.status} to the end of {session_id}")

    async def case(self, number: int, room: dict[str, Any]) -> None:
        """One connection."""
        rng = Random(f"{self._seed}/{number}")
        self.cases += 1
        try:
            async with asyncio.timeout(4 * _WITHIN_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
                try:
                    await self._connection(rng, room, reader, writer)
                finally:
                    writer.transport.abort()
        except (TimeoutError, Wrong) as wrong:
            self._server.faults.add(type(wrong).__name__, f"case {number}: {wrong}")
        except (ConnectionError, asyncio.IncompleteReadError):
            self.answers["cut off"] += 1

    async def _connection(
        self,
        rng: Random,
        room: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        events = rng.random() < 0.3
        session_id = room["session_id"]
        path = f"/ws/session/{session_id}/events" if events else "/ws/live-updates"
        role = rng.choice(["participant", "participant", "observer", "instructor"])
        query = {} if events else _query(rng, session_id, role)
        credential = room["tokens"]["instructor"] if events or role == "instructor" else None
        if rng.random() < 0.25:
            self.kinds["handshake"] += 1
            sent = frames.mutated_handshake(rng, path, query, credential)
            _write(writer, rng, sent.data)
            await self._answer(reader, within=0.2)
            return
        self.kinds["events" if events else role] += 1
        early = rng.random() < 0.2
        streams = [_stream(rng, events) for _ in range(rng.randint(1, 8))]
        if "hello" in query and rng.random() < 0.8:
            hello = json.dumps({"type": "hello", "data": {}})
            streams.insert(0, frames.Stream(frames.frame(rng, hello.encode())))
        writer.write(frames.handshake(path, query, credential))
        if not early and await self._answer(reader, within=_WITHIN_S) != 101:
            return
        whole = True
        for stream in streams:
            _write(writer, rng, stream.data)
            whole = whole and stream.whole
        if early and await self._answer(reader, within=_WITHIN_S) != 101:
            return
        if rng.random() < 0.1:
            return  # Away without a word.
        _write(writer, rng, frames.frame(rng, b"still there?", frames.PING))
        await self._until_pong(reader, whole)
        if whole and rng.random() < 0.5:
            _write(writer, rng, frames.frame(rng, b"\x03\xe8", frames.CLOSE))
            await self._until_pong(reader, whole)

    async def _answer(self, reader: asyncio.StreamReader, within: float) -> int | None:
        """The status of the answer to a handshake; None when there is none in time, as to half a request."""
        try:
            async with asyncio.timeout(within):
                head = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError):
            self.answers["none"] += 1
            return None
        line = head.partition(b"\r\n")[0].decode("latin-1")
        status = int(line.split(" ")[1])
        if status >= 500 and status not in (503, 505):
            raise Wrong(line)
        self.answers[str(status)] += 1
        return status

    async def _until_pong(self, reader: asyncio.StreamReader, whole: bool) -> None:
        """Read frames to the pong or the close; where the stream is out of order, as long as any come."""
        try:
            async with asyncio.timeout(_WITHIN_S if whole else 0.1):
                while True:
                    opcode, payload = await _server_frame(reader)
                    if opcode == frames.CLOSE:
                        code = int.from_bytes(payload[:2], "big") if payload else 1005
                        self.codes[code] += 1
                        if code in _WRONG_CODES:
                            raise Wrong(f"closed with {code} {payload[2:]!r}")
                        return
                    if opcode == frames.PONG and payload == b"still there?":
                        return
        except TimeoutError:
            if whole:
                raise Wrong("neither a pong nor a close") from None


class Wrong(Exception):
    """What the server must not do."""


def _query(rng: Random, session_id: str, role: str) -> dict[str, str]:
    query = {"session_id": session_id, "role": role}
    if rng.random() < 0.5:
        query["client_id"] = rng.choice(["c-1", f"c-{rng.randrange(10)}", text(rng)])
    if rng.random() < 0.3:
        query["name"] = rng.choice(["Ada", text(rng)])
    if rng.random() < 0.2:
        query["after"] = rng.choice(["0", "5", "-1", "99999999999999999999", "x", ""])
        query["epoch"] = rng.choice(["e", "", text(rng)])
    if rng.random() < 0.2:
        query["resume"] = text(rng)
    if rng.random() < 0.3:
        query["hello"] = rng.choice(["1", "1", "0", "x"])
    return query


def _stream(rng: Random, events: bool) -> frames.Stream:
    if rng.random() < 0.25:
        return frames.any_frame(rng)
    payload = mutated(rng, EVENTS if events else MESSAGES).encode("utf-8", "surrogatepass")
    if rng.random() < 0.03:
        payload = payload.ljust(rng.choice([65_536, 65_537, 200_000]))
    if rng.random() < 0.25:
        return frames.Stream(frames.fragments(rng, payload))
    return frames.Stream(frames.frame(rng, payload, rng.choice([frames.TEXT] * 20 + [frames.BINARY])))


def _write(writer: asyncio.StreamWriter, rng: Random, data: bytes) -> None:
    """In one piece, or in pieces that cut frames anywhere."""
    if writer.is_closing():
        return
    if len(data) > 1 and rng.random() < 0.3:
        at = rng.randrange(len(data))
        writer.write(data[:at])
        writer.write(data[at:])
    else:
        writer.write(data)


async def _server_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next frame of the server.

    Raises:
        Wrong: it is none that a server may send.
    """
    first, second = await reader.readexactly(2)
    if first & 0x70 or not first & 0x80 or second & 0x80:
        raise Wrong(f"a frame that begins {first:02x} {second:02x}")
    size = second
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    payload = await reader.readexactly(size)
    opcode = first & 0x0F
    if opcode == frames.TEXT:
        message = json.loads(payload.decode())
        if not isinstance(message.get("type"), str):
            raise Wrong(f"a message without a type: {payload[:200]!r}")
    elif opcode not in (frames.CLOSE, frames.PING, frames.PONG):
        raise Wrong(f"opcode {opcode}")
    return opcode, payload


async def run(seed: int, seconds: float, only: int | None, faults: Faults) -> list[str]:
    """Run against a server of our own; returns the figures, and notes faults."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        async with (
            watched_server(Path(folder), faults, rate_messages_per_minute="0") as server,
            # A connection that is kept alive would count as one left behind.
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
        ):
            fuzz = Fuzz(seed, server, http)
            if only is not None:
                await fuzz.case(only, await created(http, server.server.url, "only"))
                return [f"case {only}: {dict(fuzz.answers)}, {dict(fuzz.codes)}"]
            await fuzz.run(seconds, _WARM_UP)
            before = await server.look()
            await fuzz.run(seconds)
            after = await server.look()
            healthy = await asked(http, "GET", f"{server.server.url}/api/v2/sessions/live")
            rows = [
                f"seed {seed}: {fuzz.cases:,} connections, of them {_told(fuzz.kinds)}",
                f"answers to handshakes: {_told(fuzz.answers)}",
                f"close codes: {_told(fuzz.codes)}",
                f"afterwards {healthy['count']} live sessions",
            ]
            return rows + compare(before, after, faults, megabytes=MEGABYTES_LEFT)


def _told(counter: Counter[Any]) -> str:
    return ", ".join(f"{key} × {times:,}" for key, times in sorted(counter.items(), key=str)) or "none"


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.websocket", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--case", type=int, help="only this case")
    given = parser.parse_args()
    faults = Faults()
    rows = asyncio.run(run(given.seed, given.seconds, given.case, faults))
    faulty = [f"{times} × {kind}" for kind, times in faults.counts.items()] + faults.shown
    sys.stdout.write("\n".join([*rows, *(faulty or ["no fault found"])]) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
