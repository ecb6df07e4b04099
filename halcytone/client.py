"""One connection to a live session: join or come back to one's place, send, hear, and notice what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

__all__ = ["Gap", "LiveClient", "Message", "Refused"]

Message = dict[str, Any]

_NUMBERED = frozenset(
    {
        "participant_joined",
        "participant_left",
        "technique_changed",
        "hrv_milestone",
        "session_update",
        "chat_message",
        "session_ending",
        # Sent to its sender in the place of the chat_message.
        "message_sent",
    }
)


_WELCOME_WITHIN_S = 15.0
_POSITION_LOST = 4002
_LOST = frozenset({1001, 1006})
"""Closes that come from the network, or from a server that goes away."""


class Refused(Exception):
    """The server refused the connection or closed it for good; the argument says how."""


class Gap(Exception):
    """A numbered message is missing, or came twice."""


class LiveClient:
    """One person's connection to one session. Every message after the welcome goes to ``on_message``."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        session_id: str,
        *,
        role: str = "participant",
        name: str | None = None,
        token: str | None = None,
        on_message: Callable[[Message], None] = lambda message: None,
    ) -> None:
        """``url`` is the server's, as ``http://HOST:PORT``, with or without a slash at its end."""
        self._http = http
        self._url = f"{url.rstrip('/')}/ws/live-updates"
        self.query = {"session_id": session_id, "role": role}
        """What goes into the address of the socket: no secret."""
        if name is not None:
            self.query["name"] = name
        self._token = token
        self.resume: str | None = None
        """The secret that proves who this is; a program that keeps it comes back as the same person."""
        self.on_message = on_message
        self.heard = 0
        """How many messages have come, on all connections."""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self.seq = 0
        self.over = asyncio.Event()
        """Set when ``session_ending`` has come, or a return is refused because the session is over."""
        self.close_code: int | None = None
        """The close code of the last connection: None while it is open, 1006 without a close frame."""
        self.close_reason = ""
        """What the server said with it."""

    @property
    def client_id(self) -> str:
        """This client's id in the session; known after the first welcome."""
        return self.query["client_id"]

    @property
    def place(self) -> dict[str, Any]:
        """Who this is and how far it has heard, as JSON: for ``return_to`` of a program that was restarted. ``resume`` is a secret."""
        return {
            "client_id": self.query["client_id"],
            "epoch": self.query["epoch"],
            "resume": self.resume,
            "seq": self.seq,
        }

    def return_to(self, place: Mapping[str, Any]) -> None:
        """Take a place that was kept; call it before the first ``connect``."""
        self.query |= {"client_id": place["client_id"], "epoch": place["epoch"]}
        self.resume, self.seq = place["resume"], place["seq"]

    async def connect(self) -> Message:
        """Join, or resume the old place; returns the welcome.

        Raises:
            ConnectionError: the server closed it before the first message.
            TimeoutError: the server said nothing.
            Refused: the first message is an error.
        """
        query = dict(self.query)
        if self.resume is not None:
            query["after"] = str(self.seq)
        # Secrets go into the first frame: an address ends up in logs.
        hello = {"token": self._token, "resume": self.resume}
        hello = {name: secret for name, secret in hello.items() if secret is not None}
        if hello:
            query["hello"] = "1"
        self.close_code, self.close_reason = None, ""
        self._socket = await self._http.ws_connect(self._url, params=query, max_msg_size=1 << 20)
        if hello:
            await self._write({"type": "hello", "data": hello})
        async with asyncio.timeout(_WELCOME_WITHIN_S):
            first = await self._socket.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            self._note_close(self._socket, first)
            raise ConnectionResetError(f"closed with {self.close_code} before the welcome")
        self.heard += 1
        welcome: Message = json.loads(first.data)
        if welcome["type"] != "welcome":
            self._reading = asyncio.create_task(self._read(self._socket))
            if welcome.get("code") == "session_over":
                self.over.set()
            raise Refused(welcome)
        self.seq = welcome["seq"]
        self.query |= {"client_id": welcome["client_id"], "epoch": welcome["epoch"]}
        self.resume = welcome.get("resume", self.resume)
        self._reading = asyncio.create_task(self._read(self._socket))
        return welcome

    def check(self) -> None:
        """Check that the server has not closed the connection for good.

        Raises:
            Refused: it has, before the session was over.
        """
        if self.close_code is not None and not self.over.is_set() and self.close_code not in _LOST:
            raise Refused(f"the server closed the connection with {self.close_code}")

    async def send(self, kind: str, **data: Any) -> None:
        """Send one message. Without a connection it is dropped, as with a phone in a lift."""
        await self._write({"type": kind, "data": data})

    async def command(self, reply_to: str, kind: str, **data: Any) -> None:
        """Send one message with an id: the server's ``ack`` names it once the message is durable."""
        await self._write({"type": kind, "id": reply_to, "data": data})

    async def _write(self, message: Message) -> None:
        live = self._socket
        if live is None or live.closed:
            return
        with contextlib.suppress(ConnectionError):
            await live.send_str(json.dumps(message))

    async def drop(self) -> None:
        """Lose the connection, without a close frame; harmless where it is lost already."""
        assert self._socket is not None
        connected = self._socket.get_extra_info("socket")
        if connected is not None:
            # The server then sees what it sees when a phone loses its network.
            with socket.socket(fileno=os.dup(connected.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
        await self._finish_reading()
        self._socket = None

    async def closed(self) -> int:
        """Wait until the server closes the connection; returns the close code."""
        await self._finish_reading()
        assert self.close_code is not None
        return self.close_code

    async def close(self) -> None:
        """Leave the session."""
        if self._socket is not None:
            await self._socket.close()
        await self._finish_reading()

    async def _finish_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            await reading

    async def _read(self, live: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await live.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            self.heard += 1
            message: Message = json.loads(frame.data)
            if message["type"] in _NUMBERED:
                if message["seq"] != self.seq + 1:
                    # Not with 1000, which would give up the seat.
                    await live.close(code=_POSITION_LOST)
                    raise Gap(f"{message['seq']} came after {self.seq}")
                self.seq = message["seq"]
            if message["type"] == "session_ending":
                self.over.set()
            self.on_message(message)
        self._note_close(live, frame)

    def _note_close(self, live: aiohttp.ClientWebSocketResponse, frame: aiohttp.WSMessage) -> None:
        self.close_code = live.close_code or 1006
        self.close_reason = str(frame.extra or "") if frame.type is aiohttp.WSMsgType.CLOSE else ""
