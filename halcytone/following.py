"""Follow a live session: events in order, once each, over lost connections and restarts of the server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from halcytone.client import Gap, LiveClient, Message, Refused
from halcytone.close_codes import CloseClass, class_of, seconds_until_return

__all__ = ["Event", "follow"]

_ASK_AGAIN_S = 25.0
_BUSY_STATUSES = frozenset({408, 425, 429})
"""Answers to a handshake that ask to come again, as those from 500 on do."""
_SILENT_S = 10.0
"""After a heartbeat a server that says nothing for so long is gone, whatever the network says."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message: ``seq`` and ``epoch`` where it is numbered; ``content`` of a welcome is the whole state."""

    type: str
    content: Message
    timestamp: str
    seq: int | None = None
    epoch: str | None = None
    update: str | None = None
    """What a ``session_update`` is about."""
    recovered: bool | None = None
    """Of a welcome: whether what was missed follows. With False the state in ``content`` is all there is."""


async def follow(
    client: LiveClient,
    *,
    pause: Callable[[float], Any] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> AsyncGenerator[Event, None]:
    """Connect, and yield a welcome and what follows; again after each lost connection, until the session is over.

    ``client`` is one that was not connected yet. ``pause`` and ``chance`` are for tests.

    Raises:
        Refused: the server does not want this client, now or ever, or the address is not that of a server; the argument is its
            error message, or a sentence.
    """
    arrived: asyncio.Queue[Message | None] = asyncio.Queue()
    client.on_message = arrived.put_nowait
    attempt = 0
    while True:
        try:
            welcome = await client.connect()
        except Refused:
            code = await client.closed()
            if class_of(code) is not CloseClass.RETURN:
                raise
        except aiohttp.InvalidURL as error:
            raise Refused(f"{error} is no address of a server") from error
        except aiohttp.WSServerHandshakeError as error:
            if 400 <= error.status < 500 and error.status not in _BUSY_STATUSES:
                raise Refused(f"{error.request_info.url} answers {error.status} {error.message}") from error
            code = 1006
        except (aiohttp.ClientError, OSError, TimeoutError):
            code = 1006
        else:
            attempt = 0
            yield _event(welcome)
            ended = asyncio.create_task(_stay(client, arrived))
            try:
                while (message := await arrived.get()) is not None:
                    yield _event(message)
            finally:
                ended.cancel()
            code = client.close_code or 1006
            if class_of(code) is CloseClass.OVER or (client.over.is_set() and code == 4505):
                return
            if class_of(code) is CloseClass.NEVER:
                raise Refused(f"the server closed the connection with {code}")
        await pause(seconds_until_return(code, client.close_reason, attempt, chance()))
        attempt += 1


async def _stay(client: LiveClient, arrived: asyncio.Queue[Message | None]) -> None:
    """Wait for the end of a connection, asking now and then whether the server is still there."""
    reading = asyncio.ensure_future(client.closed())
    try:
        while not reading.done():
            heard = client.heard
            await asyncio.wait((reading,), timeout=_ASK_AGAIN_S)
            if reading.done() or client.heard != heard:
                continue
            await client.send("heartbeat")
            await asyncio.wait((reading,), timeout=_SILENT_S)
            if not reading.done() and client.heard == heard:
                await client.drop()
        if reading.exception() is not None and not isinstance(reading.exception(), Gap | ConnectionError):
            raise reading.exception() or AssertionError
    finally:
        arrived.put_nowait(None)


def _event(message: Message) -> Event:
    content = message if message["type"] == "welcome" else message.get("content", {})
    return Event(
        message["type"],
        content,
        message["timestamp"],
        message.get("seq"),
        message.get("epoch"),
        message.get("update_type"),
        message.get("recovered"),
    )
