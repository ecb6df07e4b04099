"""The private API of aiohttp that ``engine.realtime.frame_reader`` relies on, held against the version installed.

A failure here after an update of aiohttp means: compare ``WebSocketResponse._post_start`` and ``WebSocketDataQueue`` of
the new version with ``frame_reader`` before any live socket is served by it.
"""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http import WebSocketReader

from engine.realtime import frame_reader
from engine.realtime.frame_reader import FrameReader, FrameResponse

INSTALLED = f"aiohttp {version('aiohttp')}"
ROOT = Path(__file__).parents[2]


class Protocol:
    """A connection that keeps what is done to it."""

    _reading_paused = False

    def __init__(self) -> None:
        self.parser: Any = None
        self.calls: list[tuple[str, Any]] = []

    def set_parser(self, parser: Any, data_received_cb: Any = None) -> None:
        self.parser = parser
        self.calls.append(("set_parser", data_received_cb))

    def keep_alive(self, wanted: bool) -> None:
        self.calls.append(("keep_alive", wanted))


class Request:
    """As much of a request as ``_post_start`` looks at."""

    def __init__(self) -> None:
        self.protocol = self._protocol = Protocol()


def frame(first: int, payload: bytes) -> bytes:
    """A client's frame with a mask of zeros."""
    return bytes((first, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def started(response: Any) -> tuple[Any, Protocol]:
    request: Any = Request()
    response._loop = asyncio.get_running_loop()
    response._post_start(request, "a-protocol", "a-writer")
    return response, request.protocol


def test_aiohttp_is_pinned_to_one_minor_version() -> None:
    """An update that could change a private API never comes by itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = (line for line in project["dependencies"] if line.startswith("aiohttp"))
    major, minor = version("aiohttp").split(".")[:2]
    assert f">={major}.{minor}." in pin, f"{pin} is not held to one minor version"
    assert pin.endswith(f",<{major}.{int(minor) + 1}"), f"{pin} is not held to one minor version"


def test_nothing_else_uses_the_private_api() -> None:
    """One module to look at when aiohttp changes."""
    users = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "engine").rglob("*.py")
        if "aiohttp._" in path.read_text(encoding="utf-8")
    ]
    assert users == [Path(frame_reader.__file__).relative_to(ROOT).as_posix()]


def test_prepare_still_calls_post_start() -> None:
    """It is where the queue is put in the place of aiohttp's own."""
    own = getattr(web.WebSocketResponse, "_post_start", None)
    assert own is not None, (
        f"{INSTALLED} has no WebSocketResponse._post_start: FrameResponse would not be asked"
    )
    parameters = list(inspect.signature(own).parameters)
    assert parameters == ["self", "request", "protocol", "writer"], (
        f"{INSTALLED} calls WebSocketResponse._post_start with {parameters}: FrameResponse takes other arguments"
    )


async def test_post_start_does_the_same_as_aiohttps_own() -> None:
    """The same attributes and the same calls on the connection: nothing that a newer version does is left out."""

    def recording(base: Any) -> tuple[set[str], Protocol]:
        names: set[str] = set()

        class Recording(base):  # type: ignore[misc]
            def __setattr__(self, name: str, value: Any) -> None:
                names.add(name)
                super().__setattr__(name, value)

        response = Recording(compress=False, autoclose=False, autoping=False)
        response._loop = asyncio.get_running_loop()
        names.clear()
        return names, started(response)[1]

    own, own_protocol = recording(web.WebSocketResponse)
    ours, our_protocol = recording(FrameResponse)
    assert ours - {"frames"} == own, (
        f"{INSTALLED} sets {sorted(own)} in WebSocketResponse._post_start, FrameResponse sets {sorted(ours)}"
    )
    assert our_protocol.calls == own_protocol.calls, (
        f"{INSTALLED} does {own_protocol.calls} with the connection, FrameResponse does {our_protocol.calls}"
    )
    assert isinstance(our_protocol.parser, WebSocketReader)


async def test_the_parser_feeds_the_queue() -> None:
    """Messages queue up until they are delivered by callback; a close ends the delivery with its code."""
    response, protocol = started(FrameResponse(compress=False))
    frames: FrameReader = response.frames
    protocol.parser.feed_data(frame(0x81, b"early"))
    taken: list[Any] = []
    delivery = asyncio.ensure_future(frames.deliver_to(taken.append))
    await asyncio.sleep(0)
    assert [message.data for message in taken] == ["early"], (
        f"{INSTALLED} does not queue messages through WebSocketDataQueue.feed_data and read"
    )
    protocol.parser.feed_data(frame(0x81, b"late"))
    assert [message.data for message in taken] == ["early", "late"], (
        f"the parser of {INSTALLED} does not call WebSocketDataQueue.feed_data for each message"
    )
    assert taken[1].type is WSMsgType.TEXT
    protocol.parser.feed_data(frame(0x88, (1000).to_bytes(2, "big")))
    assert await delivery == 1000, f"{INSTALLED} does not feed a close frame with its code"


async def test_a_violation_reaches_the_queue_as_an_exception() -> None:
    """Reserved bits: the delivery ends with aiohttp's error, which names the close code."""
    response, protocol = started(FrameResponse(compress=False))
    delivery = asyncio.ensure_future(response.frames.deliver_to(lambda message: None))
    await asyncio.sleep(0)
    protocol.parser.feed_data(frame(0xF1, b"?"))
    await asyncio.wait({delivery}, timeout=5)
    assert delivery.done(), f"the parser of {INSTALLED} does not call WebSocketDataQueue.set_exception"
    with pytest.raises(WebSocketError) as violation:
        await delivery
    assert violation.value.code == 1002


async def test_a_lost_connection_reaches_the_queue_as_its_end() -> None:
    """Who reads is told that nothing more comes."""
    response, protocol = started(FrameResponse(compress=False))
    delivery = asyncio.ensure_future(response.frames.deliver_to(lambda message: None))
    await asyncio.sleep(0)
    protocol.parser.feed_eof()
    await asyncio.wait({delivery}, timeout=5)
    assert delivery.done(), f"the parser of {INSTALLED} does not call WebSocketDataQueue.feed_eof"
    assert await delivery is None
    await asyncio.wait_for(response.frames.ended(), 1)
