"""One HTTP connection: errors that bypass the middleware get the API's shape too.

Three kinds do: a request that cannot be parsed reaches no handler, a WebSocket handshake passes the middleware
untouched, and a file response checks its conditions when the file is opened. aiohttp's own texts for these quote what was
sent, credentials included; here each status has a sentence of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import hdrs, web

from engine.api.http.middleware import SECURITY_HEADERS
from engine.api.http.responses import error_response

__all__ = ["HttpConnection"]

_SENTENCES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "This cannot be read as a request."),
    403: ("forbidden", "A page of another site asks: that is not allowed."),
    412: ("precondition_failed", "What was asked for is not in the state that was named."),
    416: ("range_not_satisfiable", "There is no such part of it."),
    417: ("expectation_failed", "What was expected of the server cannot be met."),
    426: ("upgrade_required", "WebSockets of version 13 are spoken here."),
    500: ("internal_error", "Something went wrong here. It has been logged."),
    503: ("draining", "The server is about to restart."),
}
_KEPT_HEADERS = (
    hdrs.ALLOW,
    hdrs.CONTENT_RANGE,
    hdrs.RETRY_AFTER,
    hdrs.SEC_WEBSOCKET_VERSION,
    hdrs.UPGRADE,
)

_log = structlog.get_logger(__name__)


class HttpConnection(web.RequestHandler):
    """aiohttp's request handler, made for each connection that is accepted."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        """Handle a new connection of ``server`` on the running loop. The middleware writes the access log."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's runner passes it too
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The response to a request that cannot be parsed, or that failed outside the middleware; closes the connection."""
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
            resp = _error(resp.status, resp.headers)
        try:
            return await super().finish_response(request, resp, start_time)
        except web.HTTPException as error:
            return await super().finish_response(request, _error(error.status, error.headers), start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an exception, but not a body that cannot be decompressed: it is answered, and no fault of ours."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)


def _error(status: int, headers: Mapping[str, str]) -> web.Response:
    code, sentence = _SENTENCES.get(status) or (f"http_{status}", "This is not possible here.")
    kept: dict[str, str] = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return error_response(status, code, sentence, headers={**SECURITY_HEADERS, **kept})
