"""A minimal client of the live socket, as any program would write one: resumes its place, detects gaps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
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


# Close codes after which clients reconnect; the demonstration's do so only where the script says.
_RECONNECT_CODES = frozenset({1001, 1006})


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
        """``url`` is the server's, as ``http://HOST:PORT``."""
        self._http = http
        self._url = f"{url}/ws/live-updates"
        self._query = {"session_id": session_id, "role": role}
        if name is not None:
            self._query["name"] = name
        if token is not None:
            self._query["token"] = token
        self._on_message = on_message
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self.seq = 0
        self.over = asyncio.Event()
        """Set when ``session_ending`` has come."""
        self.close_code: int | None = None
        """The close code of the last connection: None while it is open, 1006 without a close frame."""

    @property
    def client_id(self) -> str:
        """This client's id in the session; known after the first welcome."""
        return self._query["client_id"]

    async def connect(self) -> Message:
        """Join, or resume the old place; returns the welcome.

        Raises:
            ConnectionError: the server closed it before the first message.
            Refused: the first message is an error.
        """
        query = dict(self._query)
        if "resume" in query:
            query["after"] = str(self.seq)
        self._socket = await self._http.ws_connect(self._url, params=query, max_msg_size=1 << 20)
        first = await self._socket.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError(f"closed with {self._socket.close_code} before the welcome")
        welcome: Message = json.loads(first.data)
        if welcome["type"] != "welcome":
            raise Refused(welcome)
        self.seq, self.close_code = welcome["seq"], None
        self._query |= {
            "client_id": welcome["client_id"],
            "resume": welcome["resume"],
            "epoch": welcome["epoch"],
        }
        self._reading = asyncio.create_task(self._read(self._socket))
        return welcome

    def check(self) -> None:
        """Check that the server has not closed the connection for good.

        Raises:
            Refused: it has, before the session was over.
        """
        if self.close_code is not None and not self.over.is_set() and self.close_code not in _RECONNECT_CODES:
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
        """Lose the connection, without a close frame."""
        assert self._socket is not None
        connected = self._socket.get_extra_info("socket")
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
        if self._reading is not None:
            await self._reading
            self._reading = None

    async def _read(self, live: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in live:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            message: Message = json.loads(frame.data)
            if message["type"] in _NUMBERED:
                if message["seq"] != self.seq + 1:
                    raise Gap(f"{message['seq']} came after {self.seq}")
                self.seq = message["seq"]
            if message["type"] == "session_ending":
                self.over.set()
            self._on_message(message)
        self.close_code = live.close_code or 1006
