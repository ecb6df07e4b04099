"""One HTTP connection: errors that bypass the middleware get the API's shape too, and what does not go on is ended.

Three kinds do: a request that cannot be parsed reaches no handler, a WebSocket handshake passes the middleware
untouched, and a file response checks its conditions when the file is opened. aiohttp's own texts for these quote what was
sent, credentials included; here each status has a sentence of its own.

Deadlines are those of ``open_connections``; one timer per connection looks at them. What aiohttp's ``RequestHandler`` must have
for that, beside what it documents: ``_messages`` (requests not begun), ``_current_request``, ``_payload_parser`` (set on a
WebSocket), ``_reading_paused``. ``tests/api/test_deadlines.py`` holds them against the version installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import structlog
from aiohttp import hdrs, web

from engine.api.http.middleware import SECURITY_HEADERS
from engine.api.http.open_connections import BodyStalled, NoDescriptor, OpenConnections
from engine.api.http.responses import error_response

__all__ = ["HttpConnection"]

_SENTENCES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "This cannot be read as a request."),
    403: ("forbidden", "A page of another site asks: that is not allowed."),
    412: ("precondition_failed", "What was asked for is not in the state that was named."),
    408: ("request_timeout", "The rest of the request did not come."),
    416: ("range_not_satisfiable", "There is no such part of it."),
    417: ("expectation_failed", "What was expected of the server cannot be met."),
    426: ("upgrade_required", "WebSockets of version 13 are spoken here."),
    500: ("internal_error", "Something went wrong here. It has been logged."),
    503: ("draining", "The server is about to restart."),
}
_NO_DESCRIPTOR = ("busy", "The server has too much open at the moment; try again.")
_KEPT_HEADERS = (
    hdrs.ALLOW,
    hdrs.CONTENT_RANGE,
    hdrs.RETRY_AFTER,
    hdrs.SEC_WEBSOCKET_VERSION,
    hdrs.UPGRADE,
)

_log = structlog.get_logger(__name__)


_receive = web.RequestHandler.data_received
_LOOKS_PER_DEADLINE = 4
"""How often a response under way is looked at within its deadline: its progress shows in the transport alone."""


class HttpConnection(web.RequestHandler):
    """aiohttp's request handler, made for each connection that is accepted."""

    __slots__ = (
        "_connections",
        "_due",
        "_heard",
        "_moved_at",
        "_sent",
        "_since",
        "_stalled",
        "_timer",
        "_waits",
        "_wire",
        "address",
        "in_reserve",
    )

    def __init__(self, server: web.Server, connections: OpenConnections) -> None:
        """Handle a new connection of ``server`` on the running loop. The middleware writes the access log."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's runner passes it too
        )
        self._connections = connections
        self.address: str | None = None
        self.in_reserve = False
        self._wire: asyncio.Transport | None = None
        """The transport until the connection is lost; aiohttp's own ``transport`` is None once it is to close."""
        self._waits = True
        """For a request, whose headers have not come completely."""
        self._heard = False
        """The request that it waits for has begun to come."""
        self._since = self._moved_at = self._loop.time()
        """Loop times: since when it waits, or the request comes; and when a byte came, or was taken, last."""
        self._sent = 0
        self._stalled = False
        """The request under way was told that its body does not come."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    # -- life -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, with the transport of the connection."""
        self._wire = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        peer = transport.get_extra_info("peername")
        self.address = self._connections.addresses.of_peer(str(peer[0]) if peer else "unknown")
        super().connection_made(transport)
        if self._connections.opened(self):
            self._look_at(self._since + self._connections.deadlines.first_request)
        else:
            self.give_way("refused")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called once, when the connection is closed or lost."""
        if self._wire is not None:
            self._wire = None
            self._connections.closed(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called with what came: parts of requests, or of a WebSocket's frames."""
        if self._payload_parser is None and data:
            self._hear(data)
        else:
            _receive(self, data)

    def _hear(self, data: bytes) -> None:
        self._moved_at = self._loop.time()
        if self._waits and not self._heard:
            self._heard = True
            if self._request_count:
                self._since = self._moved_at
                self._look_at(self._since + self._connections.deadlines.headers)
        _receive(self, data)
        if self._waits and self._messages:
            self._waits = False
            self._connections.request_came(self)

    def _response_sent(self) -> None:
        if self._payload_parser is None and self._wire is not None and not self._messages:
            self._waits, self._heard, self._stalled = True, False, False
            self._since = self._loop.time()
            self._connections.waits(self)

    # -- deadlines --------------------------------------------------------------------------------

    def _look_at(self, due: float) -> None:
        """Look at the deadline at a loop time, or earlier."""
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        # A WebSocket has rules of its own.
        if self._wire is None or self._payload_parser is not None:
            return
        reason, due = self._deadline(self._wire)
        if due > self._loop.time():
            self._look_at(due)
        else:
            self._expire(reason)

    def _deadline(self, wire: asyncio.Transport) -> tuple[str, float]:
        """What is waited for, and until when, as a loop time."""
        limits = self._connections.deadlines
        request = self._current_request
        if self._waits and not wire.is_closing():
            if not self._request_count:
                reason = "headers" if self._heard else "first_request"
                return reason, self._since + limits.first_request
            if self._heard:
                return "headers", self._since + limits.headers
            # A trusted proxy ends its idle connections by itself.
            idle = limits.idle if self.address is not None else limits.idle * 100
            return "idle", self._since + idle
        if request is not None and not request.content.is_eof() and not self._reading_paused:
            return "body", self._moved_at + limits.body
        unsent = wire.get_write_buffer_size()
        taken = (0 if request is None else request.writer.output_size) - unsent
        now = self._loop.time()
        if not unsent or taken != self._sent:
            self._sent, self._moved_at = taken, now
        if self._moved_at + limits.response <= now:
            return "response", now
        return "response", now + limits.response / _LOOKS_PER_DEADLINE

    def _expire(self, reason: str) -> None:
        request = self._current_request
        if reason == "body" and request is not None and not self._stalled:
            self._connections.metrics.ended.labels(reason).inc()
            # Whoever reads it answers 408; who does not gets the same time once more.
            self._stalled, self._moved_at = True, self._loop.time()
            request.content.set_exception(BodyStalled("the rest did not come in time"))
            self._look_at(self._moved_at + self._connections.deadlines.body)
            return
        if reason == "headers" and self._wire is not None:
            self._wire.write(_LATE)
        self.give_way(reason)

    def give_way(self, reason: str) -> None:
        """Close the connection at once; ``reason`` is the label it is counted under."""
        self._connections.metrics.ended.labels(reason).inc()
        wire = self._wire
        self.force_close()
        if wire is not None and wire.get_write_buffer_size():
            # Closing would wait until the peer has read that.
            wire.abort()

    # -- errors -----------------------------------------------------------------------------------

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The response to a request that cannot be parsed, or that failed outside the middleware; closes the connection."""
        if isinstance(exc, ConnectionError):
            # The client is gone in the middle of its request: nobody is there to answer, and nothing is wrong here.
            raise exc
        if status >= 500:
            _log.error("request failed", exc_info=exc)
        else:
            # Neither the message nor the exception: both quote what was sent.
            _log.info("unreadable request", status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent: there is no room for another")
        response = _error(status, {})
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response; aiohttp's errors of handshakes, expectations and conditions in the API's shape."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = self._refusal(resp)
        try:
            return await super().finish_response(request, resp, start_time)
        except web.HTTPException as error:
            return await super().finish_response(request, self._refusal(error), start_time)
        finally:
            self._response_sent()

    def _refusal(self, error: web.HTTPException) -> web.Response:
        if isinstance(error, NoDescriptor):
            self._connections.lacking()
            response = _error(error.status, error.headers, _NO_DESCRIPTOR)
            if self.in_reserve:
                response.force_close()
            return response
        return _error(error.status, error.headers)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an exception, but not a body that cannot be decompressed: it is answered, and no fault of ours."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)


def _error(status: int, headers: Mapping[str, str], problem: tuple[str, str] | None = None) -> web.Response:
    code, sentence = problem or _SENTENCES.get(status) or (f"http_{status}", "This is not possible here.")
    kept: dict[str, str] = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return error_response(status, code, sentence, headers={**SECURITY_HEADERS, **kept})


def _late() -> bytes:
    """The response to headers that do not come to their end, as bytes: there is no request to answer."""
    response = _error(408, {})
    body = response.body
    assert isinstance(body, bytes)
    head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    return (
        f"HTTP/1.1 408 Request Timeout\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


_LATE = _late()
