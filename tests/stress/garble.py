"""What no client should send, and how a server bears it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import Enum

from tests.stress.line import Line, NotUpgraded, frame
from tests.stress.logs import Faults

__all__ = ["GARBLES", "garble"]

_WITHIN_S = 8.0


class _Then(Enum):
    ANSWERED = "the socket answers with an error and stays usable"
    ENDED = "the server closes the socket"
    DROPPED = "the client goes away in the middle"


@dataclass(frozen=True, slots=True)
class _Garble:
    name: str
    sent: bytes
    then: _Then


def _message(kind: object, **data: object) -> bytes:
    return frame(json.dumps({"type": kind, "data": data}).encode())


GARBLES: tuple[_Garble, ...] = (
    _Garble("half an object", frame(b'{"type": "chat"'), _Then.ANSWERED),
    _Garble("an array", frame(b"[1, 2, 3]"), _Then.ANSWERED),
    _Garble("nothing", frame(b""), _Then.ANSWERED),
    _Garble("an unknown type", _message("levitate"), _Then.ANSWERED),
    _Garble("a type that is a number", _message(7), _Then.ANSWERED),
    _Garble("a wrong shape", _message("chat", message={"a": [1]}), _Then.ANSWERED),
    _Garble("a role that it has not", _message("end"), _Then.ANSWERED),
    _Garble("a deep nest", frame(b'{"type": "chat", "data": ' + b"[" * 20_000), _Then.ANSWERED),
    _Garble("a closed deep nest", frame(b"[" * 3000 + b"]" * 3000), _Then.ANSWERED),
    _Garble("a number beyond all", frame(b'{"type": "heart_rate", "data": {"rr": [1e999]}}'), _Then.ANSWERED),
    _Garble("a lone surrogate", frame(rb'{"type": "chat", "data": {"message": "\ud800"}}'), _Then.ANSWERED),
    _Garble("bytes", frame(b'{"type": "heartbeat"}', 2), _Then.ANSWERED),
    _Garble("in pieces", frame(b'{"type": ', fin=False) + frame(b"oops}", 0), _Then.ANSWERED),
    _Garble("no UTF-8", frame(b"\xff\xfe\x00"), _Then.ENDED),
    _Garble("70 KiB", frame(b'"' + b"a" * 70_000 + b'"'), _Then.ENDED),
    _Garble("a MiB", frame(b'"' + b"a" * (1 << 20) + b'"'), _Then.ENDED),
    _Garble("a reserved opcode", frame(b"", 3), _Then.ENDED),
    _Garble("a reserved bit", bytes((0xC1, 0x80, 0, 0, 0, 0)), _Then.ENDED),
    _Garble("a long ping", frame(b"p" * 200, 9), _Then.ENDED),
    _Garble("a continuation of nothing", frame(b"x", 0), _Then.ENDED),
    _Garble("a close of one byte", frame(b"\x03", 8), _Then.ENDED),
    _Garble("wrong again and again", _message("levitate") * 25, _Then.ENDED),
    _Garble("half a frame", frame(b"a" * 5000)[:40], _Then.DROPPED),
    _Garble("a message without end", frame(b"a" * 5000, fin=False), _Then.DROPPED),
    _Garble("a thousand pings", frame(b"?", 9) * 1000, _Then.DROPPED),
)


async def garble(port: int, session_id: str, kind: int, faults: Faults) -> None:
    """Send the ``kind``-th of them from an observer's socket, and see that the server bears it.

    A connection that breaks because the server is killed meanwhile proves nothing, and is no fault.
    """
    what = GARBLES[kind % len(GARBLES)]
    heard: list[str] = []
    answered = asyncio.Event()

    def on_text(payload: bytes) -> None:
        heard.append(json.loads(payload)["type"])
        if heard[-1] == "heartbeat_ack":
            answered.set()

    try:
        query = {"session_id": session_id, "role": "observer"}
        line = await Line.open(port, query, on_text, lambda code: answered.set())
    except (OSError, NotUpgraded):
        return
    line.write(what.sent)
    match what.then:
        case _Then.DROPPED:
            await asyncio.sleep(0)
            line.drop()
            return
        case _Then.ANSWERED:
            line.write(frame(b'{"type": "heartbeat"}'))
    try:
        async with asyncio.timeout(_WITHIN_S):
            await (line.ended if what.then is _Then.ENDED else answered).wait()
    except TimeoutError:
        faults.add("garbled", f"{what.name}: not so, that {what.then.value}; it heard {heard}")
    if what.then is _Then.ANSWERED and line.ended.is_set() and line.code not in _THE_SERVERS_OWN:
        faults.add("garbled", f"{what.name}: closed with {line.code}")
    if what.then is _Then.ANSWERED and not line.ended.is_set():
        if "error" not in heard:
            faults.add("garbled", f"{what.name}: no error was told, but {heard}")
        await line.leave()


_THE_SERVERS_OWN = frozenset({1006, 4000, 4001, 4006})
"""How a line ends for reasons other than what was sent: a kill, a drain, a flood of
messages, a failed actor."""
