"""Frames on their way in: early ones, ends of every kind, and those that break the protocol."""

from __future__ import annotations

import asyncio
import gc
import json
import struct
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import WebSocketError, WSMessage, WSMsgType

from engine.realtime import admission
from engine.realtime.frame_reader import NO_CODE, FrameReader
from tests.realtime.raw import Raw, frame
from tests.realtime.studio import Studio


async def test_what_comes_before_the_welcome_is_answered_after_it(studio: Studio) -> None:
    """A program that does not wait loses nothing, and the welcome is first all the same."""
    hurried = await Raw.join(studio, "ada", frame(0x81, b'{"type":"heartbeat"}') * 3)
    kinds = [(await hurried.message())[1].split(b'"')[3] for _ in range(4)]
    assert kinds == [b"welcome", *[b"heartbeat_ack"] * 3]
    hurried.writer.close()


@pytest.mark.parametrize("code", [b"", struct.pack("!H", 1000)])
async def test_a_close_with_or_without_a_code_is_a_goodbye(studio: Studio, code: bytes) -> None:
    """A browser's plain `close()` sends none: its owner has left at once, and not after a grace."""
    bob = await studio.join("bob")
    ada = await Raw.join(studio, "ada")
    await ada.message()
    ada.writer.write(frame(0x88, code))
    assert await ada.close_code() == 1000
    left = await bob.until("participant_left")
    assert left["content"]["client_id"] == "ada"
    label = str(NO_CODE if not code else 1000)
    assert studio.registry.get_sample_value("halcytone_disconnects_total", {"code": label}) == 1
    ada.writer.close()


async def test_a_goodbye_before_the_welcome_is_one_too(studio: Studio) -> None:
    """Somebody who came and went in one breath is not kept as lost."""
    bob = await studio.join("bob")
    ada = await Raw.join(studio, "ada", frame(0x88))
    assert await ada.close_code() == 1000
    assert (await bob.until("participant_left"))["content"]["client_id"] == "ada"
    ada.writer.close()


@pytest.mark.parametrize(
    ("wrong", "code"), [(frame(0xC1, b"{}"), 1002), (frame(0x81, b"\xff\xfe"), 1007), (frame(0x83), 1002)]
)
async def test_what_is_no_websocket_closes_with_the_reason(studio: Studio, wrong: bytes, code: int) -> None:
    """Reserved bits, text that is none, an unknown opcode: told, cut, and counted; the others stay."""
    bob = await studio.join("bob")
    ada = await Raw.join(studio, "ada")
    await ada.message()
    ada.writer.write(wrong)
    assert await ada.close_code() == code
    assert await asyncio.wait_for(ada.reader.read(), 5) == b""
    await bob.settled()
    assert studio.registry.get_sample_value("halcytone_disconnects_total", {"code": str(code)}) == 1
    ada.writer.close()


async def test_a_message_in_pieces_is_one(studio: Studio) -> None:
    """Frames may be split anywhere, with a ping among them."""
    ada = await Raw.join(studio, "ada")
    await ada.message()
    ada.writer.write(frame(0x01, b'{"type":') + frame(0x89, b"?") + frame(0x80, b'"heartbeat"}'))
    assert await ada.message() == (10, b"?")
    assert b"heartbeat_ack" in (await ada.message())[1]
    ada.writer.close()


@pytest.mark.parametrize("early", [True, False])
async def test_a_hello_may_come_after_signs_of_life(studio: Studio, early: bool) -> None:
    """Before it pings are answered and pongs are taken, and neither is taken for it."""
    signs = frame(0x89, b"here") + frame(0x8A) + frame(0x89, b"there")
    ada = await Raw.join(studio, "ada", signs if early else b"", query="&hello=1")
    if not early:
        ada.writer.write(signs)
    assert [await ada.message() for _ in range(2)] == [(10, b"here"), (10, b"there")]
    ada.writer.write(frame(0x81, b'{"type":"hello"}'))
    opcode, welcome = await ada.message()
    assert (opcode, b'"welcome"' in welcome) == (1, True)
    ada.writer.close()


async def test_signs_of_life_are_no_hello(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends nothing else is closed when the time for the hello is over."""
    monkeypatch.setattr(admission, "_HELLO_TIMEOUT", 0.05)
    ada = await Raw.join(studio, "ada", query="&hello=1")
    ada.writer.write(frame(0x89, b"here"))
    assert await ada.message() == (10, b"here")
    assert b"did not come" in (await ada.message())[1]
    assert await ada.close_code() == 4501
    ada.writer.close()


async def test_a_goodbye_in_place_of_the_hello_ends_at_once(studio: Studio) -> None:
    """Nobody waits for another one."""
    ada = await Raw.join(studio, "ada", frame(0x88), query="&hello=1")
    await ada.close_code()
    assert await asyncio.wait_for(ada.reader.read(), 1) == b""
    ada.writer.close()


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1_000_000])
async def test_a_hello_over_64_kib_closes_with_4504(studio: Studio, size: int) -> None:
    """As any other message does; one of 64 KiB is read."""
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s&hello=1"
    async with studio.http.ws_connect(url) as ws:
        await ws.send_str('{"type": "hello"}'.ljust(size))
        assert json.loads((await ws.receive(timeout=5)).data)["code"] == "too_large"
        await ws.receive(timeout=5)
        assert ws.close_code == 4504
    async with studio.http.ws_connect(url) as ws:
        await ws.send_str('{"type": "hello"}'.ljust(64 * 1024))
        assert json.loads((await ws.receive(timeout=5)).data)["type"] == "welcome"


async def test_an_end_among_queued_messages_is_raised_once() -> None:
    """What is read while the queue empties may break the protocol; no future is left behind with the error."""
    loop, unseen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: unseen.append(context))
    readers = [FrameReader(Mock(protocol=Mock(_reading_paused=False)))]
    readers[0].feed_data(WSMessage(WSMsgType.TEXT, "{}", None), 2)

    def broken(_: Any) -> None:
        readers[0].set_exception(WebSocketError(1002, "reserved bits"))

    with pytest.raises(WebSocketError):
        await readers[0].deliver_to(broken)
    readers.clear()
    gc.collect()
    await asyncio.sleep(0)
    assert unseen == []
