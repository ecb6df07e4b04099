"""What every HTTP request passes: an id, one shape of refusal, the rate of its address, safe headers.

Live sockets pass untouched; their limits are their own.
"""

from __future__ import annotations

import ipaddress
import re
import sqlite3
import time
from collections.abc import Awaitable, Mapping, Sequence
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from engine.api.http.metrics import HttpFigures
from engine.api.http.ports import Readiness
from engine.api.http.responses import refusal, refusal_of
from engine.clock import Clock
from engine.domain.rejection import Rejected
from engine.protocol.rates import Rate, TokenBucket
from engine.storage.database import is_locked
from engine.storage.journal import JournalFailed

__all__ = ["CONTENT_POLICY", "SECURITY_HEADERS", "AddressRates", "address_of", "gate"]

CONTENT_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; "
    "media-src 'self'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
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
"""Where a path begins that is not counted: a studio full of phones fetches every module once for each."""
_SOCKETS = "/ws/"
"""Where the addresses of sockets begin; at any other the header is only a header."""
_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_MOST_ADDRESSES = 10_000

_log = structlog.get_logger(__name__)


class AddressRates:
    """One bucket per address. Full buckets are forgotten when there are many."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, address: str, at: int) -> int:
        """0 when the request is within the rate; else milliseconds until the next one is."""
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= _MOST_ADDRESSES:
                self._forget(at)
            bucket = self._buckets[address] = TokenBucket(self._rate, at)
        return 0 if bucket.take(at) else bucket.wait(at)

    def _forget(self, at: int) -> None:
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.is_full(at)}
        if len(self._buckets) >= _MOST_ADDRESSES:
            # So many addresses at once are no visitors: the oldest give way, the memory stays bounded.
            for key in list(self._buckets)[: _MOST_ADDRESSES // 10]:
                del self._buckets[key]


def address_of(request: web.BaseRequest, trusted_proxies: Sequence[str]) -> str:
    """Who asks: the peer, or what a trusted proxy says of it (the last address that no proxy of ours added)."""
    peer = request.remote or "unknown"
    if not trusted_proxies or not _is_trusted(peer, trusted_proxies):
        return peer
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    return next((hop for hop in reversed(hops) if not _is_trusted(hop, trusted_proxies)), peer)


def gate(
    *,
    clock: Clock,
    ready: Readiness,
    rates: AddressRates,
    trusted_proxies: Sequence[str],
    figures: HttpFigures,
) -> Middleware:
    """The middleware."""

    @web.middleware
    def pass_through(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        # Not a coroutine itself: a live socket would keep it in memory for as long as it is open.
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket" and _route(request).startswith(
            _SOCKETS
        ):
            return handler(request)
        return pass_request(request, handler)

    async def pass_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked_for = request.headers.get("X-Request-ID", "")
        request_id = asked_for if _REQUEST_ID.fullmatch(asked_for) else uuid4().hex
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            wait = 0
            if not request.path.startswith(_UNLIMITED):
                wait = rates.take(address_of(request, trusted_proxies), clock.now())
            if wait:
                figures.limited.inc()
                response: web.StreamResponse = refusal(
                    429,
                    "too_many_requests",
                    "Too many requests from this address.",
                    headers={hdrs.RETRY_AFTER: str(max(1, -(-wait // 1000)))},
                )
            elif request.method not in _READING and ready() == "draining":
                response = refusal(
                    503, "draining", "The server is about to restart.", headers={hdrs.RETRY_AFTER: "5"}
                )
            else:
                response = await _answer(request, handler)
            seconds = time.perf_counter() - began
            figures.answered(_route(request), request.method, response.status, seconds)
            # No query and no token: what opens something does not belong into a log.
            _log.info(
                "request",
                method=request.method[:20],
                path=_route(request) if "token" in request.match_info else request.path[:200],
                status=response.status,
                ms=round(seconds * 1000, 1),
            )
        if not response.prepared:
            response.headers.setdefault("X-Request-ID", request_id)
            for name, value in SECURITY_HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return pass_through


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.RequestPayloadError:
        broken = refusal(
            400,
            "broken_body",
            "The body cannot be read.",
            {"body": "is not packed or cut as its headers say"},
        )
        # Nobody knows where the next request begins.
        broken.force_close()
        return broken
    except Rejected as rejected:
        return refusal_of(rejected)
    except JournalFailed as failed:
        _log.error("journal failed", reason=failed.reason)
        return refusal(503, "storage_failed", "The server cannot store anything at the moment.")
    except sqlite3.Error as error:
        if is_locked(error):
            return refusal(503, "busy", "The database is busy; try again.", headers={hdrs.RETRY_AFTER: "5"})
        _log.error("database failed", reason=str(error))
        return refusal(503, "storage_failed", "The server cannot reach its database at the moment.")
    except web.HTTPException as told:
        return _told(request, told)
    except ConnectionResetError:
        raise
    except Exception:  # noqa: BLE001 — where a bug of any handler ends: a trace in the log, a sentence outside
        _log.exception("request failed")
        return refusal(500, "internal_error", "Something went wrong here. It has been logged.")


def _told(request: web.Request, told: web.HTTPException) -> web.StreamResponse:
    match told:
        case web.HTTPNotFound():
            return refusal(404, "not_found", f"There is nothing at {request.path[:200]}.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(told.allowed_methods))
            return refusal(
                405,
                "method_not_allowed",
                f"{request.method[:20]} is not possible here; {allowed} is.",
                headers={hdrs.ALLOW: allowed},
            )
        case _ if told.status >= 400:
            return refusal(told.status, told.reason.lower().replace(" ", "_"), f"{told.reason}.")
        case _:
            # A redirection: the exception itself is no answer to send.
            return web.Response(status=told.status, headers={hdrs.LOCATION: told.headers[hdrs.LOCATION]})


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def _is_trusted(address: str, trusted: Sequence[str]) -> bool:
    try:
        known = ipaddress.ip_address(address)
        return any(known in ipaddress.ip_network(network) for network in trusted)
    except ValueError:
        return False
