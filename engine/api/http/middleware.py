"""The middleware that every HTTP request passes: request id, rate limit, one shape of errors, metrics, log, headers.

WebSocket handshakes are passed on untouched: ``engine.realtime.handshake`` has their checks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Mapping
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from engine.api.http.addresses import Addresses, AddressRates
from engine.api.http.metrics import RequestMetrics
from engine.api.http.open_connections import BodyStalled, NoDescriptor, lacks_descriptors
from engine.api.http.ports import Readiness
from engine.api.http.responses import RETRY_AFTER, error_response, rejection_response
from engine.clock import Clock
from engine.domain.instant import Millis
from engine.domain.rejection import Rejected
from engine.storage.database import DatabaseError, DatabaseLocked
from engine.storage.journal import JournalFailed

__all__ = ["CONTENT_POLICY", "SECURITY_HEADERS", "logged_path", "request_middleware"]

CONTENT_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; "
    "media-src 'self'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_FRAMED_NOWHERE = "frame-ancestors 'none'"
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_UNLIMITED = ("/healthz", "/readyz", "/static/", "/assets/")
"""Beginnings of paths without a rate limit: behind one address, a studio full of phones each fetch every module."""
_HEALTH = ("/healthz", "/readyz", "/metrics")
"""What connections may ask for whose file descriptor is one of those in reserve."""
_SOCKETS = "/ws/"
"""Where the paths of WebSockets begin; at any other an Upgrade header means nothing."""
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_KNOWN = ("/api/", "/ws/", "/static/", "/healthz", "/readyz", "/metrics")
"""Beginnings of routes without a secret in their paths."""
_SECRET_AFTER = re.compile(r"(?i)(?:confirm|subscri|^/+coming|/own)[^/%]*[/%](?=.)")
_LIKE_A_TOKEN = re.compile(r"[A-Za-z0-9_~.=-]{20,}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

_log = structlog.get_logger(__name__)


def request_middleware(
    *,
    clock: Clock,
    ready: Readiness,
    rates: AddressRates,
    addresses: Addresses,
    metrics: RequestMetrics,
) -> Middleware:
    """Build the middleware."""

    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        # Not a coroutine itself: an open WebSocket would keep it in memory.
        if getattr(request.protocol, "in_reserve", False) and not request.path.startswith(_HEALTH):
            raise NoDescriptor
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket" and _route(request).startswith(
            _SOCKETS
        ):
            return handler(request)
        return handle(request, handler)

    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent_id = request.headers.get("X-Request-ID", "")
        request_id = sent_id if _REQUEST_ID.fullmatch(sent_id) else uuid4().hex
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            wait = 0
            if not request.path.startswith(_UNLIMITED):
                wait = rates.take(addresses.of(request), clock.elapsed())
            if wait:
                metrics.limited.inc()
                response = _too_many(wait)
            elif request.method not in _SAFE_METHODS and ready() == "draining":
                response = _not_now("draining", "The server is about to restart.")
            else:
                response = await _respond(request, handler)
            seconds = time.perf_counter() - began
            metrics.answered(_route(request), request.method, response.status, seconds)
            _log.debug(
                "request",
                method=request.method[:20],
                path=logged_path(request, response.status),
                status=response.status,
                ms=round(seconds * 1000, 1),
            )
        if not response.prepared:
            _add_headers(response, request_id)
        return response

    return middleware


def _too_many(wait: Millis) -> web.StreamResponse:
    return error_response(
        429,
        "too_many_requests",
        "Too many requests from this address.",
        headers={hdrs.RETRY_AFTER: str(max(1, -(-wait // 1000)))},
    )


def _not_now(code: str, message: str) -> web.Response:
    return error_response(503, code, message, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def _add_headers(response: web.StreamResponse, request_id: str) -> None:
    response.headers.setdefault("X-Request-ID", request_id)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if _FRAMED_NOWHERE not in response.headers["Content-Security-Policy"]:
        # It knows all or nothing; where some may frame a page, the policy says which.
        del response.headers["X-Frame-Options"]


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's response, or the error response for what it raised."""
    try:
        return await handler(request)
    except BodyStalled:
        return _closing(error_response(408, "request_timeout", "The rest of the request did not come."))
    except web.RequestPayloadError:
        return _closing(
            error_response(
                400,
                "broken_body",
                "The body cannot be read.",
                {"body": "is not packed or cut as its headers say"},
            )
        )
    except Rejected as rejected:
        return rejection_response(rejected)
    except JournalFailed as failed:
        _log.error("journal failed", reason=failed.reason)
        return _not_now("storage_failed", "The server cannot store anything at the moment.")
    except DatabaseLocked:
        return _not_now("busy", "The database is busy; try again.")
    except DatabaseError as error:
        _log.error("database failed", reason=str(error))
        return _not_now("storage_failed", "The server cannot reach its database at the moment.")
    except NoDescriptor:
        raise
    except web.HTTPException as error:
        return _http_error(request, error)
    except ConnectionResetError:
        raise
    except OSError as error:
        if lacks_descriptors(error):
            raise NoDescriptor from None
        _log.exception("request failed")
        return _internal_error()
    except Exception:  # noqa: BLE001 — a bug in any handler: the traceback goes to the log, a sentence to the client
        _log.exception("request failed")
        return _internal_error()


def _closing(response: web.Response) -> web.Response:
    """The response as the last of its connection: where the next request begins cannot be told."""
    response.force_close()
    return response


def _internal_error() -> web.Response:
    return error_response(500, "internal_error", "Something went wrong here. It has been logged.")


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    match error:
        case web.HTTPNotFound():
            return error_response(404, "not_found", f"There is nothing at {request.path[:200]}.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return error_response(
                405,
                "method_not_allowed",
                f"{request.method[:20]} is not possible here; {allowed} is.",
                headers={hdrs.ALLOW: allowed},
            )
        case _ if error.status >= 400:
            return error_response(error.status, error.reason.lower().replace(" ", "_"), f"{error.reason}.")
        case _:
            # A redirection: aiohttp deprecates returning the exception itself.
            return web.Response(status=error.status, headers={hdrs.LOCATION: error.headers[hdrs.LOCATION]})


def logged_path(request: web.Request, status: int) -> str:
    """The path of a request as it may be logged: without its query, and without a secret that stands in it.

    A path that leads nowhere may be one with a secret in it that was misspelt, or asked for by a method that is not possible.
    """
    if "token" in request.match_info:
        return _route(request)
    path = request.path[:200]
    if status < 400 or _route(request).startswith(_KNOWN):
        return path
    secret = _SECRET_AFTER.search(path)
    if secret is not None:
        return f"{path[: secret.end()]}[secret]"
    return path if path.startswith(("/session/", "/sessions/")) else _LIKE_A_TOKEN.sub("[secret]", path)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical
