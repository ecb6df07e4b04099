"""Prepared frames, read by a parser that is not ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode as TheirCode
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from engine.protocol.frames import close_frame, ping_frame, pong_frame, text_frame


def read(data: bytes) -> list[Frame]:
    """What a client of the ``websockets`` library makes of bytes from a server."""
    client = Protocol(CLIENT, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    return [frame for frame in client.events_received() if isinstance(frame, Frame)]


@given(st.text(max_size=300))
def test_a_text_frame_is_read_back_whole(text: str) -> None:
    """Any text, in any script."""
    (frame,) = read(text_frame(text.encode()))
    assert frame.opcode is Opcode.TEXT
    assert frame.fin
    assert bytes(frame.data).decode() == text


@given(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000]))
def test_every_length_has_its_header(size: int) -> None:
    """RFC 6455 has three ways to say a length; each bound is right on both sides."""
    (frame,) = read(text_frame(b"x" * size))
    assert len(frame.data) == size


@given(st.lists(st.text(max_size=200), max_size=5))
def test_joined_frames_stay_apart(texts: list[str]) -> None:
    """What is written in one go is read as the messages it was made of."""
    frames = read(b"".join(text_frame(text.encode()) for text in texts))
    assert [bytes(frame.data).decode() for frame in frames] == texts


@given(st.sampled_from([1000, 1001, 4000, 4001, 4999]), st.text(max_size=200))
def test_a_close_frame_says_code_and_reason(code: int, reason: str) -> None:
    """The reason is cut to what fits, never within a character."""
    client = Protocol(CLIENT)
    client.receive_data(close_frame(code, reason))
    assert client.parser_exc is None
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == code
    assert reason.startswith(client.close_rcvd.reason)
    assert len(client.close_rcvd.reason.encode()) >= min(len(reason.encode()), 120)


def test_a_close_frame_without_reason_has_a_code_alone() -> None:
    """Two bytes of payload."""
    assert close_frame(TheirCode.NORMAL_CLOSURE) == b"\x88\x02\x03\xe8"


def test_a_ping_asks_without_words() -> None:
    """Empty, and answered by every library on its own."""
    (frame,) = read(ping_frame())
    assert frame.opcode is Opcode.PING
    assert bytes(frame.data) == b""


@given(st.binary(max_size=125))
def test_a_pong_carries_what_the_ping_did(payload: bytes) -> None:
    """RFC 6455 §5.5.3: the same application data."""
    (frame,) = read(pong_frame(payload))
    assert frame.opcode is Opcode.PONG
    assert bytes(frame.data) == payload
