"""What one person says over HTTP and sockets, in two steps each: everything but its last byte, and that byte.

Whoever holds the steps holds the order: a request has begun, and been let in, before the other one goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import websockets
from websockets.frames import Frame, Opcode

from tests.journey.server import KEY

__all__ = ["WORDS", "Begun", "Person", "Place", "Word", "begin"]

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """A session of a running server."""

    url: str
    session_id: str
    http: aiohttp.ClientSession

    @property
    def me(self) -> str:
        """The path of one's own data there."""
        return f"/api/v2/sessions/{self.session_id}/me"


@dataclass
class Person:
    """Somebody in a session, and what is to be known of them in the end: ``row`` is None for nothing."""

    place: Place
    number: int
    sockets: list[websockets.ClientConnection] = field(default_factory=list)
    """The last one is in use."""
    resume: str = ""
    row: dict[str, Any] | None = None
    withdrawn: int = 0
    """How often they have withdrawn."""
    came: int = 1
    """How often they have come: the newer connection takes the older one's place."""
    here: bool = True

    @property
    def client_id(self) -> str:
        """Others may know it, and it stays."""
        return f"p{self.number}"

    @property
    def secret(self) -> str:
        """Stands in all that is told of them and in nothing else."""
        return f"telltale-{self.number}-of-{self.place.session_id}."

    async def join(self) -> None:
        """Come for the first time, without a name."""
        socket = await self.connect()
        self.sockets.append(socket)
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "welcome", welcome
        self.resume = welcome["resume"]

    async def connect(self, query: str = "") -> websockets.ClientConnection:
        """A socket over which nothing has been said yet."""
        url = self.place.url.replace("http", "ws", 1)
        asked = f"session_id={self.place.session_id}&client_id={self.client_id}{query}"
        return await websockets.connect(f"{url}/ws/live-updates?{asked}", close_timeout=0.2)

    async def leave(self) -> None:
        """Close every socket."""
        await asyncio.gather(*(socket.close() for socket in self.sockets))

    async def known(self) -> int:
        """Ask for one's own data: what was begun before has been let in when this is answered."""
        headers = {"Authorization": f"Bearer {self.resume}"}
        async with self.place.http.get(self.place.url + self.place.me, headers=headers) as answer:
            await answer.read()
            return answer.status

    def reported(self, **changes: Any) -> None:
        """It is to be known of them."""
        self.row = (self.row or {}) | changes


Finish = Callable[[], Awaitable[object]]
"""Sends the last byte; returns the code of the answer."""


@dataclass(frozen=True, slots=True)
class Word:
    """``begin`` sends all but the last byte of it; ``means`` is what a word that was heard in the end changes.

    ``own``: it counts only for whoever has not withdrawn since it began.
    """

    name: str
    begin: Callable[[Person, int], Awaitable[Finish]]
    means: Callable[[Person, int], None]
    refused: object = 404
    own: bool = True

    def heard(self, person: Person, n: int, begun: Begun) -> object:
        """Change what is to be known; returns the code of its refusal, None where it is heard."""
        if self.own and (not begun.here or person.withdrawn != begun.withdrawn):
            return self.refused
        if self.refused == _SOCKET and person.came != begun.came:
            return _REPLACED
        self.means(person, n)
        return None


@dataclass(frozen=True, slots=True)
class Begun:
    """A word of which the last byte is still to come, and how things stood when it began."""

    finish: Finish
    withdrawn: int
    came: int
    here: bool


async def begin(person: Person, word: Word, n: int) -> Begun:
    """Say all of a word but its last byte."""
    withdrawn, came, here = person.withdrawn, person.came, person.here
    return Begun(await word.begin(person, n), withdrawn, came, here)


async def _begin_request(
    person: Person, method: str, path: str, body: object, bearer: str | None = None
) -> Finish:
    """All of a request but the last byte of its body; its handler has begun when this returns."""
    place = urlsplit(person.place.url)
    raw = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(
        f"{method} {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {bearer or person.resume}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n".encode()
        + raw[:-1]
    )
    assert b"100" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
    await person.known()

    async def finish() -> int:
        with suppress(ConnectionError):  # It may have been refused before.
            writer.write(raw[-1:])
            await writer.drain()
        answer = await asyncio.wait_for(reader.read(), _PATIENCE)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return int(answer.split()[1])

    return finish


def _mine(method: str, place: str, body: Callable[[Person, int], object]) -> Any:
    async def begin(person: Person, n: int) -> Finish:
        return await _begin_request(person, method, f"{person.place.me}{place}", body(person, n))

    return begin


def _over_the_socket(kind: str, data: Callable[[Person, int], object]) -> Any:
    async def begin(person: Person, n: int) -> Finish:
        socket = person.sockets[-1]
        text = json.dumps({"type": kind, "id": f"{kind}-{n}", "data": data(person, n)})
        frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
        with suppress(OSError):
            socket.transport.write(frame[:-1])

        async def finish() -> object:
            with suppress(OSError):
                socket.transport.write(frame[-1:])
            try:
                while True:
                    reply = json.loads(await asyncio.wait_for(socket.recv(), _PATIENCE))
                    if reply.get("reply_to") == f"{kind}-{n}":
                        return reply["type"]
            except websockets.ConnectionClosed as closed:
                return closed.rcvd and closed.rcvd.code

        return finish

    return begin


async def _begin_to_come(person: Person, n: int) -> Finish:
    socket = await person.connect(f"&name={person.secret}again&hello=1")
    text = json.dumps({"type": "hello", "data": {"resume": person.resume}})
    frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
    socket.transport.write(frame[:-1])

    async def finish() -> object:
        socket.transport.write(frame[-1:])
        reply = json.loads(await asyncio.wait_for(socket.recv(), _PATIENCE))
        person.sockets.append(socket)
        return reply["type"]

    return finish


async def _begin_report(person: Person, n: int) -> Finish:
    data = {"participant_id": person.client_id, "name": f"{person.secret}reported"}
    event = {"type": "participant.joined", "id": f"e{person.number}-{n}", "data": data}
    return await _begin_request(
        person, "POST", f"/api/v2/sessions/{person.place.session_id}/events", event, bearer=KEY
    )


def _named(person: Person, name: str) -> None:
    if not (person.row or {}).get("name"):
        person.reported(name=name)


def _came(person: Person, _: int) -> None:
    person.here, person.came = True, person.came + 1
    _named(person, f"{person.secret}again")


def _reported(person: Person, _: int) -> None:
    if person.here:
        _named(person, f"{person.secret}reported")


def _gone(person: Person, _: int) -> None:
    person.row, person.here, person.withdrawn = None, False, person.withdrawn + 1


def _consent(given: bool) -> tuple[Callable[[Person, int], object], Callable[[Person, int], None]]:
    def said(_: Person, n: int) -> dict[str, object]:
        return {"heart_rate": given, "group": given, "version": str(n)}

    return said, lambda person, n: person.reported(**said(person, n))


def _opinion(person: Person, n: int) -> dict[str, object]:
    words = f"{person.secret} words {n}"
    return {"rating": 3 + n, "comment": words, "publish_quote": True, "publish_name": n == 0, "version": "1"}


def _rated(person: Person, n: int) -> None:
    person.reported(**{name: value for name, value in _opinion(person, n).items() if name != "version"})


def _address(person: Person, n: int) -> dict[str, object]:
    return {"address": f"{person.secret}{n}@example.org"}


_GIVE, _GIVEN = _consent(True)
_REVOKE, _REVOKED = _consent(False)
_SOCKET = 1000
"""A socket ends with the withdrawal of its person."""
_REPLACED = 4508

WORDS = {
    word.name: word
    for word in (
        Word("give", _mine("PUT", "/consent", _GIVE), _GIVEN),
        Word("revoke", _mine("PUT", "/consent", _REVOKE), _REVOKED),
        Word(
            "email",
            _mine("PUT", "/email", _address),
            lambda p, n: p.reported(email=_address(p, n)["address"]),
        ),
        Word("feedback", _mine("POST", "/feedback", _opinion), _rated),
        Word("withdraw", _mine("DELETE", "", lambda *_: {}), _gone, own=False),
        Word("report", _begin_report, _reported, own=False),
        Word("socket consent", _over_the_socket("consent", _REVOKE), _REVOKED, _SOCKET),
        Word("socket feedback", _over_the_socket("session_feedback", _opinion), _rated, _SOCKET),
        Word(
            "socket chat",
            _over_the_socket("chat", lambda p, n: {"message": f"{p.secret} said {n}"}),
            lambda *_: None,
            _SOCKET,
        ),
        Word("come", _begin_to_come, _came, own=False),
    )
}
"""By name; ``n`` tells two of the same kind apart."""
