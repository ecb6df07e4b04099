"""One connection over HTTP: what is refused before the gate, or past it, has the one shape too.

What cannot be read as a request never reaches a handler, a socket's handshake passes the gate, and a file knows only
when it is opened that its conditions do not hold. The server library's own words for these quote what was sent,
credentials included; here each status has its sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import hdrs, web

from engine.api.http.middleware import SECURITY_HEADERS
from engine.api.http.responses import refusal

__all__ = ["HttpConnection"]

_SAID: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "This cannot be read as a request."),
    403: ("forbidden", "A page of another site asks: that is not allowed."),
    412: ("precondition_failed", "What was asked for is not in the state that was named."),
    416: ("range_not_satisfiable", "There is no such part of it."),
    417: ("expectation_failed", "What was expected of the server cannot be met."),
    500: ("internal_error", "Something went wrong here. It has been logged."),
    503: ("draining", "The server is about to restart."),
}
_KEPT = (hdrs.ALLOW, hdrs.CONTENT_RANGE, hdrs.RETRY_AFTER)

_log = structlog.get_logger(__name__)


class HttpConnection(web.RequestHandler):
    """Made by the listening socket for each that connects."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        """A new connection of ``server``, on the running loop; what is asked on it, the gate writes down."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # what a runner passes too, for no log of its own
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read, or broke outside of the gate; the connection ends with it."""
        if status >= 500:
            _log.error("request failed", exc_info=exc)
        else:
            # Neither the message nor the exception: both quote what was sent.
            _log.info("unreadable request", status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent: there is no room for another")
        response = _refusal(status, {})
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; the refusals of handshakes, expectations and conditions in the shape of all others."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = _refusal(resp.status, resp.headers)
        try:
            return await super().finish_response(request, resp, start_time)
        except web.HTTPException as unmet:
            return await super().finish_response(request, _refusal(unmet.status, unmet.headers), start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that cannot be unpacked is answered already, and no fault of this side."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)


def _refusal(status: int, headers: Mapping[str, str]) -> web.Response:
    code, sentence = _SAID.get(status) or (f"http_{status}", "This is not possible here.")
    kept: dict[str, str] = {name: headers[name] for name in _KEPT if name in headers}
    return refusal(status, code, sentence, headers={**SECURITY_HEADERS, **kept})
