"""Sends the deliveries that are due: the oldest of each webhook first, different webhooks' side by side.

Receivers are promised no order: what is tried again comes after what was queued meanwhile, and several servers send to one
webhook at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from standardwebhooks import Webhook as Signer

from engine.clock import Clock
from engine.domain.instant import Millis, to_datetime
from engine.domain.webhooks import TEST, next_attempt
from engine.storage.database import Database, DatabaseError
from engine.storage.webhooks import Delivery, DueDelivery, Webhooks
from engine.webhooks.guarded_connector import guarded_connector

__all__ = ["WebhookSender"]

_LOOK_EVERY_S = 1.0
_LOOK_AT_SHARED_EVERY_S = 30.0
"""On a database that servers share: there a beat shows what is due."""
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
"""Seconds that a receiver has for its answer, from the look-up of its name on."""
_AT_ONCE = 20
"""Webhooks that are sent to at the same time."""
_GONE = 410
_MOST_CHARACTERS = 300

_Result = TypeVar("_Result")

log = structlog.get_logger()


class WebhookSender:
    """All webhooks of this server. One per process; used on its loop only."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        allow_private: bool,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """``allow_private`` also allows addresses that are not public, and http to those."""
        self._webhooks = Webhooks(database.connect())
        self._look_every_s = _LOOK_AT_SHARED_EVERY_S if database.shared else _LOOK_EVERY_S
        self._look_now = asyncio.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="webhooks")
        self._clock = clock
        self._allow_private = allow_private
        self._resolver = resolver
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Send what is due, until the task is cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                log.error("webhooks not sent", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every_s / self._clock.rate):
                    await self._look_now.wait()
            self._look_now.clear()

    def look_soon(self) -> None:
        """Have ``run`` look now: something may be due. On the loop."""
        self._look_now.set()

    async def look(self) -> Sequence[asyncio.Task[None]]:
        """Begin to send what is due; returns what is under way.

        Raises:
            DatabaseError: what is due cannot be told.
        """
        for webhook_id in await self._ask(lambda webhooks: webhooks.due(self._clock.now())):
            if webhook_id not in self._tasks:
                task = asyncio.create_task(self._send_due(webhook_id), name=f"webhook {webhook_id}")
                self._tasks[webhook_id] = task
                task.add_done_callback(partial(self._ended, webhook_id))
        return list(self._tasks.values())

    async def test(self, webhook_id: str) -> Delivery | None:
        """Send a test at once, and return what became of it; None where there is no such webhook.

        One that succeeds switches a webhook on again that was off. One that fails is not repeated.

        Raises:
            DatabaseError: it could not be recorded.
        """
        delivery = await self._ask(lambda webhooks: webhooks.begin_test(webhook_id, self._clock.now()))
        if delivery is None:
            return None
        await self._send(delivery)
        return await self._ask(lambda webhooks: webhooks.delivery(delivery.id))

    async def close(self) -> None:
        """Stop sending. What was under way is sent again once its lease is over."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for session in self._sessions.values():
            await session.close()
        self._pool.shutdown(wait=True)
        self._webhooks.close()

    def _ended(self, webhook_id: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(webhook_id, None)

    async def _send_due(self, webhook_id: str) -> None:
        async with self._free:
            try:
                while delivery := await self._ask(
                    lambda webhooks: webhooks.claim(webhook_id, self._clock.now())
                ):
                    await self._send(delivery)
            except DatabaseError as error:
                log.error("webhook not sent", webhook_id=webhook_id, reason=str(error))

    async def _send(self, delivery: DueDelivery) -> None:
        status, error = await self._post(delivery)
        at = self._clock.now()
        if error is None and status is not None:
            await self._ask(lambda webhooks: webhooks.done(delivery, status, at))
            return
        error = error or "not taken"
        again: Millis | None = None
        if delivery.event != TEST and status != _GONE:
            again = next_attempt(delivery.created_at, delivery.attempts, at)
        await self._ask(lambda webhooks: webhooks.failed(delivery, error, status, again, at))
        if again is None and delivery.event != TEST:
            reason = (
                f"the receiver says that it is gone: {error}"
                if status == _GONE
                else f"for three days: {error}"
            )
            await self._ask(lambda webhooks: webhooks.switch_off(delivery.webhook_id, reason, at))
            log.warning("webhook switched off", webhook_id=delivery.webhook_id, reason=reason)

    async def _post(self, delivery: DueDelivery) -> tuple[int | None, str | None]:
        """The status of the answer, and what is wrong."""
        timestamp = to_datetime(self._clock.now())
        signature = Signer(delivery.secret).sign(delivery.id, timestamp, delivery.payload)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Halcytone-Live",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(timestamp.timestamp())),
            "webhook-signature": signature,
        }
        try:
            async with self._session(delivery.url).post(
                delivery.url,
                data=delivery.payload.encode(),
                headers=headers,
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as response:
                status = response.status
        except TimeoutError:
            return None, f"no answer within {_TIMEOUT.total:.0f} seconds"
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            return None, _described(error)
        if 200 <= status < 300:
            return status, None
        redirected = ": redirects are not followed" if 300 <= status < 400 else ""
        return status, f"the answer was {status}{redirected}"

    def _session(self, url: str) -> aiohttp.ClientSession:
        scheme = "http" if url.startswith("http:") else "https"
        if scheme not in self._sessions:
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=guarded_connector(
                    self._refusal_of_http if scheme == "http" else self._refusal_of_https, self._resolver
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._sessions[scheme]

    def _refusal_of_https(self, public: bool) -> str | None:
        return None if public or self._allow_private else "is no public address"

    def _refusal_of_http(self, public: bool) -> str | None:
        if public:
            return "is a public address, for which https is needed"
        return self._refusal_of_https(public)

    async def _ask(self, question: Callable[[Webhooks], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: question(self._webhooks))


def _described(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error}"[:_MOST_CHARACTERS]
    return f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
