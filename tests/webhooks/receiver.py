"""A receiver of webhooks on this machine, which answers as it is told and keeps what it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

__all__ = ["Receiver", "receiving"]


class Receiver:
    """``status`` is what it answers; ``slow`` lets it answer never."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 204
        self.slow = False
        self.headers: dict[str, str] = {}
        self.got: list[tuple[dict[str, str], str]] = []
        self._more = asyncio.Condition()
        self._over = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request."""
        body = await request.text()
        async with self._more:
            self.got.append((dict(request.headers), body))
            self._more.notify_all()
        if self.slow:
            await self._over.wait()
        return web.Response(status=self.status, headers=self.headers)

    async def wait_for(self, many: int) -> None:
        """Return when so many requests have come."""
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: len(self.got) >= many)

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """What came, each checked by the specification's own library."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.got]

    def let_go(self) -> None:
        """Answer whatever waits."""
        self._over.set()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver at ``url``."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        receiver.let_go()
        await runner.cleanup()
