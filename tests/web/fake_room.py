"""A room that misbehaves on demand: the contract's live socket, in the hands of a test.

It speaks enough of the protocol for the pages and lets a test lose messages, drop lines, refuse and go silent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from engine.domain.instant import iso
from engine.web import pages

__all__ = ["BOX", "FakeRoom", "now"]

BOX = [4.0, 4.0, 4.0, 4.0]


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class FakeRoom:
    """One session; ``sockets`` are the open lines, ``received`` everything that clients sent, ``goodbyes`` the codes
    with which lines ended, oldest first."""

    _port: ClassVar[int | None] = None
    """One address for the rooms of a run: a browser compiles what it has loaded from there once."""

    def __init__(self, session_id: str = "morning") -> None:
        self.session_id = session_id
        self.epoch = "e1"
        self.seq = 3
        self.log: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.received: list[dict[str, Any]] = []
        self.addresses: list[dict[str, str]] = []
        self.tokens: list[str | None] = []
        self.goodbyes: list[int | None] = []
        self.refuse: tuple[int, str, dict[str, str]] | None = None
        """Close code, and the error's code and details; without an error where its code is empty."""
        self.silent = False
        self.denied: set[str] = set()
        """Commands that are refused."""
        self.lag: float = 0.0
        self.clock_error: int = 0
        self.zone = "UTC"
        self.sounds: Path | None = None
        self.state: dict[str, Any] = {
            "title": "Morning Calm",
            "instructor": "Test instructor",
            "scheduled_start": iso(now() + 120_000),
            "phase": "waiting",
            "technique": None,
            "next_technique": None,
            "resting": False,
            "plan": [],
            "chat": True,
            "locked": False,
            "place": "online",
            "listen_url": None,
            "visibility": "public",
            "participant_count": 4,
            "started_at": None,
        }
        self.api: dict[tuple[str, str], Callable[[Any], tuple[int, Any]]] = {}
        self._server: TestServer | None = None
        self._news = asyncio.Condition()

    async def start(self) -> str:
        """Serve; returns the base address."""
        app = web.Application()
        app.router.add_get("/ws/live-updates", self._live)
        app.router.add_route("*", "/api/v2/{path:.*}", self._answer)
        pages.setup(
            app,
            pages.StudioPages(
                public_url="http://192.0.2.7:8000",
                name="Halcytone Live",
                time_zone=self.zone,
                sounds=self.sounds,
            ),
        )
        try:
            self._server = TestServer(app, port=FakeRoom._port)
            await self._server.start_server()
        except OSError:
            # Another room is open, or somebody else has taken it.
            self._server = TestServer(app)
            await self._server.start_server()
        FakeRoom._port = FakeRoom._port or self._server.port
        return str(self._server.make_url("")).rstrip("/")

    async def stop(self) -> None:
        """Close every line and the server."""
        for socket in self.sockets:
            await socket.close()
        if self._server:
            await self._server.close()

    async def tell(self, kind: str, content: dict[str, Any], *, lose: bool = False, **top: Any) -> None:
        """Send a numbered message to everybody; ``lose`` counts it without sending it."""
        self.seq += 1
        message = self._message(kind, content, seq=self.seq, epoch=self.epoch, **top)
        self.log.append(message)
        if not lose:
            await self._send(message)

    async def whisper(self, kind: str, content: dict[str, Any], **top: Any) -> None:
        """Send an unnumbered message to everybody."""
        await self._send(self._message(kind, content, **top))

    async def change(self, technique: str, pattern: Any, *, duration: int = 240, lead_ms: int = 0) -> None:
        """Begin a technique, ``lead_ms`` from now."""
        content = {
            "technique": technique,
            "pattern": pattern,
            "duration": duration,
            "instruction": "Breathe low and soft.",
            "started_at": iso(self.time() + lead_ms),
        }
        self.state["technique"] = content
        self.state["phase"] = "live"
        await self.tell("technique_changed", content)

    async def drop(self) -> None:
        """Break every line without a goodbye."""
        lines, self.sockets = self.sockets, []
        for socket in lines:
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()

    async def close(self, code: int) -> None:
        """Close every line with a code; each ends when its client has answered.

        ``socket.close()`` would cut the line at once, as another task reads from it: a browser that is sending then
        sees it break.
        """
        lines, self.sockets = self.sockets, []
        for socket in lines:
            await socket.send_frame(code.to_bytes(2), WSMsgType.CLOSE)

    async def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The ``count``-th message of a type that clients sent, when it is there."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.of(kind)) >= count), 15)
        return self.of(kind)[count - 1]

    async def wait_for_lines(self, count: int) -> None:
        """Wait until so many lines were opened in all."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.addresses) >= count), 20)

    async def wait_for_goodbyes(self, count: int) -> None:
        """Wait until so many lines have ended."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.goodbyes) >= count), 20)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What clients sent of one type."""
        return [message for message in self.received if message["type"] == kind]

    def time(self) -> int:
        """The server's clock, wrong by ``clock_error``."""
        return now() + self.clock_error

    def _message(self, kind: str, content: dict[str, Any], **top: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "session_id": self.session_id,
            "timestamp": iso(self.time()),
            "content": content,
            **top,
        }

    async def _send(self, message: dict[str, Any]) -> None:
        for socket in list(self.sockets):
            if not socket.closed:
                # Who is just leaving gets nothing more.
                with suppress(ConnectionResetError):
                    await socket.send_json(message)

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        asked = f"{path}?{request.query_string}"
        known = self.api.get((request.method, asked)) or self.api.get((request.method, path))
        if known:
            body = await request.json() if request.can_read_body else None
            status, data = known(body)
            return web.json_response(data, status=status)
        if request.method == "GET" and path == f"sessions/{self.session_id}":
            return web.json_response({"session_id": self.session_id, **self.state})
        return web.json_response({"error": "unknown_session", "message": "No such session."}, status=404)

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, autoclose=False)
        await socket.prepare(request)
        hello = json.loads((await socket.receive()).data)
        assert hello["type"] == "hello"
        self.addresses.append({**request.query, "resume": hello["data"].get("resume", "")})
        self.tokens.append(hello["data"].get("token"))
        if self.refuse:
            code, name, details = self.refuse
            if name:
                await socket.send_json(
                    self._message("error", {"code": name, "message": "No.", "details": details})
                )
            await socket.close(code=code)
            await self._told()
            return socket
        self.sockets.append(socket)
        await socket.send_json(self._welcome(request))
        for message in self._missed(request):
            await socket.send_json(message)
        await self._told()
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            self.received.append(message)
            if not self.silent:
                await asyncio.sleep(self.lag)
                if socket in self.sockets:
                    await self._reply(socket, message)
            await self._told()
        if socket not in self.sockets and request.transport is not None:
            # Answered by the client; aiohttp would send another close frame.
            request.transport.close()
        self.goodbyes.append(socket.close_code)
        await self._told()
        return socket

    async def _reply(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "heartbeat":
            answer = self._message("heartbeat_ack", {"server_time": iso(self.time()), "seq": self.seq})
            await socket.send_json(answer)
        elif message["type"] == "chat":
            self.seq += 1
            await socket.send_json(self._message("message_sent", {}, seq=self.seq))
            await socket.send_json({"type": "ack", "reply_to": message["id"], "seq": self.seq})
        elif message["type"] in self.denied:
            refusal = {"code": "forbidden", "message": "No.", "details": {}}
            await socket.send_json(self._message("error", refusal, reply_to=message["id"]))
        elif "id" in message:
            await socket.send_json({"type": "ack", "reply_to": message["id"]})

    def _missed(self, request: web.Request) -> list[dict[str, Any]]:
        if request.query.get("epoch") != self.epoch:
            return []
        return [message for message in self.log if message["seq"] > int(request.query["after"])]

    def _welcome(self, request: web.Request) -> dict[str, Any]:
        recovered = request.query.get("epoch") == self.epoch
        return {
            "type": "welcome",
            "session_id": self.session_id,
            "role": request.query.get("role", "participant"),
            "client_id": request.query.get("client_id", f"c{len(self.addresses)}"),
            "resume": "secret",
            "epoch": self.epoch,
            "seq": int(request.query["after"]) if recovered else self.seq,
            "recovered": recovered,
            "server_time": iso(self.time()),
            "clock_rate": 1,
            "heartbeat_interval": 2,
            **self.state,
        }

    async def _told(self) -> None:
        async with self._news:
            self._news.notify_all()
