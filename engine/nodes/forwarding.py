"""The reverse proxy between nodes: forwards requests to the node that owns their session, and its answer back.

A client sees one server. HTTP requests are sent again as they came once a handler finds that the session is another
node's; WebSocket handshakes are looked at before they are answered. A request that was forwarded is not forwarded
again, an owner that does not answer is a 503 with ``Retry-After``, or 4006 on a WebSocket: never an endless wait.
A little long: requests and WebSockets find the owner, and give it up for lost, in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from engine.domain.rejection import Moved, Rejected
from engine.nodes.hop import HOP_HEADER, Hop, HopSigner
from engine.nodes.splice import OwnerUnreachable, Spliced, splice
from engine.storage.nodes import NodeRow, Owner

__all__ = ["MOST_SOCKETS", "YIELD_AT", "Forwarding"]

_ANSWERED_WITHIN_S = 35.0
"""The longest answer of ours, a publication that is waited for, takes 30 s."""
_CONNECTED_WITHIN_S = 1.0
_PEERS_ANSWER_WITHIN_S = 2.0
YIELD_AT = "/internal/yield"
"""Where a server is asked to give up a session: 204 if it did."""
_YIELDED = 204
_KEPT_FOR_S = 5.0
_MOST_KEPT = 10_000
MOST_SOCKETS = 2000
"""Sockets that one node forwards at most: a balancer that knows where sessions are is needed beyond that."""
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"})
_MADE_ANEW = frozenset(
    {*_OF_ONE_CONNECTION, "content-encoding", "expect", "x-request-id", HOP_HEADER.lower()}
)
"""Headers of a request that are not sent on: its body is unpacked when it is read."""

log = structlog.get_logger()


class Forwarding:
    """Forwards requests. Used on one loop."""

    def __init__(
        self,
        signer: HopSigner,
        address_of: Callable[[web.BaseRequest], str],
        owner: Callable[[str], Awaitable[Owner]],
        forget_owner: Callable[[str], None],
        others: Callable[[], Sequence[NodeRow]],
        body_of: Callable[[web.Request], Awaitable[bytes]],
    ) -> None:
        """``address_of`` is the client's address; ``others()`` are the other nodes.

        ``body_of`` reads the body of a request, also where a handler has read it before.
        """
        self._body_of = body_of
        self._signer = signer
        self._address_of = address_of
        self._owner = owner
        self._forget_owner = forget_owner
        self._kept: dict[str, float] = {}
        """Sessions that their owner did not yield, and until when (monotonic clock) it is not asked again."""
        self._yields: dict[str, asyncio.Task[bool]] = {}
        """Sessions whose owner is being asked."""
        self._others = others
        self._http: aiohttp.ClientSession | None = None
        self._sockets: set[asyncio.Task[Spliced]] = set()
        self._ends: dict[asyncio.Timeout, str] = {}
        """What waits for another node, and for which."""

    def hop(self, request: web.BaseRequest) -> Hop | None:
        """What another node says of a request that it forwarded; None for one of a client."""
        return self._signer.read(request)

    def is_of_another_node(self, request: web.BaseRequest) -> bool:
        """Whether another node itself asks: it forwards no client's request."""
        hop = self.hop(request)
        return hop is not None and hop.is_own

    def sockets(self) -> int:
        """How many sockets are forwarded at present."""
        return len(self._sockets)

    def gone(self, living: Collection[str]) -> None:
        """End what waits for nodes that are none any more: one that stands still answers nothing, and ends nothing."""
        for end, node in self._ends.items():
            if node not in living:
                end.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """End the connections to other nodes: their clients come back."""
        for spliced in list(self._sockets):
            spliced.cancel()
        if self._http is not None:
            await self._http.close()

    @property
    def middleware(self) -> Middleware:
        """Forwards a request whose handler finds that its session is another node's."""

        @web.middleware
        def forward(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            if request.path.startswith("/ws/"):
                return handler(request)
            return self._answer(request, handler)

        return forward

    def socket(self, handler: Handler, session_id_of: Callable[[web.Request], str | None]) -> Handler:
        """A handler of WebSockets that serves those of its own sessions, and forwards the others."""

        async def serve(request: web.Request) -> web.StreamResponse:
            session_id = session_id_of(request)
            upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
            if session_id is None or not upgrade or self.hop(request) is not None:
                return await handler(request)
            try:
                owner = await self._owner(session_id)
            except Rejected:
                return await handler(request)  # Which says so over the socket.
            if not owner.url or await self._yielded(session_id, owner) or len(self._sockets) >= MOST_SOCKETS:
                return await handler(request)
            spliced = asyncio.ensure_future(splice(request, owner.url, self._headers(request, owner.node)))
            self._sockets.add(spliced)
            try:
                async with self._while_there(owner.node):
                    return await spliced
            except TimeoutError:
                log.warning("owner gone", owner=owner.node)
                if request.transport is not None:
                    request.transport.abort()
                return Spliced()
            except OwnerUnreachable as error:
                log.warning("owner unreachable", owner=owner.node, reason=str(error))
                return await handler(request)
            finally:
                self._sockets.discard(spliced)
                spliced.cancel()

        return serve

    async def _yielded(self, session_id: str, owner: Owner) -> bool:
        """Whether the owner of a session in which nobody is gave it up for this server, to which somebody comes.

        So a session is where its balancer sends people, wherever it was created. Those who come at once share the answer:
        the owner gives the session up once, and would refuse the second of them.
        """
        if self._kept.get(session_id, 0.0) > time.monotonic():
            return False
        asked = self._yields.get(session_id)
        if asked is None:
            asked = self._yields[session_id] = asyncio.create_task(self._ask_to_yield(session_id, owner))
            asked.add_done_callback(lambda _: self._yields.pop(session_id))
        return await asyncio.shield(asked)

    async def _ask_to_yield(self, session_id: str, owner: Owner) -> bool:
        path = f"{YIELD_AT}/{quote(session_id, safe='')}/{self._signer.node}"
        if await self._post(owner.node, owner.url, path) == _YIELDED:
            self._forget_owner(session_id)
            return True
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[session_id] = time.monotonic() + _KEPT_FOR_S
        return False

    async def ask_others(self, request: web.Request) -> list[bytes]:
        """The bodies of the answers (200) of other nodes to the same request; without those that do not answer soon.

        Empty for a request that was forwarded: whoever forwarded it asks the others too.
        """
        others = self._others()
        if not others or self.hop(request) is not None:
            return []
        body = await self._body_of(request)

        async def ask(node: NodeRow) -> bytes | None:
            try:
                async with (
                    asyncio.timeout(_PEERS_ANSWER_WITHIN_S),
                    self._sent(request, node.node, node.url, body) as response,
                ):
                    return await response.read() if response.status == 200 else None
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("a node does not answer", other=node.node, reason=str(error))
                return None

        return [answer for answer in await asyncio.gather(*map(ask, others)) if answer is not None]

    async def tell_owner(self, moved: Moved, path: str) -> None:
        """Send an empty POST of this server's own to the owner of a session; it is lost where that does not answer."""
        await self._post(moved.node, moved.url, path)

    async def _post(self, node: str, url: str, path: str) -> int | None:
        """The status of the answer to an empty POST of this server's own; None without an answer."""
        header = self._signer.sign(hdrs.METH_POST, path, Hop("", "http"), node)
        try:
            async with (
                asyncio.timeout(_PEERS_ANSWER_WITHIN_S),
                self._client().post(URL(url + path, encoded=True), headers={HOP_HEADER: header}) as response,
            ):
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("owner unreachable", owner=node, reason=str(error))
            return None

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Moved as moved:
            if self.hop(request) is not None:
                return _elsewhere()
            return await self._forwarded(request, moved)

    async def _forwarded(self, request: web.Request, moved: Moved) -> web.StreamResponse:
        body = await self._body_of(request)
        try:
            async with (
                self._while_there(moved.node),
                self._sent(request, moved.node, moved.url, body) as response,
            ):
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("owner unreachable", owner=moved.node, reason=str(error))
            return _elsewhere()
        answer = web.Response(status=response.status, body=content)
        for name, value in response.headers.items():
            if name.lower() not in _OF_ONE_CONNECTION:
                if name.lower() in answer.headers:
                    del answer.headers[name]
                answer.headers.add(name, value)
        return answer

    @contextlib.asynccontextmanager
    async def _while_there(self, node: str) -> AsyncIterator[None]:
        """Wait for another node, as long as it is one.

        Raises:
            TimeoutError: it is none any more.
        """
        async with asyncio.timeout(None) as end:
            self._ends[end] = node
            try:
                yield
            finally:
                del self._ends[end]

    def _sent(
        self, request: web.Request, node: str, url: str, body: bytes | None
    ) -> aiohttp.client._RequestContextManager:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _MADE_ANEW]
        target = URL(url + request.raw_path, encoded=True)
        return self._client().request(
            request.method,
            target,
            headers=[*headers, *self._headers(request, node).items()],
            data=body,
            allow_redirects=False,
        )

    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                # A connection that is kept may be closed by its other end just when it is used again.
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                timeout=aiohttp.ClientTimeout(total=_ANSWERED_WITHIN_S, sock_connect=_CONNECTED_WITHIN_S),
                auto_decompress=False,
                trust_env=False,
            )
        return self._http

    def _headers(self, request: web.Request, node: str) -> dict[str, str]:
        hop = Hop(self._address_of(request), request.scheme)
        request_id = structlog.contextvars.get_contextvars().get("request_id") or uuid4().hex
        return {
            HOP_HEADER: self._signer.sign(request.method, request.raw_path, hop, node),
            "X-Request-ID": str(request_id),
        }


def _elsewhere() -> web.Response:
    return web.json_response(
        {
            "error": "unavailable",
            "message": "The session is on another server of this studio; try again in a moment.",
            "details": {},
        },
        status=503,
        headers={hdrs.RETRY_AFTER: "1"},
    )
