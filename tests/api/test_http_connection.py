"""What is refused before the gate or past it: the one shape, and not a word of what was sent."""

from __future__ import annotations

import pytest

from tests.api.conftest import KEY, LAST, Server, asking, on_one_connection, refused_over_wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a-secret-of-somebody"
KNOWN = f"Authorization: Bearer {KEY}"
CREATE = "POST /api/v2/sessions/create"


@pytest.mark.parametrize(
    "request_",
    [
        f"GET /sessions/ü?{SECRET} HTTP/1.1\r\nHost: here\r\n\r\n".encode(),
        asking(f"GET /{SECRET}{'x' * 9000}"),
        asking("GET /", f"Authorization: Bearer {SECRET}{'x' * 9000}"),
        asking("GET /", f"Authorization: Bearer {SECRET}\x01"),
        asking("GET /", f"Authorization {SECRET}"),
        asking("F@O /", f"Authorization: Bearer {SECRET}"),
        asking(CREATE, KNOWN, f"Content-Length: {SECRET}"),
        asking(CREATE, KNOWN, "Transfer-Encoding: chunked") + SECRET.encode() + b"\r\n\r\n",
        asking(CREATE, KNOWN, "Content-Encoding: br", body=SECRET.encode()),
        asking(CREATE, KNOWN, "Content-Encoding: deflate", body=SECRET.encode()),
        b"\x16\x03\x01\x02" + SECRET.encode() + b"\r\n\r\n",
    ],
    ids=[
        "path", "long", "long-field", "control", "colon", "method", "length", "chunk", "br", "deflate", "tls"
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_without_being_repeated(
    shared: Server, request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """400, and the end of the connection; neither the answer nor the log quotes it."""
    only, *rest = await on_one_connection(shared, request_, LAST)
    assert refused_over_wire(only, 400) is not None
    assert b"nosniff" in only
    assert rest == []
    out, err = capfd.readouterr()
    for said in (only.decode(), out, err):
        assert SECRET not in said
        assert KEY not in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asking("GET /", f"Expect: {SECRET}"), 417),
        (asking("GET /feed.xml", f'If-Match: "{SECRET}"'), 412),
        (asking("GET /feed.xml", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"), 412),
        (asking("GET /feed.xml", "Range: bytes=999999-"), 416),
        (asking("GET /portrait.png", "Range: bytes=999999-"), 416),
        (asking("GET /ws/live-updates", f"Upgrade: websocket\r\nSec-WebSocket-Key: {SECRET}"), 400),
        (asking("GET /ws/live-updates", "Upgrade: websocket", f"Origin: https://{SECRET}.example"), 403),
    ],
)
async def test_what_is_refused_beside_the_gate_looks_like_all_refusals(
    shared: Server, request_: bytes, status: int
) -> None:
    """The connection goes on after it."""
    (shared.data / "public").mkdir(exist_ok=True)
    for name in ("feed.xml", "portrait.png"):
        (shared.data / "public" / name).write_text("<rss/>")
    first, *rest = await on_one_connection(shared, request_, LAST)
    assert refused_over_wire(first, status) == {}
    assert SECRET.encode() not in first
    assert b"nosniff" in first
    if status == 416:
        assert b"Content-Range: bytes */6" in first
    assert [answer.split(b"\r\n")[0] for answer in rest] == [b"HTTP/1.1 200 OK"]


async def test_a_body_that_breaks_off_later_leaves_no_trace_in_the_log(
    shared: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is answered, and is no fault of this side."""
    rubbish = asking(CREATE, KNOWN, "Content-Encoding: gzip", body=b"no gzip at all")
    (only,) = await on_one_connection(shared, rubbish)
    refused_over_wire(only, 400)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert "Unhandled" not in out + err
